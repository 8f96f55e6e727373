"""The Monte Carlo solver as the drivers call it."""

from __future__ import annotations

import jax

from crmc.physics.noise import step_noise
from crmc.physics.parameters import Model, Parameters
from crmc.physics.state import State
from crmc.solvers.diagnostics import observe_with
from crmc.solvers.monte_carlo.functional import functional_rates
from crmc.solvers.monte_carlo.step import step
from crmc.solvers.tally import Record, combine


def observe(
    state: State, record: Record, count: jax.Array, parameters: Parameters, model: Model
) -> dict[str, jax.Array]:
    """Row of results; ``record`` holds ``count`` steps. Interval averages are NaN where count = 0."""
    functional = functional_rates(state, record.functional, parameters) if model.scattering == "spectrum" else None
    return observe_with(state, record, count, parameters, model, functional)


def keyed_step(
    state: State, record: Record, key: jax.Array, parameters: Parameters, model: Model
) -> tuple[State, Record]:
    """One step with the noise of its number, added to ``record``."""
    state, part = step(state, step_noise(key, state.step), parameters, model)
    return state, combine(record, part)


def brief(
    state: State, record: Record, count: int, parameters: Parameters, model: Model
) -> tuple[dict[str, jax.Array], Record]:
    """The state but for its markers, and the record with its functional contracted to `functional_rates`."""
    record = record._replace(functional=functional_rates(state, record.functional, parameters))
    return {"waves": state.waves, "b": state.b, "gas_pressure": state.gas_pressure}, record
