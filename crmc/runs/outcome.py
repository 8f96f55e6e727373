"""The outcome of a run: exit code, message and result; and the signals that end a run."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from crmc.results.dataset import Dataset

#: Exit codes of the command line and of runs.
DONE, BAD_INPUT, FAILED, INTERRUPTED = 0, 2, 3, 130
#: Exit code of a run -> its status.
STATUS = {DONE: "done", FAILED: "failed", INTERRUPTED: "interrupted"}
#: Signals that end a run in order; not all systems have all.
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1") if hasattr(signal, name)]
#: Wall time kept for the end of a run, besides twice that of its longest save [s].
_RESERVE = 3.0


@dataclasses.dataclass(frozen=True, repr=False)
class Outcome:
    """The result of a run or a sweep, and how it ended; it prints as its table.

    exit_code: DONE, FAILED or INTERRUPTED; -1 for a result file of a run that had not ended.
    message: why the run did not end well; empty if it did.
    table: the summary as text.
    summary: status, size and speed of the run, averages with errors, and what theory predicts; empty for a sweep.
    data: the result (xarray.Dataset); None where nothing was computed.
    warnings: what makes a result that is there doubtful, in words.
    """

    exit_code: int
    message: str
    table: str
    summary: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    data: Dataset | None = None
    warnings: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """Status in words: "done", "failed", "interrupted", or "running" for a run that had not ended."""
        return STATUS.get(self.exit_code, "running")

    def __repr__(self) -> str:
        return self.table or f"crmc: {self.status}: {self.message}"


def open_result(path: str | Path) -> Outcome:
    """Read a result file of ``crmc run`` or ``crmc sweep``.

    That of a sweep, and that of a run that had not ended, print as their data instead of a table.
    Raises ConfigError where ``path`` holds no result.
    """
    from crmc.results.dataset import read
    from crmc.results.table import table

    data = read(Path(path))
    codes = {word: code for code, word in STATUS.items()}
    code = codes.get(str(data.attrs.get("status", "")), -1)
    summary = json.loads(str(data.attrs["summary"])) if "summary" in data.attrs else {}
    text = str(data.attrs.get("status_text", ""))
    return Outcome(code, text if code != DONE else "", table(summary) if summary else str(data), summary, data)


class Stop(NamedTuple):
    """Reasons to end a run early.

    caught: numbers of the signals so far.  deadline: time of the monotonic clock at which the run must be over.
    """

    caught: list[int]
    deadline: float | None = None

    @property
    def signal(self) -> int:
        """Number of the first signal, or 0."""
        return self.caught[0] if self.caught else 0

    def over(self, save: float = 0.0) -> bool:
        """Return whether the wall time just suffices to end in order; save: wall time of a save [s]."""
        return self.deadline is not None and time.monotonic() + _RESERVE + 2.0 * save >= self.deadline


@contextlib.contextmanager
def catching_signals() -> Iterator[list[int]]:
    """Collect the numbers of signals in the list that is yielded, so that a run can end in order.

    These are SIGINT, SIGTERM, and SIGHUP and SIGUSR1, which terminals and batch systems send before the end; one that
    the process ignores, as under nohup, stays ignored.  A SIGINT after another signal raises KeyboardInterrupt.
    Outside of the main thread signals keep their handlers.
    """
    caught: list[int] = []

    def note(number: int, _frame: object) -> None:
        if caught and number == signal.SIGINT:
            raise KeyboardInterrupt
        caught.append(number)

    try:
        heeded = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        previous = {number: signal.signal(number, note) for number in heeded}
    except ValueError:  # not in the main thread
        previous = {}
    try:
        yield caught
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
