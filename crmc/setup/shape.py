"""Decide from the plain numbers of a config which program its run is.

Decisions that depend on the sign of a number, or on whether it is given at all, are made here, beforehand: elsewhere
the numbers of a config may be traced arrays of JAX.
"""

from __future__ import annotations

from typing import NamedTuple

from crmc.config.config import Config
from crmc.physics.parameters import Model

#: Fewest markers of an ensemble, and the rows and places in which their weights are then coarse-grained.
_COARSE_CELLS = (32768, (32, 16)), (8192, (16, 16)), (2048, (16, 8)), (1024, (8, 8)), (0, (4, 4))
#: Fewest markers of an ensemble, and the rows of the growth functional's histogram that are then left.
_FUNCTIONAL_ROWS = (4096, 48), (2048, 24), (1024, 16), (0, 8)


class Shape(NamedTuple):
    """Static decisions that follow from the numbers of a config.

    model: switches of the run, before `schedule.scheduled` sets its intervals.
    expands: whether tau_B is known at t = 0, or tau_eff of a flow.
    predicts: whether the balance of growth and damping is known at t = 0.
    """

    model: Model
    expands: bool
    predicts: bool


def coarse_cells(markers: int, crossing: bool) -> tuple[int, int]:
    """Return the numbers of rows and places of the cells in which weights are coarse-grained.

    Cells of fewer than 6 markers do not smooth their weights, whose spread then grows with time; wider ones than
    the noise asks for add to the bias.  Where particles cross 90 degrees, wide cells slow their drift, by 1 % in the
    experiment drift, and the finest are taken whatever the number of markers (experiment errors).
    markers: number of markers of an ensemble.
    crossing: `Model.crossing`.
    """
    return next(cells for fewest, cells in _COARSE_CELLS if markers >= fewest or crossing)


def functional_rows(markers: int, steady: bool) -> int:
    """Return the number of rows in ln p' of the growth functional's histogram, `Model.functional_rows`.

    The values of empty cells are those between their neighbours, which flattens f: with 48 rows whatever the number of
    markers growth in the halo is 1 % too weak with 2048 of them and 9 % with 512.  Where waves grow from weak levels,
    16 or 24 rows instead of 48 raise the heating by growth rates by 4 to 6 % with 2048 of them, most likely by blurring
    an edge of f at the p_par up to which waves have grown (experiment errors).
    markers: number of markers of an ensemble.
    steady: whether waves start in the steady state.
    """
    return next(rows for fewest, rows in _FUNCTIONAL_ROWS if markers >= fewest or not steady)


def shape_of(config: Config) -> Shape:
    """Return the static decisions of ``config``, whose numbers must be plain ones."""
    constant, crossing = config.scattering.model == "constant", config.scattering.gap != "empty"
    injects = config.injection.pressure_rate > 0.0
    model = Model(
        expansion=config.expansion.mode,
        scattering=config.scattering.frame if constant else "spectrum",
        estimator=config.run.estimator,
        nonlinear_landau=config.damping.nonlinear_landau,
        evolve_waves=config.waves.evolve,
        adiabatic_waves=config.waves.adiabatic,
        balance_energy=config.run.balance_energy,
        inject=injects,
        gradient=config.drift.gradient_length is not None,
        crossing=crossing,
        broadens=config.scattering.gap == "resonance",
        coarse_cells=coarse_cells(config.run.markers_each, crossing),
        functional_rows=functional_rows(config.run.markers_each, config.waves.start == "equilibrium"),
    )
    mode = config.expansion.mode
    expands = config.expansion.drives or (mode in ("injection", "pressure_balance") and injects)
    driven = expands or model.gradient
    return Shape(model, expands, driven and config.damping.active and not constant)
