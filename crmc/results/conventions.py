"""Write datasets by the CF conventions, which other programs read, and read them back as they were.

CF knows the units of UDUNITS alone.  A file says "gauss" for G and "parsec" for pc; numbers in natural units, such as
momenta in m_p c, have the unit "1" there, and the natural one in the attribute ``natural_units``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
import xarray as xr

CONVENTIONS = "CF-1.8"
#: Unit -> its name in UDUNITS.
_NAMES = {"G": "gauss", "pc": "parsec"}
_NATURAL = "natural_units"
#: What a natural unit is made of.
_SYMBOLS = ("Omega0", "m_p", "v_A")
#: HDF5 keeps an attribute of fixed length only below this size [bytes].
_LONGEST = 60_000


def to_conventions(data: xr.Dataset) -> xr.Dataset:
    """Return ``data`` as a file holds it: units of UDUNITS, integers of 32 bits, text as characters, no fill values on
    coordinates."""
    variables = {name: _encoded(variable, name in data.coords) for name, variable in data.variables.items()}
    attributes = {"Conventions": _plain(CONVENTIONS)} | {str(name): _plain(value) for name, value in data.attrs.items()}
    coordinates = {name: variables.pop(name) for name in data.coords}
    return xr.Dataset(variables, coordinates, attributes)


def from_conventions(data: xr.Dataset) -> xr.Dataset:
    """Return the dataset that `to_conventions` made ``data`` of."""
    data.attrs.pop("Conventions", None)
    units = {name: unit for unit, name in _NAMES.items()}
    for variable in data.variables.values():
        if natural := variable.attrs.pop(_NATURAL, None):
            variable.attrs["units"] = natural
        elif "units" in variable.attrs:
            unit = str(variable.attrs["units"])
            variable.attrs["units"] = units.get(unit, unit)
    return data


def _encoded(variable: xr.Variable, coordinate: bool) -> xr.Variable:
    """Return a variable as a file holds it."""
    values, attributes = variable.values, _described(variable.attrs)
    if values.dtype == np.int64 and np.all(np.abs(values) < 2**31):
        values = values.astype(np.int32)
    found = xr.Variable(variable.dims, values, {name: _plain(value) for name, value in attributes.items()})
    if coordinate or values.dtype.kind != "f":
        found.encoding["_FillValue"] = None
    return found


def _described(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    """Return attributes with a unit of UDUNITS."""
    found = {str(name): value for name, value in attributes.items()}
    unit = str(found.get("units", ""))
    if any(symbol in unit for symbol in _SYMBOLS):
        return found | {"units": "1", _NATURAL: unit}
    return found | {"units": _NAMES[unit]} if unit in _NAMES else found


def _plain(value: Any) -> Any:
    """Return text as characters, and whole numbers of 32 bits, which every version of netCDF reads; else ``value``."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31:
        return np.int32(value)
    if not isinstance(value, str):
        return value
    content = value.encode("utf-8", "replace")
    if not 0 < len(content) < _LONGEST:
        return np.bytes_(content) if not content else value
    return np.array(content, dtype=h5py.string_dtype("utf-8", len(content)))
