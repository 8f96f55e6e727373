"""Define the Monte Carlo solver as its drivers see it."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from crmc.physics.noise import step_noise
from crmc.physics.parameters import Model, Parameters
from crmc.physics.phase_space import phase_space
from crmc.physics.state import State
from crmc.solvers.diagnostics import row_of
from crmc.solvers.monte_carlo.functional import functional_rates, histogram_shape
from crmc.solvers.monte_carlo.step import step
from crmc.solvers.simulate import Row, Solver
from crmc.solvers.tally import Tally, empty_tally


def init(parameters: Parameters) -> Tally:
    """Return the tally of no steps, with empty histograms of f for each direction in ``functional``."""
    return empty_tally(jnp.zeros((2, 2, parameters.grid.bins)), jnp.zeros((2, *histogram_shape())))


def keyed_step(state: State, key: jax.Array, parameters: Parameters, model: Model) -> tuple[State, Tally]:
    """Take one step with the random words of its step number.

    key: random key of the run
    """
    return step(state, step_noise(key, state.step), parameters, model)


def observe(state: State, tally: Tally, count: jax.Array, parameters: Parameters, model: Model) -> Row:
    """Return a row of results; means over steps are NaN where count = 0.

    count: number of steps in ``tally``
    """
    functional = None
    if model.scattering == "spectrum":
        functional = functional_rates(state, tally.functional, parameters, model.broadens, model.functional_rows)
    return row_of(state, tally, count, parameters, model, functional)


MONTE_CARLO = Solver("monte-carlo", init, keyed_step, observe, phase_space, coarsest=2.0)
