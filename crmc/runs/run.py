"""Run a simulation: compiled chunks of steps, with progress, periodic results and checkpoints.

Signals and failures end a run in order: what it has computed is kept, and its outcome says what happened.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Literal

import jax

from crmc.config.config import Config
from crmc.machine.devices import agree, choose_layout, is_first, one_device
from crmc.machine.memory import require_memory
from crmc.physics.layout import Layout
from crmc.results import dataset
from crmc.results.averages import averages, spectra
from crmc.results.distribution import with_distribution
from crmc.results.notes import notes
from crmc.results.summary import summarise
from crmc.results.table import table
from crmc.runs.checkpoint import checkpoint_path
from crmc.runs.outcome import DONE, FAILED, INTERRUPTED, STATUS, Outcome, Stop, catching_signals
from crmc.runs.progress import Progress
from crmc.runs.resume import begun, rescheduled, resumed, wants_checkpoint
from crmc.runs.runner import Runner
from crmc.runs.saves import Files, Saves, claimed_by_job, rows_so_far, save_end
from crmc.setup.build import build_replicas
from crmc.setup.setup import Setup
from crmc.solvers.monte_carlo.solver import MONTE_CARLO
from crmc.text import to_json

#: Wall time aimed at per chunk of steps, short enough for progress and signals [s].
_CHUNK_SECONDS = 0.5


def run(
    config: Config,
    *,
    output: str | Path | None = None,
    summary: str | Path | None = None,
    resume: bool | Literal["auto"] = False,
    extend: float | None = None,
    wall_time: float | None = None,
    quiet: bool = False,
    solver: str = MONTE_CARLO.name,
    layout: Layout | None = None,
    save_seconds: float = 10.0,
    chunk_steps: int | None = None,
) -> Outcome:
    """Run ``config`` and return the outcome, with the result in memory.

    output: result file (netCDF), with a checkpoint beside it; none is written by default.
    summary: file of the summary (JSON); none is written by default.
    resume: continue from the checkpoint beside ``output``, to run.duration if that is later than the end of the
        checkpoint's run; "auto": if there is one, and begin otherwise.
    extend: continue for this time beyond the end of the checkpoint's run [s].
    wall_time: stop in order before this wall time is over [s].
    quiet: show no progress.
    solver: a name in `registry.SOLVERS`.
    layout: how the markers are spread over devices (default: over all).
    save_seconds: wall time between checkpoints [s].
    chunk_steps: steps per call of the compiled program (default: chosen by speed).

    Neither ``layout``, ``save_seconds`` nor ``chunk_steps`` changes the physics.  In a job of several processes every
    process calls this, and the first one writes the files.  Raises ConfigError for a checkpoint that cannot be
    resumed, for ``resume`` without ``output``, and for more markers than fit into memory, and OutputInUse where another
    run writes ``output``.  A file that cannot be written, on a full disk say, ends the run as failed.
    """
    started = time.monotonic()
    files = Files(None if output is None else Path(output), None if summary is None else Path(summary))
    with jax.enable_x64(True), catching_signals() as caught, claimed_by_job(files.output):
        runner = _ready(config, files, resume, extend, solver, layout)
        stop = Stop(caught, None if wall_time is None else started + wall_time)
        code, message = _loop(runner, stop, files, quiet, save_seconds, chunk_steps)
        return _finish(runner, files, code, message)


def _ready(
    config: Config,
    files: Files,
    resume: bool | str,
    extend: float | None,
    solver: str,
    layout: Layout | None,
) -> Runner:
    """Return the run of ``config`` at its start, or where its checkpoint left it."""
    continues = wants_checkpoint(resume, extend, files.output)
    found = begun(checkpoint_path(files.output), config, extend) if continues and files.output else None
    begin = config if found is None else found.config
    if solver != MONTE_CARLO.name:
        layout = one_device()
    else:
        layout = layout or choose_layout(config.run.markers, config.run.replica_count)
        require_memory(config.run.markers, config.run.precision, layout)
    setup, states = build_replicas(begin, solver=solver, layout=layout)
    if found is not None:
        setup = rescheduled(setup, found.schedule)
    stored = None
    if continues and files.output is not None:
        stored = resumed(files.output, setup, states, config if found is None else found.stored)
    runner = Runner(setup, states)
    del setup, states
    if stored is not None:
        runner.restore(stored)
    else:
        runner.stepper.observe_due(everything=True)
    return runner


def _loop(
    runner: Runner,
    stop: Stop,
    files: Files,
    quiet: bool,
    save_seconds: float,
    chunk_steps: int | None,
) -> tuple[int, str]:
    """Advance to the end, a failure, a signal or the end of the wall time, and return exit code and message."""
    stepper, saves = runner.stepper, Saves(files, save_seconds)
    chunk = chunk_steps or 1
    if trouble := runner.trouble():  # a failed run stays failed when resumed
        return FAILED, trouble
    with _progress(runner.setup, stepper.step, quiet) as bar:
        while stepper.step < stepper.end:
            chunk, number, over, due = agree([chunk, stop.signal, stop.over(saves.cost), saves.due()])
            if number or over:
                what = f"interrupted by {signal.Signals(number).name}" if number else "stopped, the wall time is over,"
                return INTERRUPTED, f"{what} at step {stepper.step}; --resume continues"
            if due and (lost := saves.save(runner)):
                return FAILED, lost
            count, before = min(chunk, stepper.until_due()), stepper.seconds
            stepper.take(count)
            bar.update(count)
            if chunk_steps is None:
                speed = count / max(stepper.seconds - before, 1e-9)
                chunk = max(1, int(min(2 * chunk, _CHUNK_SECONDS * speed)))
            if stepper.observe_due(everything=stepper.step == stepper.end) and (trouble := runner.trouble()):
                return FAILED, trouble
    return DONE, ""


def _finish(runner: Runner, files: Files, code: int, message: str) -> Outcome:
    """Write the files of the run, and return its outcome."""
    setup, stepper, seen = runner.setup, runner.stepper, runner.observed()
    records, too_coarse = seen.recorded(), seen.too_coarse()
    means = spectra(records)
    remarks = notes(setup, averages(records), means, seen.remarks())
    size = runner.replicas * setup.state.markers.rise.size
    status = {
        "status": STATUS[code],
        "status_text": message or "; ".join(remarks),
        "notes": remarks,
        "steps": stepper.step,
        "wall_seconds": stepper.seconds,
        "compile_seconds": stepper.programs.seconds,
        "compiled_before": stepper.programs.kept,
        "marker_steps_per_second": stepper.taken * size / max(stepper.seconds, 1e-9),
    }
    data = rows_so_far(runner, dataset.provenance(setup), means)
    if setup.config.run.distribution:
        data = with_distribution(data, runner.phase_space(), setup.units, exact=seen.exact)
    overview = summarise(setup, records, status)
    text = to_json(overview)
    data.attrs |= {"status": status["status"], "status_text": status["status_text"], "summary": text}
    if lost := save_end(runner, files, data, text):
        code, message = FAILED, lost
    return Outcome(code, message, table(overview), overview, data, (too_coarse,) if too_coarse else ())


def _progress(setup: Setup, start: int, quiet: bool) -> Progress:
    """Return the progress of a run that begins at step ``start``."""
    return Progress(setup.steps, "step", setup.config.name or "crmc", done=start, hidden=quiet or not is_first())
