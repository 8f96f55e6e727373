"""Moments of f(p, mu): eqs. 7, 8, 10, 16, 17, 20, 21, and quadrature over resonant momenta.

[code] marks the units of ``crmc.units`` at t = 0.  f is normalised by n_c = int f p^2 dp dmu.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from crmc.theory.distribution import Background


def legendre(degree: int, mu):
    """P_l(mu), shape of ``mu``.  Raises ValueError for a negative degree."""
    if degree < 0:
        raise ValueError(f"degree = {degree}: must not be negative")
    before, value = jnp.zeros_like(mu), jnp.ones_like(mu)
    for n in range(degree):
        before, value = value, ((2 * n + 1) * mu * value - n * before) / (n + 1)
    return value


def legendre_series(coefficients, mu):
    """f = sum_l f_l P_l(mu) (eq. 7); ``coefficients`` f_l, shape (L, ...), broadcast against ``mu``."""
    mu = jnp.asarray(mu, float)
    return sum(f * legendre(degree, mu) for degree, f in enumerate(coefficients))


def legendre_moment(f, degree: int, nodes: int = 64):
    """f_l = (2l + 1)/2 int f P_l dmu (eq. 8) of a function f(mu) whose result ends in the axis of mu.

    Gauss-Legendre with ``nodes`` points: exact for polynomials up to degree 2 nodes - 1 - l.
    """
    mu, weight = (jnp.asarray(x) for x in np.polynomial.legendre.leggauss(nodes))
    return 0.5 * (2 * degree + 1) * jnp.sum(f(mu) * legendre(degree, mu) * weight, axis=-1)


def drifting(f0, slope, alpha, mu):
    """f = f0 - alpha p df0/dp P_1 (eq. 16), isotropic in a frame that moves at alpha c; ``slope`` df0/d ln p."""
    return f0 - alpha * slope * mu


def stretched(f0, slope, zeta, mu):
    """f = f0 - zeta p df0/dp P_2 (eq. 20); ``slope`` df0/d ln p."""
    return f0 - zeta * slope * legendre(2, mu)


def pressure_difference(f2, p, dp):
    """P_par - P_perp = (2/5) int f_2 p v p^2 dp (eq. 10) [code]; f2, p and weights dp of shape (..., N)."""
    return 0.4 * jnp.sum(f2 * p**4 / jnp.sqrt(1.0 + p**2) * dp, axis=-1)


def zeta(anisotropy):
    """zeta = (5/12) Delta P/P (eq. 21): f = f0 - zeta p df0/dp P_2, ultrarelativistic."""
    return 5.0 / 12.0 * anisotropy


def anisotropy_of_zeta(background: Background, amplitude):
    """Delta P/P_c per zeta (21) on the simulated momentum range; 12/5 where f0 vanishes at its ends and v = c."""
    p, dp = background.quadrature()
    difference = pressure_difference(-background.slope(amplitude, p), p, dp)
    return difference / background.moments(amplitude, jnp.ones(())).pressure


def drift_of_alpha(background: Background, amplitude):
    """v_D/(alpha c) of eq. 16 on the simulated range (eq. 17); 1 where f0 vanishes at its ends and v = c.

    v_D = (1/n_c) int v mu f p^2 dp dmu = -(2 alpha/3 n_c) int v p^3 (df0/dp) dp.
    """
    p, dp = background.quadrature()
    flux = -2.0 / 3.0 * jnp.sum(background.slope(amplitude, p) * p**3 / jnp.sqrt(1.0 + p**2) * dp)
    return flux / background.moments(amplitude, jnp.ones(())).number


def drift_of_frame(background: Background, amplitude):
    """v_D/V (eq. 17) of f isotropic in a frame of velocity V, on the simulated range; 1 where f0 vanishes at its ends.

    f = f0 - (V/v) p f0' P_1: v_D = -(2 V/3 n_c) int p^3 (df0/dp) dp, for any particle speed v.
    """
    p, dp = background.quadrature()
    flux = -2.0 / 3.0 * jnp.sum(background.slope(amplitude, p) * p**2 * dp)
    return flux / background.moments(amplitude, jnp.ones(())).number


def resonant_nodes(background: Background, low):
    """Gauss-Legendre nodes p and weights dp on [max(low, p_min), p_max], shape low.shape + (96,) [code]."""
    x, w = np.polynomial.legendre.leggauss(96)
    low = jnp.maximum(jnp.asarray(low, float), background.momentum_min)[..., None]
    half = 0.5 * jnp.maximum(jnp.log(background.momentum_max / low), 0.0)
    p = low * jnp.exp(half * (x + 1.0))
    return p, half * w * p


def number_above(background: Background, amplitude, p1):
    """n_c(>p1)/n_i [code], up to momentum_max; shape of ``p1``."""
    p, dp = resonant_nodes(background, p1)
    return jnp.sum(2.0 * background.density(amplitude, p) * p**2 * dp, axis=-1)
