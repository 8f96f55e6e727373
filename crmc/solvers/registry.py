"""The solvers by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from crmc.physics.parameters import Parameters
from crmc.physics.state import State
from crmc.setup import mesh
from crmc.setup.setup import Setup
from crmc.solvers.fokker_planck import solver
from crmc.solvers.fokker_planck import step as fokker_planck
from crmc.solvers.fokker_planck.solver import NAME
from crmc.solvers.monte_carlo.solver import keyed_step, observe
from crmc.solvers.simulate import advance
from crmc.solvers.tally import Record, empty_record


class Solver(NamedTuple):
    """What the drivers drive: how to prepare a setup, start a record, step, advance a state and read a row from it.

    ``keyed_step``, ``advance`` and ``observe`` have the signatures of those of ``simulate`` and ``observe``.
    coarsest: nu_max dt above which a step is too coarse to trust.
    """

    prepare: Callable[[Setup], Setup]
    record: Callable[[Parameters], Record]
    keyed_step: Callable[..., tuple[State, Record]]
    advance: Callable[..., Any]
    observe: Callable[..., Any]
    coarsest: float


SOLVERS = {
    "monte-carlo": Solver(lambda setup: setup, lambda _: empty_record(), keyed_step, advance, observe, coarsest=2.0),
    NAME: Solver(
        mesh.prepare,
        fokker_planck.mesh_record,
        solver.keyed_step,
        solver.advance,
        solver.observe,
        coarsest=math.inf,
    ),
}
