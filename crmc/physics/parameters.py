"""Parameters of a run: arrays one may sweep or differentiate, and the static model."""

from __future__ import annotations

import dataclasses
from typing import Literal

import jax

from crmc.physics.damping import DampingRates, NonlinearLandau
from crmc.physics.layout import Layout
from crmc.physics.spectrum import SpectrumGrid
from crmc.theory.distribution import Background


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Parameters:
    """Scalars (float64) in code units; see crmc.units.

    alfven_speed: v_A/c at b = 1; later v_A ~ b^(1/2).
    nu_coefficient: pi (exact) or 1 (eq. 30 as printed).
    growth_coefficient: wave energy gained per energy lost by particles: 1 (exact) or pi/2 (eqs. 15 and 30 as printed).
    expansion_rate: 1/tau_B of the prescribed mode; negative compresses.
    injection_rate: pressure per time of the isotropic source.
    external_pressure: P_ext of the pressure-balance mode.
    heating, cooling: volumetric background rates of the gas at b = 1 (scale as n and n^2).
    seed: floor of every spline amplitude.
    scattering_frequency: nu of the constant model.
    gradient: 1/L of the imposed gradient df/ds = -f/L; gradient_end: time at which it vanishes.
    """

    dt: jax.Array
    alfven_speed: jax.Array
    nu_coefficient: jax.Array
    growth_coefficient: jax.Array
    expansion_rate: jax.Array
    injection_rate: jax.Array
    external_pressure: jax.Array
    adiabatic_index: jax.Array
    heating: jax.Array
    cooling: jax.Array
    seed: jax.Array
    scattering_frequency: jax.Array
    gradient: jax.Array
    gradient_end: jax.Array
    damping: DampingRates
    background: Background
    grid: SpectrumGrid


@dataclasses.dataclass(frozen=True)
class Model:
    """Static switches: hashable, one compilation each.

    gradient: whether there is an imposed gradient.
    broadened: whether the shortest waves scatter particles in the 90-degree gap, too.
    coarse_grain_every: steps between coarse-grainings of the weights, 0 for never.
    functional_every: steps between samples of the growth functional, 0 for none; odd, so that they see either order of
        the kicks.
    functional_refinement: steps of a sample per step of the run.
    layout: how the ensemble is cut for devices and caches; no result depends on it.
    """

    expansion: Literal["none", "prescribed", "injection", "pressure_balance"] = "none"
    scattering: Literal["spectrum", "co_moving", "forward", "none"] = "spectrum"
    estimator: Literal["delta_f", "full_f"] = "delta_f"
    nonlinear_landau: NonlinearLandau = "none"
    evolve_waves: bool = True
    adiabatic_waves: bool = True
    balance_energy: bool = True
    inject: bool = False
    gradient: bool = False
    broadened: bool = False
    coarse_grain_every: int = 0
    functional_every: int = 15
    functional_refinement: int = 8
    layout: Layout = Layout()
