"""Hold what a run starts from."""

from __future__ import annotations

import dataclasses

from crmc.config.config import Config
from crmc.physics.initial import Departure
from crmc.physics.parameters import Model, Parameters
from crmc.physics.state import State
from crmc.units import CodeUnits


@dataclasses.dataclass(frozen=True)
class Setup:
    """All a run needs: arrays, switches, initial state, how long to go on, and which solver to use.

    departure: f - F0 of the initial state.
    """

    config: Config
    units: CodeUnits
    parameters: Parameters
    model: Model
    state: State
    departure: Departure
    steps: int
    output_every: int
    solver: str = "monte-carlo"

    @property
    def time_step(self) -> float:
        """dt [s]."""
        return float(self.parameters.dt) * self.units.time
