"""``crmc run --accuracy``: what it excludes, what it overwrites, what it prints."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import xarray as xr
from support.cli_cases import call
from support.run_cases import small

import crmc.runs.accuracy
from crmc.cli import accuracy
from crmc.config.config import parse_config
from crmc.runs.outcome import BAD_INPUT, DONE


@pytest.mark.parametrize(
    "options",
    [
        ["--resume"],
        ["--extend", "1e9 s"],
        ["--solver", "fokker-planck"],
        ["--distributed"],
        ["--set run.markers", "--set", "run.markers=4096"],
        ["--set run.replicas", "--set", "run.replicas=4"],
    ],
)
def test_accuracy_excludes_what_has_no_plan(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line that names both, exit code 2."""
    monkeypatch.chdir(tmp_path)
    words = options[1:] if " " in options[0] else options
    code, _, problem = call("run", "halo", "--accuracy", "1%", *words)
    assert code == BAD_INPUT and "--accuracy: cannot be combined with " + options[0] in problem
    assert problem.count("\n") == 1


@pytest.mark.full
def test_plans_are_printed_and_the_result_can_be_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a result of the same config, whose markers were planned: it is no obstacle."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(crmc.runs.accuracy, "FEWEST_EACH", 64)  # for speed
    Path("small.toml").write_text(small().to_toml())
    command = ("run", "small.toml", "--accuracy", "mean_free_path_p3=90%", "--quiet")
    earlier = small().with_overrides({"run.markers": 4096, "run.replicas": 8})
    found = {"config": earlier.to_toml(), "solver": "monte-carlo", "status": "done"}
    xr.Dataset(attrs=found).to_netcdf("small.nc", engine="h5netcdf")
    code, _, notes = call(*command)
    assert code == DONE and "a first run with 8 replicas of 64 markers" in notes
    assert "small.nc exists and will be overwritten" in notes
    data = xr.load_dataset("small.nc")
    assert "with run.markers = 512, run.replicas = 8" in notes
    run = tomllib.loads(data.attrs["config"])["run"]
    assert (run["markers"], run["replicas"]) == (512, 8)


def test_the_config_of_an_earlier_result_has_its_markers(tmp_path: Path) -> None:
    """Without a file, or with one that is no result, it is the config itself."""
    config = small()
    assert accuracy.as_written(config, tmp_path / "none.nc") == config
    (tmp_path / "bad.nc").write_bytes(b"no result")
    assert accuracy.as_written(config, tmp_path / "bad.nc") == config
    written = config.with_overrides({"run.markers": 4096, "run.replicas": 8})
    xr.Dataset(attrs={"config": written.to_toml()}).to_netcdf(tmp_path / "good.nc", engine="h5netcdf")
    assert accuracy.as_written(config, tmp_path / "good.nc") == parse_config(written.to_dict())
