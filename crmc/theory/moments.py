"""Moments of f(p, mu), eqs. 7, 8, 10, 16, 17, 20 and 21, and quadrature over resonant momenta.

f is normalised by n_c = int f p^2 dp dmu.  `crmc.theory` states the conventions of shapes and units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import jax
import jax.numpy as jnp

from crmc.theory.distribution import Background, Real
from crmc.theory.quadrature import gauss_legendre


def legendre(degree: int, mu: Real) -> Real:
    """Return the Legendre polynomial P_l(mu), (...).

    degree: l; mu: pitch-angle cosine, (...).  Raises ValueError for a negative degree.
    """
    if degree < 0:
        raise ValueError(f"degree = {degree}: must not be negative")
    before: Real = jnp.zeros_like(mu)
    value: Real = jnp.ones_like(mu)
    for n in range(degree):
        before, value = value, ((2 * n + 1) * mu * value - n * before) / (n + 1)
    return value


def legendre_series(coefficients: Iterable[Real], mu: Real) -> Real:
    """Return the Legendre series f = sum_l f_l P_l(mu) (eq. 7), [f].

    coefficients: f_l, (L, ...) [f], the axes after the first broadcast against mu; mu: pitch-angle cosine.
    """
    mu = jnp.asarray(mu, float)
    return sum(f * legendre(degree, mu) for degree, f in enumerate(coefficients))


def legendre_moment(f: Callable[[jax.Array], jax.Array], degree: int, nodes: int = 64) -> jax.Array:
    """Return the Legendre moment f_l = (2l + 1)/2 int f P_l dmu of a function of mu (eq. 8), (...) [f].

    Gauss-Legendre rule, exact for polynomials up to degree 2 nodes - 1 - l.
    f: function of mu, (nodes,), that returns (..., nodes) [f]; degree: l; nodes: number of points.
    """
    mu, weight = (jnp.asarray(x) for x in gauss_legendre(nodes))
    return 0.5 * (2 * degree + 1) * jnp.sum(f(mu) * legendre(degree, mu) * weight, axis=-1)


def drifting(f0: Real, slope: Real, alpha: Real, mu: Real) -> Real:
    """Return f = f0 - alpha p df0/dp P_1(mu), which is isotropic in a frame that moves at alpha c (eq. 16), [f].

    f0: isotropic part [f]; slope: p df0/dp [f]; alpha: velocity of the frame [c]; mu: pitch-angle cosine.
    """
    return f0 - alpha * slope * mu


def stretched(f0: Real, slope: Real, zeta: Real, mu: Real) -> Real:
    """Return f = f0 - zeta p df0/dp P_2(mu), whose pressure is anisotropic (eq. 20), [f].

    f0: isotropic part [f]; slope: p df0/dp [f]; zeta: coefficient of the anisotropy; mu: pitch-angle cosine.
    """
    return f0 - zeta * slope * legendre(2, mu)


def pressure_difference(f2: jax.Array, p: jax.Array, dp: jax.Array) -> jax.Array:
    """Return P_par - P_perp = (2/5) int f_2 p v p^2 dp (eq. 10) by quadrature, (...) [n_i m_p c^2].

    f2: Legendre moment f_2, (..., N) [code]; p, dp: nodes and weights in momentum, (..., N) [m_p c].
    """
    return 0.4 * jnp.sum(f2 * p**4 / jnp.sqrt(1.0 + p**2) * dp, axis=-1)


def zeta(anisotropy: Real) -> Real:
    """Return the coefficient zeta = (5/12) Delta P/P of f = f0 - zeta p df0/dp P_2 for v = c (eq. 21).

    anisotropy: Delta P/P.
    """
    return 5.0 / 12.0 * anisotropy


def anisotropy_of_zeta(background: Background, amplitude: jax.Array) -> jax.Array:
    """Return Delta P/P_c per zeta on the simulated momentum range, ().

    Eq. 21 for any particle speed; 12/5 where f0 vanishes at the ends of the range and v = c.
    background: F0; amplitude: c_k, (K,) [code].
    """
    p, dp = background.quadrature()
    difference = pressure_difference(-background.slope(amplitude, p), p, dp)
    return difference / background.moments(amplitude, jnp.ones(())).pressure


def drift_of_alpha(background: Background, amplitude: jax.Array) -> jax.Array:
    """Return the bulk drift v_D/(alpha c) of eq. 16 on the simulated momentum range (eq. 17), ().

    v_D = (1/n_c) int v mu f p^2 dp dmu = -(2 alpha/3 n_c) int v p^3 (df0/dp) dp, which is alpha c where f0 vanishes at
    the ends of the range and v = c.
    background: F0; amplitude: c_k, (K,) [code].
    """
    p, dp = background.quadrature()
    flux = -2.0 / 3.0 * jnp.sum(background.slope(amplitude, p) * p**3 / jnp.sqrt(1.0 + p**2) * dp)
    return flux / background.moments(amplitude, jnp.ones(())).number


def drift_of_frame(background: Background, amplitude: jax.Array) -> jax.Array:
    """Return the bulk drift v_D/V of an f that is isotropic in a frame of velocity V (eq. 17), ().

    f = f0 - (V/v) p f0' P_1, so v_D = -(2 V/3 n_c) int p^3 (df0/dp) dp over the simulated momentum range for any
    particle speed v; this is V where f0 vanishes at the ends of the range.
    background: F0; amplitude: c_k, (K,) [code].
    """
    p, dp = background.quadrature()
    flux = -2.0 / 3.0 * jnp.sum(background.slope(amplitude, p) * p**2 * dp)
    return flux / background.moments(amplitude, jnp.ones(())).number


def resonant_nodes(background: Background, low: Real, nodes: int = 96) -> tuple[jax.Array, jax.Array]:
    """Return Gauss-Legendre nodes p and weights dp on [max(low, momentum_min), momentum_max], (..., nodes) [m_p c].

    Above momentum_max the weights are zero.
    background: F0; low: least momentum, (...) [m_p c].
    """
    x, w = gauss_legendre(nodes)
    low = jnp.maximum(jnp.asarray(low, float), background.momentum_min)[..., None]
    half = 0.5 * jnp.maximum(jnp.log(background.momentum_max / low), 0.0)
    p = low * jnp.exp(half * (x + 1.0))
    return p, half * w * p


def number_above(background: Background, amplitude: jax.Array, p1: Real) -> jax.Array:
    """Return the density of cosmic rays with momentum from p1 to momentum_max, n_c(>p1)/n_i, (...).

    background: F0; amplitude: c_k, (K,) [code]; p1: least momentum, (...) [m_p c].
    """
    p, dp = resonant_nodes(background, p1)
    return jnp.sum(2.0 * background.density(amplitude, p) * p**2 * dp, axis=-1)
