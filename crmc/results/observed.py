"""Hold what a run has measured so far, and say what is wrong with it or should be known of it."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from crmc.results.averages import Records
from crmc.results.health import Trouble, coarse, first_trouble, inexact, missing_energy
from crmc.results.replicas import physical
from crmc.setup.setup import Setup


class Rows(NamedTuple):
    """Rows of results of all replicas.

    steps: step number of each row; values: name of a variable -> its values, (rows, replicas, ...) [code].
    """

    steps: list[int]
    values: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Observed:
    """Rows of a run.

    output: those of the result; records: those that averages are made of; blocks: those of the growth rates.
    coarsest: largest nu_max dt to trust, `Solver.coarsest`; exact: whether nothing is random.
    """

    setup: Setup
    output: Rows
    records: Rows
    blocks: Rows
    coarsest: float
    exact: bool

    def measured(self) -> dict[str, np.ndarray]:
        """Return the variables of the result of every replica, (rows, replicas, ...)."""
        return physical(self.setup.units, self.output.values)

    def recorded(self) -> Records:
        """Return what averages are made of."""
        values = [physical(self.setup.units, rows.values) for rows in (self.records, self.blocks)]
        return Records(np.array(self.records.steps), values[0], np.array(self.blocks.steps), values[1], self.exact)

    def trouble(self) -> Trouble | None:
        """Return the earliest failure that any row shows, or None; its place is a number of steps."""
        if not self.exact and self.setup.model.estimator == "delta_f":
            size = self.setup.state.markers.rise.shape[-1]
            if text := missing_energy(self.output.values, size):
                return Trouble(0, text)
        found = [self._trouble(rows) for rows in (self.output, self.records, self.blocks)]
        return min((one for one in found if one is not None), key=lambda one: one.place, default=None)

    def _trouble(self, rows: Rows) -> Trouble | None:
        """Return the earliest failure that ``rows`` show; its place is a number of steps."""
        conserves = self.setup.config.waves.coefficients == "exact"
        one = first_trouble(rows.values, rows.steps, self.setup.model, self.coarsest, conserves=conserves)
        return None if one is None else one._replace(place=rows.steps[one.place])

    def too_coarse(self) -> str:
        """Return advice where steps were too long, else ""."""
        return coarse(self.records.values, self.coarsest)

    def remarks(self) -> list[str]:
        """Return a line on all that makes the rows less than exact."""
        found = [self.too_coarse(), "" if self.exact else inexact(self.records.values)]
        return [line for line in found if line]
