"""Prepare stdout and stderr for whatever they are: closed, of another encoding, full, or left by their reader."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys

#: What a full device answers.  Outputs raise OutputError, so that alone a stream answers so without a file's name.
_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO)


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


def lost(error: OSError) -> OSError | None:
    """Return why stdout could not be written if ``error`` came from that, else None; stdout then swallows the rest."""
    found = error if error.filename is None and error.errno in _FULL else None
    try:
        sys.stdout.flush()
    except OSError as problem:
        found = problem
    if found is not None:
        abandon()
    return found


def abandon() -> None:
    """Let stdout swallow what it still holds, or the interpreter complains at exit."""
    with contextlib.suppress(OSError, ValueError):
        _point_at_nothing(sys.stdout.fileno())
