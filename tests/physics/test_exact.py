"""Sums that do not depend on the order: exact in integers, rounded no more than stated, and differentiated as plain sums."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.compiled import FULL, optimised

from crmc.config.config import load_config
from crmc.machine.devices import collect, compiler_options, place, spread_out
from crmc.physics import tube
from crmc.physics.exact import HEADROOM, in_two_parts, rounded
from crmc.physics.layout import Layout
from crmc.physics.noise import run_key
from crmc.setup.build import build
from crmc.solvers.monte_carlo.scatter import scatter, settle
from crmc.solvers.monte_carlo.solver import MONTE_CARLO

COUNT = 4096


def entries(seed: int) -> np.ndarray:
    """Numbers of both signs over nine orders of magnitude."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal(COUNT) * 10.0 ** rng.uniform(-9.0, 0.0, COUNT)


def test_any_order_gives_the_same_bits() -> None:
    """Oracle: the sum of the rounded entries in rational numbers.  Plain sums of the same entries depend on the order."""
    x = entries(1)
    size = jnp.asarray(np.abs(x).sum())
    parts = np.asarray(jax.jit(rounded)(x, size))
    want, plain, exact = float(sum(map(Fraction, parts))), set(), set()
    for seed in range(8):
        order = np.random.default_rng(seed).permutation(COUNT)
        exact.add(float(np.cumsum(parts[order])[-1]))
        plain.add(float(np.cumsum(x[order])[-1]))
    assert exact == {want}
    assert len(plain) > 1
    assert np.abs(parts - x).max() <= float(size) * 2.0 ** (HEADROOM - 53)


def test_headroom() -> None:
    """Sizes stated 2^HEADROOM times too small still sum exactly; 2^12 times too small they no longer do."""
    x = np.abs(entries(2))
    order = np.random.default_rng(3).permutation(COUNT)
    for factor, independent in ((2.0**-HEADROOM, True), (2.0**-12, False)):
        parts = np.asarray(rounded(jnp.asarray(x), jnp.asarray(x.sum() * factor)))
        assert (np.cumsum(parts)[-1] == np.cumsum(parts[order])[-1]) == independent


def test_two_parts_have_twice_the_digits() -> None:
    """Entries a millionth of the size: both parts together are exact to 1e-20 of the size, one part is not."""
    x = 1e-6 * entries(4)
    high, low = (np.asarray(part) for part in in_two_parts(jnp.asarray(x), jnp.ones(())))
    want = sum(map(Fraction, x))
    error = abs(sum(map(Fraction, high)) - want), abs(sum(map(Fraction, high)) + sum(map(Fraction, low)) - want)
    assert error[1] < 1e-20 < 1e-15 < error[0]
    order = np.random.default_rng(8).permutation(COUNT)
    assert all(np.cumsum(part)[-1] == np.cumsum(part[order])[-1] for part in (high, low))


def test_special_values() -> None:
    """NaN stays NaN, infinity infinity, and without a size nothing is rounded."""
    found = np.asarray(rounded(jnp.asarray([np.nan, np.inf, 0.1]), jnp.ones(())))
    assert np.isnan(found[0]) and np.isinf(found[1]) and abs(found[2] - 0.1) < 1e-13
    assert np.asarray(rounded(jnp.asarray([0.1]), jnp.zeros(()))) == 0.1


@pytest.mark.parametrize("derivative", [jax.jacfwd, jax.jacrev])
def test_derivatives_are_those_of_plain_sums(derivative: Any) -> None:
    """Oracle: by hand.  d/da of sum (a x)^2 is 2 a sum x^2, to round-off, though its size depends on a as well."""
    x = jnp.asarray(entries(5))
    found = derivative(lambda a: jnp.sum(rounded((a * x) ** 2, a * COUNT)))(jnp.asarray(1.7))
    assert float(found) == pytest.approx(3.4 * float(np.sum(np.square(x))), rel=1e-14)


def halo(layout: Layout) -> tuple[Any, Any, Any]:
    """State, parameters and model of the halo with `COUNT` markers on the devices of ``layout``."""
    setup = build(load_config("halo", [f"run.markers={COUNT}", "run.coarse_grain_interval=1e8 s"]))
    model = dataclasses.replace(setup.model, layout=layout, functional=False)
    return place(setup.state, layout), spread_out(setup.parameters, layout), model


def bits(tree: Any) -> list[bytes]:
    """The bytes of all arrays."""
    return [np.asarray(x).tobytes() for x in jax.tree.leaves(tree)]


def test_a_permutation_of_the_markers_changes_no_bit() -> None:
    """Kicks, growth and balancing of a step with every marker's own word: the waves, books and tally are the same."""
    state, parameters, model = halo(Layout(1, 1024))
    words = np.random.default_rng(6).integers(0, 2**64, COUNT, dtype=np.uint64)

    def kicked(state: Any, words: Any, parameters: Any) -> Any:
        middle, end = (tube.next_field(state, parameters, model, x) for x in (0.5, 1.0))
        state, tally, correction, _ = scatter(state, words, parameters, model, middle)
        return settle(state, tally, correction, parameters, model, end)

    kicked = optimised(kicked)
    order = np.random.default_rng(7).permutation(COUNT)
    moved = dataclasses.replace(state, markers=jax.tree.map(lambda x: x[order], state.markers))
    one, other = kicked(state, words, parameters), kicked(moved, words[order], parameters)
    unordered = jax.tree.map(lambda x: x[np.argsort(order)], other[0].markers)
    assert bits((dataclasses.replace(other[0], markers=unordered), other[1])) == bits(one)


def test_devices_change_no_bit() -> None:
    """Twenty steps with coarse-graining on 1, 2 and 4 devices, whose blocks differ: the same state and tally."""

    def after(layout: Layout) -> list[bytes]:
        state, parameters, model = halo(layout)
        tally = spread_out(MONTE_CARLO.init(parameters), layout)
        go = jax.jit(MONTE_CARLO.advance, static_argnames="model", compiler_options=compiler_options() | FULL)
        return bits(collect(go(state, tally, run_key(0), parameters, jnp.asarray(20), model=model), COUNT))

    one = after(Layout(1, 1024))
    assert after(Layout(2, 2048)) == one
    assert after(Layout(4, 512)) == one
