"""The result: a labelled dataset with units and provenance, and the summary of a run."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr

from crmc.setup.predictions import predictions
from crmc.setup.setup import Setup
from crmc.solvers.diagnostics import MOMENTA
from crmc.statistics import mean_and_error
from crmc.units import PARSEC, SPEED_OF_LIGHT, CodeUnits

_WAVE = ("time", "direction", "helicity", "k")
_INTERVAL = "mean over the interval that ends at this time"

#: name -> (dimensions after time, unit, factor of the code unit, long name)
_VARIABLES: dict[str, tuple[tuple[str, ...], str, str, str]] = {
    "magnetic_field": ((), "G", "field", "magnetic field B"),
    "cr_number_density": ((), "cm-3", "density", "cosmic-ray number density n_c"),
    "cr_energy_density": ((), "erg cm-3", "energy", "cosmic-ray kinetic energy density U"),
    "parallel_pressure": ((), "erg cm-3", "energy", "cosmic-ray parallel pressure P_par"),
    "perpendicular_pressure": ((), "erg cm-3", "energy", "cosmic-ray perpendicular pressure P_perp"),
    "pressure_anisotropy": ((), "1", "one", "pressure anisotropy (P_par - P_perp)/P_c"),
    "gap_pressure_anisotropy": (
        (),
        "1",
        "one",
        "share of the pressure anisotropy held by markers in the gap",
    ),
    "drift_velocity": ((), "cm s-1", "speed", "bulk drift v_D of the cosmic rays along the field (eq. 17)"),
    "gas_pressure": ((), "erg cm-3", "energy", "thermal gas pressure P_g"),
    "heating_rate": ((), "erg cm-3 s-1", "power", f"power the markers give to waves, {_INTERVAL}"),
    "heating_rate_stderr": ((), "erg cm-3 s-1", "power", "standard error of heating_rate (kick noise)"),
    "spectral_heating_rate": (
        (),
        "erg cm-3 s-1",
        "power",
        "2 sum Gamma W dk with Gamma from the functional A[f]",
    ),
    "gas_heating_rate": ((), "erg cm-3 s-1", "power", f"wave energy damped into the gas, {_INTERVAL}"),
    "identity_residual": ((), "1", "one", "spectral_heating_rate/heating_rate - 1 (eq. 37)"),
    "energy_residual": ((), "1", "one", "change of the total energy relative to the cosmic rays' at t = 0"),
    "energy_imbalance": (
        (),
        "1",
        "one",
        "sum of particle loss minus wave gain over sum |d eps| of the kicks",
    ),
    "max_scattering_per_step": ((), "1", "one", "largest nu dt of the interval"),
    "balancing_correction": ((), "1", "one", "largest relative change of the markers' energy to balance a kick"),
    "energy_cosmic_rays": ((), "erg cm-3", "energy", "cosmic-ray energy x B0/B, full weights"),
    "energy_waves": ((), "erg cm-3", "energy", "wave energy x B0/B"),
    "energy_gas": ((), "erg cm-3", "energy", "thermal energy x B0/B"),
    "energy_field": ((), "erg cm-3", "energy", "energy of the mean field x B0/B"),
    "energy_injected": (
        (),
        "erg cm-3",
        "energy",
        "energy injected x B0/B (cosmic rays, gas heating, wave seed)",
    ),
    "energy_radiated": (
        (),
        "erg cm-3",
        "energy",
        "energy radiated or given to waves that are not followed, x B0/B",
    ),
    "number_cosmic_rays": ((), "cm-3", "density", "number of cosmic rays x B0/B, full weights"),
    "number_entered": ((), "cm-3", "density", "number that came in by injection and gradient, x B0/B"),
    "number_residual": ((), "1", "one", "change of the number less what came in, relative to that at t = 0"),
    "work_external": ((), "erg cm-3", "energy", "work on the surroundings, int P d(B0/B)"),
    "scattering_frequency": (
        ("momentum",),
        "s-1",
        "rate",
        "scattering frequency, int_0^1 nu dmu, both hemispheres' mean",
    ),
    "mean_free_path": (("momentum",), "pc", "length", "v over the mu-averaged scattering frequency"),
    "wave_power": (_WAVE[1:], "1", "one", "e = 8 pi k W_M/B^2 of a branch, at the bin's centre"),
    "growth_rate": (
        _WAVE[1:],
        "s-1",
        "rate",
        f"amplitude growth rate from the functional A[f] (eq. 13), {_INTERVAL}",
    ),
    "damping_rate": (_WAVE[1:], "s-1", "rate", "amplitude damping rate"),
}
for _name in ("cr_number_density", "cr_energy_density", "parallel_pressure", "perpendicular_pressure"):
    _dims, _unit, _factor, _text = _VARIABLES[_name]
    _VARIABLES[f"{_name}_stderr"] = (_dims, _unit, _factor, f"standard error of {_name}")
_VARIABLES["pressure_anisotropy_stderr"] = ((), "1", "one", "standard error of pressure_anisotropy")
_VARIABLES["drift_velocity_stderr"] = ((), "cm s-1", "speed", "standard error of drift_velocity")


def _factors(units: CodeUnits) -> dict[str, float]:
    return {
        "one": 1.0,
        "field": units.magnetic_field,
        "density": units.ion_density,
        "energy": units.energy_density,
        "power": units.power_density,
        "rate": units.gyrofrequency,
        "speed": SPEED_OF_LIGHT,
        "length": units.time * SPEED_OF_LIGHT / PARSEC,
    }


#: Attributes of the coordinates of a result, and the values of those that every result shares.
COORDINATES: dict[str, dict[str, str]] = {
    "time": {"units": "s", "long_name": "time"},
    "direction": {"units": "1", "long_name": "propagation direction of the waves"},
    "helicity": {"units": "1", "long_name": "sign(p_par) of resonant particles"},
    "k": {"units": "Omega0/c", "long_name": "wavenumber, Omega0 at t = 0"},
    "momentum": {"units": "m_p c", "long_name": "momentum"},
}
_SHARED: dict[str, Any] = {"direction": [1, -1], "helicity": [1, -1], "momentum": MOMENTA}


def shared_coordinates() -> dict[str, tuple[str, Any, dict[str, str]]]:
    """Coordinates direction, helicity and momentum."""
    return {name: (name, values, COORDINATES[name]) for name, values in _SHARED.items()}


def in_units(units: CodeUnits, name: str, value: Any) -> Any:
    """``value``, code units, of a variable of a result in the unit of the file."""
    return value * _factors(units)[_VARIABLES[name][2]]


def unit_of(name: str) -> str:
    """Unit of a variable of a result."""
    return _VARIABLES[name][1]


def physical(units: CodeUnits, rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every variable of a result in the unit of the file, from ``rows`` in code units, first axis time."""
    scale = float(rows["energy_cosmic_rays"][0])
    kept = rows["number_cosmic_rays"] - rows["number_entered"]
    rows = {
        **rows,
        "energy_residual": (rows["ledger"] - rows["ledger"][0]) / scale,
        "number_residual": kept / kept[0] - 1.0,
    }
    return {name: in_units(units, name, np.asarray(rows[name])) for name in _VARIABLES}


def labelled(
    values: Mapping[str, np.ndarray], leading: tuple[str, ...] = ("time",), k: str = "k"
) -> dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, str]]]:
    """``values`` of `physical` with dimensions and attributes; ``leading`` dimensions first, ``k`` names that of k."""
    found = {}
    for name, array in values.items():
        dims, unit, _, text = _VARIABLES[name]
        inner = tuple(k if dim == "k" else dim for dim in dims)
        found[name] = ((*leading, *inner), array, {"units": unit, "long_name": text})
    return found


def dataset(
    setup: Setup, steps: Sequence[int], rows: Mapping[str, np.ndarray], attributes: Mapping[str, Any]
) -> xr.Dataset:
    """Dataset of all ``rows`` (code units, first axis time) at the given step numbers."""
    coordinates = {
        "time": ("time", np.asarray(steps) * setup.time_step, COORDINATES["time"]),
        "k": ("k", np.asarray(setup.parameters.grid.centres), COORDINATES["k"]),
        **shared_coordinates(),
    }
    return xr.Dataset(labelled(physical(setup.units, rows)), coordinates, attrs=dict(attributes))


def provenance(setup: Setup) -> dict[str, Any]:
    """Attributes that say where a result comes from; only ``solver`` = monte-carlo draws numbers and has errors."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        own = version("crmc")
    except PackageNotFoundError:
        own = "unknown"
    return {
        "title": setup.config.name or "crmc run",
        "source": f"crmc {own}",
        "reference": "Zweibel 2020, ApJ 890, 67",
        "config": setup.config.to_toml(),
        "solver": setup.solver,
        "seed": setup.config.run.seed,
        "prng": "threefry2x32, key folded with the global step",
        "versions": f"python {platform.python_version()}, jax {jax.__version__}, numpy {np.__version__}",
        "device": str(jax.devices()[0].device_kind),
        "time_step_s": setup.time_step,
    }


def write_atomically(data: xr.Dataset, path: Path) -> None:
    """Write netCDF beside ``path`` and move it there: a reader never sees half a file."""
    temporary = path.with_name(f".{path.name}.part")
    data.to_netcdf(temporary, engine="h5netcdf")
    os.replace(temporary, path)


def averages(data: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Averages over the last half of the run, each with its standard error and unit."""
    half = data.isel(time=data.time.values > 0.5 * float(data.time[-1]))
    found: dict[str, dict[str, Any]] = {}

    def add(name: str, values: np.ndarray, unit: str) -> None:
        value, error = mean_and_error(np.asarray(values, float))
        if np.isfinite(value):
            found[name] = {"value": value, "stderr": error if np.isfinite(error) else None, "unit": unit}

    for name in ("heating_rate", "spectral_heating_rate", "pressure_anisotropy", "gap_pressure_anisotropy"):
        add(name, half[name].values, data[name].attrs["units"])
    for name in ("gas_heating_rate", "drift_velocity"):
        add(name, half[name].values, data[name].attrs["units"])
    _add_identity(found, half)
    for place, p in enumerate(MOMENTA):
        add(f"scattering_frequency_p{p:g}", half["scattering_frequency"].values[:, place], "s-1")
        add(f"mean_free_path_p{p:g}", half["mean_free_path"].values[:, place], "pc")
    for name in ("energy_residual", "number_residual", "energy_imbalance"):
        values = np.abs(data[name].values)
        if np.isfinite(values).any():
            found[name] = {"value": float(np.nanmax(values)), "stderr": None, "unit": "1"}
    return found


def _add_identity(found: dict[str, dict[str, Any]], half: xr.Dataset) -> None:
    """Ratio of the two heating rates' means; their errors count as independent."""
    kicks, kicks_error = mean_and_error(half["heating_rate"].values)
    spectral, spectral_error = mean_and_error(half["spectral_heating_rate"].values)
    if not np.isfinite(spectral) or kicks == 0.0:
        return
    ratio = spectral / kicks
    error = abs(ratio) * np.hypot(kicks_error / kicks, spectral_error / spectral)
    error = None if not np.isfinite(error) else error
    found["identity_ratio"] = {"value": float(ratio), "stderr": error, "unit": "1"}
    found["identity_residual"] = {"value": float(ratio - 1.0), "stderr": error, "unit": "1"}


def summarise(setup: Setup, data: xr.Dataset, status: Mapping[str, Any]) -> dict[str, Any]:
    """The summary: status, size and speed, last-half averages, and theory beside them."""
    return {
        "name": setup.config.name,
        **status,
        "solver": setup.solver,
        "precision": str(setup.state.markers.rise.dtype),
        "markers" if setup.solver == "monte-carlo" else "cells": setup.state.markers.rise.size,
        "time_step_s": setup.time_step,
        "max_scattering_per_step": float(np.nanmax(data["max_scattering_per_step"].values, initial=0.0)),
        "averages": averages(data) if data.sizes["time"] > 1 else {},
        "theory": predictions(setup.config),
    }
