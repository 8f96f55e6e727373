"""List the solvers by name."""

from __future__ import annotations

from crmc.solvers.fokker_planck.solver import FOKKER_PLANCK
from crmc.solvers.monte_carlo.solver import MONTE_CARLO
from crmc.solvers.simulate import Solver

#: Name on the command line and in result files -> solver.
SOLVERS: dict[str, Solver] = {solver.name: solver for solver in (MONTE_CARLO, FOKKER_PLANCK)}
