"""Saves: what cannot be written ends a run in words, costs nothing that is there, and is tried for each file."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import pytest

import crmc.runs.saves
from crmc.outputs import OutputError, OutputInUse, claimed
from crmc.runs.checkpoint import checkpoint_path
from crmc.runs.saves import Files, Saves, claimed_by_job, save_end

RUNNER: Any = types.SimpleNamespace(
    checkpoint=lambda: "state", setup=types.SimpleNamespace(config="config", solver="mesh"), stepper=None
)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """Files of a run at step 12, whose rows are made without one."""
    monkeypatch.setattr(RUNNER, "stepper", types.SimpleNamespace(step=12))
    monkeypatch.setattr(crmc.runs.saves, "rows_so_far", lambda *_: "rows")
    monkeypatch.setattr(crmc.runs.saves.dataset, "provenance", lambda _: {})
    return Files(tmp_path / "run.nc", tmp_path / "run.json")


def writer(written: list[str], name: str, full: bool = False) -> Any:
    def write(*arguments: Any) -> None:
        if full:
            raise OutputError(name, OSError(28, "No space left on device"))
        written.append(name)

    return write


@pytest.mark.parametrize("kept", [True, False], ids=["with a checkpoint", "without"])
def test_a_save_that_fails(files: Files, monkeypatch: pytest.MonkeyPatch, kept: bool) -> None:
    """One line: the file, the reason, the step, and to resume where there is something to resume from."""
    assert files.output is not None
    if kept:
        checkpoint_path(files.output).touch()
    monkeypatch.setattr(crmc.runs.saves, "save", writer([], "run.nc.checkpoint.npz", full=True))
    lost = Saves(files, 0.0).save(RUNNER)
    advice = "--resume continues from the last checkpoint" if kept else "run again"
    reason = "run.nc.checkpoint.npz: cannot be written (No space left on device)"
    assert lost == f"{reason} at step 12; make room, then {advice}"


def test_every_file_is_tried_at_the_end(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint that does not fit leaves result and summary written."""
    written: list[str] = []
    monkeypatch.setattr(crmc.runs.saves, "save", writer(written, "checkpoint", full=True))
    monkeypatch.setattr(crmc.runs.saves.dataset, "write_atomically", writer(written, "result"))
    assert "checkpoint: cannot be written" in save_end(RUNNER, files, "data", "{}")  # type: ignore[arg-type]
    assert written == ["result"] and files.summary is not None and files.summary.read_text() == "{}\n"


def test_the_result_so_far_is_written_seldom(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once early on, and then not before its share of the wall time is over; the checkpoint each time."""
    written: list[str] = []
    monkeypatch.setattr(crmc.runs.saves, "_RESULT_SHARE", 1e9)
    monkeypatch.setattr(crmc.runs.saves, "save", writer(written, "checkpoint"))
    monkeypatch.setattr(crmc.runs.saves.dataset, "write_atomically", writer(written, "result"))
    saves = Saves(files, 0.0)
    assert saves.due() and [saves.save(RUNNER) for _ in range(3)] == ["", "", ""]
    assert written == ["checkpoint", "result", "checkpoint", "checkpoint"] and saves.cost > 0.0


def test_nothing_is_written_without_an_output() -> None:
    """A run in memory saves nothing and loses nothing."""
    assert Saves(Files(None, None), 0.0).save(RUNNER) == ""


def test_a_job_claims_its_output(tmp_path: Path) -> None:
    """All processes of a job learn that its first one was refused; here there is one."""
    path, refused = tmp_path / "run.nc", pytest.raises(OutputInUse, match="is being written by another run")
    with claimed(path), refused, claimed_by_job(path):
        pass
    with claimed_by_job(path):
        pass
