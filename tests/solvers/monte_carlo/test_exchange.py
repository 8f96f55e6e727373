"""What precedes and follows the kicks of a step is the same when one kernel makes it."""

from __future__ import annotations

import dataclasses
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from crmc.config.config import load_config
from crmc.physics.flow import Stretch
from crmc.setup.build import build
from crmc.solvers.monte_carlo.deposits import branch_taken, deposits_taken
from crmc.solvers.monte_carlo.exchange import Exchange, Ready, after_kicks, after_settling, before_kicks, summed
from crmc.solvers.one_kernel import in_one_kernel, supported

TO = Stretch(jnp.asarray(0.999))


@cache
def ready() -> tuple[Any, Any, Any, Ready]:
    """A state of the halo without markers, a few steps on, its parameters and model, and what its kicks need."""
    setup = build(load_config("halo", ["run.markers=256"]))
    state = dataclasses.replace(setup.state, step=jnp.asarray(3), markers=None)
    needed = jax.jit(partial(before_kicks, setup.model))(state, setup.parameters, TO)
    return state, setup.parameters, setup.model, needed


def sums_of(sizes: Any) -> Any:
    """Sums of some size, all different."""
    leaves, tree = jax.tree.flatten(sizes)
    return jax.tree.unflatten(tree, [x * (0.5 + 0.1 * i) for i, x in enumerate(leaves)])


def assert_same(found: Any, want: Any, digits: float = 1e-12) -> None:
    assert jax.tree.structure(found) == jax.tree.structure(want)
    for x, y in zip(jax.tree.leaves(found), jax.tree.leaves(want), strict=True):
        x, y = np.asarray(x, float), np.asarray(y, float)
        np.testing.assert_allclose(x, y, rtol=0.0, atol=digits * np.max(np.abs(y), initial=0.0))


def test_sums_in_parts() -> None:
    """Sums of a kernel's programs add up to the tree of sums."""
    sizes = (jnp.ones(()),), Exchange(*jnp.ones(2), envelope=tuple(jnp.ones(3)))
    parts = jnp.arange(12.0).reshape(2, 6)
    assert jax.tree.leaves(summed(parts, sizes)) == [6.0, 8.0, 10.0, 12.0, 14.0, 16.0]
    assert summed(sizes, sizes) is sizes


@pytest.mark.full
def test_before_kicks() -> None:
    """One kernel finds what the kicks need, to round-off."""
    state, parameters, model, want = ready()
    function = partial(before_kicks, model)
    assert supported(function, state, parameters, TO)
    found = jax.jit(lambda *x: in_one_kernel("test", function, *x))(state, parameters, TO)
    assert_same(found, want)


@pytest.mark.full
def test_after_kicks() -> None:
    """One kernel gives waves, gas and books what they take, to round-off, with the sums in parts."""
    state, parameters, model, needed = ready()
    taken = 1e-9 * jnp.arange(1.0, 161.0).reshape(2, 2, 2, 20), jnp.zeros((2, 2, 2))
    sums = sums_of(needed.sizes)
    parts = jnp.stack([jnp.stack(jax.tree.leaves(sums)), jnp.zeros(7)])
    function = partial(after_kicks, model)
    assert supported(function, needed, state.stretch, taken, parts, parameters)
    run = jax.jit(lambda *x: in_one_kernel("test", function, *x))
    found = run(needed, state.stretch, taken, parts, parameters)
    assert_same(found, jax.jit(function)(needed, state.stretch, taken, sums, parameters))
    after, tally, correction = found
    ending = partial(after_settling, model, None)
    moved = jax.jit(lambda *x: in_one_kernel("test", ending, *x))
    supplied = sums_of(correction.sizes)
    arguments = after, tally, supplied, correction.sizes, parameters, TO
    assert_same(moved(*arguments), jax.jit(ending)(*arguments))


@pytest.mark.full
def test_deposits_of_one_branch() -> None:
    """Program i of 8 finds what branch i takes of kicks or images, to round-off: a program in one kernel, too."""
    _, parameters, _, needed = ready()
    e = needed.state.e * jnp.arange(1.0, 81.0).reshape(2, 2, 20)
    histograms = jnp.asarray(np.random.default_rng(2).normal(size=(2, 2, 2, parameters.grid.x_deposit.size)))
    want = jax.jit(deposits_taken)(parameters.grid, e, histograms)
    flat = parameters.grid, e.reshape(4, -1), histograms.reshape(8, -1)
    found = jax.jit(jax.vmap(branch_taken, (0, None, None, None)))(jnp.arange(8), *flat)
    assert_same((found[0].reshape(want[0].shape), found[1].reshape(2, 2, 2)), want)
    one = jax.jit(lambda *x: in_one_kernel("test", branch_taken, *x, count=8))(*flat)
    assert_same(one, found)
