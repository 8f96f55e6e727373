"""Set a run up on the mesh of the Fokker-Planck solver."""

from __future__ import annotations

import dataclasses
import math

import jax
import jax.numpy as jnp

from crmc.config.config import Config
from crmc.physics.initial import Departure
from crmc.physics.markers import Markers
from crmc.physics.parameters import Model, Parameters
from crmc.physics.state import State
from crmc.physics.tube import total_pressure
from crmc.setup.setup import Setup
from crmc.solvers.fokker_planck.mesh import cells, initial_excess, make_mesh
from crmc.solvers.fokker_planck.solver import NAME

#: Size of the mesh, momenta x cosines.
MOMENTA, COSINES = 32, 256


#: An automatic time step is so much longer than that of the markers: diffusion is implicit.
_LONGER = 4


def prepare(setup: Setup, n_p: int = MOMENTA, n_mu: int = COSINES) -> Setup:
    """The setup of a run on a mesh of n_p >= 6 momenta and an even number n_mu of cells in mu.

    Duration and output times stay; a time step that the config leaves to us becomes longer.
    """
    if n_p < 6 or n_mu < 16 or n_mu % 2:
        raise ValueError(f"a mesh of {n_p} x {n_mu} cells: needs at least 6 momenta and an even number >= 16 in mu")
    steps, every = longer(setup.config, setup.steps), setup.output_every
    if steps < setup.steps:
        every = max(1, round(every / _LONGER))
    # Each interval of output needs a sample of the growth functional.
    model = dataclasses.replace(on_mesh(setup.model), functional_every=min(setup.model.functional_every, every))
    parameters = dataclasses.replace(setup.parameters, dt=setup.parameters.dt * (setup.steps / steps))
    parameters, state = start_on_mesh(setup.departure, parameters, setup.state, model, n_p, n_mu)
    return dataclasses.replace(
        setup, parameters=parameters, model=model, state=state, steps=steps, output_every=every, solver=NAME
    )


def longer(config: Config, steps: int) -> int:
    """Steps enough for this solver where the markers take ``steps``; the same where the config gives the step."""
    return math.ceil(steps / _LONGER) if config.run.time_step == "auto" else steps


def on_mesh(model: Model) -> Model:
    """``model`` without what concerns markers alone."""
    return dataclasses.replace(model, estimator="delta_f", coarse_grain_every=0)


def start_on_mesh(
    departure: Departure,
    parameters: Parameters,
    state: State,
    model: Model,
    n_p: int = MOMENTA,
    n_mu: int = COSINES,
) -> tuple[Parameters, State]:
    """Parameters and the initial state F0 + ``departure`` with cells of a mesh for markers; differentiable."""
    start = jax.jit(_initial_cells, static_argnums=(3, 4))
    state = dataclasses.replace(state, markers=start(parameters, state.amplitude, departure, n_p, n_mu))
    external = total_pressure(state, parameters, model)
    return dataclasses.replace(parameters, external_pressure=external), state


def _initial_cells(parameters: Parameters, amplitude: jax.Array, departure: Departure, n_p: int, n_mu: int) -> Markers:
    mesh = make_mesh(parameters, n_p, n_mu, jnp.ones(()))
    return cells(mesh, initial_excess(mesh, parameters.background, amplitude, departure))
