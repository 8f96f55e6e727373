"""A made-up result; shared by the tests of results."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import tomli_w
import xarray as xr
from support.config_cases import valid

#: Numbers of the made-up result.
WAVE = ("time", "direction", "helicity", "k")
V_ALFVEN, SEED = 2e-4, 1e-14
THEORY = {
    "alfven_speed": V_ALFVEN,
    "threshold": 1.33 * V_ALFVEN,
    "heating_exact": 2.4e-30,
    "heating_exact_gap": 2.1e-30,
    "heating_bound": 1.2e-30,
    "cooling": 9e-29,
    "scattering_frequency_p1": 1.6e-9,
    "mean_free_path_p1": 4.2,
}


def synthetic(count: int = 41) -> xr.Dataset:
    """A result such as a run with growing co-moving waves would give."""
    rng = np.random.default_rng(1)
    t = np.linspace(0.0, 4e10, count)
    x, k = t / t.max(), np.geomspace(0.015, 3.0, 16)
    rise = 1.0 - np.exp(-5.0 * x)
    start = np.where(t > 0.0, 1.0, np.nan)  # means over an interval do not exist at t = 0
    heat = 2.1e-30 * rise * (1.0 + 0.1 * rng.normal(size=count)) * start
    spectral = np.where(np.arange(count) % 3 == 1, heat * 1.02, np.nan)
    one = {
        "magnetic_field": 1e-6 * np.exp(-x / 90.0),
        "parallel_pressure": 8.2e-14 * (1.0 - 0.014 * x),
        "perpendicular_pressure": 8.2e-14 * (1.0 - 0.015 * x),
        "pressure_anisotropy": 4.0 * V_ALFVEN * rise,
        "gap_pressure_anisotropy": 2.0 * V_ALFVEN * x,
        "heating_rate": heat,
        "heating_rate_stderr": 2e-31 * start,
        "spectral_heating_rate": spectral,
        "spectral_heating_rate_stderr": 0.2 * spectral,
        "gas_heating_rate": 2.0e-30 * rise * start,
        "energy_cosmic_rays": 2.4e-13 * (1.0 - 0.004 * x),
        "energy_waves": 1e-20 * rise,
        "energy_gas": 4.8e-13 * (1.0 - 0.003 * np.sin(6.0 * x)),
        "energy_field": 4e-14 * (1.0 - 0.01 * x),
        "energy_injected": 1e-27 * x,
        "energy_radiated": 0.0 * x,
        "work_external": 5e-15 * x,
        "energy_residual": 1e-9 * rng.normal(size=count),
    }
    for name in ("parallel_pressure", "perpendicular_pressure", "pressure_anisotropy"):
        one[f"{name}_stderr"] = 0.03 * x * one[name] * (1.0 if "aniso" in name else 0.01)
    nu = np.outer(1.0 + 0.1 * rise, [1.6e-9, 1.7e-9, 4.8e-10])
    co_moving = np.array([[1.0, 0.0], [0.0, 1.0]])[None, :, :, None]
    shape = (k * np.exp(-k))[None, None, None, :]
    growth = (1e-11 * co_moving - 2e-10 * (1.0 - co_moving) * k) * np.ones((count, 1, 1, 1))
    growth[:, 0, 0, 3] *= -1.0
    data = xr.Dataset(
        {name: ("time", values) for name, values in one.items()},
        {
            "time": t,
            "direction": [1, -1],
            "helicity": [1, -1],
            "k": k,
            "momentum": [1.0, 3.0, 10.0],
        },
        {"title": "synthetic", "status": "done"},
    )
    data["scattering_frequency"] = (("time", "momentum"), nu)
    data["mean_free_path"] = (("time", "momentum"), 7e-9 / nu)
    data["wave_power"] = (WAVE, SEED + 1e-7 * rise[:, None, None, None] * shape * (co_moving + 1e-4))
    data["growth_rate"] = (WAVE, growth * start[:, None, None, None])
    data["damping_rate"] = (WAVE, np.full((count, 2, 2, 16), 1e-11))
    data.attrs["summary"] = json.dumps({"theory": {name: {"value": value} for name, value in THEORY.items()}})
    data.attrs["config"] = tomli_w.dumps(valid() | {"waves": {"seed_level": SEED}})
    return data


def without_waves() -> xr.Dataset:
    """A free expansion: nothing scatters, no wave is followed."""
    data = synthetic()
    for name in ("wave_power", "growth_rate", "damping_rate", "mean_free_path", "spectral_heating_rate"):
        data[name] = data[name] * np.nan
    for name in ("scattering_frequency", "heating_rate", "heating_rate_stderr", "gas_heating_rate", "energy_waves"):
        data[name] = data[name] * 0.0
    return data


def saved(data: xr.Dataset, path: Path) -> Path:
    """Write ``data`` as a result file."""
    data.to_netcdf(path, engine="h5netcdf")
    return path


def step_weights(ends: np.ndarray) -> np.ndarray:
    """Weights of steps, integrals of 6 x (1 - x), made linear by least squares between one of ``ends`` and the next."""
    x = np.linspace(0.0, 1.0, ends[-1] - ends[0] + 1)
    weights = np.diff(3.0 * x**2 - 2.0 * x**3)
    for first, last in itertools.pairwise(ends - ends[0]):
        step = np.arange(first, last)
        weights[first:last] = np.polyval(np.polyfit(step, weights[first:last], min(1, last - first - 1)), step)
    return weights
