"""Rows of the paper's numbers without a run, and made-up summaries and results of runs of halo."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import xarray as xr

from crmc.config.config import load_config
from crmc.paper.numbers import numbers
from crmc.paper.rows import Number
from crmc.setup.predictions import predict

#: Labels of all numbered equations, in the order of the paper.
LABELS = [str(n) for n in range(1, 61)] + [f"A{n}" for n in range(1, 11)]


@cache
def plain_rows() -> dict[str, Number]:
    """All numbers by key, without a simulation."""
    return {row.key: row for row in numbers()}


def summary(**changes: Any) -> dict[str, Any]:
    """A summary as of a run of halo, with round measured values."""
    averages = {
        "heating_rate": 3e-30,
        "pressure_anisotropy": 5e-4,
        "gap_pressure_anisotropy": 1e-4,
        "identity_ratio": 1.1,
        "scattering_frequency_p1": 7e-9,
        "mean_free_path_p1": 0.9,
    }
    return {
        "name": "halo",
        "status": "done",
        "markers": 64,
        "averages": {name: {"value": x, "stderr": 0.01 * x, "unit": ""} for name, x in averages.items()},
        "theory": predict(load_config("halo")),
        **changes,
    }


def write_result(path: Path, seed: int = 0, **changes: Any) -> Path:
    """Write a result file that holds the attributes of a run alone; ``changes`` go to its summary."""
    attributes = {"summary": json.dumps(summary(**changes)), "seed": seed}
    xr.Dataset(attrs=attributes).to_netcdf(path, engine="h5netcdf")
    return path


def refuse(constant: str) -> None:
    """Refuse what strict JSON has no word for, as `parse_constant` of json.loads."""
    raise AssertionError(f"{constant} is not JSON")
