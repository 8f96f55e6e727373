"""Averages over the cosmic rays: heating, force, energy-weighted diffusivity and streaming, anisotropy, wave energy.

    heating H = 2 v_A int max(|A_g|, |A_e|) dx,     force on the gas = 2 int A_g dx = P_c/L whatever the expansion

Means over the cosmic rays end at the cut: kappa rises with p, and the mean over the energy need not exist without it.
Code units; everything is written for one cell.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from crmc.closure.balance import NODES, Fluxes, Waves
from crmc.closure.mesh import Mesh
from crmc.closure.scales import Scales
from crmc.closure.spectrum import Spectrum
from crmc.closure.transport import Transport
from crmc.theory.distribution import Real
from crmc.theory.quadrature import gauss_legendre

#: Steps of regula falsi of the wavenumber of the flip.
STEPS = 3


class Averages(NamedTuple):
    """Numbers of a fluid of cosmic rays, () each, in code units.

    heating: H; force: on the gas; diffusivity, harmonic: means of kappa and of 1/kappa over the kinetic energy;
    number_diffusivity: mean of kappa over the number;
    streaming: mean of <d> over the streaming energy [v_A]; anisotropy: DeltaP/P_c; waves: (dB/B)^2;
    sensitivity: dln kappa_energy/dln cut; drift: mean of v_D over the number.
    """

    heating: jax.Array
    force: jax.Array
    diffusivity: jax.Array
    number_diffusivity: jax.Array
    harmonic: jax.Array
    streaming: jax.Array
    anisotropy: jax.Array
    waves: jax.Array
    sensitivity: jax.Array
    drift: jax.Array


def averages(spectrum: Spectrum, scales: Scales, mesh: Mesh, found: Waves, fluid: Transport, k_min: Real) -> Averages:
    """Return the averages.

    found: waves at the nodes; fluid: transport at the spectrum's momenta; k_min: longest waves that count, () [code].
    """
    energy = spectrum.energy / jnp.sum(spectrum.energy)
    carried = energy * spectrum.slope(spectrum.momenta)
    diffusivity = jnp.sum(energy * fluid.diffusivity)
    share = spectrum.at_cut / jnp.sum(spectrum.energy)
    drift = fluid.streaming + fluid.diffusivity * scales.gradient + fluid.expansion
    return Averages(
        heating=heating(spectrum, scales.fluxes, mesh),
        force=scales.fluxes.gradient,
        diffusivity=diffusivity,
        number_diffusivity=jnp.sum(spectrum.number * fluid.diffusivity) / jnp.sum(spectrum.number),
        harmonic=1.0 / jnp.sum(energy / fluid.diffusivity),
        streaming=jnp.sum(carried * fluid.sense) / jnp.sum(carried),
        anisotropy=jnp.sum(spectrum.pressure * fluid.anisotropy) / jnp.sum(spectrum.pressure),
        waves=wave_energy(mesh, found, k_min),
        sensitivity=share * (fluid.diffusivity[-1] / diffusivity - 1.0),
        drift=jnp.sum(spectrum.number * drift) / jnp.sum(spectrum.number),
    )


def wave_energy(mesh: Mesh, found: Waves, k_min: Real) -> jax.Array:
    """Return int (e_+ + e_-) dln k from k_min to k_max, ().

    k_min: () [code], 0 for all waves.
    """
    width = mesh.upper - mesh.lower
    end = -jnp.log(jnp.maximum(k_min, 1e-30))
    part = jnp.clip((end - mesh.lower) / jnp.where(width > 0.0, width, 1.0), 0.0, 1.0)
    return jnp.sum(part[:, None] * mesh.width * mesh.inside(jnp.sum(found.power, axis=0)))


def heating(spectrum: Spectrum, fluxes: Fluxes, mesh: Mesh) -> jax.Array:
    """Return H = v_A int (|A_g| + |A_e| + ||A_g| - |A_e||) dx, ().

    The first two integrals are known; so is the third where one drive is stronger at every k, and quadrature adds what
    its change of sign gives.
    """
    gradient, expansion = 0.5 * jnp.abs(fluxes.gradient), spectrum.whole_expansion * jnp.abs(fluxes.expansion)
    node, weight = gauss_legendre(NODES)
    x = 0.5 * mesh.x_gap * (node + 1.0)
    excess = jnp.append(_excess(fluxes, spectrum.drives(x)), mesh.inside(_excess(fluxes, mesh.drives)))
    dx = jnp.append(0.5 * mesh.x_gap * weight, mesh.inside(mesh.x) * mesh.width)
    changing = jnp.sum(jnp.abs(excess) * dx) - jnp.abs(jnp.sum(excess * dx))
    return fluxes.v_alfven * (gradient + expansion + jnp.abs(gradient - expansion) + jnp.maximum(changing, 0.0))


def _excess(fluxes: Fluxes, drives: tuple[jax.Array, jax.Array]) -> jax.Array:
    """Return |A_g| - |A_e|, (...)."""
    return jnp.abs(fluxes.gradient * drives[0]) - jnp.abs(fluxes.expansion * drives[1])


def flip_wavenumber(spectrum: Spectrum, fluxes: Fluxes, mesh: Mesh) -> jax.Array:
    """Return the largest k up to k_max at which |A_g| = |A_e|, NaN if there is none, () [code].

    There the waves of one helicity change direction.
    """
    excess = _excess(fluxes, mesh.drives)
    x, balance = (jnp.append(y[-1], mesh.inside(y)) for y in (mesh.x, excess))
    both = (fluxes.gradient != 0.0) & (fluxes.expansion != 0.0)
    crosses = both & (balance[:-1] * balance[1:] < 0.0)
    # The first of them; `argmax` takes some three times as long.
    last = crosses.shape[0] - 1
    place = jnp.min(jnp.where(crosses, jnp.arange(last + 1), last))
    low, high = jnp.log(x[place]), jnp.log(x[place + 1])
    at_low, at_high = balance[place], balance[place + 1]
    for _ in range(STEPS):
        gap = jnp.where(at_high != at_low, at_high - at_low, 1.0)
        middle = low - at_low * (high - low) / gap
        value = _excess(fluxes, spectrum.drives(jnp.exp(middle)))
        below = value * at_low > 0.0
        low, at_low = jnp.where(below, middle, low), jnp.where(below, value, at_low)
        high, at_high = jnp.where(below, high, middle), jnp.where(below, at_high, value)
    gap = jnp.where(at_high != at_low, at_high - at_low, 1.0)
    return jnp.where(jnp.any(crosses), jnp.exp(-(low - at_low * (high - low) / gap)), jnp.nan)


def near_flip(fluxes: Fluxes, mesh: Mesh, top: jax.Array) -> jax.Array:
    """Return whether |A_g| and |A_e| are within 10 %, or change order, where waves scatter momenta up to ``top``, ().

    top: largest momentum of interest, () [m_p c].
    """
    a_g, a_e = (mesh.inside(jnp.abs(x)) for x in (fluxes.gradient * mesh.drives[0], fluxes.expansion * mesh.drives[1]))
    most = jnp.maximum(a_g, a_e)
    seen = (mesh.inside(mesh.x) <= top) & (mesh.width > 0.0) & (most > 0.0)
    close = jnp.any(seen & (jnp.abs(a_g - a_e) < 0.1 * most))
    return close | (jnp.any(seen & (a_g > a_e)) & jnp.any(seen & (a_g < a_e)))
