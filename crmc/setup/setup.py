"""Hold a run that is ready to start."""

from __future__ import annotations

import dataclasses

import jax

from crmc.config.config import Config
from crmc.physics.parameters import Model, Parameters
from crmc.physics.state import State
from crmc.setup.schedule import Schedule
from crmc.units import CodeUnits


@dataclasses.dataclass(frozen=True)
class Setup:
    """Parameters, static switches and initial state of a run, with its length and its solver.

    units: code units of the run.
    parameters, model, state: arguments of the solver's steps; state is that of t = 0.
    tau_B: expansion time at t = 0, () [code]; None without expansion.
    schedule: steps of the run, and its intervals in steps.
    solver: name of the solver, a key of `registry.SOLVERS`.
    """

    config: Config
    units: CodeUnits
    parameters: Parameters
    model: Model
    state: State
    tau_B: jax.Array | float | None
    schedule: Schedule
    solver: str

    @property
    def steps(self) -> int:
        """Number of steps of the run."""
        return self.schedule.steps

    @property
    def output_every(self) -> int:
        """Number of steps between rows of results."""
        return self.schedule.output_every

    @property
    def time_step(self) -> float:
        """Time step [s]."""
        return float(self.parameters.dt) * self.units.time
