"""Show the progress of anything that takes long: a bar on a terminal, a line now and then in a log.

Progress goes to stderr.  A log gets a line at the start, one after ten seconds, and later ones at growing intervals of
up to ten minutes, and so stays short however long the run.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from crmc.text import one_line

#: Wall time from one line to the next: the first, the factor by which it grows, and the longest [s].
_FIRST, _GROWTH, _LONGEST = 10.0, 1.5, 600.0


class Progress:
    """Progress of something that consists of ``total`` units.

    unit: a word, such as "step".  name: what is in progress.  done: units done before.  hidden: show nothing.
    begun: whether it has begun, so that a log may say so; else its first line follows the first unit.
    """

    def __init__(
        self, total: int, unit: str, name: str, *, done: int = 0, hidden: bool = False, begun: bool = True
    ) -> None:
        self.total, self.unit, self.name = total, unit, one_line(name, 60)
        self._done = self._begun_at = done
        self._started, self._wait = time.monotonic(), _FIRST
        self._next = self._started + _FIRST
        self._bar, self._lines = None, False
        stream = sys.stderr
        if hidden or stream is None:
            return
        if stream.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=total, initial=done, unit=unit, desc=self.name, file=stream, smoothing=0.1, dynamic_ncols=True
            )
        else:
            self._lines = True
            if begun:
                self._say(self._started)

    def update(self, count: int = 1) -> None:
        """Note that ``count`` more units are done."""
        self._done += count
        if self._bar is not None:
            self._bar.update(count)
        elif self._lines and (now := time.monotonic()) >= self._next:
            self._say(now)

    def _say(self, now: float) -> None:
        """Write a line, and choose the time of the next one."""
        spent, gained = now - self._started, self._done - self._begun_at
        text = f"crmc: {self.name}: {self._done} of {self.total} {self.unit}s"
        if gained:
            left = (self.total - self._done) * spent / gained
            text += f", {100 * self._done // max(self.total, 1)} %, {_clock(spent)} spent, about {_clock(left)} left"
            self._wait = min(self._wait * _GROWTH, _LONGEST)
        self._next = now + self._wait
        encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
        try:
            sys.stderr.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
            sys.stderr.flush()
        except OSError:  # the reader of the log has left, or its disk is full: the work goes on without
            self._lines = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()


def _clock(seconds: float) -> str:
    """Return a time as "12 s", "3 min" or "2.5 h"."""
    if seconds < 120.0:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200.0 else f"{seconds / 3600:.1f} h"
