"""The two drivers of ``step``: a chunk of dynamic length for the host loop, a pure scan for differentiation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from crmc.physics.parameters import Model, Parameters
from crmc.physics.state import State
from crmc.solvers.monte_carlo.solver import brief, keyed_step
from crmc.solvers.tally import Record, empty_record


def advance(
    state: State, record: Record, key: jax.Array, parameters: Parameters, count: jax.Array, model: Model
) -> tuple[State, Record]:
    """``count`` steps, a traced number: one compilation serves every chunk length."""

    def body(_: jax.Array, carry: tuple[State, Record]) -> tuple[State, Record]:
        return keyed_step(*carry, key, parameters, model)

    return jax.lax.fori_loop(0, count, body, (state, record))


def simulate(
    state: State,
    key: jax.Array,
    parameters: Parameters,
    model: Model,
    *,
    outputs: int,
    steps_per_output: int,
    read: Callable[[State, Record, int, Parameters, Model], Any] = brief,
    one_step: Callable[..., tuple[State, Record]] = keyed_step,
    empty: Record | None = None,
) -> tuple[State, Any]:
    """``outputs`` x ``steps_per_output`` steps as nested scans, differentiable in both modes.

    Returns the final state and what ``read`` says of each interval, stacked.  Backwards, the states at the outputs
    and within one interval are kept and all else is computed again: memory grows as outputs + steps_per_output.
    one_step, empty: step of another solver and its record of no steps.
    """

    @jax.checkpoint
    def inner(carry: tuple[State, Record], _: None) -> tuple[tuple[State, Record], None]:
        return one_step(*carry, key, parameters, model), None

    @jax.checkpoint
    def outer(state: State, _: None) -> tuple[State, Any]:
        start = (state, empty_record() if empty is None else empty)
        (state, record), _ = jax.lax.scan(inner, start, length=steps_per_output)
        return state, read(state, record, steps_per_output, parameters, model)

    return jax.lax.scan(outer, state, length=outputs)
