"""Run a simulation: compiled chunks of steps, with progress, periodic results and checkpoints.

Signals and failures end a run in order: what it has computed is kept, and its outcome says what happened.
"""

from __future__ import annotations

import signal
from pathlib import Path

import jax

from crmc.config.config import Config
from crmc.config.errors import ConfigError
from crmc.machine.devices import agree, choose_layout, is_first, one_device
from crmc.machine.memory import require_memory
from crmc.physics.layout import Layout
from crmc.results import dataset
from crmc.results.averages import averages, spectra
from crmc.results.notes import notes
from crmc.results.summary import summarise
from crmc.results.table import table
from crmc.runs.checkpoint import Checkpoint, checkpoint_path, load
from crmc.runs.outcome import DONE, FAILED, INTERRUPTED, STATUS, Outcome, catching_signals
from crmc.runs.progress import Progress
from crmc.runs.runner import Runner
from crmc.runs.saves import Files, Saves, claimed_by_job, rows_so_far, save_end
from crmc.setup.build import build_replicas
from crmc.setup.setup import Setup
from crmc.solvers.monte_carlo.solver import MONTE_CARLO
from crmc.solvers.registry import SOLVERS
from crmc.text import to_json

#: Wall time aimed at per chunk of steps, short enough for progress and signals [s].
_CHUNK_SECONDS = 0.5


def run(
    config: Config,
    *,
    output: str | Path | None = None,
    summary: str | Path | None = None,
    resume: bool = False,
    quiet: bool = False,
    solver: str = MONTE_CARLO.name,
    layout: Layout | None = None,
    save_seconds: float = 10.0,
    chunk_steps: int | None = None,
) -> Outcome:
    """Run ``config`` and return the outcome, with the result in memory.

    output: result file (netCDF), with a checkpoint beside it; none is written by default.
    summary: file of the summary (JSON); none is written by default.
    resume: continue from the checkpoint beside ``output``.
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
    files = Files(None if output is None else Path(output), None if summary is None else Path(summary))
    with jax.enable_x64(True), catching_signals() as caught, claimed_by_job(files.output):
        if solver != MONTE_CARLO.name:
            layout = one_device()
        else:
            layout = layout or choose_layout(config.run.markers, config.run.replica_count)
            require_memory(config.run.markers, config.run.precision, layout)
        setup, states = build_replicas(config, solver=solver, layout=layout)
        stored = _resumed(files, setup, len(states)) if resume else None
        runner = Runner(setup, states)
        del setup, states
        if stored is not None:
            runner.restore(stored)
        else:
            runner.stepper.observe_due(everything=True)
        code, message = _loop(runner, caught, files, quiet, save_seconds, chunk_steps)
        return _finish(runner, files, code, message)


def _resumed(files: Files, setup: Setup, replicas: int) -> Checkpoint:
    """Read the checkpoint beside the output; ConfigError if it does not belong to ``setup``."""
    if files.output is None:
        raise ConfigError("--resume: needs the output of the run that it continues; give it")
    one = setup.state, SOLVERS[setup.solver].init(setup.parameters)
    states, tally = jax.tree.map(lambda x: jax.ShapeDtypeStruct((replicas, *x.shape), x.dtype), one)
    return load(checkpoint_path(files.output), setup.config, states, tally, setup.solver)


def _loop(
    runner: Runner,
    caught: list[int],
    files: Files,
    quiet: bool,
    save_seconds: float,
    chunk_steps: int | None,
) -> tuple[int, str]:
    """Advance to the end, a failure or a signal in ``caught``, and return exit code and message."""
    stepper, saves = runner.stepper, Saves(files, save_seconds)
    chunk = chunk_steps or 1
    if trouble := runner.trouble():  # a failed run stays failed when resumed
        return FAILED, trouble
    with _progress(runner.setup, stepper.step, quiet) as bar:
        while stepper.step < stepper.end:
            chunk, number, due = agree([chunk, caught[0] if caught else 0, saves.due()])
            if number:
                name = signal.Signals(number).name
                return INTERRUPTED, f"interrupted by {name} at step {stepper.step}; --resume continues"
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
    remarks = notes(setup, averages(records), means, too_coarse)
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
    overview = summarise(setup, records, status)
    text = to_json(overview)
    data.attrs |= {"status": status["status"], "status_text": status["status_text"], "summary": text}
    if lost := save_end(runner, files, data, text):
        code, message = FAILED, lost
    return Outcome(code, message, table(overview), overview, data, (too_coarse,) if too_coarse else ())


def _progress(setup: Setup, start: int, quiet: bool) -> Progress:
    """Return the progress of a run that begins at step ``start``."""
    return Progress(setup.steps, "step", setup.config.name or "crmc", done=start, hidden=quiet or not is_first())
