"""`crmc run` and `crmc validate` of a study: files, tables and exit codes, with made-up results of its cases."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from support.cli_cases import Reply, assert_bad_input, call
from support.study_cases import SMALL, made_up, options

import crmc.orbits.study
from crmc.orbits.config import load_study

CASES = len(made_up(load_study("qlt", SMALL).qlt))


def run(monkeypatch: pytest.MonkeyPatch, ends: Callable[[Callable[[], bool]], int], *argv: object) -> Reply:
    """`crmc run qlt` with the first ``ends(stop)`` of the cases made up."""

    def run_study(study: Any, stop: Callable[[], bool], progress: Callable[[], None]) -> dict:
        found = dict(list(made_up(study).items())[: ends(stop)])
        for _ in found:
            progress()
        return found

    monkeypatch.setattr(crmc.orbits.study, "run_study", run_study)
    return call("run", "qlt", *options(SMALL), *argv)


def test_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Result, summary and table; a note where the result overwrites a file."""
    output, summary = tmp_path / "qlt.nc", tmp_path / "qlt.json"
    output.touch()
    reply = run(monkeypatch, lambda _: CASES, "-o", output, "--summary", summary)
    assert reply.code == 0
    assert reply.err.startswith(f"crmc: note: {output} exists and will be overwritten\n")
    assert reply.out.splitlines()[-1].startswith(f"{CASES} of {CASES} cases in ")
    told = json.loads(summary.read_text(encoding="utf-8"))
    assert (told["status"], told["cases"]) == ("done", CASES)
    with xr.open_dataset(output, engine="h5netcdf") as data:
        assert json.loads(data.attrs["summary"]) == told and data.attrs["status"] == "done"


def test_quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No table and no progress."""
    assert run(monkeypatch, lambda _: CASES, "-o", tmp_path / "qlt.nc", "--quiet") == Reply(0, "", "")


def test_interrupted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A signal ends the study after the case at hand: exit 130, and what there is is saved."""

    def ends(stop: Callable[[], bool]) -> int:
        assert not stop()
        signal.raise_signal(signal.SIGTERM)
        assert stop()
        return 1

    output = tmp_path / "qlt.nc"
    reply = run(monkeypatch, ends, "-o", output, "--quiet")
    assert reply == Reply(130, "", f"crmc: error: interrupted; {output} has 1 of {CASES} cases\n")
    with xr.open_dataset(output, engine="h5netcdf") as data:
        assert (data.attrs["status"], int(data.attrs["cases"])) == ("interrupted", 1)


@pytest.mark.parametrize(
    "option",
    [
        ["--resume"],
        ["--devices", "1"],
        ["--distributed"],
        ["--solver", "fokker-planck"],
        ["--coordinator", "a:1"],
        ["--processes", "2"],
        ["--process-id", "0"],
    ],
)
def test_options_of_other_runs(option: list[str]) -> None:
    """Refused in one line rather than ignored."""
    assert_bad_input(call("run", "qlt", *option), option[0], "does not apply")


def test_validate() -> None:
    """The config with every key resolved, on stdout alone."""
    reply = call("validate", "qlt", *options(SMALL))
    assert reply == Reply(0, load_study("qlt", SMALL).to_toml(), "")


def test_the_output_must_be_writable(tmp_path):
    """A missing folder is found before anything is measured."""
    assert_bad_input(call("run", "qlt", "-o", tmp_path / "nowhere" / "x.nc"), "--output", "no folder")


@pytest.mark.parametrize("command", [["theory"], ["sensitivity", "--wrt", "damping.linear"]])
def test_other_commands_refuse_the_study(command):
    """Exit code 2 and one line that names the section and the command that takes it."""
    assert_bad_input(call(command[0], "qlt", *command[1:]), "[qlt]", "crmc run")
