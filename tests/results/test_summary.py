"""The summary of a run, from rows made by hand: averages of its last half, with theory's numbers beside them."""

import math

import numpy as np
import pytest
import xarray as xr
from support.run_cases import small

from crmc.results.summary import averages, summarise
from crmc.setup.build import build
from crmc.setup.predictions import predict

COUNT = 21


def result(**changed):
    """A result of 21 rows at t = 0..20 s, made of ramps; some variables replaced."""
    ramp = np.arange(COUNT, dtype=float)
    one = {
        "heating_rate": 3.0 + 0.0 * ramp,
        "spectral_heating_rate": 6.0 + 0.0 * ramp,
        "gas_heating_rate": ramp,
        "pressure_anisotropy": ramp,
        "gap_pressure_anisotropy": np.full(COUNT, np.nan),
        "drift_velocity": -ramp,
        "energy_residual": np.where(ramp == 4, -7e-9, 1e-9),
        "number_residual": np.where(ramp == 5, 5e-12, 0.0),
        "energy_imbalance": np.full(COUNT, np.nan),
        "max_scattering_per_step": np.where(ramp == 0, np.nan, 0.1 + 0.01 * ramp),
    } | changed
    data = xr.Dataset({name: ("time", values, {"units": name}) for name, values in one.items()}, {"time": ramp})
    each = np.outer(ramp, [1.0, 10.0, 100.0])
    return data.assign(scattering_frequency=(("time", "momentum"), each), mean_free_path=(("time", "momentum"), -each))


def test_means_of_the_last_half():
    """Rows after t = 10: the mean of 11..20 is 15.5 in every ramp, each momentum by its own factor; units are kept."""
    found = averages(result())
    assert found["gas_heating_rate"]["value"] == pytest.approx(15.5, rel=1e-14)
    assert found["gas_heating_rate"]["unit"] == "gas_heating_rate"
    assert found["drift_velocity"]["value"] == pytest.approx(-15.5, rel=1e-14)
    for name, factor in (("1", 1.0), ("3", 10.0), ("10", 100.0)):
        assert found[f"scattering_frequency_p{name}"]["value"] == pytest.approx(15.5 * factor, rel=1e-14)
        assert found[f"mean_free_path_p{name}"]["value"] == pytest.approx(-15.5 * factor, rel=1e-14)
        assert (found[f"scattering_frequency_p{name}"]["unit"], found[f"mean_free_path_p{name}"]["unit"]) == (
            "s-1",
            "pc",
        )


def test_largest_residuals_of_the_whole_run():
    """The absolute value, from the first half as well, without an error; absent where it is NaN throughout."""
    found = averages(result())
    assert found["energy_residual"] == {"value": 7e-9, "stderr": None, "unit": "1"}
    assert found["number_residual"] == {"value": 5e-12, "stderr": None, "unit": "1"}
    assert "energy_imbalance" not in found and "gap_pressure_anisotropy" not in found


def test_ratio_of_the_heating_rates():
    """mean(spectral)/mean(kicks), with relative errors in quadrature: two rates of known scatter, to 1e-12."""
    rng = np.random.default_rng(3)
    kicks, spectral = 3.0 + 0.1 * rng.normal(size=COUNT), 6.0 + 0.3 * rng.normal(size=COUNT)
    found = averages(result(heating_rate=kicks, spectral_heating_rate=spectral))
    ratio = spectral[11:].mean() / kicks[11:].mean()
    parts = [found[name]["stderr"] / found[name]["value"] for name in ("heating_rate", "spectral_heating_rate")]
    assert found["identity_ratio"]["value"] == pytest.approx(ratio, rel=1e-12)
    assert found["identity_ratio"]["stderr"] == pytest.approx(ratio * math.hypot(*parts), rel=1e-12)
    assert found["identity_residual"]["value"] == pytest.approx(ratio - 1.0, rel=1e-12)
    assert found["identity_residual"]["stderr"] == found["identity_ratio"]["stderr"]


@pytest.mark.parametrize(
    "changed", [{"spectral_heating_rate": np.full(COUNT, np.nan)}, {"heating_rate": np.zeros(COUNT)}]
)
def test_no_ratio_without_both_rates(changed):
    """Nothing is divided by zero, and NaN is no ratio."""
    assert "identity_ratio" not in averages(result(**changed))


def test_too_few_rows_have_no_error():
    """Three rows in the last half: a mean, but no error."""
    found = averages(result().isel(time=slice(0, 7)))
    assert found["gas_heating_rate"]["value"] == pytest.approx(5.0)
    assert found["gas_heating_rate"]["stderr"] is None


@pytest.mark.parametrize(("solver", "size"), [("monte-carlo", {"markers": 512}), ("fokker-planck", {"cells": 6 * 16})])
def test_summary(solver, size):
    """Status as given, the solver with its size and precision, the largest nu_max dt, averages and theory."""
    setup = build(small(run__precision="float32"), solver=solver, cells=(6, 16))
    found = summarise(setup, result(), {"status": "done", "steps": 100})
    assert {name: found.pop(name) for name in ("status", "steps", "solver", *size)} == {
        "status": "done",
        "steps": 100,
        "solver": solver,
        **size,
    }
    assert found.pop("name") == "small"
    assert found.pop("precision") == ("float32" if solver == "monte-carlo" else "float64")
    assert found.pop("time_step_s") == pytest.approx(2e7, rel=1e-12)
    assert found.pop("max_scattering_per_step") == pytest.approx(0.3, rel=1e-12)
    assert found.pop("averages") == averages(result())
    assert found.pop("theory") == predict(setup.config)
    assert not found


def test_one_row_has_no_averages():
    """At t = 0 nothing is measured; theory stands alone."""
    found = summarise(build(small()), result().isel(time=slice(0, 1)), {})
    assert found["averages"] == {} and found["theory"]
    assert found["max_scattering_per_step"] == 0.0
