"""The exactly solvable steady state, Monte Carlo against the deterministic finite-volume solution.

At a quarter of the experiment's size, with steps twice as long.
"""

import json
import math

import numpy as np
import pytest
import xarray as xr
from support import oracle_fokker_planck as oracle

from crmc.config.config import load_config
from crmc.runs.run import run

#: Standard errors at which a false alarm has probability 1e-6.
SIGMAS = 4.9


def simulate(tmp_path, *overrides):
    """Dataset and averages of the linear_damping experiment with overrides."""
    config = load_config("linear_damping", overrides)
    outcome = run(config, output=tmp_path / "run.nc", summary=tmp_path / "run.json", quiet=True)
    assert outcome.exit_code == 0, outcome.message
    return xr.load_dataset(tmp_path / "run.nc"), json.loads((tmp_path / "run.json").read_text())


@pytest.fixture(scope="module")
def monte_carlo(tmp_path_factory):
    size = "run.markers=8192", "run.replicas=4", "run.scattering_per_step=0.8"
    return simulate(tmp_path_factory.mktemp("linear"), *size)


@pytest.fixture(scope="module")
def exact():
    """Solution of the same equations from the same start, and its units."""
    problem, units = oracle.cgs_problem(b="exponential")
    times = np.linspace(0.0, 4e10, 401) * units["frequency"]
    return problem, units, oracle.solve(problem, oracle.equilibrium(problem), times=times)


def half_mean(solution, values):
    late = solution.t > 0.5 * solution.t[-1]
    return np.trapezoid(values[late], solution.t[late]) / np.ptp(solution.t[late])


def test_heating(monte_carlo, exact):
    """Mean heating of the second half; a bias of 5 % would be caught, for an error of 1 %."""
    _, units, solution = exact
    found = monte_carlo[1]["averages"]["heating_rate"]
    expected = half_mean(solution, solution.heating) * units["power"]
    assert found["stderr"] < 0.02 * expected
    assert abs(found["value"] - expected) < SIGMAS * found["stderr"]


def test_anisotropy(monte_carlo, exact):
    """Mean pressure anisotropy, which scatters by 0.9 % between 12 seeds, by 1.3 % at most: a bias of 7 % is caught."""
    found = monte_carlo[1]["averages"]["pressure_anisotropy"]["value"]
    assert found == pytest.approx(half_mean(exact[2], exact[2].delta_P_over_P), rel=SIGMAS * 0.013)


def test_spectrum(monte_carlo, exact):
    """Every bin above 1e-9 at the end, which scatter by at most 1.3 % between 12 seeds, the two longest by 2.1 %.

    A bias of 7 % would be caught, one of 10 % in those two.
    """
    problem, _, solution = exact
    expected = oracle.basis_at_centres(problem) @ solution.e[-1]
    power = monte_carlo[0].wave_power.values[-1]
    strong = expected > 1e-9
    assert strong.sum() == 16
    scatter = np.where(np.arange(16) < 2, 0.021, 0.014)
    for branch in (power[0, 0], power[1, 1]):
        assert np.all(np.abs(branch[strong] / expected[strong] - 1.0) < SIGMAS * scatter)


def test_directions_agree_and_counter_moving_waves_stay_at_the_seed(monte_carlo):
    """Forward and backward differ as two realisations do; nothing else grows."""
    data = monte_carlo[0]
    power = data.wave_power.values[data.time.values > 0.5 * float(data.time[-1])].mean(axis=0)
    total = power.sum(axis=-1)
    # Over the second half of the run the ratio scatters by 0.16 % between 12 seeds.
    assert abs(total[0, 0] / total[1, 1] - 1.0) < SIGMAS * 0.002
    assert max(total[0, 1], total[1, 0]) < 1e-4 * total[0, 0]


def test_identity(monte_carlo):
    """Eq. 37: the functional's heating over the kicks'; an error of 40 % in either would be caught."""
    ratio = monte_carlo[1]["averages"]["identity_ratio"]
    assert ratio["stderr"] < 0.08
    assert abs(ratio["value"] - 1.0) < SIGMAS * ratio["stderr"]


def test_books(monte_carlo):
    """Total energy and each kick's balance, in float32 markers with float64 sums."""
    found = monte_carlo[1]["averages"]
    assert found["energy_residual"]["value"] < 1e-8
    assert found["energy_imbalance"]["value"] < 1e-8


@pytest.mark.full
def test_printed_coefficients(tmp_path):
    """With the paper's coefficients the two sides of eq. 37 differ by 2/pi, W total, or 4/pi, W magnetic alone."""
    _, summary = simulate(
        tmp_path,
        "waves.coefficients=printed",
        "waves.evolve=false",
        "run.duration=1.5e10 s",
        "run.coarse_grain_interval=1e9 s",
    )
    ratio = summary["averages"]["identity_ratio"]
    assert ratio["stderr"] < 0.06
    assert abs(ratio["value"] - 0.5 * math.pi) < SIGMAS * ratio["stderr"]
    assert abs(ratio["value"] - 1.0) > SIGMAS * ratio["stderr"]
