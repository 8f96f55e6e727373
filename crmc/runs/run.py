"""Run a simulation: compiled chunks of steps, with progress, periodic results and checkpoints.

Signals and failures end a run in order: what it has computed is kept, and its outcome says what happened.
"""

from __future__ import annotations

import dataclasses
import signal
import time
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from crmc.config.config import Config
from crmc.config.errors import ConfigError
from crmc.machine.devices import (
    agree,
    choose_layout,
    collect,
    compiler_options,
    is_first,
    one_device,
    place,
    spread_out,
)
from crmc.machine.memory import require_memory
from crmc.physics.layout import Layout
from crmc.physics.noise import run_key
from crmc.physics.state import State
from crmc.results import dataset
from crmc.results.health import coarse, first_trouble
from crmc.results.summary import summarise
from crmc.results.table import table
from crmc.runs.checkpoint import Checkpoint, checkpoint_path, load, save
from crmc.runs.outcome import DONE, FAILED, INTERRUPTED, STATUS, Outcome, catching_signals
from crmc.setup.build import build
from crmc.setup.setup import Setup
from crmc.solvers.monte_carlo.solver import MONTE_CARLO
from crmc.solvers.registry import SOLVERS
from crmc.text import to_json

#: Wall time aimed at per chunk of steps, short enough for progress and signals [s].
_CHUNK_SECONDS = 0.5


class Runner:
    """A run in progress: its compiled functions, its current state, and its rows so far.

    setup: with shapes in place of the initial state's arrays, which the first step consumes.
    tally, tallied: of the current output interval, and its number of steps.
    steps, rows: step number of each row, and name of a variable -> one array per row [code].
    stepping_seconds, steps_taken: wall time of the steps taken by this process, and their number.
    """

    def __init__(self, setup: Setup):
        self.solver, layout = SOLVERS[setup.solver], setup.model.layout
        self.parameters = spread_out(setup.parameters, layout)
        self.state = self._placed(setup.state, layout)
        self.setup = dataclasses.replace(
            setup, state=jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), setup.state)
        )
        self.tally, self.tallied = spread_out(self.solver.init(setup.parameters), layout), 0
        self.steps: list[int] = []
        self.rows: dict[str, list[np.ndarray]] = {}
        self.key = run_key(setup.config.run.seed)
        started = time.perf_counter()
        count = jnp.zeros((), jnp.int64)
        places = jax.tree.map(lambda x: x.sharding, (self.state, self.tally))
        self._advance = (
            jax.jit(self.solver.advance, static_argnames="model", donate_argnums=0, out_shardings=places)
            .lower(self.state, self.tally, self.key, self.parameters, count, model=setup.model)
            .compile(compiler_options())
        )
        self._observe = (
            jax.jit(self.solver.observe, static_argnames="model", out_shardings=layout.everywhere)
            .lower(self.state, self.tally, count, self.parameters, model=setup.model)
            .compile(compiler_options())
        )
        self.compile_seconds = time.perf_counter() - started
        self.stepping_seconds, self.steps_taken = 0.0, 0

    @staticmethod
    def _placed(state: State, layout: Layout) -> State:
        """Copy ``state`` onto its devices; a mesh of cells is copied whole onto each."""
        return place(state, layout) if state.markers.rise.ndim == 1 else spread_out(state, layout)

    @property
    def step(self) -> int:
        """Number of steps that led to the current state."""
        return int(self.state.step)

    def observe_now(self) -> None:
        """Append a row and start a new output interval."""
        row = self._observe(self.state, self.tally, jnp.asarray(self.tallied, jnp.int64), self.parameters)
        for name, value in row.items():
            self.rows.setdefault(name, []).append(np.asarray(value))
        self.steps.append(self.step)
        self.tally, self.tallied = spread_out(self.solver.init(self.parameters), self.setup.model.layout), 0

    def take(self, count: int) -> None:
        """Advance the state by ``count`` steps."""
        started = time.perf_counter()
        steps = jnp.asarray(count, jnp.int64)
        self.state, self.tally = self._advance(self.state, self.tally, self.key, self.parameters, steps)
        jax.block_until_ready(self.state.step)
        self.tallied += count
        self.stepping_seconds += time.perf_counter() - started
        self.steps_taken += count

    def trouble(self) -> str:
        """Describe what is wrong with the newest row; empty if nothing is."""
        newest = {name: rows[-1][None] for name, rows in self.rows.items()}
        found = first_trouble(newest, self.steps[-1:], self.setup.model)
        return "" if found is None else found.text

    def stacked(self) -> dict[str, np.ndarray]:
        """Return the rows as one array per variable, (rows, ...) [code]."""
        return {name: np.stack(values) for name, values in self.rows.items()}

    def checkpoint(self) -> Checkpoint:
        """Copy to the host all that is needed to continue."""
        count = self.setup.state.markers.rise.size
        state, tally = collect(self.state, count), collect(self.tally, count)
        return Checkpoint(state, tally, self.tallied, self.steps, self.stacked())

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from ``checkpoint``."""
        layout = self.setup.model.layout
        self.state, self.tallied = self._placed(checkpoint.state, layout), checkpoint.tallied
        self.tally = spread_out(checkpoint.tally, layout)
        self.steps = list(checkpoint.steps)
        self.rows = {name: list(values) for name, values in checkpoint.rows.items()}


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
    resumed, for ``resume`` without ``output``, and for more markers than fit into memory.
    """
    files = Files(None if output is None else Path(output), None if summary is None else Path(summary))
    with jax.enable_x64(True), catching_signals() as caught:
        if solver != MONTE_CARLO.name:
            layout = one_device()
        else:
            layout = layout or choose_layout(config.run.markers)
            require_memory(config.run.markers, config.run.precision, layout)
        setup = build(config, solver=solver, layout=layout)
        stored = _resumed(files, setup) if resume else None
        runner = Runner(setup)
        del setup
        if stored is not None:
            runner.restore(stored)
        else:
            runner.observe_now()
        code, message = _loop(runner, caught, files, quiet, save_seconds, chunk_steps)
        return _finish(runner, files, code, message)


class Files(NamedTuple):
    """Paths of the files that a run writes; None for a file that it does not write."""

    output: Path | None
    summary: Path | None


def _resumed(files: Files, setup: Setup) -> Checkpoint:
    """Read the checkpoint beside the output; ConfigError if it does not belong to ``setup``."""
    if files.output is None:
        raise ConfigError("--resume: needs the output of the run that it continues; give it")
    return load(
        checkpoint_path(files.output),
        setup.config,
        setup.state,
        SOLVERS[setup.solver].init(setup.parameters),
        setup.solver,
    )


def _loop(
    runner: Runner,
    caught: list[int],
    files: Files,
    quiet: bool,
    save_seconds: float,
    chunk_steps: int | None,
) -> tuple[int, str]:
    """Advance to the end, a failure or a signal in ``caught``, and return exit code and message."""
    setup, saved = runner.setup, time.monotonic()
    chunk = chunk_steps or 1
    if trouble := runner.trouble():  # a failed run stays failed when resumed
        return FAILED, trouble
    with _progress(setup, runner.step, quiet) as bar:
        while runner.step < setup.steps:
            chunk, number, due = agree([chunk, caught[0] if caught else 0, time.monotonic() - saved >= save_seconds])
            if number:
                name = signal.Signals(number).name
                return INTERRUPTED, f"interrupted by {name} at step {runner.step}; --resume continues"
            if due:
                _store(runner, files)
                saved = time.monotonic()
            count = min(chunk, setup.output_every - runner.tallied, setup.steps - runner.step)
            before = runner.stepping_seconds
            runner.take(count)
            bar.update(count)
            if chunk_steps is None:
                speed = count / max(runner.stepping_seconds - before, 1e-9)
                chunk = max(1, int(min(2 * chunk, _CHUNK_SECONDS * speed)))
            if runner.tallied == setup.output_every or runner.step == setup.steps:
                runner.observe_now()
                if trouble := runner.trouble():
                    return FAILED, trouble
    return DONE, ""


def _store(runner: Runner, files: Files) -> None:
    """Write the checkpoint and the result so far, if the run has an output file."""
    if files.output is None:
        return
    checkpoint = runner.checkpoint()
    if not is_first():
        return
    save(checkpoint_path(files.output), runner.setup.config, checkpoint, runner.setup.solver)
    attributes = dataset.provenance(runner.setup) | {"status": "running"}
    dataset.write_atomically(dataset.dataset(runner.setup, runner.steps, runner.stacked(), attributes), files.output)


def _finish(runner: Runner, files: Files, code: int, message: str) -> Outcome:
    """Write the files of the run, and return its outcome."""
    setup, rows = runner.setup, runner.stacked()
    speed = runner.steps_taken * setup.state.markers.rise.size / max(runner.stepping_seconds, 1e-9)
    status = {
        "status": STATUS[code],
        "status_text": message or coarse(rows, runner.solver.coarsest),
        "steps": runner.step,
        "wall_seconds": runner.stepping_seconds,
        "compile_seconds": runner.compile_seconds,
        "marker_steps_per_second": speed,
    }
    data = dataset.dataset(setup, runner.steps, rows, dataset.provenance(setup))
    overview = summarise(setup, data, status)
    text = to_json(overview)
    data.attrs |= {"status": status["status"], "status_text": status["status_text"], "summary": text}
    if files.output is not None:
        checkpoint = runner.checkpoint()
        if is_first():
            save(checkpoint_path(files.output), setup.config, checkpoint, setup.solver)
            dataset.write_atomically(data, files.output)
    if files.summary is not None and is_first():
        files.summary.write_text(text + "\n", encoding="utf-8")
    return Outcome(code, message, table(overview), overview, data)


def _progress(setup: Setup, start: int, quiet: bool) -> tqdm:
    """Return the progress bar of a run that begins at step ``start``."""
    return tqdm(
        total=setup.steps,
        initial=start,
        unit="step",
        desc=setup.config.name or "crmc",
        disable=quiet or not is_first(),
        smoothing=0.1,
        dynamic_ncols=True,
    )
