"""Parameters of a run, which may be swept or differentiated, and the static switches of its model."""

from __future__ import annotations

import dataclasses
from typing import Literal, NamedTuple

import jax

from crmc.physics.bands import Bands
from crmc.physics.damping import DampingRates, NonlinearLandau
from crmc.physics.flow import Flow
from crmc.physics.layout import Layout
from crmc.physics.spectrum import SpectrumGrid
from crmc.theory.distribution import Background

#: Most steps of a sample per step of the run: what is differentiated backwards needs a fixed number of them.
MOST_REFINED = 16


class Cadence(NamedTuple):
    """Intervals of what a run does now and then, in steps, () int64 each; at least 1.

    coarse_grain_every: steps between coarse-grainings of the weights.
    functional_every: steps between samples of the growth functional; odd, so that samples alternate between the two
        orders of the kicks.
    functional_refinement: steps of a sample per step of the run, at most `MOST_REFINED`.
    """

    coarse_grain_every: jax.Array
    functional_every: jax.Array
    functional_refinement: jax.Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Parameters:
    """Parameters of a run, all but the last five () float64.

    dt: length of a step, () [code].
    alfven_speed: v_A/c at b = 1; v_A ~ b^(1/2), ().
    nu_coefficient: pi (exact) or 1 (eq. 30 as printed), ().
    growth_coefficient: wave energy gained per energy lost by particles, 1 (exact) or pi/2 (eqs. 15 and 30 as
        printed), ().
    expansion_rate: 1/tau_B of the prescribed mode, 1/tau_eff at t = 0 of a flow, negative for compression, () [code].
    injection_rate: pressure per time of the isotropic source, () [code].
    external_pressure: P_ext of the pressure-balance mode, () [code].
    adiabatic_index: gamma_g of the gas, ().
    heating, cooling: volumetric rates of the gas at b = 1, proportional to n and n^2, () [code].
    seed: floor of the wave power of each branch and bin, ().
    scattering_frequency: nu of the constant model, () [code].
    broadening: width Delta mu of the resonance over dB/B, ().
    gradient: 1/L of the imposed gradient df/ds = -f/L, () [code].
    gradient_end: time at which the gradient vanishes, () [code].
    cadence: intervals in steps.
    damping: rates of all mechanisms of wave damping.
    background: shapes of F0.
    grid: geometry of the spectrum.
    flow: history of the lengths of the tube in the flow mode; None in all others.
    bands: weights by which waves scatter markers where they broaden the resonance; None where they do not.
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
    broadening: jax.Array
    gradient: jax.Array
    gradient_end: jax.Array
    cadence: Cadence
    damping: DampingRates
    background: Background
    grid: SpectrumGrid
    flow: Flow | None = None
    bands: Bands | None = None


@dataclasses.dataclass(frozen=True)
class Model:
    """Static switches of a run, hashable; each combination is compiled once.

    expansion: how B changes, and in a flow the length of the tube.
    scattering: waves of the spectrum, a constant nu in the frames of both directions ("co_moving") or of the forward
        waves ("forward"), or none.
    estimator: weight that moments sum, w ("delta_f") or W ("full_f").
    nonlinear_landau: form of nonlinear Landau damping.
    evolve_waves: whether waves grow and decay; adiabatic_waves: whether they follow the expansion.
    balance_energy: whether energy conservation is restored after each step by a correction of the weights.
    inject: whether there is an isotropic source; gradient: whether there is an imposed gradient.
    crossing: whether waves also scatter particles in the 90-degree gap, so that they cross it.
    broadens: whether the waves broaden the resonance by which they scatter (`resonance`).
    coarse_grain: whether weights are coarse-grained; functional: whether the growth functional is sampled.
    coarse_cells: numbers of rows in ln p, and of places in each hemisphere of a row, of the cells in which weights are
        coarse-grained.
    functional_rows: number of rows in ln p' of the histogram of the growth functional when rates are formed.
    functional_parts: number of parts of the ensemble that samples take in turn.
    layout: division of the markers among devices and blocks, on which no result depends.
    """

    expansion: Literal["none", "prescribed", "injection", "pressure_balance", "flow"] = "none"
    scattering: Literal["spectrum", "co_moving", "forward", "none"] = "spectrum"
    estimator: Literal["delta_f", "full_f"] = "delta_f"
    nonlinear_landau: NonlinearLandau = "none"
    evolve_waves: bool = True
    adiabatic_waves: bool = True
    balance_energy: bool = True
    inject: bool = False
    gradient: bool = False
    crossing: bool = False
    broadens: bool = False
    coarse_grain: bool = False
    functional: bool = True
    coarse_cells: tuple[int, int] = (32, 16)
    functional_rows: int = 48
    functional_parts: int = 1
    layout: Layout = Layout()
