"""Read cells from a file and write their closures: a CSV file or netCDF in, netCDF out."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from crmc.closure.cell import Cell
from crmc.closure.flags import MEANING, Flag
from crmc.closure.solve import Closure
from crmc.closure.variables import INPUTS, NUMBERS, PER_MOMENTUM
from crmc.config.errors import ConfigError, did_you_mean
from crmc.text import one_line

_MAGIC = (b"\x89HDF", b"CDF\x01", b"CDF\x02", b"CDF\x05")


def read_cells(path: Path, cell: Cell) -> tuple[Cell, xr.Dataset]:
    """Return the cells of a file, and its columns as they are.

    A CSV file has a row of names of `Cell` and then a row per cell; netCDF has variables of these names, of any
    dimensions.  All in cgs.  cell: what the file does not say.  Raises ConfigError for a file that is none of both.
    """
    shown = f"--cells {one_line(path, 200)}"
    try:
        columns = _netcdf(path) if path.read_bytes()[:4] in _MAGIC else _csv(path, shown)
    except ConfigError:
        raise
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{shown}: cannot be read ({error}); give a CSV file or netCDF with columns of cells"
        ) from None
    if not columns.data_vars:
        raise ConfigError(f"{shown}: holds no column; name at least one of {', '.join(INPUTS)}")
    for name in columns.data_vars:
        if str(name) not in INPUTS:
            raise ConfigError(f"{shown}: column {one_line(name, 60)!r} is no input; {did_you_mean(str(name), INPUTS)}")
    spread = xr.broadcast(*columns.data_vars.values())
    values: dict[str, Any] = {str(x.name): x.values.astype(float) for x in spread}
    return dataclasses.replace(cell, **values), columns


def _netcdf(path: Path) -> xr.Dataset:
    """Return the dataset of a netCDF file."""
    with xr.open_dataset(path, engine="h5netcdf") as data:
        return data.load()


def _csv(path: Path, shown: str) -> xr.Dataset:
    """Return the columns of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row and not row[0].startswith("#")]
    if len(rows) < 2:
        raise ConfigError(f"{shown}: has no cells; give a row of names and a row of numbers per cell")
    names = [name.strip() for name in rows[0]]
    columns: dict[str, list[float]] = {name: [] for name in names}
    if len(columns) < len(names):
        raise ConfigError(f"{shown}: names a column twice; name each once")
    for count, row in enumerate(rows[1:], 1):
        if len(row) != len(names):
            raise ConfigError(f"{shown}: cell {count} has {len(row)} numbers for {len(names)} columns; give one each")
        for name, word in zip(names, row, strict=True):
            try:
                columns[name].append(float(word))
            except ValueError:
                raise ConfigError(
                    f"{shown}: {name} = {one_line(word, 60)!r} of cell {count} is no number; give one in cgs"
                ) from None
    return xr.Dataset({name: ("cell", np.asarray(values)) for name, values in columns.items()})


def closures(found: Closure, columns: xr.Dataset, attributes: Mapping[str, Any]) -> xr.Dataset:
    """Return the closures of cells as a dataset: inputs, numbers with units, and flags by the CF conventions.

    columns: of `read_cells`; attributes: of the dataset.
    """
    shape = xr.broadcast(*columns.data_vars.values())[0].dims
    data = columns.copy()
    for name in columns.data_vars:
        unit, text = INPUTS[str(name)]
        data[name].attrs.update(units=unit, long_name=text)
    momentum = {"units": "m_p c", "long_name": "momentum"}
    data = data.assign_coords(momentum=("momentum", np.asarray(found.momentum), momentum))
    for name, (unit, text) in NUMBERS.items():
        dims = (*shape, "momentum") if name in PER_MOMENTUM else shape
        data[name] = (dims, np.asarray(getattr(found, name)), {"units": unit, "long_name": text})
    flags = {
        "long_name": "reasons to doubt",
        "flag_masks": np.array([int(flag) for flag in Flag], np.int32),
        "flag_meanings": " ".join(str(flag.name).lower() for flag in Flag),
        "comment": "; ".join(f"{int(flag)}: {meaning}" for flag, meaning in MEANING.items()),
    }
    data["flags"] = (shape, np.asarray(found.flags), flags)
    return data.assign_attrs(attributes)
