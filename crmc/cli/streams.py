"""Prepare stdout and stderr for whatever they are: closed, of another encoding, full, or left by their reader."""

from __future__ import annotations

import contextlib
import io
import os
import sys


def prepare() -> None:
    """Make stdout and stderr take any text: what they cannot show is escaped, and closed ones swallow it."""
    for number in (0, 1, 2):
        # A closed descriptor would be given to the next file that is opened, and messages would go into a result.
        try:
            os.fstat(number)
        except OSError:
            with contextlib.suppress(OSError):
                _point_at_nothing(number)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - open until the process ends
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _point_at_nothing(number: int) -> None:
    """Point a descriptor at the null device."""
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)


def flush() -> OSError | None:
    """Write out what stdout still holds, and return the error if that failed; stdout then swallows the rest."""
    try:
        sys.stdout.flush()
    except OSError as error:
        abandon()
        return error
    return None


def abandon() -> None:
    """Let stdout swallow what it still holds, or the interpreter complains at exit."""
    with contextlib.suppress(OSError, ValueError):
        _point_at_nothing(sys.stdout.fileno())
