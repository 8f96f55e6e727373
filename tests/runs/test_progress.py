"""Progress: few lines in a log, a bar on a terminal, nothing where nobody looks."""

from __future__ import annotations

import io
import sys

import pytest

import crmc.runs.progress
from crmc.runs.progress import Progress


class Stream(io.StringIO):
    """Stands in for stderr, a terminal or none."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds on the clock, which a test sets."""
    now = [0.0]
    monkeypatch.setattr(crmc.runs.progress.time, "monotonic", lambda: now[0])
    return now


def test_a_log_stays_short(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Oracle: a day of one step per second. Under 160 lines, none longer than ten minutes after another, no \\r."""
    log = Stream(terminal=False)
    monkeypatch.setattr(sys, "stderr", log)
    with Progress(86400, "step", "halo") as progress:
        for clock[0] in range(1, 86401):
            progress.update()
    lines = log.getvalue().splitlines()
    assert lines[:2] == [
        "crmc: halo: 0 of 86400 steps",
        "crmc: halo: 10 of 86400 steps, 0 %, 10 s spent, about 24.0 h left",
    ]
    assert 140 < len(lines) < 160 and "\r" not in log.getvalue()


def test_what_is_left_counts_from_where_it_began(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """A run resumed at 50 of 100 that takes 20 s for 10 steps has 80 s left."""
    log = Stream(terminal=False)
    monkeypatch.setattr(sys, "stderr", log)
    progress = Progress(100, "step", "a\nb", done=50)
    clock[0] = 20.0
    progress.update(10)
    assert log.getvalue().splitlines()[-1] == "crmc: a b: 60 of 100 steps, 60 %, 20 s spent, about 80 s left"


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is drawn over itself, and no line of a log is added."""
    terminal = Stream(terminal=True)
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress(4, "step", "halo") as progress:
        progress.update(4)
    assert "\rhalo: 100%|" in terminal.getvalue() and "crmc:" not in terminal.getvalue()


def test_nothing_is_shown_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """With --quiet, and with stderr closed."""
    for stream, hidden in ((Stream(terminal=True), True), (None, False)):
        monkeypatch.setattr(sys, "stderr", stream)
        with Progress(4, "step", "halo", hidden=hidden) as progress:
            progress.update(4)
        assert stream is None or stream.getvalue() == ""


def test_a_log_that_cannot_be_written(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reader has left, or its disk is full: the work goes on, and no further line is tried."""

    class Broken(Stream):
        tried = 0

        def write(self, _: str) -> int:
            self.tried += 1
            raise BrokenPipeError

    log = Broken(terminal=False)
    monkeypatch.setattr(sys, "stderr", log)
    with Progress(100, "step", "halo") as progress:
        clock[0] = 1000.0
        progress.update(10)
    assert log.tried == 1
