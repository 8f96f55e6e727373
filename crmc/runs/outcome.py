"""How a run ended: its exit code, its message and its result; and the signals that end it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crmc.results.dataset import Dataset

#: Exit codes of the command line, and of runs.
DONE, BAD_INPUT, FAILED, INTERRUPTED = 0, 2, 3, 130
#: Status of a run in words, by its exit code.
STATUS = {DONE: "done", FAILED: "failed", INTERRUPTED: "interrupted"}


@dataclasses.dataclass(frozen=True, repr=False)
class Outcome:
    """The end of a run or a sweep; printing it shows its table.

    exit_code: DONE, FAILED or INTERRUPTED.
    message: why it did not end well; empty if it did.
    table: the summary as text.
    summary: status, size and speed, averages with errors, and theory beside them; empty for a sweep.
    data: the result (xarray.Dataset); None where nothing was reached.
    """

    exit_code: int
    message: str
    table: str
    summary: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    data: Dataset | None = None

    @property
    def status(self) -> str:
        """ "done", "failed" or "interrupted"."""
        return STATUS.get(self.exit_code, "running")

    def __repr__(self) -> str:
        return self.table or f"crmc: {self.status}: {self.message}"


def open_result(path: str | Path) -> Outcome:
    """Read a result file of ``crmc run`` or ``crmc sweep``.  Raises ConfigError where it is none."""
    from crmc.results.dataset import read
    from crmc.results.table import table

    data = read(Path(path))
    codes = {word: code for code, word in STATUS.items()}
    code = codes.get(str(data.attrs.get("status", "")), -1)
    summary = json.loads(str(data.attrs["summary"])) if "summary" in data.attrs else {}
    text = str(data.attrs.get("status_text", ""))
    return Outcome(code, text if code != DONE else "", table(summary) if summary else str(data), summary, data)


@contextlib.contextmanager
def catching_signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM instead of dying from them; a second SIGINT interrupts at once."""
    caught: list[int] = []

    def note(number: int, _frame: object) -> None:
        if caught and number == signal.SIGINT:
            raise KeyboardInterrupt
        caught.append(number)

    try:
        previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not in the main thread: leave signals alone
        previous = {}
    try:
        yield caught
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
