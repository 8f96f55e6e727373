"""The two drivers of ``step``: a chunk of dynamic length for the host loop, a pure scan for differentiation."""

from __future__ import annotations

import jax

from crmc.identity import functional_rates
from crmc.noise import step_noise
from crmc.parameters import Model, Parameters
from crmc.record import Record, combine, empty_record
from crmc.state import State
from crmc.step import step


def keyed_step(
    state: State, record: Record, key: jax.Array, parameters: Parameters, model: Model
) -> tuple[State, Record]:
    """One step with the noise of its number, added to ``record``."""
    state, part = step(state, step_noise(key, state.step), parameters, model)
    return state, combine(record, part)


def advance(
    state: State, record: Record, key: jax.Array, parameters: Parameters, count: jax.Array, model: Model
) -> tuple[State, Record]:
    """``count`` steps, a traced number: one compilation serves every chunk length."""

    def body(_: jax.Array, carry: tuple[State, Record]) -> tuple[State, Record]:
        return keyed_step(*carry, key, parameters, model)

    return jax.lax.fori_loop(0, count, body, (state, record))


def simulate(
    state: State, key: jax.Array, parameters: Parameters, model: Model, *, outputs: int, steps_per_output: int
) -> tuple[State, tuple[dict[str, jax.Array], Record]]:
    """``outputs`` x ``steps_per_output`` steps as nested scans, differentiable in both modes.

    Returns the final state, and per output the records and the small state (markers left out), stacked; a record's
    functional is contracted to `identity.functional_rates`.
    """

    def inner(carry: tuple[State, Record], _: None) -> tuple[tuple[State, Record], None]:
        return keyed_step(*carry, key, parameters, model), None

    def outer(state: State, _: None) -> tuple[State, tuple[dict[str, jax.Array], Record]]:
        start = (state, empty_record())
        (state, record), _ = jax.lax.scan(inner, start, length=steps_per_output)
        record = record._replace(functional=functional_rates(state, record.functional, parameters))
        return state, ({"waves": state.waves, "b": state.b, "gas_pressure": state.gas_pressure}, record)

    return jax.lax.scan(outer, state, length=outputs)
