"""full_f and delta_f read the same physics at v_A/c = 0.05, where both are affordable."""

import numpy as np
import pytest
import xarray as xr

from crmc.config.config import load_config
from crmc.runs.run import run

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder, found = tmp_path_factory.mktemp("estimators"), {}
    for estimator in ("delta_f", "full_f"):
        config = load_config("full_f_vs_delta_f", [f"run.estimator={estimator}", "run.markers=65536", "run.replicas=4"])
        outcome = run(config, output=folder / f"{estimator}.nc", quiet=True)
        assert outcome.exit_code == 0, outcome.message
        found[estimator] = outcome.summary["averages"], xr.load_dataset(folder / f"{estimator}.nc")
    return found


@pytest.mark.parametrize("name", ["heating_rate", "pressure_anisotropy"])
def test_averages_agree(both, name):
    """Means of the second half within 4.9 combined standard errors; the errors of full_f are the larger ones."""
    delta, full = both["delta_f"][0][name], both["full_f"][0][name]
    assert full["stderr"] > 2.0 * delta["stderr"]
    assert abs(delta["value"] - full["value"]) < 4.9 * np.hypot(delta["stderr"], full["stderr"])


def test_moments_agree_all_along(both):
    """The mean square difference of P_par over its standard error is that of one random walk, not of a bias."""
    delta, full = both["delta_f"][1], both["full_f"][1]
    pull = (full.parallel_pressure - delta.parallel_pressure) / full.parallel_pressure_stderr
    # Successive times are correlated, so this bounds the bias at 3 standard errors and no better.
    assert abs(float(pull.mean())) < 3.0
    assert float(delta.parallel_pressure_stderr[-1]) < 0.2 * float(full.parallel_pressure_stderr[-1])


def test_waves_agree(both):
    """Total power of each driven branch at the end, to the 10 % that full_f leaves uncertain."""
    for d in (0, 1):
        delta, full = (float(both[name][1].wave_power[-1, d, d].sum()) for name in ("delta_f", "full_f"))
        assert full == pytest.approx(delta, rel=0.3)
