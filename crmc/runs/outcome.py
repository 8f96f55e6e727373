"""How a run ended, and the signals that end it."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from typing import Any, NamedTuple

DONE, FAILED, INTERRUPTED = 0, 3, 130


_STATUS = {DONE: "done", FAILED: "failed", INTERRUPTED: "interrupted"}


class Outcome(NamedTuple):
    """How a run ended."""

    exit_code: int
    message: str
    table: str
    summary: dict[str, Any]


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
