"""Make the result of a run: a dataset with labels, units and provenance; write it and read it.

``rows`` are arrays in code units by the names of variables, with time as their first axis.
"""

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
#: Ends the message where a file or a dataset is no result.
ADVICE = "give a result of 'crmc run'"


def physical(units: CodeUnits, rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return every variable of a result in the unit of the file, time first.

    The residuals of energy and number are formed here, from the ledgers in ``rows``.
    """
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
    """Return ``values`` of `physical` with their dimensions and attributes.

    leading: names of their first dimensions; k: name of the dimension of the bins.
    """
    found = {}
    for name, array in values.items():
        dims, unit, _, text = VARIABLES[name]
        inner = tuple(k if dim == "k" else dim for dim in dims)
        found[name] = ((*leading, *inner), array, {"units": unit, "long_name": text})
    return found


def dataset(
    setup: Setup, steps: Sequence[int], rows: Mapping[str, np.ndarray], attributes: Mapping[str, Any]
) -> xr.Dataset:
    """Return the dataset of a run.

    steps: step number of each row; rows: in code units; attributes: of the dataset.
    """
    coordinates = {
        "time": ("time", np.asarray(steps) * setup.time_step, COORDINATES["time"]),
        "k": ("k", np.asarray(setup.parameters.grid.centres), COORDINATES["k"]),
        **shared_coordinates(),
    }
    return xr.Dataset(labelled(physical(setup.units, rows)), coordinates, attrs=dict(attributes))


def provenance(setup: Setup) -> dict[str, Any]:
    """Return the attributes that tell where a result comes from.

    Seed and generator matter only to ``solver`` = monte-carlo; the mesh draws no numbers.
    """
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
    """Write a netCDF file in one move, so that a reader never sees half of it."""
    temporary = path.with_name(f".{path.name}.part")
    data.to_netcdf(temporary, engine="h5netcdf")
    os.replace(temporary, path)


def read(path: Path) -> Dataset:
    """Read a result file into memory.

    Raises ConfigError where ``path`` holds no result.
    """
    try:
        with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as file:
            data = file.load()
        if max(data.sizes.get("time", 0), data.sizes.get("output", 0)) == 0:
            raise ValueError("it has no times")
    except Exception as error:  # a damaged HDF5 file raises nearly anything
        problem = f"cannot be read as a result ({one_line(error, 200)})"
        raise ConfigError(f"{path}: {problem}; {ADVICE}") from error
    return data
