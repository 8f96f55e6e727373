"""Tables of text that give back the numbers of a result."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import xarray as xr

from crmc.results.export import write_csv


def test_write_csv(tmp_path: Path) -> None:
    """Oracle: the dataset. Every number to its last digit, by its coordinates; NaN is empty; units are in the heads."""
    power = np.random.default_rng(0).random((2, 3))
    data = xr.Dataset(
        {
            "heating_rate": ("time", [1.0 / 3.0, np.nan], {"units": "erg cm-3 s-1"}),
            "identity_residual": ("time", [0.5, 1e-300], {"units": "1"}),
            "wave_power": (("time", "k"), power, {"units": "1"}),
            "time_step": ((), 0.1, {"units": "s"}),
        },
        {"time": ("time", [0.0, 1e9], {"units": "s"}), "k": ("k", [0.01, 0.1, 1.0], {"units": "Omega0/c"})},
    )
    paths = write_csv(data, tmp_path, "run")
    assert [path.name for path in paths] == ["run-time.csv", "run-time-k.csv", "run-numbers.csv"]
    rows, table, numbers = (list(csv.reader(path.open(encoding="utf-8"))) for path in paths)
    assert rows[0] == ["time [s]", "heating_rate [erg cm-3 s-1]", "identity_residual"]
    assert float(rows[1][1]) == 1.0 / 3.0 and rows[2][1] == "" and float(rows[2][2]) == 1e-300
    assert table[0] == ["time [s]", "k [Omega0/c]", "wave_power"] and len(table) == 7
    found = {(float(t), float(k)): float(x) for t, k, x in table[1:]}
    assert all(found[t, k] == power[i, j] for i, t in enumerate((0.0, 1e9)) for j, k in enumerate((0.01, 0.1, 1.0)))
    assert numbers == [["time_step [s]"], ["0.1"]]
