"""Sums that do not depend on the order: exact in integers, rounded no more than stated, and differentiated as plain sums."""

from __future__ import annotations

import dataclasses
import functools
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.compiled import AS_USERS, OPTIMISED

from crmc.config.config import load_config
from crmc.machine.devices import collect, compiler_options, place, spread_out
from crmc.physics import tube
from crmc.physics.exact import HEADROOM, MOST_ENTRIES, in_two_parts, rounded
from crmc.physics.layout import Layout
from crmc.physics.noise import run_key
from crmc.setup.build import build
from crmc.solvers.monte_carlo.images import share_of_kicks
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
    """Sizes stated 2^HEADROOM times too small still sum exactly; 2^14 times too small they no longer do."""
    x = np.abs(entries(2))
    order = np.random.default_rng(3).permutation(COUNT)
    for factor, independent in ((2.0**-HEADROOM, True), (2.0**-14, False)):
        parts = np.asarray(rounded(jnp.asarray(x), jnp.asarray(x.sum() * factor)))
        assert (np.cumsum(parts)[-1] == np.cumsum(parts[order])[-1]) == independent


def test_two_parts_have_more_digits() -> None:
    """Entries a millionth of the size: both parts together are exact to 2^-70 of it each, one part is not."""
    x = 1e-6 * entries(4)
    high, low = (np.asarray(part) for part in in_two_parts(jnp.asarray(x), jnp.ones(())))
    want = sum(map(Fraction, x))
    error = abs(sum(map(Fraction, high)) - want), abs(sum(map(Fraction, high)) + sum(map(Fraction, low)) - want)
    assert error[1] < COUNT * 2.0**-70 < 1e-15 < error[0]
    order = np.random.default_rng(8).permutation(COUNT)
    assert all(np.cumsum(part)[-1] == np.cumsum(part[order])[-1] for part in (high, low))


def test_the_second_part_has_room_for_all_markers() -> None:
    """The worst that rounding can leave, half a quantum of every entry, summed over `MOST_ENTRIES`, is exact.

    Oracle: the second quantum as read off what is kept of entries near it.
    """
    size = jnp.ones(())
    quantum = 2.0 ** (HEADROOM - 52)
    found = np.asarray(in_two_parts(jnp.asarray([0.5 * quantum, quantum, 1.4e-23 * 2.0**-52]), size))
    assert found[0].tolist() == [0.0, quantum, 0.0] and found[1][0] == 0.5 * quantum
    second = 2.0**-23 * quantum
    kept = np.asarray(in_two_parts(jnp.asarray([0.51 * second, 0.49 * second]), size)[1])
    assert kept.tolist() == [second, 0.0]
    assert MOST_ENTRIES * 0.5 * quantum <= 2.0**53 * second


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


def halo(layout: Layout, level: float | None = None) -> tuple[Any, Any, Any]:
    """State, parameters and model of the halo with `COUNT` markers on the devices of ``layout``.

    level: power of all waves, those of the config if None; at 1e-9 there are images of the kicks
    """
    setup = build(load_config("halo", [f"run.markers={COUNT}", "run.coarse_grain_interval=1e8 s"]))
    model = dataclasses.replace(setup.model, layout=layout, functional=False)
    state = setup.state
    if level is not None:
        state = dataclasses.replace(state, e=jnp.full_like(state.e, level))
        assert bool(share_of_kicks(state, setup.parameters, model)[1]) == (level == 1e-9)
    return place(state, layout), spread_out(setup.parameters, layout), model


def bits(tree: Any) -> list[bytes]:
    """The bytes of all arrays."""
    return [np.asarray(x).tobytes() for x in jax.tree.leaves(tree)]


@functools.cache
def kicks(layout: Layout) -> Any:
    """Kicks, growth and balancing of a step with every marker's own word, as one program."""

    def kicked(state: Any, words: Any, parameters: Any) -> Any:
        middle, end = (tube.next_field(state, parameters, model, x) for x in (0.5, 1.0))
        state, tally, correction, _ = scatter(state, words, parameters, model, middle)
        return settle(state, tally, correction, parameters, model, end)

    model = halo(layout)[2]
    return jax.jit(kicked, compiler_options=compiler_options() | OPTIMISED)


WORDS = np.random.default_rng(6).integers(0, 2**64, COUNT, dtype=np.uint64)


@pytest.mark.full
@pytest.mark.parametrize("level", [1e-4, 1e-9], ids=["kicks", "images"])
def test_a_permutation_of_the_markers_changes_no_bit(level: float) -> None:
    """Waves, books and tally after a step are the same, with images of the kicks, too."""
    layout = Layout(1, 1024)
    state, parameters, _ = halo(layout, level)
    order = np.random.default_rng(7).permutation(COUNT)
    moved = dataclasses.replace(state, markers=jax.tree.map(lambda x: x[order], state.markers))
    one, other = (kicks(layout)(*x, parameters) for x in ((state, WORDS), (moved, WORDS[order])))
    unordered = jax.tree.map(lambda x: x[np.argsort(order)], other[0].markers)
    assert bits((dataclasses.replace(other[0], markers=unordered), other[1])) == bits(one)
    assert np.any(np.asarray(one[0].e) != np.asarray(state.e))


def assert_devices_change_no_bit(level: float | None, kicked: Any, layouts: list[Layout]) -> None:
    """Require the same state and tally on the devices of all layouts.

    kicked: function of layout, state and parameters
    """
    one, *others = (bits(collect(kicked(layout, *halo(layout, level)[:2]), COUNT)) for layout in layouts)
    assert all(other == one for other in others)


@pytest.mark.parametrize("level", [1e-4, 1e-9], ids=["kicks", "images"])
def test_devices_change_no_bit(level: float) -> None:
    """A step on two and on four devices, whose blocks differ.

    For one device XLA compiles without partitions, and may round a single operation otherwise; sums stay exact.  So may
    a program that is not optimised, on one core, for blocks of another size: this one is.
    """
    layouts = [Layout(2, 2048), Layout(4, 512)]
    assert_devices_change_no_bit(level, lambda layout, state, p: kicks(layout)(state, WORDS, p), layouts)


@pytest.mark.full
@pytest.mark.parametrize("level", [None, 1e-9])
def test_devices_change_no_bit_of_a_run(level: float | None) -> None:
    """Twenty steps of the halo with coarse-graining as users compile them, on 1, 2 and 4 devices."""
    go = jax.jit(MONTE_CARLO.advance, static_argnames="model", compiler_options=compiler_options() | AS_USERS)

    def run(layout: Layout, state: Any, parameters: Any) -> Any:
        tally = spread_out(MONTE_CARLO.init(parameters), layout)
        return go(state, tally, run_key(0), parameters, jnp.asarray(20), model=halo(layout)[2])

    assert_devices_change_no_bit(level, run, [Layout(1, 1024), Layout(2, 2048), Layout(4, 512)])
