"""What a reader of a result is told, from averages made by hand."""

import numpy as np
import pytest
from support.run_cases import driven, small

from crmc.results.notes import driven as at_work
from crmc.results.notes import notes
from crmc.setup.build import build, build_replicas
from crmc.statistics import Estimate

TWO = {"run__replicas": 2}


def entry(value, stderr):
    return {"value": value, "stderr": stderr, "unit": "1"}


def spectrum(setup, errors):
    """Power 1e-6 in the first branch, 1e-9 in a second, at the seed elsewhere; errors: relative, of the first branch."""
    value = np.full((2, 2, setup.parameters.grid.bins), 1e-14)
    value[0, 0], value[1, 1] = 1e-6, 0.9e-9
    error = 0.5 * value
    error[0, 0] = np.array(errors) * value[0, 0]
    return {"wave_power": Estimate(value, error)}


def test_a_good_result_has_no_notes():
    setup = build_replicas(small(**TWO))[0]
    averages = {"heating_rate": entry(2.0, 0.19), "pressure_anisotropy": entry(-1.0, 0.09)}
    assert notes(setup, averages, spectrum(setup, [0.09] * 8)) == []


def test_uncertain_averages_are_named():
    """11 % and 250 % are named, 9 % is not, nor what has no error; a drift counts with a gradient alone."""
    averages = {
        "heating_rate": entry(-2.0, 0.22),
        "pressure_anisotropy": entry(1.0, 0.09),
        "mean_free_path_p3": entry(4.0, None),
        "drift_velocity": entry(1.0, 2.5),
    }
    setup = build_replicas(small(**TWO))[0]
    (line,) = notes(setup, averages, {})
    assert line == "uncertain: heating_rate by 11 %; raise run.markers or set run.coarse_grain_interval"
    (line,) = notes(build_replicas(driven(**TWO, run__coarse_grain_interval="4e8 s"))[0], averages, {})
    assert line == "uncertain: heating_rate by 11 %, drift_velocity by 250 %; raise run.markers"


def test_uncertain_bins_are_counted():
    """Two of eight driven bins, by up to 30 %; branches that nothing drives are noise and do not count."""
    setup = build_replicas(small(**TWO))[0]
    k = np.asarray(setup.parameters.grid.centres)
    (line,) = notes(setup, {}, spectrum(setup, [0.05, 0.2, 0.05, 0.3, 0.05, 0.05, 0.05, 0.05]))
    assert line.startswith("uncertain: wave_power in 2 of 8 driven bins, by up to 30 % ")
    assert f"(k = {k[1]:.3g} to {k[3]:.3g} Omega0/c)" in line
    (line,) = notes(setup, {}, spectrum(setup, [0.0] * 5 + [0.2, 0.0, 0.0]))
    assert f"1 of 8 driven bins, by up to 20 % (k = {k[5]:.3g} Omega0/c)" in line


def test_driven_bins():
    """Above 1e-3 of the largest and above 100 seeds."""
    power = np.array([1e-6, 1.1e-9, 0.9e-9, 1e-14])
    assert at_work(power, 1e-14).tolist() == [True, True, False, False]
    assert at_work(power, 1e-9).tolist() == [True, False, False, False]
    assert not at_work(power, 1e-7).any()


def test_one_replica_has_no_errors():
    """Said of markers alone: the mesh has none to make."""
    assert notes(build(small()), {}, {}) == ["one replica has no errors; set run.replicas = 8"]
    assert notes(build(small(), solver="fokker-planck", cells=(6, 16)), {}, {}) == []


@pytest.mark.parametrize(("interval", "written"), [(2.4e7, "2e+07"), (2.9e7, "2e+07"), (3.1e7, "4e+07"), (2.1e7, None)])
def test_output_that_cannot_be_honoured(interval, written):
    """In steps of 2e7 s: an interval more than 10 % off a whole number of steps is told, with that number."""
    lines = notes(build_replicas(small(**TWO, run__output_interval=f"{interval} s"))[0], {}, {})
    found = [line for line in lines if line.startswith("run.output_interval")]
    asked = f"instead of {interval:.3g} s, a whole number of steps"
    assert found == ([] if written is None else [f"run.output_interval is {written} s {asked}"])


def test_rows_without_a_sample():
    """Rows 5 steps apart, samples every 15: growth_rate is NaN in some; not where each row has a sample."""
    (line,) = notes(build_replicas(small(**TWO, run__output_interval="1e8 s"))[0], {}, {})
    assert line.startswith("growth_rate is NaN in some rows: they are 5 steps apart, and f is sampled every 15")
    assert notes(build_replicas(small(**TWO, run__output_interval="3e8 s"))[0], {}, {}) == []
