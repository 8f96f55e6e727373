"""Make the result of a run: a dataset with labels, units and provenance; write it and read it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5netcdf
import numpy as np
import xarray as xr

from crmc.config.errors import ConfigError
from crmc.machine.origin import origin
from crmc.outputs import is_broken, sealed, writing
from crmc.results.conventions import from_conventions, to_conventions
from crmc.results.variables import COORDINATES, VARIABLES, shared_coordinates
from crmc.setup.setup import Setup
from crmc.statistics import Estimate
from crmc.text import one_line

#: A result: labelled arrays with units, and provenance as attributes.
Dataset = xr.Dataset
#: Ends the message where a file or a dataset is no result.
ADVICE = "give a result of 'crmc run'"


def labelled(
    values: Mapping[str, np.ndarray], leading: tuple[str, ...] = ("time",), k: str = "k"
) -> dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, str]]]:
    """Return ``values`` of `replicas.reduced` with their dimensions and attributes.

    leading: names of their first dimensions; k: name of the dimension of the bins.
    """
    found = {}
    for name, array in values.items():
        dims, unit, _, text = VARIABLES[name.removeprefix("average_")]
        text = f"mean over the last half of the run: {text}" if name.startswith("average_") else text
        inner = tuple(k if dim == "k" else dim for dim in dims)
        found[name] = ((*leading, *inner), array, {"units": unit, "long_name": text})
    return found


def dataset(
    setup: Setup,
    steps: Sequence[int],
    values: Mapping[str, np.ndarray],
    attributes: Mapping[str, Any],
    spectra: Mapping[str, Estimate] | None = None,
) -> xr.Dataset:
    """Return the dataset of a run.

    steps: step number of each row; values: from `replicas.reduced`; attributes: of the dataset;
    spectra: from `averages.spectra`.
    """
    coordinates = {
        "time": ("time", np.asarray(steps) * setup.time_step, COORDINATES["time"]),
        "k": ("k", np.asarray(setup.parameters.grid.centres), COORDINATES["k"]),
        **shared_coordinates(),
    }
    variables = labelled(values) | labelled(averaged(spectra or {}), ())
    return xr.Dataset(variables, coordinates, attrs=dict(attributes))


def averaged(spectra: Mapping[str, Estimate]) -> dict[str, np.ndarray]:
    """Return averages of the waves and their errors by the names that they have in a result."""
    found: dict[str, np.ndarray] = {}
    for name, one in spectra.items():
        found |= {f"average_{name}": one.value, f"average_{name}_stderr": one.stderr}
    return found


def provenance(setup: Setup) -> dict[str, Any]:
    """Return the attributes that tell where a result comes from.

    Seed and generator matter only to ``solver`` = monte-carlo; the mesh draws no numbers.
    """
    return {
        "title": setup.config.name or "crmc run",
        **origin(),
        "references": "Zweibel 2020, ApJ 890, 67",
        "config": setup.config.to_toml(),
        "solver": setup.solver,
        "seed": setup.config.run.seed,
        "prng": "threefry2x32, key folded with the global step",
        "time_step_s": setup.time_step,
    }


def write_atomically(data: xr.Dataset, path: Path) -> None:
    """Write a netCDF file by the CF conventions, in one move, so that a reader never sees half of it; OutputError."""
    # Made in memory: HDF5 loses track of its objects where a disk is full half-way.
    content = io.BytesIO()
    with h5netcdf.File(content, "w") as file:
        to_conventions(data).dump_to_store(xr.backends.H5NetCDFStore(file))
    with writing(path) as draft:
        draft.write(content.getbuffer())
        draft.write(sealed(content.getbuffer()))


def attributes(path: Path) -> dict[str, Any]:
    """Return the attributes of a result file; empty where it cannot be read as one."""
    if is_broken(path):
        return {}
    try:
        with h5netcdf.File(path, "r") as file:
            return dict(file.attrs)
    except Exception:  # a damaged HDF5 file raises nearly anything
        return {}


def read(path: Path) -> Dataset:
    """Read a result file into memory.

    Raises ConfigError where ``path`` holds no result.
    """
    try:
        if is_broken(path):
            raise ValueError("it is damaged: its checksum is wrong")
        with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as file:
            data = from_conventions(file.load())
        if max(data.sizes.get("time", 0), data.sizes.get("output", 0)) == 0:
            raise ValueError("it has no times")
    except Exception as error:  # a damaged HDF5 file raises nearly anything
        problem = f"cannot be read as a result ({one_line(error, 200)})"
        raise ConfigError(f"{path}: {problem}; {ADVICE}") from error
    return data
