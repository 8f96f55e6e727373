"""The result file: its variables, units and provenance, and the physics of a small run in them."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import re
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import xarray as xr
from scipy import integrate
from support.run_cases import STEPS, compiled_once, small

import crmc.runs.run
import crmc.runs.runner
from crmc import theory
from crmc.config.config import Config, parse_config
from crmc.physics.noise import run_key
from crmc.physics.state import State
from crmc.runs.outcome import DONE, Outcome
from crmc.runs.run import run
from crmc.setup.build import build, build_replicas
from crmc.setup.setup import Setup

# cgs, written out here: the units of the file must not come from the code under test.
C, M_P, ELECTRON_CHARGE, PARSEC = 2.99792458e10, 1.67262192e-24, 4.80320471e-10, 3.0856775814913673e18
#: Numbers of the small run in cgs.
FIELD, DENSITY, PRESSURE, GAS, TAU, DAMPING = 1e-6, 1.3233e-3, 8.2e-14, 3.2e-13, 3.7e12, 1e-11

SCALAR = (
    "magnetic_field cr_number_density cr_energy_density parallel_pressure perpendicular_pressure "
    "pressure_anisotropy cr_number_density_stderr cr_energy_density_stderr parallel_pressure_stderr "
    "perpendicular_pressure_stderr pressure_anisotropy_stderr heating_rate heating_rate_stderr "
    "spectral_heating_rate spectral_heating_rate_stderr identity_residual identity_residual_stderr "
    "gas_heating_rate_stderr drift_velocity_stderr gap_pressure_anisotropy_stderr gas_pressure energy_cosmic_rays energy_waves energy_gas "
    "energy_field energy_injected energy_radiated work_external energy_residual"
)
DIMENSIONS = (
    dict.fromkeys(re.findall(r"\w+", SCALAR), ("time",))
    | dict.fromkeys(("scattering_frequency", "mean_free_path"), ("time", "momentum"))
    | dict.fromkeys(("scattering_frequency_stderr", "mean_free_path_stderr"), ("time", "momentum"))
    | dict.fromkeys(("wave_power", "growth_rate", "damping_rate"), ("time", "direction", "helicity", "k"))
    | dict.fromkeys(("wave_power_stderr", "growth_rate_stderr"), ("time", "direction", "helicity", "k"))
    | dict.fromkeys(("average_wave_power", "average_wave_power_stderr"), ("direction", "helicity", "k"))
    | dict.fromkeys(("average_growth_rate", "average_growth_rate_stderr"), ("direction", "helicity", "k"))
)
UNITS = {
    "magnetic_field": "gauss",
    "cr_number_density": "cm-3",
    "parallel_pressure": "erg cm-3",
    "pressure_anisotropy": "1",
    "gas_pressure": "erg cm-3",
    "heating_rate": "erg cm-3 s-1",
    "wave_power": "1",
    "growth_rate": "s-1",
    "scattering_frequency": "s-1",
    "mean_free_path": "parsec",
    "work_external": "erg cm-3",
    "time": "s",
    "momentum": "1",
    "k": "1",
}


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished run and what it wrote."""

    config: Config
    outcome: Outcome
    data: xr.Dataset
    summary: dict[str, Any]


@functools.cache
def finished(precision: str = "float64") -> Run:
    """The small run of four replicas with a row every step, so that its last half holds 50.

    Records, too, are one step apart.
    """
    config = small(run__output_interval="2e7 s", run__precision=precision, run__replicas=4)
    with tempfile.TemporaryDirectory() as folder, compiled_once():
        paths = Path(folder, "run.nc"), Path(folder, "summary.json")
        outcome = run(config, output=paths[0], summary=paths[1], quiet=True)
        assert outcome.exit_code == DONE
        summary = json.loads(paths[1].read_text(encoding="utf-8"), parse_constant=pytest.fail)
        return Run(config, outcome, xr.load_dataset(paths[0]), summary)


@pytest.fixture(scope="module")
def double() -> Run:
    """The small run in float64."""
    return finished()


@pytest.fixture(scope="module")
def spectrum() -> dict[str, float]:
    """Moments of f0 ~ (p^2 + 1)^(-4.7/2) on 0.5..100 m_p c with the pressure of the config, cgs, by scipy."""

    def moment(phi) -> float:
        def integrand(log_p: float) -> float:
            p = math.exp(log_p)
            return p**3 * (p**2 + 1.0) ** -2.35 * phi(p)

        return integrate.quad(integrand, math.log(0.5), math.log(100.0), epsabs=0.0, epsrel=1e-11)[0]

    rest = M_P * C**2
    unit = PRESSURE / moment(lambda p: rest * p**2 / math.sqrt(1.0 + p**2) / 3.0)
    return {
        "cr_number_density": unit * moment(lambda p: 1.0),
        "cr_energy_density": unit * moment(lambda p: rest * (math.sqrt(1.0 + p**2) - 1.0)),
    }


def test_variables_and_dimensions(double: Run) -> None:
    """Every variable of the contract is there with its dimensions."""
    for name, dimensions in DIMENSIONS.items():
        assert double.data[name].dims == dimensions, name
    sizes = {"time": STEPS + 1, "direction": 2, "helicity": 2, "k": 8, "momentum": 3}
    assert dict(double.data.sizes) == sizes


def test_units_and_long_names(double: Run) -> None:
    """Every variable and coordinate says what it is and in which unit."""
    for name, variable in double.data.variables.items():
        assert variable.attrs["long_name"] and variable.attrs["units"], name
    assert {name: double.data[name].attrs["units"] for name in UNITS} == UNITS
    natural = {name: double.data[name].attrs["natural_units"] for name in ("momentum", "k")}
    assert natural == {"momentum": "m_p c", "k": "Omega0/c"}


def test_coordinates(double: Run) -> None:
    """Time in seconds, signs +1 and -1, momenta 1, 3, 10, wavenumbers evenly spaced in ln k within the range."""
    data = double.data
    np.testing.assert_allclose(data.time, 2e7 * np.arange(STEPS + 1), rtol=1e-13)
    assert data.direction.values.tolist() == data.helicity.values.tolist() == [1, -1]
    assert data.momentum.values.tolist() == [1.0, 3.0, 10.0]
    assert 0.01 < data.k[0] < data.k[-1] < 5.0
    np.testing.assert_allclose(np.diff(np.log(data.k), 2), 0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("magnetic_field", FIELD),
        ("parallel_pressure", PRESSURE),
        ("perpendicular_pressure", PRESSURE),
        ("gas_pressure", GAS),
        ("energy_gas", 1.5 * GAS),
        ("energy_field", FIELD**2 / (8.0 * math.pi)),
    ],
)
def test_start_in_cgs(double: Run, name: str, expected: float) -> None:
    """The first row repeats what the config says."""
    np.testing.assert_allclose(double.data[name][0], expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["cr_number_density", "cr_energy_density"])
def test_moments_in_cgs(double: Run, spectrum: dict[str, float], name: str) -> None:
    """n_c and U at t = 0 by an independent quadrature of f0."""
    np.testing.assert_allclose(double.data[name][0], spectrum[name], rtol=1e-6)


def test_start_is_isotropic_to_round_off(double: Run) -> None:
    """With the control variate an isotropic start has no anisotropy and no error."""
    assert abs(float(double.data.pressure_anisotropy[0])) < 1e-15
    assert float(double.data.pressure_anisotropy_stderr[0]) < 1e-15


def test_field_in_time(double: Run) -> None:
    """B = B0 exp(-t/tau_B) to round-off."""
    expected = FIELD * np.exp(-double.data.time / TAU)
    np.testing.assert_allclose(double.data.magnetic_field, expected, rtol=1e-13)


def test_wave_power_starts_in_equilibrium(double: Run) -> None:
    """The co-moving branches start where theory balances growth and damping, the others at the seed."""
    power = double.data.wave_power.isel(time=0)
    with jax.enable_x64(True):
        setup = build(double.config)
        scales = float(setup.parameters.alfven_speed), TAU * setup.units.gyrofrequency
        background = setup.parameters.background
        rate = DAMPING * setup.units.time
        expected = theory.equilibrium_wave_power(
            double.data.k.values, background, setup.state.amplitude, *scales, rate, k_max=5.0
        )
        expected = np.asarray(expected)
    for sign in (1, -1):
        np.testing.assert_allclose(power.sel(direction=sign, helicity=sign)[1:-1], expected[1:-1], rtol=0.03)
        # The splines of the outermost bins lack a neighbour: 7/8 at the centre.
        level = 1e-14 * np.array([0.875, *[1.0] * 6, 0.875])
        np.testing.assert_allclose(power.sel(direction=sign, helicity=-sign), level, rtol=1e-9)


def test_wave_energy_in_cgs(double: Run) -> None:
    """Energy of the waves = 2 int W_M dk = B^2/4pi sum int e dln k: trapezia over the bins' centres, 10 %."""
    power = double.data.wave_power.isel(time=0).sum(["direction", "helicity"])
    expected = FIELD**2 / (4.0 * math.pi) * np.trapezoid(power, np.log(double.data.k))
    assert 1.0 < float(double.data.energy_waves[0]) / expected < 1.1


def test_heating_of_the_gas_in_cgs(double: Run) -> None:
    """Linear damping turns 2 Gamma_d of the wave energy, its mean over each step, into heat per second."""
    data = double.data
    np.testing.assert_allclose(data.damping_rate[1:], DAMPING, rtol=1e-12)
    energy = (data.energy_waves * data.magnetic_field / FIELD).values
    mean = 0.5 * (energy[1:] + energy[:-1])
    np.testing.assert_allclose(data.gas_heating_rate[1:], 2.0 * DAMPING * mean, rtol=1e-4)


def test_mean_free_path_in_parsec(double: Run) -> None:
    """lambda = v/nu, and nu at mid-spectrum agrees with pi Omega0 e/gamma averaged over mu by theory."""
    data = double.data.isel(time=0)
    speed = C * data.momentum / np.sqrt(1.0 + data.momentum**2)
    np.testing.assert_allclose(data.mean_free_path, speed / data.scattering_frequency / PARSEC, rtol=1e-8)
    for p in ("1", "3", "10"):
        expected = double.summary["theory"][f"mean_free_path_p{p}"]["value"]
        np.testing.assert_allclose(data.mean_free_path.sel(momentum=float(p)), expected, rtol=0.05)


def test_gyrofrequency_in_cgs(double: Run) -> None:
    """The unit of time, on which every rate depends, is m_p c/(e B0)."""
    expected = ELECTRON_CHARGE * FIELD / (M_P * C)
    np.testing.assert_allclose(double.summary["theory"]["gyrofrequency"]["value"], expected, rtol=1e-7)


def test_attributes(double: Run) -> None:
    """Provenance: the config reads back to the one that ran; seed, generator, versions, status."""
    attributes = double.data.attrs
    assert parse_config(tomllib.loads(attributes["config"])) == double.config
    assert attributes["seed"] == 0 and "threefry" in attributes["prng"]
    assert f"jax {jax.__version__}" in attributes["versions"] and "numpy" in attributes["versions"]
    assert attributes["status"] == "done" and attributes["title"] == "small"
    np.testing.assert_allclose(attributes["time_step_s"], 2e7, rtol=1e-13)
    assert json.loads(attributes["summary"], parse_constant=pytest.fail) == double.summary


def test_energy_is_conserved(double: Run) -> None:
    """Each kick gives the waves what the particles lose to round-off, and the ledger closes."""
    imbalance = double.data.energy_imbalance.values
    assert np.isnan(imbalance[0]) and np.abs(imbalance[1:]).max() < 1e-12
    residual = double.data.energy_residual.values
    assert residual[0] == 0.0 and np.abs(residual).max() < 1e-8
    # Not because nothing happened: waves and particles exchanged far more than that.
    lost = double.data.energy_cosmic_rays
    assert abs(float(lost[-1] / lost[0]) - 1.0) > 1e-4


def test_energy_residual_is_the_sum_of_the_stores(double: Run) -> None:
    """The residual can be formed from the published terms alone."""
    data = double.data
    stores = data.energy_cosmic_rays + data.energy_waves + data.energy_gas + data.energy_field
    books = data.energy_radiated + data.work_external - data.energy_injected
    change = stores + books - (stores + books)[0]
    np.testing.assert_allclose(change / data.energy_cosmic_rays[0], data.energy_residual, atol=1e-13)


def test_heating_is_what_the_waves_gained(double: Run) -> None:
    """Integrated heating_rate = change of wave energy + heat + adiabatic loss, in one unit."""
    data = double.data
    dt = 2e7
    gained = float(data.heating_rate[1:].sum()) * dt
    spent = float(data.gas_heating_rate[1:].sum()) * dt
    stored = float(data.energy_waves[-1] - data.energy_waves[0])
    # Expansion over 5e-4 tau_B takes some 5e-4 of the wave energy.
    assert abs(gained - spent - stored) < 2e-3 * float(data.energy_waves[0])
    assert abs(gained - spent) > 5e-3 * float(data.energy_waves[0])


@pytest.mark.full
def test_float32_agrees_with_float64(double: Run) -> None:
    """Same noise: field to the bit, moments within 1 % of their statistical error, waves as far as noise allows."""
    # Four replicas know the error to 40 %: the smallest of 500 rows and variables may be off by far more.
    a, b = double.data, finished("float32").data
    np.testing.assert_array_equal(a.magnetic_field, b.magnetic_field)
    for name in (
        "cr_number_density",
        "cr_energy_density",
        "parallel_pressure",
        "perpendicular_pressure",
        "pressure_anisotropy",
    ):
        error = a[f"{name}_stderr"]
        assert (np.abs(a[name] - b[name])[1:] < 0.01 * error[1:]).all(), name
        np.testing.assert_allclose(error[1:], b[f"{name}_stderr"][1:], rtol=1e-3)
    np.testing.assert_allclose(a.heating_rate[1:].mean(), b.heating_rate[1:].mean(), rtol=0.01)
    for sign in (1, -1):
        driven, idle = {"direction": sign, "helicity": sign}, {"direction": sign, "helicity": -sign}
        np.testing.assert_allclose(a.wave_power.sel(driven), b.wave_power.sel(driven), rtol=1e-4)
        # Noise alone lifts these over the seed, exponentially, and so magnifies rounding.
        np.testing.assert_allclose(a.wave_power.sel(idle), b.wave_power.sel(idle), rtol=0.3)


def test_summary_keys(double: Run) -> None:
    """All that the contract names, with values and units."""
    summary = double.summary
    averages, predicted = summary["averages"], summary["theory"]
    paths = [f"mean_free_path_p{p}" for p in (1, 3, 10)]
    for name in (
        "heating_rate",
        *paths,
        "pressure_anisotropy",
        "identity_residual",
        "energy_residual",
    ):
        assert {"value", "stderr", "unit"} <= averages[name].keys(), name
        assert isinstance(averages[name]["value"], float), name
    for name in ("heating_exact", "heating_bound", "threshold"):
        assert isinstance(predicted[name]["value"], float), name
    assert summary["status"] == "done" and summary["steps"] == STEPS and summary["markers"] == 512
    assert summary["wall_seconds"] > 0.0 and summary["compile_seconds"] >= 0.0
    speed = STEPS * 512 / summary["wall_seconds"]
    np.testing.assert_allclose(summary["marker_steps_per_second"], speed, rtol=1e-12)
    assert double.outcome.summary["averages"] == averages


def test_summary_averages_the_last_half(double: Run) -> None:
    """Means over t > T/2; those of rates weigh with 6 x (1 - x); residuals are the largest of any row and replica.

    A row is the mean of four replicas, so that averages of what is linear are those of the rows.
    """
    half = double.data.isel(time=slice(STEPS // 2 + 1, None))
    averages = double.summary["averages"]
    assert half.sizes["time"] == 50
    # The first block of four records that begins not before the middle begins at step 52.
    late, x = half.isel(time=slice(2, None)), np.arange(49) / 48
    weights = 3.0 * np.diff(x**2) - 2.0 * np.diff(x**3)  # the integral of 6 x (1 - x) over each step
    np.testing.assert_allclose(averages["heating_rate"]["value"], weights @ late.heating_rate.values, rtol=1e-10)
    np.testing.assert_allclose(averages["pressure_anisotropy"]["value"], late.pressure_anisotropy.mean(), rtol=1e-10)
    largest = np.abs(double.data.energy_residual).max()
    np.testing.assert_allclose(averages["energy_residual"]["value"], largest, rtol=1e-12)
    # Waves of the records are those in the middle of each step, to second order in the step.
    power = 0.5 * (double.data.wave_power[52:-1] + double.data.wave_power[53:].values).mean("time")
    driven = {"direction": 1, "helicity": 1}
    np.testing.assert_allclose(double.data.average_wave_power.sel(driven), power.sel(driven), rtol=1e-3)
    path = 1.0 / (1.0 / double.data.mean_free_path[52:].sel(momentum=3.0)).mean()
    np.testing.assert_allclose(averages["mean_free_path_p3"]["value"], path, rtol=1e-3)


@pytest.mark.full
def test_errors_are_the_scatter_of_runs(double: Run) -> None:
    """Replica 0 is the run with a quarter of the markers, and averages and errors those of it and three more.

    Oracle: a run of each replica alone, as `build` sets it up for its number.
    """
    alone = small(run__output_interval="2e7 s", run__markers=128)
    found = []
    for replica in range(4):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(crmc.runs.run, "build_replicas", functools.partial(one_of, double.config, replica))
            patch.setattr(crmc.runs.runner, "run_key", lambda seed, _, replica=replica: run_key(seed, replica))
            found.append(run(alone, quiet=True))
    plain = run(alone, quiet=True)
    assert found[0].summary["averages"] == plain.summary["averages"]
    for name in ("heating_rate", "pressure_anisotropy", "scattering_frequency_p3", "gas_heating_rate"):
        each = np.array([outcome.summary["averages"][name]["value"] for outcome in found])
        entry = double.summary["averages"][name]
        assert entry["value"] == pytest.approx(each.mean(), rel=1e-9)
        assert entry["stderr"] == pytest.approx(each.std(ddof=1) / 2.0, rel=1e-6)
        assert plain.summary["averages"][name]["stderr"] is None
    each = np.stack([outcome.data.wave_power.values for outcome in found])
    np.testing.assert_allclose(double.data.wave_power, each.mean(axis=0), rtol=1e-9)
    scatter = each[:, 1:].std(axis=0, ddof=1) / 2.0
    np.testing.assert_allclose(double.data.wave_power_stderr[1:], scatter, rtol=1e-6, atol=1e-12 * scatter.max())


def one_of(config: Config, replica: int, _: Config, **how: Any) -> tuple[Setup, list[State]]:
    """One replica of ``config`` by itself."""
    setup, states = build_replicas(config, **how)
    return setup, states[replica : replica + 1]


def test_anisotropy_has_the_size_and_sign_of_expansion(double: Run) -> None:
    """15 scattering times from isotropy, P_par exceeds P_perp by a few v_A/c, by far more than the error."""
    anisotropy = double.summary["averages"]["pressure_anisotropy"]
    speed = FIELD / math.sqrt(4.0 * math.pi * DENSITY * M_P) / C
    assert 1.0 < anisotropy["value"] / speed < 3.0
    assert anisotropy["stderr"] < 0.05 * anisotropy["value"]
