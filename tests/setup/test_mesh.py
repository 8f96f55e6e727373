"""Runs on the mesh: their schedule, their switches, and the cells at t = 0."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from support.run_cases import driven, small

from crmc.physics.parameters import Model
from crmc.setup.arrays import start_of
from crmc.setup.mesh import CELLS, cells_of, model_on_mesh, schedule_on_mesh, steps_on_mesh
from crmc.setup.schedule import Schedule
from crmc.setup.shape import shape_of

AUTO = {"run__time_step": "auto", "run__scattering_per_step": 0.2}


def test_steps():
    """Steps of nu dt = 0.8, at most four of the markers', rounded up, where dt is automatic; all where it is given."""
    assert [steps_on_mesh(small(**AUTO), steps) for steps in (1, 4, 5, 100)] == [1, 1, 2, 25]
    for scattering, want in ((0.1, 25), (0.4, 50), (0.8, 100), (1.6, 100)):
        config = small(run__time_step="auto", run__scattering_per_step=scattering)
        assert steps_on_mesh(config, 100) == want
    assert [steps_on_mesh(small(), steps) for steps in (1, 100)] == [1, 100]


@pytest.mark.parametrize(
    ("overrides", "steps", "every", "want"),
    [
        (AUTO, 6400, 10, (1600, 2, 0, 2, 8, 3)),  # round(10/4) = 2, and a sample of the functional in each interval
        (AUTO, 6400, 90, (1600, 22, 0, 21, 8, 3)),  # round(90/4) = 22, half to even
        (AUTO, 2560, 90, (640, 22, 0, 10, 8, 3)),  # a record every 640/64 = 10 steps
        (AUTO, 100, 1, (25, 1, 0, 1, 8, 3)),
        ({}, 6400, 90, (6400, 90, 0, 21, 8, 3)),
        ({}, 6400, 10, (6400, 10, 0, 10, 8, 3)),
        ({}, 1300, 90, (1300, 90, 0, 20, 8, 3)),  # a record every 20 steps
    ],
)
def test_schedule(overrides, steps, every, want):
    """By hand: rows at about the markers' times, a sample of the functional per row and record, no coarse-graining."""
    own = Schedule(steps, every, 20, functional_every=21, functional_refinement=8, functional_parts=3)
    assert schedule_on_mesh(small(**overrides), own) == (*want, 0)


def test_model():
    """Estimator and coarse-graining are those of a mesh; nothing else changes."""
    model = Model(estimator="full_f", coarse_grain=True, gradient=True, functional_parts=3)
    found = model_on_mesh(model)
    assert (found.estimator, found.coarse_grain) == ("delta_f", False)
    assert dataclasses.replace(found, estimator="full_f", coarse_grain=True) == model


@pytest.mark.parametrize("anisotropy", [0.0, 0.02])
def test_cells_hold_the_start(anisotropy):
    """sum over cells of (f - F0) (p v mu^2 - p v (1 - mu^2)/2) is the anisotropy of the config times P_c, to 1 %.

    The volume of all cells is 2 int p^2 dp to 1 %; F0 alone has no excess.
    """
    config = small(cosmic_rays__anisotropy=anisotropy)
    start = start_of(config, shape_of(config))
    cells = cells_of(start, (32, 128))
    assert cells.rise.size == 32 * 128
    assert float(jnp.sum(cells.volume)) == pytest.approx(2.0 / 3.0 * (100.0**3 - 0.5**3), rel=0.01)
    p2 = np.asarray(cells.momentum_squared(jnp.ones(())))
    parallel = np.asarray(cells.parallel_momentum) ** 2
    stress = np.sum(np.asarray(cells.excess) * (1.5 * parallel - 0.5 * p2) / np.sqrt(1.0 + p2))
    pressure = config.cosmic_rays.pressure / config.code_units.energy_density
    assert stress == pytest.approx(anisotropy * pressure, rel=0.01, abs=1e-12 * pressure)


def test_default_size():
    """Without a size, the mesh is that of CELLS."""
    config = driven()
    assert cells_of(start_of(config, shape_of(config))).rise.size == CELLS[0] * CELLS[1]
