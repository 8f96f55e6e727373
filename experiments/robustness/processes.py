"""Start crmc as a process, with limits, signals and environments, and judge how it ended."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

#: Wall time after which a command hangs [s].
HANG = 300.0


class Ended(NamedTuple):
    """Exit code of a command (negative: a signal), and what it said."""

    code: int
    out: str
    err: str


@dataclasses.dataclass
class Running:
    """A command that is under way."""

    process: subprocess.Popen[str]

    def result(self) -> Ended:
        """Wait for the end."""
        try:
            out, err = self.process.communicate(timeout=HANG)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            return Ended(-signal.SIGALRM, out, f"{err}\nhangs")
        return Ended(self.process.returncode, out or "", err or "")


def crmc(
    *words: Any,
    kill: tuple[int, float] | None = None,
    before: Callable[[], Any] | None = None,
    wait: bool = True,
    **options: Any,
) -> Any:
    """Run ``crmc`` with these words.

    kill: signal to send, and after how many seconds.  before: called in the process before it begins.
    wait: for the end; else the running command is returned.  options: of `subprocess.Popen`.
    """
    command = options.pop("command", [sys.executable, "-m", "crmc"])
    process = subprocess.Popen(
        [*command, *(str(word) for word in words)],
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=options.pop("stderr", subprocess.PIPE),
        text=True,
        errors="replace",
        preexec_fn=before,
        **options,
    )
    running = Running(process)
    if kill is not None:
        number, seconds = kill
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        if process.poll() is None:
            process.send_signal(number)
    return running.result() if wait else running


class Worker:
    """A process that runs one command after another; one that dies is replaced."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def call(self, *words: Any) -> Ended:
        """Run a command."""
        if self.process is None or self.process.poll() is not None:
            program = str(Path(__file__).with_name("worker.py"))
            self.process = subprocess.Popen(
                [sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps([str(word) for word in words]) + "\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], HANG)
        line = self.process.stdout.readline() if ready else ""
        if line:
            return Ended(*json.loads(line))
        if ready:
            return Ended(self.process.wait(), "", "crashed")
        self.process.kill()
        return Ended(-signal.SIGALRM, "", "hangs")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def good_words(found: Ended, codes: tuple[int, ...]) -> str:
    """Return how a command ended in words, "NOT FINE: ..." unless with one of ``codes`` and in good order."""
    lines = [line for line in found.err.splitlines() if not line.startswith(("crmc: warning: ", "crmc: note: "))]
    errors = [line for line in lines if line.startswith("crmc: error: ")]
    wrong = next((word for word in ("Traceback", "internal error", "crashed", "hangs") if word in found.err), "")
    if found.code not in codes or wrong or (found.code in (2, 3) and len(errors) != 1):
        return f"NOT FINE: exit {found.code}: {found.err.strip()[-300:] or found.out[-300:]}"
    return {0: "done", 2: "refused in one line", 3: "ended in order, with the reason", 130: "interrupted"}[found.code]


def shell(line: str, words: tuple[str, ...], **more: str) -> Ended:
    """Run crmc with words by a line of the shell, in which "$@" is the command, with more environment."""
    command = [sys.executable, "-m", "crmc", *words]
    try:
        done = subprocess.run(
            ["sh", "-c", line, "sh", *command], capture_output=True, check=False, env=os.environ | more, timeout=HANG
        )
    except subprocess.TimeoutExpired:
        return Ended(-signal.SIGALRM, "", "hangs")
    return Ended(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def without(name: str, words: tuple[str, ...]) -> Ended:
    """Run crmc without a variable of the environment."""
    return crmc(*words, env={key: value for key, value in os.environ.items() if key != name})


def clocked(words: tuple[str, ...], now: str) -> Ended:
    """Run crmc with a clock that shows the Python expression ``now``, of the true time t."""
    code = (
        "import runpy, sys, time; true = time.time; time.time = lambda: (lambda t: "
        f"{now})(true()); sys.argv[0] = 'crmc'; runpy.run_module('crmc', run_name='__main__')"
    )
    found: Ended = crmc(*words, command=[sys.executable, "-c", code])
    return found
