"""Hold a run in progress: compile its programs, place its replicas on devices, copy and restore its checkpoint."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from crmc.machine.cache import watch_cache
from crmc.machine.compiling import compile_both
from crmc.machine.devices import collect, divide, place_keys, place_replicas, spread_out
from crmc.physics.noise import run_key
from crmc.physics.phase_space import PhaseSpace
from crmc.physics.state import State
from crmc.results.observed import Observed
from crmc.runs.checkpoint import Checkpoint
from crmc.runs.stepper import Programs, Stepper
from crmc.setup.setup import Setup
from crmc.solvers import replicas
from crmc.solvers.registry import SOLVERS


class Runner:
    """A run in progress.

    setup: with shapes in place of the initial state's arrays, which the first step consumes.
    replicas: their number.  stepper: their states and rows.
    """

    def __init__(self, setup: Setup, states: Sequence[State]):
        self.solver, self.layout, self.replicas = SOLVERS[setup.solver], setup.model.layout, len(states)
        parameters, placed = spread_out(setup.parameters, self.layout), self._placed(states)
        self.setup = dataclasses.replace(
            setup, state=jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), setup.state)
        )
        empty = divide(replicas.empty_tallies(self.solver, setup.parameters, self.replicas), self.layout)
        keys = place_keys([run_key(setup.config.run.seed, r) for r in range(self.replicas)], self.layout)
        programs = self._compile(placed, keys, parameters, empty)
        self.stepper = Stepper(programs, placed, keys, parameters, empty, setup.schedule)

    def _placed(self, states: Sequence[State]) -> State:
        """Copy the states of the replicas onto their devices; a mesh of cells is copied whole onto each."""
        if states[0].markers.rise.ndim == 1:
            return place_replicas(states, self.layout)
        return divide(jax.tree.map(lambda *x: np.stack([np.asarray(y) for y in x]), *states), self.layout)

    def _compile(self, states: State, keys: jax.Array, parameters: Any, empty: Any) -> Programs:
        """Compile the programs ahead of time."""
        started, kept = time.perf_counter(), watch_cache()
        count, flag, tallies = jnp.zeros((), jnp.int64), jnp.asarray(False), (empty,) * 3
        static: dict[str, Any] = {"model": self.setup.model, "side_by_side": jax.default_backend() != "cpu"}
        names = ("solver", *static)
        places = jax.tree.map(lambda x: x.sharding, (states, tallies))
        advance = jax.jit(replicas.advance, static_argnames=names, donate_argnames="states", out_shardings=places)
        observe = jax.jit(replicas.observe, static_argnames=names, out_shardings=self.layout.everywhere)
        programs = compile_both(
            advance.lower(self.solver, states, tallies, keys, parameters, count, **static),
            observe.lower(self.solver, states, empty, count, flag, parameters, **static),
        )
        return Programs(*programs, time.perf_counter() - started, kept())

    def observed(self, last: int = 0) -> Observed:
        """Return what was measured so far, or the first and the ``last`` rows of each kind."""
        exact = self.setup.state.markers.rise.ndim == 2  # a mesh draws no numbers
        output, records, blocks = (series.stacked(last) for series in self.stepper.series)
        return Observed(self.setup, output, records, blocks, self.solver.coarsest, exact)

    def phase_space(self) -> PhaseSpace:
        """Return f(p, mu) of every replica now, on the host."""
        stepper, model = self.stepper, self.setup.model
        program = jax.jit(
            replicas.phase_space,
            static_argnames=("solver", "model", "side_by_side"),
            out_shardings=self.layout.everywhere,
        )
        side_by_side = jax.default_backend() != "cpu"
        found = program(self.solver, stepper.states, stepper.parameters, model=model, side_by_side=side_by_side)
        return jax.tree.map(np.asarray, found)

    def trouble(self) -> str:
        """Describe what is wrong with the newest rows; empty if nothing is."""
        found = self.observed(last=1).trouble()
        return "" if found is None else found.text

    def checkpoint(self) -> Checkpoint:
        """Copy to the host all that is needed to continue."""
        stepper, count = self.stepper, self.setup.state.markers.rise.shape[-1]
        states, tallies = collect(stepper.states, count), [collect(tally, count) for tally in stepper.tallies]
        rows = [(series.tallied, series.steps, series.stacked().values) for series in stepper.series]
        return Checkpoint(states, tallies, stepper.step, rows, self.setup.schedule)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from ``checkpoint``."""
        stepper = self.stepper
        split = [jax.tree.map(lambda x, r=r: x[r], checkpoint.states) for r in range(self.replicas)]
        stepper.states, stepper.step = self._placed(split), checkpoint.step
        stepper.tallies = [divide(tally, self.layout) for tally in checkpoint.tallies]
        for series, (tallied, steps, rows) in zip(stepper.series, checkpoint.series, strict=True):
            series.tallied, series.steps = tallied, list(steps)
            series.rows = {name: list(values) for name, values in rows.items()}
