"""The Fokker-Planck solver as the drivers call it."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from crmc.physics.parameters import Model, Parameters
from crmc.physics.state import State
from crmc.solvers.diagnostics import observe_with
from crmc.solvers.fokker_planck.step import step
from crmc.solvers.tally import Record, combine


def keyed_step(
    state: State, record: Record, key: jax.Array, parameters: Parameters, model: Model
) -> tuple[State, Record]:
    """One step added to ``record``; ``key`` is not used.  Same signature as ``solver.keyed_step``."""
    del key
    state, part = step(state, parameters, model)
    return state, combine(record, part)


def advance(
    state: State, record: Record, key: jax.Array, parameters: Parameters, count: jax.Array, model: Model
) -> tuple[State, Record]:
    """``count`` steps, a traced number.  Same signature as ``simulate.advance``."""

    def body(_: jax.Array, carry: tuple[State, Record]) -> tuple[State, Record]:
        return keyed_step(*carry, key, parameters, model)

    return jax.lax.fori_loop(0, count, body, (state, record))


def observe(
    state: State, record: Record, count: jax.Array, parameters: Parameters, model: Model
) -> dict[str, jax.Array]:
    """Row of results as ``solver.observe`` gives; nothing is drawn, so every standard error is zero."""
    functional = record.functional / record.samples if model.scattering == "spectrum" else None
    row = observe_with(state, record, count, parameters, model, functional)
    return row | {name: jnp.zeros_like(value) for name, value in row.items() if name.endswith("_stderr")}


NAME = "fokker-planck"
