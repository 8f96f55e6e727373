"""Cells from files, and their closures in a file."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from support.closure_cases import WIM

import crmc
from crmc.closure import Flag
from crmc.results.cells import closures, read_cells


def test_csv(tmp_path) -> None:
    """Columns replace the cell's numbers; comments and empty lines are skipped; flags follow the CF conventions."""
    path = tmp_path / "cells.csv"
    path.write_text("# cgs\nmagnetic_field, cr_pressure\n1e-6,1e-13\n\n5e-6,-1\n", encoding="utf-8")
    cells, columns = read_cells(path, WIM)
    assert np.asarray(cells.magnetic_field).tolist() == [1e-6, 5e-6] and cells.ion_density == WIM.ion_density
    found = crmc.closure(cells)
    data = closures(found, columns, {"title": "cells"})
    assert dict(data.sizes) == {"cell": 2, "momentum": 3} and data.kappa.dims == ("cell", "momentum")
    assert data.kappa.attrs["units"] == "cm2 s-1" and data.magnetic_field.attrs["units"] == "G"
    assert data.flags.attrs["flag_masks"].tolist() == [int(flag) for flag in Flag]
    assert int(data.flags[1]) & Flag.BAD_INPUT and not int(data.flags[0]) & Flag.BAD_INPUT
    np.testing.assert_array_equal(data.kappa, found.kappa)


def test_netcdf(tmp_path) -> None:
    """Variables of any dimensions broadcast."""
    path = tmp_path / "cells.nc"
    xr.Dataset({"temperature": ("z", [1e4, 1e5]), "index": ("a", [4.3, 4.5, 4.7])}).to_netcdf(path, engine="h5netcdf")
    cells, columns = read_cells(path, WIM)
    assert np.shape(cells.index) == (2, 3) and np.asarray(cells.temperature)[:, 0].tolist() == [1e4, 1e5]
    assert set(columns.data_vars) == {"temperature", "index"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("magnetic_feld\n1\n", "did you mean 'magnetic_field'?"),
        ("magnetic_field\n1 uG\n", "of cell 1 is no number"),
        ("magnetic_field,index\n1\n", "has 1 numbers for 2 columns"),
        ("index,index\n4,4\n", "names a column twice"),
        ("index\n", "has no cells"),
        ("", "has no cells"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"\x89HDF nothing", "cannot be read"),
    ],
)
def test_bad_files(tmp_path, text, words) -> None:
    """One line, which says what to do."""
    path = tmp_path / "cells.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(crmc.ConfigError) as caught:
        read_cells(path, WIM)
    assert words in str(caught.value) and str(caught.value).isprintable()
