"""Scattering, diffusion and streaming of cosmic rays by given waves: integrals over mu at every momentum.

With x = p |mu| and h = sign mu, nu = pi e_h(1/x)/gamma and df/dmu = F_mu/D - d (p v_A/v) df0/dp,

    kappa  = (v^2/4) sum_h int (1 - mu^2)/nu_h dmu
    v_st   = v_A (a/3) <d>,   <d> = (3/4) sum_h int (1 - mu^2) d_h dmu
    v_exp  = sum_h h int (v/4)(1 - mu^2) mu a/(3 tau nu_h) dmu
    DeltaP/P = (3/4) sum_h h int mu (1 - mu^2) [(v/L + h mu a/(3 tau))/nu_h + d_h (v_A/v) a] dmu

at each momentum, a = -dln f0/dln p.  Code units; everything is written for one cell.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from crmc.closure.balance import Waves
from crmc.closure.mesh import Mesh
from crmc.closure.scales import Scales
from crmc.closure.spectrum import Spectrum
from crmc.theory.distribution import Real


class Transport(NamedTuple):
    """Transport at some momenta, (...) each, in code units.

    diffusivity: kappa; gap: part of it that comes from the gap; streaming: v_st; expansion: v_exp; sense: <d>;
    anisotropy: DeltaP/P at this momentum; free: whether kappa is capped at v L/3.
    """

    diffusivity: jax.Array
    gap: jax.Array
    streaming: jax.Array
    expansion: jax.Array
    sense: jax.Array
    anisotropy: jax.Array
    free: jax.Array

    def part(self, places: slice) -> Transport:
        """Return the transport at some of the momenta."""
        return Transport(*(x[places] for x in self))


def transport(spectrum: Spectrum, scales: Scales, mesh: Mesh, found: Waves, gap: Real) -> Transport:
    """Return the transport at the momenta of the mesh; diffusion is capped at v |L|/3.

    found: waves at the nodes; gap: part of 1/e_h at the edge that particles in the gap meet, ().
    """
    p, v_alfven = mesh.momentum, scales.v_alfven
    largest, gradient = scales.length
    gamma = jnp.sqrt(1.0 + p**2)
    v, a = p / gamma, spectrum.slope(p)
    inverse = 1.0 / found.power
    met = inverse.at[:, -1].multiply(gap)
    both, difference = jnp.sum(met, axis=0), met[0] - met[1]
    # int mu^m (1 - mu^2)/nu_h dmu, summed over h where 1/nu stands with an even power of h mu.
    even, odd, second = mesh.kernel[0] @ both, mesh.kernel[1] @ difference, mesh.kernel[2] @ both
    sense, carried = directions(mesh, found.direction)
    kappa = 0.25 * v**2 * gamma / math.pi * even
    most = v * largest / 3.0
    free = kappa > most
    scale = jnp.where(free, most / jnp.where(free, kappa, 1.0), 1.0) * gamma / math.pi
    driven = scale * (v * gradient * odd + a * scales.rate / 3.0 * second)
    return Transport(
        diffusivity=0.25 * v**2 * scale * even,
        gap=0.25 * v**2 * scale * mesh.kernel[0, :, -1] * both[-1],
        streaming=v_alfven * a / 3.0 * sense,
        expansion=0.25 * v * a * scales.rate / 3.0 * scale * odd,
        sense=sense,
        anisotropy=0.75 * (driven + v_alfven / v * a * carried),
        free=free,
    )


def directions(mesh: Mesh, direction: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return <d> and sum_h h int mu (1 - mu^2) d_h dmu, (P,) each.

    Both are those of the gap's edge and what the direction differs from it: one direction alone comes out exactly.
    direction: d_h at the nodes, (2, N).
    """
    edge = direction[:, -1]
    total, difference = direction[0] + direction[1], direction[0] - direction[1]
    sense = 0.75 * (2.0 / 3.0 * (edge[0] + edge[1]) + mesh.kernel[0] @ (total - edge[0] - edge[1]))
    carried = 0.25 * (edge[0] - edge[1]) + mesh.kernel[1] @ (difference - edge[0] + edge[1])
    return sense, carried
