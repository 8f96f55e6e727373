"""Turn a config into a cell of `crmc.closure`: the state of a run at t = 0, as a fluid code knows it."""

from __future__ import annotations

import jax

from crmc.closure.balance import NonlinearLandau
from crmc.closure.cell import Cell, kappa_spectrum
from crmc.closure.solve import accept
from crmc.config.config import Config
from crmc.config.errors import wrong
from crmc.setup.numbers import expansion_time
from crmc.setup.shape import shape_of


def cell_of(config: Config, cut: float = 100.0) -> Cell:
    """Return the local quantities of a config at t = 0, in cgs.

    The gap is taken as that of scattering.gap = "edge" whatever the config says: if it were empty, a gradient would
    drive a drift that grows without end, and there would be no kappa.
    cut: momentum at which averages over the cosmic rays end [m_p c].
    Raises ConfigError where no waves scatter or nothing damps them.
    """
    if config.scattering.model != "spectrum":
        rule = "has no waves whose power a balance of drive and damping could give"
        raise wrong("scattering.model", config.scattering.model, rule, 'use model = "spectrum" and [damping]')
    damping, rays, plasma = config.damping, config.cosmic_rays, config.plasma
    if not damping.active:
        rule = "is the form of no damping, and every other key of [damping] is zero: waves would grow without limit"
        remedy = 'set it to "local", or give a rate such as damping.linear = "4e-11 1/s"'
        raise wrong("damping.nonlinear_landau", damping.nonlinear_landau, rule, remedy)
    if rays.cutoff_momentum is not None:
        rule = "is a cut-off, which the closure of power laws and kappa distributions does not know"
        remedy = "leave it out, or lower momentum_max"
        raise wrong("cosmic_rays.cutoff_momentum", rays.cutoff_momentum, rule, remedy)
    if rays.spectrum == "table":
        rule = "is not known to the closure, which takes power laws and kappa distributions"
        raise wrong("cosmic_rays.spectrum", "table", rule, 'use spectrum = "power_law" with the index near 1 m_p c')
    index, turnover = rays.index, rays.turnover_momentum
    if rays.spectrum == "kappa":
        assert rays.kappa is not None
        index, turnover = (float(x) for x in kappa_spectrum(rays.kappa, turnover))
    assert index is not None
    with jax.enable_x64(True):
        time = expansion_time(config, shape_of(config))
        rate = 0.0 if time is None else float(config.code_units.gyrofrequency / time)
    length = config.drift.gradient_length
    return Cell(
        magnetic_field=plasma.magnetic_field,
        ion_density=plasma.ion_density,
        temperature=plasma.temperature,
        cr_pressure=rays.pressure,
        pressure_gradient=0.0 if length is None else -rays.pressure / length,
        expansion_rate=rate,
        linear_damping=damping.linear,
        ion_neutral_density=damping.ion_neutral_density,
        turbulent_dissipation=damping.turbulent_dissipation,
        index=index,
        turnover_momentum=turnover,
        momentum_min=rays.momentum_min,
        momentum_max=rays.momentum_max,
        k_max=config.waves.k_max,
        k_min=config.waves.k_min,
        cut=cut,
    )


def form_of(config: Config) -> NonlinearLandau:
    """Return the form of nonlinear Landau damping of a config."""
    return config.damping.nonlinear_landau


@accept(Config)
def _translated(config: Config) -> tuple[Cell, NonlinearLandau]:
    """Return what `crmc.closure` takes of a config."""
    return cell_of(config), form_of(config)
