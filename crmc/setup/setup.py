"""Hold all that a run starts from."""

from __future__ import annotations

import dataclasses

import jax

from crmc.config.config import Config
from crmc.physics.parameters import Model, Parameters
from crmc.physics.state import State
from crmc.units import CodeUnits


@dataclasses.dataclass(frozen=True)
class Setup:
    """Arrays, switches and initial state of a run, how long it goes on, and the solver that takes it there.

    tau_B: expansion time at t = 0 [code], None without expansion.
    steps: steps of the run.
    output_every: steps between rows of results.
    solver: a name of `registry.SOLVERS`.
    """

    config: Config
    units: CodeUnits
    parameters: Parameters
    model: Model
    state: State
    tau_B: jax.Array | float | None
    steps: int
    output_every: int
    solver: str

    @property
    def time_step(self) -> float:
        """dt [s]."""
        return float(self.parameters.dt) * self.units.time
