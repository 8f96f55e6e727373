"""Files of a sweep: points come back as they were, and a sweep knows its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from support.run_cases import small

from crmc.config.axes import read_axes
from crmc.config.errors import ConfigError
from crmc.results.sweep import DONE, FAILED, Track
from crmc.runs.sweep_files import SweepFiles
from crmc.statistics import Estimate

AXES = read_axes(["damping.linear=1e-11 1/s:3e-11 1/s:3"], None, {})
ROW = {"wave_power": np.arange(24.0).reshape(2, 2, 2, 3), "heating_rate": np.array([np.nan, 1e-300])}
MEANS = {"heating_rate": {"value": 2e-30, "stderr": None, "unit": "erg cm-3 s-1"}}
SPECTRA = {"wave_power": Estimate(ROW["wave_power"], 0.1 * ROW["wave_power"])}
TRACK = Track(np.array([0.0, 1.0]), np.arange(3.0), ROW, MEANS, SPECTRA, DONE, "", 0.1)


def test_points_come_back(tmp_path: Path) -> None:
    """A point with spectra, a failed one without, and one that was not run."""
    failed = TRACK._replace(averages={}, spectra={}, status=FAILED, text="why, Alfv\u00e9n?")
    files = SweepFiles(tmp_path / "s.nc", small(), AXES, "monte-carlo")
    assert files.load(False) == files.load("auto") == {}
    files.store([TRACK, None, failed], xr.Dataset())
    np.testing.assert_equal(files.load(True), {0: TRACK, 2: failed})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.nc", "s.nc.checkpoint.npz"] and files.cost > 0.0
    SweepFiles(None, small(), AXES, "monte-carlo").store([TRACK], xr.Dataset())


def test_a_sweep_knows_its_own(tmp_path: Path) -> None:
    """Other values, another config and another solver are another sweep; without an output there is nothing to resume."""
    own = SweepFiles(tmp_path / "s.nc", small(), AXES, "monte-carlo")
    own.store([], xr.Dataset())
    others = [
        SweepFiles(own.output, small(run__seed=1), AXES, "monte-carlo"),
        SweepFiles(own.output, small(), read_axes(["damping.linear=1e-11 1/s:3e-11 1/s:4"], None, {}), "monte-carlo"),
        SweepFiles(own.output, small(), AXES, "fokker-planck"),
    ]
    for other in others:
        with pytest.raises(ConfigError, match="belongs to another config"):
            other.load("auto")
    with pytest.raises(ConfigError, match="needs the output"):
        SweepFiles(None, small(), AXES, "monte-carlo").load(True)
