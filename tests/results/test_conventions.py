"""Files by the CF conventions, read by a plain HDF5 reader, and back as they were."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from astropy import units as u

from crmc.config.errors import ConfigError
from crmc.results.conventions import to_conventions
from crmc.results.dataset import attributes, read, write_atomically
from crmc.results.variables import COORDINATES, VARIABLES


@pytest.fixture
def data() -> xr.Dataset:
    """One variable of each kind, a coordinate of each type, text of each kind."""
    length, branch, momentum = ("time", [1.0, np.nan], {"units": "pc"}), ("direction", [1, -1]), ("p", [1.0, 3.0])
    return xr.Dataset(
        {"mean_free_path": length, "words": ("time", np.array(["done", "why?"], object))},
        {"time": ("time", [0.0, 1.0], {"units": "s"}), "direction": branch, "p": (*momentum, {"units": "m_p c"})},
        {"title": "Alfv\u00e9n", "status_text": "", "config": "x = 1\n", "steps": 12, "long": "y" * 100_000},
    )


def test_files_come_back(tmp_path: Path, data: xr.Dataset) -> None:
    """Oracle: the dataset itself."""
    path = tmp_path / "x.nc"
    write_atomically(data, path)
    assert read(path).identical(data)


def test_what_plain_readers_find(tmp_path: Path, data: xr.Dataset) -> None:
    """Oracle: chapters 2 and 3 of CF. Text of fixed length, 32 bits, no _FillValue on coordinates, units of UDUNITS."""
    path = tmp_path / "x.nc"
    write_atomically(data, path)
    with h5py.File(path) as file:
        assert file.attrs["Conventions"] == b"CF-1.8" and file.attrs["config"] == b"x = 1\n"
        for name in ("Conventions", "title", "config", "status_text"):
            assert h5py.check_string_dtype(file.attrs.get_id(name).dtype).length is not None, name
        assert file["direction"].dtype == np.int32 and file.attrs["steps"].dtype == np.int32
        assert all("_FillValue" not in file[name].attrs for name in data.coords)
        assert np.isnan(file["mean_free_path"].attrs["_FillValue"])
        assert (file["mean_free_path"].attrs["units"], file["p"].attrs["units"]) == (b"parsec", b"1")
        assert file["p"].attrs["natural_units"] == b"m_p c"


def test_units_of_every_variable() -> None:
    """No unit of a result but these: those of UDUNITS, which astropy knows as well, or 1 for natural ones."""
    attributes = [{"units": unit} for _, unit, _, _ in VARIABLES.values()] + list(COORDINATES.values())
    units = {one["units"] for one in attributes}
    data = xr.Dataset({str(i): ((), 0.0, {"units": unit}) for i, unit in enumerate(units)})
    found = {str(x.attrs["units"].item().decode()) for x in to_conventions(data).variables.values()}
    known = {"gauss", "parsec", "cm-3", "erg cm-3", "erg cm-3 s-1", "cm s-1", "s-1", "s", "1"}
    assert found == known
    assert all(u.Unit(name.replace("gauss", "Gauss")) is not None for name in known)


def test_damage_is_noticed_and_changes_are_not_damage(tmp_path: Path, data: xr.Dataset) -> None:
    """One flipped bit is refused before HDF5, which may never return from it; what h5py writes into a file is read."""
    path = tmp_path / "x.nc"
    write_atomically(data, path)
    whole = path.read_bytes()
    path.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    with pytest.raises(ConfigError, match="it is damaged: its checksum is wrong"):
        read(path)
    assert attributes(path) == {}
    path.write_bytes(whole)
    with h5py.File(path, "r+") as file:
        file["mean_free_path"][0] = 7.0
    assert read(path).mean_free_path.values[0] == 7.0
