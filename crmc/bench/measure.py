"""Time the production step and each reference in turn, so that other load on the machine affects both alike."""

from __future__ import annotations

import contextlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from crmc.bench.roofline import estimate
from crmc.bench.worker import PRODUCTION, REFERENCES

#: Wall time aimed at per timing, if the number of steps is not given [s], and the fewest and the most steps.
_SECONDS, _FEWEST_STEPS, _MOST_STEPS = 0.5, 8, 5000
#: Markers of the process whose memory is taken off, and the fewest for which the rest means something.
_TINY, _FEWEST_FOR_MEMORY = 4096, 100_000


class WorkerFailed(RuntimeError):
    """Raised when a worker ends without an answer or cannot start."""


class Worker:
    """A process that runs one alternative; ``about`` is its first answer.

    Raises WorkerFailed if the process ends without an answer, here and in every question.
    """

    def __init__(self, name: str, markers: int) -> None:
        environment = os.environ | {"PYTHONPATH": _python_path()}
        if name != PRODUCTION:
            environment["OPENBLAS_NUM_THREADS"] = "1"
        if name.startswith("c++"):
            environment["OMP_PROC_BIND"] = "spread"
        if name not in (PRODUCTION, "diffrax"):
            environment["JAX_PLATFORMS"] = "cpu"
        self._name = name
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 (see close)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "crmc.bench.worker", name, str(markers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=environment,
        )
        try:
            self.about = self._answer()
        except WorkerFailed:
            self.close()
            raise

    def ask(self, **question: int) -> dict[str, Any]:
        """Send one question and return the answer; `crmc.bench.worker` lists the questions."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the missing answer says why
        return self._answer()

    def run(self, steps: int) -> float:
        """Run a number of steps and return their wall time [s]."""
        return float(self.ask(run=steps)["seconds"])

    def close(self) -> None:
        """End the process and wait for it."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def _answer(self) -> dict[str, Any]:
        """Read the next answer."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self._errors.seek(0)
            said = self._errors.read().split("\n")
            reason = next((text for text in reversed(said) if text.strip()), "no message")
            raise WorkerFailed(f"{self._name} ended with code {code} ({reason}); with code -9 try fewer markers")
        found = json.loads(line)
        if "failed" in found:
            raise WorkerFailed(f"{self._name}: {found['failed']}")
        return found


def _python_path() -> str:
    """Return the search path with which a child process finds the crmc that runs here."""
    return os.pathsep.join([str(Path(__file__).resolve().parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])


@contextlib.contextmanager
def _worker(name: str, markers: int) -> Iterator[Worker]:
    """Start a worker and end it on leaving the context."""
    worker = Worker(name, markers)
    try:
        yield worker
    finally:
        worker.close()


def measure(
    sizes: Sequence[int],
    against: Sequence[str],
    repeat: int,
    steps: int | None,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Time every alternative at every size and return what ``crmc bench --json`` writes.

    The keys are listed in experiments/bench/README.md.  Raises WorkerFailed if the production step fails; a reference
    that fails is reported as not available.

    sizes: numbers of markers
    against: names of references
    repeat: pairs of timings
    steps: steps of a timing; None: enough to last half a second
    progress: called with a line of text before each alternative
    """
    assert set(against) <= set(REFERENCES)
    base: dict[str, dict[str, int | None] | None] = {}
    rows, machine, about = [], None, {}
    for markers in sizes:
        progress(f"{markers} markers: crmc")
        with _worker(PRODUCTION, markers) as production:
            about = production.about
            row = {"markers": markers, PRODUCTION: _alone(production, PRODUCTION, markers, repeat, steps, base)}
            row["against"] = found = {}
            for name in against:
                progress(f"{markers} markers: {name}")
                found[name] = _pairs(production, name, markers, repeat, steps, base)
            machine = machine or production.ask(machine=1)
        rows.append(row)
    return {
        "problem": "halo",
        "device": about["device"],
        "threads": about["threads"],
        "repeat": repeat,
        "steps": steps,
        "sizes": rows,
        "roofline": estimate(machine) if machine else None,
    }


def _alone(
    worker: Worker,
    name: str,
    markers: int,
    repeat: int,
    steps: int | None,
    base: dict[str, dict[str, int | None] | None],
) -> dict[str, Any]:
    """Return speed, memory and compile time of an alternative that runs alone.

    base: memory of processes with few markers by name, filled as needed
    """
    count = steps or _enough(worker)
    seconds = [worker.run(count) / count for _ in range(repeat)]
    return _speed(seconds, markers) | _about(worker) | {"steps": count} | _memory(worker, name, markers, base)


def _pairs(
    production: Worker,
    name: str,
    markers: int,
    repeat: int,
    steps: int | None,
    base: dict[str, dict[str, int | None] | None],
) -> dict[str, Any]:
    """Time a reference and the production step in turn and return the results of the reference."""
    try:
        with _worker(name, markers) as reference:
            if remedy := reference.about.get("unavailable"):
                return {"available": False, "remedy": remedy}
            own, other = steps or _enough(production), steps or _enough(reference)
            pairs = [(production.run(own) / own, reference.run(other) / other) for _ in range(repeat)]
            ratios = [slow / fast for fast, slow in pairs]
            row = {"available": True, "ratio": statistics.median(ratios), "ratios": ratios}
            row |= _speed([pair[1] for pair in pairs], markers) | _about(reference) | {"steps": other}
            return row | _memory(reference, name, markers, base)
    except WorkerFailed as problem:
        return {"available": False, "remedy": str(problem)}


def _enough(worker: Worker) -> int:
    """Return a number of steps that takes long enough to time."""
    once = worker.run(2) / 2.0
    return min(max(math.ceil(_SECONDS / max(once, 1e-9)), _FEWEST_STEPS), _MOST_STEPS)


def _speed(seconds_per_step: Sequence[float], markers: int) -> dict[str, float]:
    """Return the median speed, in marker-steps per second and ns per marker-step."""
    middle = statistics.median(seconds_per_step)
    return {"marker_steps_per_second": markers / middle, "ns_per_marker_step": 1e9 * middle / markers}


def _about(worker: Worker) -> dict[str, Any]:
    """Return threads, compile time [s] and cost of an alternative; None where it does not state them."""
    return {name: worker.about.get(name) for name in ("threads", "compile_seconds", "cost")}


def _memory(
    worker: Worker, name: str, markers: int, base: dict[str, dict[str, int | None] | None]
) -> dict[str, float | None]:
    """Return the bytes per marker: most bytes resident while stepping, less those of a process with few markers."""
    none: dict[str, float | None] = {"resident_bytes_per_marker": None, "device_bytes_per_marker": None}
    if markers < _FEWEST_FOR_MEMORY:
        return none
    if name not in base:
        with _worker(name, _TINY) as tiny:
            base[name] = tiny.ask(memory=2)
    return none | _growth(worker.ask(memory=2), base[name] or {}, markers)


def _growth(large: dict[str, int | None], tiny: dict[str, int | None], markers: int) -> dict[str, float | None]:
    """Return the bytes per marker by which a large process exceeds one with few markers."""
    found: dict[str, float | None] = {}
    for name in ("resident", "device"):
        more, less = large.get(name), tiny.get(name)
        if more is not None and less is not None:
            found[f"{name}_bytes_per_marker"] = (more - less) / (markers - _TINY)
    return found
