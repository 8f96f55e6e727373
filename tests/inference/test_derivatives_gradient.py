"""Derivatives of runs with an imposed gradient, expansion and kicks across 90 degrees: along the path, and unbiased."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import jax
import numpy as np
import pytest
from support.run_cases import driven

from crmc.config.config import Config
from crmc.config.keys import value_of
from crmc.inference.averages import averages_of
from crmc.inference.derivatives import Differentiation, Slopes, differentiate, logarithmic, replica
from crmc.solvers.fokker_planck.solver import FOKKER_PLANCK

AVERAGES = ("heating_rate", "drift_velocity", "mean_free_path")
KEYS = ("drift.gradient_length", "plasma.ion_density", "damping.linear", "expansion.timescale")
#: d ln X/d ln a by the solver on the mesh, in the order of KEYS; the path at 1, 3 and 10 m_p c.
#: `test_stored_numbers_are_those_of_the_mesh` makes them anew.
MESH = {
    "heating_rate": (-0.5781, -0.6748, 0.0171, -0.0413),
    "drift_velocity": (0.0678, -0.3986, 0.1237, -0.0193),
    "mean_free_path": (
        (0.9854, 0.9910, 0.9962),
        (0.5166, 0.5154, 0.5124),
        (0.9900, 0.9952, 1.0026),
        (-0.0010, -0.0026, -0.0026),
    ),
}
#: 16 replicas: beyond 10 standard errors with a probability of 1e-6 in any of 20 numbers (Student's t, 15 degrees of
#: freedom).
REPLICAS, FAR = 16, 10.0


@pytest.fixture(scope="module", autouse=True)
def double_precision() -> Iterator[None]:
    """Also for the module's fixtures."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def config() -> Config:
    """30 steps, 6 scattering times at 3 m_p c, both drives; the seed is too high for noise to drive the other waves."""
    return driven(
        run__time_step="4e7 s",
        run__duration="1e9 s",
        run__output_interval="auto",
        run__markers=1024,
        waves__seed_level=1e-11,
        cosmic_rays__drift_velocity=1.5,
    )


@pytest.fixture(scope="module")
def forward(double_precision: None, config: Config) -> Differentiation:
    return Differentiation(averages_of(config, AVERAGES), KEYS)


@pytest.fixture(scope="module")
def found(forward: Differentiation) -> Slopes:
    return differentiate(forward, REPLICAS)


@pytest.mark.parametrize(("step", "atol"), [(3e-8, 3e-4), pytest.param(1e-4, 0.3, marks=pytest.mark.full)])
def test_forward_derivatives_are_common_number_differences(
    step: float, atol: float, forward: Differentiation, found: Slopes
) -> None:
    """All four numbers changed together by a relative ``step``: d ln X is the sum of the derivatives.

    The small step finds what is not differentiated.  The large one finds paths that jump: where a kick's numbers count
    from q = 0 outwards in both hemispheres, d ln H of these two replicas is off by more than 1.
    """
    config = forward.averages.config
    for one in range(2):
        drawn = replica(forward.averages, config.run.seed + one)
        ends = [forward(drawn, {k: value_of(config, k) * (1.0 + x) for k in KEYS})[0] for x in (step, -step)]
        for name in AVERAGES:
            size = np.max(np.abs(found.values[name][one]))
            along = sum(found.slopes[name][k][one] * value_of(config, k) for k in KEYS)
            across = (ends[0][name] - ends[1][name]) / (2.0 * step)
            np.testing.assert_allclose(along / size, across / size, atol=atol, err_msg=name)


def test_derivatives_agree_with_the_solver_on_a_mesh(config: Config, found: Slopes) -> None:
    """The replicas' mean is the mesh's derivative within errors: 0.08 for heating, 0.012 for v_D, 8e-4 for the path.

    Ten errors would show.  With a drive that is not differentiated (the waves in balance at the start still are) the path's
    derivative by L is off by 17, with a start that is not, that of v_D by more than 100.
    """
    for name, most in zip(AVERAGES, (0.12, 0.02, 0.0015), strict=True):
        for key, want in zip(KEYS, MESH[name], strict=True):
            value, error = logarithmic(found.values[name], found.slopes[name][key], value_of(config, key))
            assert np.max(error) < most
            pull = (value - np.asarray(want)) / error
            assert np.max(np.abs(pull)) < FAR, f"{name} {key}: {value} +- {error}, mesh {want}"


@pytest.mark.full
def test_stored_numbers_are_those_of_the_mesh(config: Config) -> None:
    """Derivatives of the solver on the mesh are MESH to 1e-4, and at half the time step to 5e-4."""
    mesh = averages_of(config, AVERAGES, FOKKER_PLANCK.name)
    for averages, atol in ((mesh, 1e-4), (dataclasses.replace(mesh, every=2 * mesh.every), 5e-4)):
        oracle = differentiate(Differentiation(averages, KEYS), 1)
        for name in AVERAGES:
            for key, want in zip(KEYS, MESH[name], strict=True):
                value, _ = logarithmic(oracle.values[name], oracle.slopes[name][key], value_of(config, key))
                np.testing.assert_allclose(value, want, atol=atol, err_msg=f"{name} {key}")


@pytest.mark.full
def test_reverse_is_forward(config: Config, forward: Differentiation, found: Slopes) -> None:
    """One pass back gives the derivatives of one pass forward, to 1e-6 of the largest."""
    back = Differentiation(averages_of(config, AVERAGES[:2]), KEYS, "reverse")
    values, slopes = back(replica(back.averages, config.run.seed))
    for name in AVERAGES[:2]:
        np.testing.assert_allclose(values[name], found.values[name][0], rtol=1e-12)
        backward = [slopes[name][key] * value_of(config, key) for key in KEYS]
        along = [found.slopes[name][key][0] * value_of(config, key) for key in KEYS]
        np.testing.assert_allclose(backward, along, atol=1e-6 * np.max(np.abs(along)), rtol=0.0, err_msg=name)
