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

from crmc.config.errors import ConfigError
from crmc.results.variables import COORDINATES, VARIABLES, in_units, shared_coordinates
from crmc.setup.setup import Setup
from crmc.text import one_line
from crmc.units import CodeUnits

#: A result: labelled arrays with units, and provenance as attributes.
Dataset = xr.Dataset


def physical(units: CodeUnits, rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every variable of a result in the unit of the file, from ``rows`` in code units, first axis time."""
    scale = float(rows["energy_cosmic_rays"][0])
    kept = rows["number_cosmic_rays"] - rows["number_entered"]
    rows = {
        **rows,
        "energy_residual": (rows["ledger"] - rows["ledger"][0]) / scale,
        "number_residual": kept / kept[0] - 1.0,
    }
    return {name: in_units(units, name, np.asarray(rows[name])) for name in VARIABLES}


def labelled(
    values: Mapping[str, np.ndarray], leading: tuple[str, ...] = ("time",), k: str = "k"
) -> dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, str]]]:
    """``values`` of `physical` with dimensions and attributes; ``leading`` dimensions first, ``k`` names that of k."""
    found = {}
    for name, array in values.items():
        dims, unit, _, text = VARIABLES[name]
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


def read(path: Path) -> Dataset:
    """Read a result file whole.  Raises ConfigError where ``path`` holds no result."""
    try:
        with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as file:
            data = file.load()
        if max(data.sizes.get("time", 0), data.sizes.get("output", 0)) == 0:
            raise ValueError("it has no times")
    except Exception as error:  # a damaged HDF5 file raises nearly anything
        problem = f"cannot be read as a result ({one_line(error, 200)})"
        raise ConfigError(f"{path}: {problem}; give a result of 'crmc run'") from error
    return data
