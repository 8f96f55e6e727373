"""Outcomes: what they print, what a result file gives back, and signals that are collected."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path

import pytest
import xarray as xr

from crmc.config.errors import ConfigError
from crmc.results.dataset import write_atomically
from crmc.runs.outcome import BAD_INPUT, DONE, FAILED, INTERRUPTED, STATUS, Outcome, Stop, catching_signals, open_result

SUMMARY = {"name": "made up", "status": "done", "steps": 12, "averages": {"heating_rate": {"value": 2e-30}}}


def stored(path: Path, **attributes: str) -> xr.Dataset:
    """A result file of two times with these attributes."""
    data = xr.Dataset({"gas_pressure": ("time", [3.0, 4.0])}, {"time": [0.0, 1.0]}, attributes)
    write_atomically(data, path)
    return data


def test_exit_codes() -> None:
    """Oracle: README. 0 done, 2 bad input, 3 failed, 130 interrupted (128 + SIGINT)."""
    assert (DONE, BAD_INPUT, FAILED, INTERRUPTED) == (0, 2, 3, 128 + signal.SIGINT)
    assert {code: Outcome(code, "", "").status for code in STATUS} == {0: "done", 3: "failed", 130: "interrupted"}


def test_an_outcome_prints_as_its_table() -> None:
    """Without a table, as its status and message."""
    assert repr(Outcome(DONE, "", "line\nline")) == str(Outcome(DONE, "", "line\nline")) == "line\nline"
    assert repr(Outcome(INTERRUPTED, "at step 3", "")) == "crmc: interrupted: at step 3"


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [("done", DONE, ""), ("failed", FAILED, "why"), ("interrupted", INTERRUPTED, "why"), ("running", -1, "why")],
)
def test_open_result(tmp_path: Path, status: str, code: int, message: str) -> None:
    """Data, summary and status of the file; a remark on a run that is done is no message."""
    path = tmp_path / "run.nc"
    data = stored(path, status=status, status_text="why", summary=json.dumps(SUMMARY))
    found = open_result(str(path))
    assert found.data is not None and found.data.equals(data)
    assert (found.exit_code, found.status, found.message) == (code, status, message)
    assert found.summary == SUMMARY
    assert "made up" in found.table and "12" in found.table and repr(found) == found.table


def test_open_result_without_summary(tmp_path: Path) -> None:
    """A sweep, or a run that has not ended, prints as its data."""
    stored(tmp_path / "run.nc", status="running")
    found = open_result(tmp_path / "run.nc")
    assert found.status == "running" and found.summary == {}
    assert "gas_pressure" in repr(found) and "time: 2" in repr(found)


@pytest.mark.parametrize("content", [None, b"", b"\x89HDF\r\n\x1a\n and no more", b"time = 3"])
def test_open_result_of_what_is_none(tmp_path: Path, content: bytes | None) -> None:
    """ConfigError of one line that names the file and what to give."""
    path = tmp_path / "run.nc"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        open_result(path)
    assert str(path) in str(caught.value) and "give a result of 'crmc run'" in str(caught.value)
    assert str(caught.value).isprintable()


def test_signals_are_collected() -> None:
    """SIGTERM twice, then SIGINT, which interrupts at once as the second; the handlers are then those of before."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    with pytest.raises(KeyboardInterrupt), catching_signals() as caught:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert caught == [signal.SIGTERM] * 2
        signal.raise_signal(signal.SIGINT)
    assert [signal.getsignal(number) for number in numbers] == before
    with catching_signals() as caught:
        signal.raise_signal(signal.SIGINT)
    assert caught == [signal.SIGINT]
    assert [signal.getsignal(number) for number in numbers] == before


@pytest.mark.parametrize("name", ["SIGHUP", "SIGUSR1"])
def test_signals_of_batch_systems(name: str) -> None:
    """Collected like the others, unless the process ignores them, as nohup makes it."""
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with catching_signals() as caught:
            signal.raise_signal(number)
        assert caught == [number] == [Stop(caught).signal] and signal.getsignal(number) == signal.SIG_DFL
        signal.signal(number, signal.SIG_IGN)
        with catching_signals() as caught:
            signal.raise_signal(number)
        assert caught == [] and Stop(caught).signal == 0 and signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_the_wall_time_leaves_time_to_save(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 100 s of 120 s: with saves of 8 s there is time for a step, with saves of 9 s there is not; 3 s are kept."""
    monkeypatch.setattr("crmc.runs.outcome.time.monotonic", lambda: 100.0)
    assert not Stop([], 120.0).over(8.0) and Stop([], 120.0).over(9.0)
    assert not Stop([]).over(1e9)


def test_signals_in_another_thread_are_left_alone() -> None:
    """Python allows handlers in the main thread only: none is set, and none is touched."""
    before, found = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with catching_signals() as caught:
            found.append((list(caught), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60.0)
    assert found == [([], before)] and signal.getsignal(signal.SIGINT) == before
