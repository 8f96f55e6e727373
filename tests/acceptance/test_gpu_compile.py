"""Programs compile for an H100 on a machine without one; launches and traffic are read off the optimised program.

``pytest -m gpu_compile`` with ``pip install '.[gpu-compile]'``.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from support.gpu_program import PLUGIN, compile_for_gpu, computations, cost

from crmc.config.config import load_config
from crmc.physics.layout import Layout
from crmc.setup.build import build
from crmc.solvers import replicas
from crmc.solvers.monte_carlo.solver import MONTE_CARLO

pytestmark = [
    pytest.mark.gpu_compile,
    pytest.mark.skipif(PLUGIN is None, reason="needs JAX's plugin for CUDA: pip install 'crmc[gpu-compile]'"),
]
MARKERS = 1_000_000
#: Largest multiple of blocks on a GPU, as `crmc.machine.devices` chooses.
LAYOUT = Layout(1, 1 << 22)


def shapes(tree: Any, *first: int) -> Any:
    """Shapes of ``tree`` with further axes first."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct((*first, *x.shape), x.dtype), tree)


def halo(markers: int, layout: Layout = LAYOUT, **switches: Any) -> tuple[Any, Any, Any]:
    """Shapes of a state of the halo with so many markers, its parameters, and its model with ``switches``."""
    setup = build(load_config("halo", ["run.markers=1024"]))
    marker = jax.tree.map(lambda x: jax.ShapeDtypeStruct((markers,), x.dtype), setup.state.markers)
    state = shapes(dataclasses.replace(setup.state, markers=None))
    return (
        dataclasses.replace(state, markers=marker),
        setup.parameters,
        dataclasses.replace(setup.model, layout=layout, **switches),
    )


KEY = jax.ShapeDtypeStruct((2,), jnp.uint32)


def step_of(model: Any) -> Any:
    """A step as a function of state, words of a key, and parameters."""
    return lambda state, key, parameters: MONTE_CARLO.step(state, jax.random.wrap_key_data(key), parameters, model)


CORE = {"functional": False, "coarse_grain": False}


@pytest.mark.parametrize(
    ("switches", "kernel", "launches", "bytes_"),
    [(CORE, "plain", 182, 660), (CORE, "fused", 12, 56), ({}, "fused", 26, 100)],
    ids=["core", "fused core", "fused step"],
)
def test_step(switches: dict[str, bool], kernel: Any, launches: int, bytes_: int) -> None:
    """A step at a million markers, without what is due now and then: launches, and bytes per marker, at most as stated."""
    state, parameters, model = halo(MARKERS, dataclasses.replace(LAYOUT, kernel=kernel), **switches)
    found = cost(compile_for_gpu(step_of(model), state, KEY, parameters, donate=(0,)), MARKERS)
    assert 0 < found.launches <= launches
    assert 0 < found.bytes / MARKERS <= bytes_


def test_row() -> None:
    """A row of results: one pass over the markers, which reads each of the five arrays at least once."""
    state, parameters, model = halo(MARKERS)
    tally = shapes(jax.eval_shape(MONTE_CARLO.init, parameters))
    count = jax.ShapeDtypeStruct((), jnp.int64)
    compiled = compile_for_gpu(lambda *x: MONTE_CARLO.observe(*x, model), state, tally, count, parameters)
    assert cost(compiled, MARKERS).bytes / MARKERS >= 20


@pytest.mark.parametrize(("kernel", "most"), [("plain", 400), ("fused", 19)])
def test_replicas_side_by_side(kernel: Any, most: int) -> None:
    """Four replicas, stepped together by vmap, launch no more kernels than two, the sums of the tally included."""

    def launches(count: int) -> int:
        state, parameters, model = halo(32768, dataclasses.replace(LAYOUT, kernel=kernel), **CORE)
        tally = shapes(jax.eval_shape(MONTE_CARLO.init, parameters), count)

        def advance(states: Any, tallies: Any, keys: Any, parameters: Any, steps: Any) -> Any:
            keys = jax.vmap(jax.random.wrap_key_data)(keys)
            return replicas.advance(MONTE_CARLO, states, [tallies], keys, parameters, steps, model, side_by_side=True)

        steps, keys = jax.ShapeDtypeStruct((), jnp.int64), shapes(KEY, count)
        compiled = compile_for_gpu(advance, shapes(state, count), tally, keys, parameters, steps, donate=(0, 1))
        return cost(compiled, 32768).launches

    assert 0 < launches(4) <= min(1.2 * launches(2), most)


def test_costs_are_counted() -> None:
    """Oracle: by hand.  A sum of two arrays is one launch of 12 bytes per entry; a loop counts as often as it runs."""
    x = jax.ShapeDtypeStruct((MARKERS,), jnp.float32)
    found = cost(compile_for_gpu(lambda x, y: x + y, x, x), MARKERS)
    assert (found.launches, found.bytes) == (1, 12 * MARKERS)

    def seven(x: Any) -> Any:
        return jax.lax.fori_loop(0, 7, lambda i, y: jnp.cumsum(y) * i, x)

    compiled = compile_for_gpu(seven, x)
    loops = [one for part in computations(compiled.as_text())[0].values() for one in part if one.operation == "while"]
    assert loops and cost(compiled, MARKERS).launches >= 7
