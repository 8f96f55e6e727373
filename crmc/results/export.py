"""Export a result as tables of text: one CSV file for the variables of each set of dimensions."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from crmc.outputs import write_text


def write_csv(data: xr.Dataset, folder: Path, stem: str) -> list[Path]:
    """Write the variables of ``data`` into ``folder``, and return the files; OutputError where one cannot be written.

    Variables of the same dimensions share a file, "STEM-DIMENSION-DIMENSION.csv", with a line for each combination of
    their coordinates.  Heads are "name [unit]"; numbers have all their digits; NaN is an empty cell.
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, variable in data.data_vars.items():
        groups.setdefault(tuple(map(str, variable.dims)), []).append(str(name))
    paths = []
    for dims, names in groups.items():
        path = folder / f"{'-'.join([stem, *dims]) if dims else f'{stem}-numbers'}.csv"
        write_text(path, _table(data[names], dims))
        paths.append(path)
    return paths


def _table(data: xr.Dataset, dims: tuple[str, ...]) -> str:
    """Return the CSV text of variables of the dimensions ``dims``."""
    kept = data.drop_vars([name for name in data.coords if name not in dims])
    heads = {name: _head(kept[name]) for name in kept.variables}
    if not dims:
        return kept.expand_dims("row").to_dataframe().rename(columns=heads).to_csv(index=False)
    return kept.to_dataframe(dim_order=list(dims)).reset_index().rename(columns=heads).to_csv(index=False)


def _head(variable: xr.DataArray) -> str:
    """Return the head of a column, "name [unit]", or the name alone of what has no unit."""
    unit = str(variable.attrs.get("units", "1"))
    return str(variable.name) if unit == "1" else f"{variable.name} [{unit}]"
