"""Save a run on its way and at its end, and say what could not be saved."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from crmc.machine.devices import agree, is_first
from crmc.outputs import OutputError, OutputInUse, claimed, write_text
from crmc.results import dataset
from crmc.results.replicas import reduced
from crmc.runs.checkpoint import checkpoint_path, save
from crmc.runs.runner import Runner
from crmc.statistics import Estimate

#: The result file takes at most one part in so many of the wall time; a checkpoint is quicker by far.
_RESULT_SHARE = 50


class Files(NamedTuple):
    """Paths of the files that a run writes; None for a file that it does not write."""

    output: Path | None
    summary: Path | None


@contextlib.contextmanager
def claimed_by_job(output: Path | None) -> Iterator[None]:
    """Claim ``output`` for the whole job while the block runs; OutputInUse in all its processes if another has it."""
    with contextlib.ExitStack() as stack:
        problem: OutputError | None = None
        try:
            stack.enter_context(claimed(output if is_first() else None))
        except OutputError as error:
            problem = error
        if agree([problem is not None])[0]:
            raise problem or OutputInUse(str(output), "")
        yield


class Saves:
    """Saves of a run on its way: the checkpoint each time, the result so far the first time and then seldom.

    seconds: wall time between saves.  cost: wall time of the longest save so far [s].
    """

    def __init__(self, files: Files, seconds: float):
        self.files, self.seconds, self.cost = files, seconds, 0.0
        self.last, self.result_from = time.monotonic(), 0.0

    def due(self) -> bool:
        """Return whether it is time to save."""
        return time.monotonic() - self.last >= self.seconds

    def save(self, runner: Runner) -> str:
        """Write the checkpoint and, where it is due, the result so far, if the run has an output file.

        Return what could not be written and what to do, empty if all was; equal in all processes of a job.
        """
        self.last = time.monotonic()
        if self.files.output is None:
            return ""
        lost = _attempted(self.files, [lambda: self._write(runner)], runner)
        self.cost = max(self.cost, time.monotonic() - self.last)
        return lost

    def _write(self, runner: Runner) -> None:
        assert self.files.output is not None
        checkpoint = runner.checkpoint()
        if not is_first():
            return
        save(checkpoint_path(self.files.output), runner.setup.config, checkpoint, runner.setup.solver)
        begun = time.monotonic()
        if begun >= self.result_from:
            attributes = dataset.provenance(runner.setup) | {"status": "running"}
            dataset.write_atomically(rows_so_far(runner, attributes), self.files.output)
            end = time.monotonic()
            self.result_from = end + _RESULT_SHARE * (end - begun)


def rows_so_far(
    runner: Runner, attributes: Mapping[str, Any], spectra: Mapping[str, Estimate] | None = None
) -> dataset.Dataset:
    """Return the result of the rows so far."""
    seen = runner.observed()
    return dataset.dataset(
        seen.setup, seen.output.steps, reduced(seen.measured(), exact=seen.exact), attributes, spectra
    )


def save_end(runner: Runner, files: Files, data: dataset.Dataset, summary: str) -> str:
    """Write checkpoint, result and summary, each whatever becomes of the others; return what `Saves.save` does."""
    output, end = files.output, files.summary
    writes: list[Callable[[], None]] = []
    if output is not None:
        checkpoint, setup = runner.checkpoint(), runner.setup
        writes.append(lambda: save(checkpoint_path(output), setup.config, checkpoint, setup.solver))
        writes.append(lambda: dataset.write_atomically(data, output))
    if end is not None:
        writes.append(lambda: write_text(end, summary + "\n"))
    return _attempted(files, writes if is_first() else [], runner)


def _attempted(files: Files, writes: list[Callable[[], None]], runner: Runner) -> str:
    """Call all ``writes``, and return what could not be written; equal in all processes of a job."""
    lost = []
    for write in writes:
        try:
            write()
        except OutputError as error:
            lost.append(str(error))
    if not agree([bool(lost)])[0]:
        return ""
    kept = files.output is not None and checkpoint_path(files.output).is_file()
    advice = "--resume continues from the last checkpoint" if kept else "run again"
    what = " and ".join(lost) or "the first process could not write"
    return f"{what} at step {runner.stepper.step}; make room, then {advice}"
