"""Quasilinear predictions for orbits in a `slab`: the diffusion tensor, and displacements after a finite lag.

For waves of one direction, V = d v_A, everything follows from the push along B0: in the laboratory, exactly in V,

    dp_z/dt = Im(conj(v_perp) b),    d eps = V dp_z,    d mu = (dp_z/p) (1 - mu V/v),    dp = (V/v) dp_z

(d mu, dp to first order in dp_z).  To second order in b, along the unperturbed helix, omega = Omega - h k (v_z - V),

    <dp_z^2>(T) = (v_perp^2/2) sum_h int e_h(ln k) [sin(omega T/2)/(omega/2)]^2 dln k  ->  2 D_zz T,
    D_zz = (nu/2) p^2 (1 - mu^2),    nu = pi (Omega0/gamma) e(ln k_res),    k_res = Omega0/|p_z - gamma V|.

To leading order in V/v: D_mumu = nu (1 - mu^2)/2, D_mup = d (p v_A/v) D_mumu, D_pp =
(p v_A/v)^2 D_mumu (eqs. 27-30 of Zweibel 2020, where nu lacks the pi).  Directions add.  Code units.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import eigh_tridiagonal

from crmc.orbits.slab import Modes
from crmc.physics.spectrum import SIGNS, SpectrumGrid
from crmc.theory.scattering import scattering_frequency

#: Cells in mu of `spread_of_diffusion`.
_CELLS = 600


class Tensor(NamedTuple):
    """Diffusion tensor in mu and p, or the moments of displacements that it drives.

    mu_mu: D_mumu [Omega0], or <d mu^2>
    mu_p: D_mup [Omega0 m_p c], or <d mu dp> [m_p c]
    p_p: D_pp [Omega0 (m_p c)^2], or <dp^2> [(m_p c)^2]
    """

    mu_mu: jax.Array
    mu_p: jax.Array
    p_p: jax.Array


def _from_push(zz: jax.Array, velocity: jax.Array, p: jax.Array, mu: jax.Array) -> Tensor:
    """Return the tensor of all directions together from the diffusion of p_z by each, exactly in V.

    zz: D_zz or <dp_z^2> of each direction, (D, ..., n) [Omega0 (m_p c)^2 or (m_p c)^2]
    velocity: V_d of each direction, (D,) [c]
    p: momentum, () [m_p c]
    mu: pitch-angle cosine, (n,)
    """
    V = velocity.reshape(-1, *[1] * (zz.ndim - 1))
    speed = p / jnp.sqrt(1.0 + p**2)
    to_mu, to_p = (1.0 - mu * V / speed) / p, V / speed
    return Tensor(*(jnp.sum(x * zz, axis=0) for x in (to_mu**2, to_mu * to_p, to_p**2)))


@partial(jax.jit, static_argnames="coefficients")
def tensor(
    grid: SpectrumGrid, e: jax.Array, velocity: jax.Array, p: jax.Array, mu: jax.Array, coefficients: str = "exact"
) -> Tensor:
    """Return the quasilinear diffusion tensor at one momentum, each component (n,).

    grid: splines in ln k
    e: wave power of each branch and bin, (D, 2, bins)
    velocity: V_d of each direction, (D,) [c]
    p: momentum, () [m_p c]
    mu: pitch-angle cosine, (n,)
    coefficients: "exact", or "printed" for eq. 30 of Zweibel (2020), which lacks the pi
    """
    gamma = jnp.sqrt(1.0 + p**2)
    relative = p * mu - gamma * velocity[:, None]
    # No wave has an infinite k.
    basis = grid.basis(jnp.maximum(jnp.abs(relative), 1e-300))
    own = jnp.where(relative[..., None] > 0.0, e[:, None, 0], e[:, None, 1])
    nu = scattering_frequency(p, jnp.sum(basis * own, axis=-1), coefficients)
    return _from_push(0.5 * nu * p**2 * (1.0 - mu**2), velocity, p, mu)


@jax.jit
def spread_of_waves(modes: Modes, p: jax.Array, mu: jax.Array, times: jax.Array) -> Tensor:
    """Return the moments of displacements to second order in the waves, as sums over the modes, each (t, n).

    Exact for dB/B -> 0 at any lag, also where modes are too far apart to be a continuum.

    p: momentum, () [m_p c]
    mu: pitch-angle cosine at the start, (n,)
    times: lags, (t,) [1/Omega0]
    """
    gamma = jnp.sqrt(1.0 + p**2)

    def push(one: jax.Array) -> jax.Array:
        relative = one * p / gamma - modes.velocity[:, None, None]
        omega = 1.0 / gamma - jnp.asarray(SIGNS)[:, None] * modes.wavenumber * relative
        half = 0.5 * times[:, None, None, None]
        window = (2.0 * half * jnp.sinc(omega * half / jnp.pi)) ** 2
        across = (1.0 - one**2) * (p / gamma) ** 2
        return 0.5 * across * jnp.sum(window * modes.amplitude**2, axis=(-2, -1)).T

    zz = jnp.moveaxis(jax.lax.map(push, mu), 0, -1)
    return _from_push(zz, modes.velocity, p, mu)


def mesh() -> np.ndarray:
    """Return the edges of the cells in mu on which `spread_of_diffusion` takes its coefficient, (cells + 1,)."""
    return np.linspace(-1.0, 1.0, _CELLS + 1)


def spread_of_diffusion(coefficient: np.ndarray, mu: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return <(mu - mu_0)^2> of particles that diffuse in mu from mu_0, (t, n).

    Solves dg/dt = d/dmu (D dg/dmu) for g = mu and mu^2, in the eigenvectors of its symmetric matrix.  Tends to 2 D t
    for short times, and includes that D changes along the way.  Neglects diffusion in p and the change of the measure
    d^3p, both of order v_A/v.

    coefficient: D_mumu on the edges `mesh`, (cells + 1,) [Omega0]
    mu: pitch-angle cosine mu_0 at the start, (n,)
    times: lags, (t,) [1/Omega0]
    """
    edges = mesh()
    width, centre = edges[1] - edges[0], 0.5 * (edges[1:] + edges[:-1])
    inner = coefficient[1:-1] / width**2
    values, vectors = eigh_tridiagonal(-np.pad(inner, (0, 1)) - np.pad(inner, (1, 0)), inner)
    decay = np.expm1(np.outer(times, values))
    first, second = ((decay * (vectors.T @ g)) @ vectors.T for g in (centre, centre**2))
    spread = second - 2.0 * centre * first
    return np.stack([np.interp(mu, centre, row) for row in spread])
