"""Define the Fokker-Planck solver as its drivers see it."""

from __future__ import annotations

import math

import jax

from crmc.physics.parameters import Model, Parameters
from crmc.physics.state import State
from crmc.solvers.diagnostics import row_of
from crmc.solvers.fokker_planck.step import init, step
from crmc.solvers.simulate import Row, Solver
from crmc.solvers.tally import Tally


def keyed_step(state: State, key: jax.Array, parameters: Parameters, model: Model) -> tuple[State, Tally]:
    """Take one step; nothing is random, so that ``key`` is not used."""
    del key
    return step(state, parameters, model)


def observe(state: State, tally: Tally, count: jax.Array, parameters: Parameters, model: Model) -> Row:
    """Return a row of results.

    Means over steps are NaN where count = 0.
    count: number of steps in ``tally``
    """
    functional = tally.functional / tally.samples if model.scattering == "spectrum" else None
    return row_of(state, tally, count, parameters, model, functional)


FOKKER_PLANCK = Solver("fokker-planck", init, keyed_step, observe, coarsest=math.inf)
