"""Stated errors are those that runs make: the scatter over seeds of short runs, over the errors that they state."""

import numpy as np
import pytest
from scipy.stats import f
from support.run_cases import small
from support.scripts import load_script

import crmc

errors = load_script("errors", "errors")
SEEDS, REPLICAS = 16, 4
#: Ratios beyond these occur once in 1e6 numbers where stated errors are true: the square of a ratio is distributed as F.
#: Errors that are 4.4 times too small or 6.1 times too large would be noticed in 99 of 100 cases.
LOW, HIGH = (float(np.sqrt(f.ppf(q, SEEDS - 1, SEEDS * (REPLICAS - 1)))) for q in (5e-7, 1.0 - 5e-7))
#: Averages of the kicks, the waves, the moments, the scattering and the samples of f.
NAMES = ("heating_rate", "gas_heating_rate", "pressure_anisotropy", "drift_velocity", "scattering_frequency_p1",
         "scattering_frequency_p3", "scattering_frequency_p10", "mean_free_path_p3", "spectral_heating_rate")  # fmt: skip


@pytest.fixture(scope="module")
def found():
    """Ratios of 16 runs of 50 steps with 4 replicas of 128 markers each."""
    config = small(run__duration="1e9 s", run__markers=REPLICAS * 128, run__replicas=REPLICAS)
    outcome = crmc.sweep(config, seeds=SEEDS, quiet=True)
    assert outcome.exit_code == 0, outcome.message
    return errors.ratios(outcome.data)


@pytest.mark.parametrize("name", NAMES)
def test_scatter_is_what_runs_state(found, name):
    """Standard deviation over the seeds over the root mean square of the stated errors."""
    assert LOW < found[name]["ratio"] < HIGH


@pytest.mark.parametrize("name", ["wave_power", "growth_rate"])
def test_scatter_of_driven_bins_is_what_runs_state(found, name):
    """The median over the driven bins, which lies between the ratios of single ones."""
    assert found[name]["bins"] >= 8
    assert LOW < found[name]["ratio"] < HIGH


def test_pooled_sets_of_seeds():
    """Oracle: numpy on all seeds of both sets of equal mean; scatter, ratio and mean to rounding."""
    values = np.random.default_rng(0).normal(5.0, 2.0, 30)
    values[12:] += values[:12].mean() - values[12:].mean()
    stated = np.full(30, 1.5)

    def of(part):
        scatter = values[part].std(ddof=1)
        one = {"mean": values[part].mean(), "scatter": scatter, "ratio": scatter / np.sqrt(np.mean(stated[part] ** 2))}
        return {"seeds": len(values[part]), "x": one}

    both = errors.pooled(of(slice(12)), of(slice(12, 30)))
    scatter = np.sqrt(np.sum((values - values.mean()) ** 2) / 28)
    assert both["seeds"] == 30
    assert both["x"]["mean"] == pytest.approx(values.mean(), rel=1e-12)
    assert both["x"]["scatter"] == pytest.approx(scatter, rel=1e-12)
    assert both["x"]["ratio"] == pytest.approx(scatter / 1.5, rel=1e-12)
