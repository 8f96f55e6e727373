"""Set up a run on the mesh of the Fokker-Planck solver: its cells at t = 0 and its longer time steps."""

from __future__ import annotations

import dataclasses
import math

import jax
import jax.numpy as jnp

from crmc.config.config import Config
from crmc.physics.flow import Stretch
from crmc.physics.initial import Departure
from crmc.physics.markers import Markers
from crmc.physics.parameters import Model, Parameters
from crmc.setup.arrays import Start
from crmc.setup.schedule import Schedule, record_every
from crmc.solvers.fokker_planck.mesh import cells, initial_excess, make_mesh

#: Default numbers of momenta and of cosines of the mesh.
CELLS = (32, 256)
#: An automatic time step is longer than that of the markers, since diffusion is implicit: by this factor at most, and
#: up to this run.scattering_per_step, above which markers are warned of.
_LONGEST, _MOST_SCATTERING = 4.0, 0.8


def steps_on_mesh(config: Config, steps: int) -> int:
    """Return the number of steps of a run on the mesh.

    steps: steps of the markers.  An automatic time step is longer on the mesh; a given one is the same.
    """
    longer = min(max(_MOST_SCATTERING / config.run.scattering_per_step, 1.0), _LONGEST)
    return math.ceil(steps / longer) if config.run.time_step == "auto" else steps


def schedule_on_mesh(config: Config, schedule: Schedule) -> Schedule:
    """Return the schedule of a run on the mesh, which covers the duration of ``schedule`` in longer steps.

    schedule: that of the markers.
    """
    steps, every = steps_on_mesh(config, schedule.steps), schedule.output_every
    if steps < schedule.steps:
        every = max(1, round(every * steps / schedule.steps))
    # Each interval of output needs a sample of the growth functional.
    return schedule._replace(
        steps=steps,
        output_every=every,
        functional_every=min(schedule.functional_every, every, record_every(steps)),
        coarse_grain_every=0,
    )


def model_on_mesh(model: Model) -> Model:
    """Return ``model`` without the switches that concern markers alone: estimator and coarse-graining."""
    return dataclasses.replace(model, estimator="delta_f", coarse_grain=False)


def cells_of(start: Start, size: tuple[int, int] = CELLS) -> Markers:
    """Return the cells of a mesh that hold f at t = 0; differentiable with respect to ``start``.

    size: numbers of momenta and of cosines.

    Raises ValueError for fewer than 6 momenta, and for fewer than 16 or an odd number of cosines.
    """
    n_p, n_mu = size
    if n_p < 6 or n_mu < 16 or n_mu % 2:
        raise ValueError(f"a mesh of {n_p} x {n_mu} cells: needs at least 6 momenta and an even number >= 16 in mu")
    initial = jax.jit(_initial_cells, static_argnums=(3, 4))
    return initial(start.parameters, start.amplitude, start.departure, n_p, n_mu)


def _initial_cells(parameters: Parameters, amplitude: jax.Array, departure: Departure, n_p: int, n_mu: int) -> Markers:
    """Return the cells of a mesh of n_p momenta and n_mu cosines that hold F0 + ``departure``."""
    mesh = make_mesh(parameters, n_p, n_mu, Stretch(jnp.ones(())))
    return cells(mesh, initial_excess(mesh, parameters.background, amplitude, departure))
