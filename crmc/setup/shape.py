"""Decide from the plain numbers of a config which program its run is.

Decisions that depend on the sign of a number, or on whether it is given at all, are made here, beforehand: elsewhere
the numbers of a config may be traced arrays of JAX.
"""

from __future__ import annotations

from typing import NamedTuple

from crmc.config.config import Config
from crmc.physics.parameters import Model


class Shape(NamedTuple):
    """Static decisions that follow from the numbers of a config.

    model: switches of the run, before `schedule.scheduled` sets its intervals.
    expands: whether tau_B is known at t = 0, or tau_eff of a flow.
    predicts: whether the balance of growth and damping is known at t = 0.
    """

    model: Model
    expands: bool
    predicts: bool


def shape_of(config: Config) -> Shape:
    """Return the static decisions of ``config``, whose numbers must be plain ones."""
    constant = config.scattering.model == "constant"
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
        crossing=config.scattering.gap != "empty",
        broadens=config.scattering.gap == "resonance",
    )
    mode = config.expansion.mode
    expands = config.expansion.drives or (mode in ("injection", "pressure_balance") and injects)
    driven = expands or model.gradient
    return Shape(model, expands, driven and config.damping.active and not constant)
