"""The host loop: jitted chunks, progress, results and checkpoints as they come, signals, failures."""

from __future__ import annotations

import dataclasses
import signal
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from crmc.config.config import Config
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
from crmc.results import table as report
from crmc.results.summary import summarise
from crmc.runs.checkpoint import Checkpoint, checkpoint_path, load, save
from crmc.runs.outcome import _STATUS, DONE, FAILED, INTERRUPTED, Outcome, catching_signals
from crmc.setup.build import build
from crmc.setup.setup import Setup
from crmc.solvers.monte_carlo.solver import MONTE_CARLO
from crmc.solvers.registry import SOLVERS
from crmc.text import to_json

#: Wall time aimed at per chunk, so that progress and signals stay responsive [s].
_CHUNK_SECONDS = 0.5


class Runner:
    """One run in progress: compiled functions, current state, rows so far."""

    def __init__(self, setup: Setup):
        self.solver, layout = SOLVERS[setup.solver], setup.model.layout
        self.parameters = spread_out(setup.parameters, layout)
        self.state = self._placed(setup.state, layout)
        # What is left of the initial state is its shape: the arrays are consumed step by step.
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
        """The state on its devices, in arrays of its own; a mesh of cells lives whole on each."""
        return place(state, layout) if state.markers.rise.ndim == 1 else spread_out(state, layout)

    @property
    def step(self) -> int:
        return int(self.state.step)

    def observe_now(self) -> None:
        """Append a row and start a new interval."""
        row = self._observe(self.state, self.tally, jnp.asarray(self.tallied, jnp.int64), self.parameters)
        for name, value in row.items():
            self.rows.setdefault(name, []).append(np.asarray(value))
        self.steps.append(self.step)
        self.tally, self.tallied = spread_out(self.solver.init(self.parameters), self.setup.model.layout), 0

    def take(self, count: int) -> None:
        """Advance ``count`` steps."""
        started = time.perf_counter()
        steps = jnp.asarray(count, jnp.int64)
        self.state, self.tally = self._advance(self.state, self.tally, self.key, self.parameters, steps)
        jax.block_until_ready(self.state.step)
        self.tallied += count
        self.stepping_seconds += time.perf_counter() - started
        self.steps_taken += count

    def trouble(self) -> str:
        """What is wrong with the newest row, in words; empty if nothing is."""
        values = {name: rows[-1] for name, rows in self.rows.items()}
        for name in ("magnetic_field", "gas_pressure", "perpendicular_pressure", "wave_power", "ledger"):
            followed = name != "wave_power" or self.setup.model.scattering == "spectrum"
            if followed and not np.all(np.isfinite(values[name])):
                return f"{name} is not finite at step {self.step}; shorten run.time_step or check the input"
        if values["gas_pressure"] <= 0.0:
            return f"the gas pressure fell to zero by step {self.step}; lower plasma.cooling or run.duration"
        return ""

    def stacked(self) -> dict[str, np.ndarray]:
        return {name: np.stack(values) for name, values in self.rows.items()}

    def checkpoint(self) -> Checkpoint:
        count = self.setup.state.markers.rise.size
        state, tally = collect(self.state, count), collect(self.tally, count)
        return Checkpoint(state, tally, self.tallied, self.steps, self.stacked())

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint."""
        layout = self.setup.model.layout
        self.state, self.tallied = self._placed(checkpoint.state, layout), checkpoint.tallied
        self.tally = spread_out(checkpoint.tally, layout)
        self.steps = list(checkpoint.steps)
        self.rows = {name: list(values) for name, values in checkpoint.rows.items()}


def run(
    config: Config,
    *,
    output: Path,
    summary: Path | None = None,
    resume: bool = False,
    quiet: bool = False,
    solver: str = MONTE_CARLO.name,
    layout: Layout | None = None,
    save_seconds: float = 10.0,
    chunk_steps: int | None = None,
) -> Outcome:
    """Run ``config`` with one of ``SOLVERS``; write ``output`` (netCDF), its checkpoint, and ``summary`` (JSON).

    layout: how markers are spread over devices (default: over all); save_seconds: wall time between checkpoints;
    chunk_steps: steps per chunk (default: by speed).  None of them changes the physics.  In a job of several
    processes all call this, and the first writes.  Raises ConfigError for a checkpoint that cannot be resumed and for
    more markers than fit into memory.
    """
    with jax.enable_x64(True), catching_signals() as caught:
        if solver != MONTE_CARLO.name:
            layout = one_device()
        else:
            layout = layout or choose_layout(config.run.markers)
            require_memory(config.run.markers, config.run.precision, layout)
        setup = build(config, solver=solver, layout=layout)
        path = checkpoint_path(output)
        stored = _resumed(path, setup) if resume else None
        runner = Runner(setup)
        del setup
        if stored is not None:
            runner.restore(stored)
        else:
            runner.observe_now()
        code, message = _loop(runner, caught, path, output, quiet, save_seconds, chunk_steps)
        return _finish(runner, output, summary, path, code, message)


def _resumed(path: Path, setup: Setup) -> Checkpoint:
    return load(path, setup.config, setup.state, SOLVERS[setup.solver].init(setup.parameters), setup.solver)


def _loop(
    runner: Runner,
    caught: list[int],
    path: Path,
    output: Path,
    quiet: bool,
    save_seconds: float,
    chunk_steps: int | None,
) -> tuple[int, str]:
    """Advance to the end, an error or a signal in ``caught``; returns exit code and message."""
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
                _store(runner, path, output)
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


def _store(runner: Runner, path: Path, output: Path) -> None:
    """Checkpoint and the result so far."""
    checkpoint = runner.checkpoint()
    if not is_first():
        return
    save(path, runner.setup.config, checkpoint, runner.setup.solver)
    attributes = dataset.provenance(runner.setup) | {"status": "running"}
    dataset.write_atomically(dataset.dataset(runner.setup, runner.steps, runner.stacked(), attributes), output)


def _finish(runner: Runner, output: Path, summary: Path | None, path: Path, code: int, message: str) -> Outcome:
    setup = runner.setup
    speed = runner.steps_taken * setup.state.markers.rise.size / max(runner.stepping_seconds, 1e-9)
    status = {
        "status": _STATUS[code],
        "status_text": message or _advice(runner),
        "steps": runner.step,
        "wall_seconds": runner.stepping_seconds,
        "compile_seconds": runner.compile_seconds,
        "marker_steps_per_second": speed,
    }
    data = dataset.dataset(setup, runner.steps, runner.stacked(), dataset.provenance(setup))
    overview = summarise(setup, data, status)
    text = to_json(overview)
    data.attrs |= {"status": status["status"], "status_text": status["status_text"], "summary": text}
    checkpoint = runner.checkpoint()
    if is_first():
        save(path, setup.config, checkpoint, setup.solver)
        dataset.write_atomically(data, output)
        if summary is not None:
            summary.write_text(text + "\n", encoding="utf-8")
    return Outcome(code, message, report.table(overview), overview)


def _advice(runner: Runner) -> str:
    """A word about a run that ended well but was coarse."""
    peak = max((float(x) for x in runner.rows["max_scattering_per_step"]), default=0.0)
    if peak > runner.solver.coarsest:
        return f"nu_max dt reached {peak:.2g}; lower run.scattering_per_step or set run.time_step"
    return ""


def _progress(setup: Setup, start: int, quiet: bool) -> tqdm:
    return tqdm(
        total=setup.steps,
        initial=start,
        unit="step",
        desc=setup.config.name or "crmc",
        disable=quiet or not is_first(),
        smoothing=0.1,
        dynamic_ncols=True,
    )
