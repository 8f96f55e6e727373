"""Advance replicas with compiled programs, and observe them at the steps at which rows of results are due."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.results.observed import Rows
from crmc.setup.schedule import Schedule


class Programs(NamedTuple):
    """The compiled programs of a run.

    advance: (states, tallies, keys, parameters, count) -> (states, tallies).
    observe: (states, tally, count, mean, parameters) -> a packed row; see `solvers.replicas`.
    seconds: wall time of compiling.  kept: whether an earlier run had compiled them.
    """

    advance: Callable[..., Any]
    observe: Callable[..., Any]
    seconds: float
    kept: bool


@dataclasses.dataclass
class Series:
    """Rows of results at regular steps.

    every: steps between rows; mean: whether waves are means over these steps instead of those at their end.
    tallied: steps since the last row.
    steps, rows: step number of each row, and name of a variable -> one array per row [code].
    """

    every: int
    mean: bool
    tallied: int = 0
    steps: list[int] = dataclasses.field(default_factory=list)
    rows: dict[str, list[np.ndarray]] = dataclasses.field(default_factory=dict)

    def append(self, step: int, row: dict[str, np.ndarray]) -> None:
        """Append a row, and begin the next."""
        for name, value in row.items():
            self.rows.setdefault(name, []).append(value)
        self.steps.append(step)
        self.tallied = 0

    def stacked(self, last: int = 0) -> Rows:
        """Return the rows, or the first and the ``last`` ones, as one array per variable."""
        kept = range(len(self.steps)) if not last else [0, *range(max(len(self.steps) - last, 1), len(self.steps))]
        values = {name: np.stack([rows[i] for i in kept]) for name, rows in self.rows.items()}
        return Rows([self.steps[i] for i in kept], values)


class Stepper:
    """States in progress and their rows.

    states, tallies, keys, parameters: arguments of the programs; tallies: of the unfinished row of each series.
    step, end: number of steps taken, and of the run.
    output, records, blocks: series of the rows of the result, of those that averages are made of, and of those of the
        growth rates.
    seconds, taken: wall time of the steps taken by this process, and their number.
    """

    def __init__(
        self, programs: Programs, states: Any, keys: jax.Array, parameters: Any, empty: Any, schedule: Schedule
    ):
        self.programs, self.states, self.keys, self.parameters = programs, states, keys, parameters
        self.step, self.end, self._empty = 0, schedule.steps, empty
        self.output = Series(schedule.output_every, mean=False)
        self.records, self.blocks = Series(schedule.record_every, True), Series(schedule.block_every, True)
        self.tallies = [empty] * len(self.series)
        self.seconds, self.taken = 0.0, 0

    @property
    def series(self) -> tuple[Series, Series, Series]:
        """The three series of rows."""
        return self.output, self.records, self.blocks

    def observe_due(self, everything: bool = False) -> bool:
        """Append a row to each series that has one due, and return whether any had.

        everything: whether a row is due to all, at the start and at the end of the run.
        """
        found = False
        for place, series in enumerate(self.series):
            if everything or series.tallied == series.every:
                count, mean = jnp.asarray(series.tallied, jnp.int64), jnp.asarray(series.mean)
                row = self.programs.observe(self.states, self.tallies[place], count, mean, self.parameters)
                series.append(self.step, row.unpacked())
                self.tallies[place], found = self._empty, True
        return found

    def until_due(self) -> int:
        """Return the number of steps to the next row of any series, or to the end of the run."""
        return min(self.end - self.step, *(series.every - series.tallied for series in self.series))

    def take(self, count: int) -> None:
        """Advance the states by ``count`` steps."""
        started = time.perf_counter()
        steps, tallies = jnp.asarray(count, jnp.int64), tuple(self.tallies)
        self.states, found = self.programs.advance(self.states, tallies, self.keys, self.parameters, steps)
        jax.block_until_ready(self.states.step)
        self.tallies, self.step, self.taken = list(found), self.step + count, self.taken + count
        for series in self.series:
            series.tallied += count
        self.seconds += time.perf_counter() - started
