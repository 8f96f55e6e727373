"""Define the Fokker-Planck solver as its drivers see it."""

from __future__ import annotations

import math

import jax

from crmc.physics.parameters import Model, Parameters
from crmc.physics.phase_space import COSINES, PhaseSpace, cells, phase_space_of
from crmc.physics.state import State
from crmc.solvers.diagnostics import row_of
from crmc.solvers.fokker_planck.mesh import cosine_means, mesh_of
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


def phase_space(state: State, parameters: Parameters, model: Model) -> PhaseSpace:
    """Return f averaged over cells in the pitch cosine, at the momenta of the mesh."""
    del model
    mesh = mesh_of(state.markers, parameters, state.stretch)
    each = cells(parameters.background, state.amplitude, mesh.y.size)
    # The mesh holds f - F0 at the middle of its cells in ln y, where F0 is not its mean over the cell.
    relative = each.F0 / parameters.background.density(state.amplitude, mesh.y)
    departure = relative[:, None] * cosine_means(mesh, state.markers.excess / mesh.volume, COSINES)
    return phase_space_of(state, each, departure)


FOKKER_PLANCK = Solver("fokker-planck", init, keyed_step, observe, phase_space, coarsest=math.inf)
