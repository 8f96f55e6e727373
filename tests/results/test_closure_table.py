"""The file of a table of closures."""

from __future__ import annotations

import h5py
import numpy as np
from support.table_cases import table

from crmc.closure.table import QUANTITIES
from crmc.results.closure_table import table_dataset
from crmc.results.dataset import write_atomically


def test_file(tmp_path) -> None:
    """As h5py reads it: every quantity to the 24 bits that it is kept with, what is needed to scale it, and errors that
    are not those of a table that is exact."""
    found = table("none", (4.4, 4.7), 0.5)
    path = tmp_path / "closure.h5"
    write_atomically(table_dataset(found, {"config": "x = 1"}), path)
    with h5py.File(path) as file:
        for name in QUANTITIES:
            np.testing.assert_allclose(file[name][()], found.values[name], rtol=1e-7, err_msg=name)
        for name, nodes in found.axes.items():
            assert np.array_equal(file[name][()], nodes)
        assert file["k_max"][()] == 20.0 and file["landau"][()] == 0
        for name in ("scaling", "interpolation", "spectrum", "errors", "errors_measured", "source", "config"):
            assert len(file.attrs[name]) > 3
        rms, largest, near = file.attrs["error_kappa"]
        assert 1e-4 < rms < largest < 0.5 and rms < near < 1.0
