"""Tabulate what gradient and expansion drive at each wavenumber, per unit pressure of the cosmic rays.

With x = 1/k and mu = x/p, in code units and for an f0 of pressure P_c,

    A_g(x) = (P_c/L) G(x),    G = (1/2) int_x p^2 (1 - mu^2) v f0 dp
    A_e(x) = (P_c/tau) E(x),  E = (1/6) int_x p^2 (1 - mu^2) mu (-p df0/dp) dp

where f0 has unit pressure.  Both are differences of moments of f0 above x, so that their slopes in ln x are known
exactly; between nodes they are quintic Hermite polynomials, and below momentum_min cubic polynomials in x.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.theory.quadrature import gauss_legendre

#: Intervals of the tables in ln x, and Gauss-Legendre nodes of the moments in each.
INTERVALS, _NODES = 64, 8
#: Momenta of averages over the cosmic rays, up to the cut.
MOMENTA = 20


class Spectrum(NamedTuple):
    """Tables of one spectrum f0 ~ (p^2 + p_t^2)^(-a/2) of unit pressure.

    spectral_index: a, (); turnover: p_t, () [m_p c].
    start: ln momentum_min, (); step: spacing of the nodes in ln x, ().
    gradient, expansion: value, first and second derivative in ln x of G and E, (INTERVALS + 1, 3).
    below: coefficients of G = g0 + g2 x^2 and E = e1 x + e3 x^3 below momentum_min: g0, g2, e1, e3, (4,).
    cut: momentum at which averages end, within the range, () [m_p c]; top: momentum_max, () [m_p c].
    momenta: nodes of averages, (MOMENTA,) [m_p c]; number, energy, pressure: density, kinetic energy and pressure at
        each of them, (MOMENTA,), which sum to those below the cut.
    at_cut: kinetic energy per ln p at the cut, ().
    whole_number, whole_energy: n_c and U of the whole range per pressure, (); whole_expansion: int E dx, (); int G dx
        is 1/2.
    """

    spectral_index: jax.Array
    turnover: jax.Array
    start: jax.Array
    step: jax.Array
    gradient: jax.Array
    expansion: jax.Array
    below: jax.Array
    cut: jax.Array
    top: jax.Array
    momenta: jax.Array
    number: jax.Array
    energy: jax.Array
    pressure: jax.Array
    at_cut: jax.Array
    whole_number: jax.Array
    whole_energy: jax.Array
    whole_expansion: jax.Array

    def slope(self, p: jax.Array) -> jax.Array:
        """Return the local index -dln f0/dln p, (...).

        p: momentum, (...) [m_p c].
        """
        return self.spectral_index * p**2 / (self.turnover**2 + p**2)

    def drives(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return G and E, (...) each.

        x: parallel momentum 1/k > 0, (...) [m_p c]; both are zero above momentum_max.
        """
        place = (jnp.log(x) - self.start) / self.step
        cell = jnp.clip(jnp.floor(place).astype(jnp.int32), 0, INTERVALS - 1)
        u = jnp.clip(place - cell, 0.0, 1.0)
        inside, beyond = place > 0.0, place >= INTERVALS
        low = jnp.where(inside, 0.0, x)
        g0, g2, e1, e3 = self.below
        g = jnp.where(inside, _hermite(self.gradient, cell, u, self.step), g0 + g2 * low**2)
        e = jnp.where(inside, _hermite(self.expansion, cell, u, self.step), low * (e1 + e3 * low**2))
        return jnp.where(beyond, 0.0, g), jnp.where(beyond, 0.0, e)


def _hermite(table: jax.Array, cell: jax.Array, u: jax.Array, step: jax.Array) -> jax.Array:
    """Return the quintic that has value, slope and curvature of both ends of an interval, (...).

    table: value and derivatives at the nodes, (INTERVALS + 1, 3); cell: interval, (...); u: place in it, 0 to 1, (...).
    """
    left, right = table[cell], table[cell + 1]
    y0, d0, c0 = left[..., 0], step * left[..., 1], 0.5 * step**2 * left[..., 2]
    y1, d1, c1 = right[..., 0], step * right[..., 1], 0.5 * step**2 * right[..., 2]
    rise, tilt, bend = y1 - y0 - d0 - c0, d1 - d0 - 2.0 * c0, c1 - c0
    high = 10.0 * rise - 4.0 * tilt + bend, -15.0 * rise + 7.0 * tilt - 2.0 * bend, 6.0 * rise - 3.0 * tilt + bend
    return y0 + u * (d0 + u * (c0 + u * (high[0] + u * (high[1] + u * high[2]))))


def make_spectrum(
    index: jax.Array, turnover: jax.Array, momentum_min: jax.Array, momentum_max: jax.Array, cut: jax.Array
) -> Spectrum:
    """Return the tables of a spectrum.

    index: a, (); turnover: p_t, () [m_p c]; momentum_min, momentum_max: range of the cosmic rays, () [m_p c];
    cut: momentum at which averages end, () [m_p c].
    """
    start = jnp.log(momentum_min)
    step = (jnp.log(momentum_max) - start) / INTERVALS
    node, weight = (jnp.asarray(x) for x in _gauss(_NODES))
    p = jnp.exp(start + step * (jnp.arange(INTERVALS)[:, None] + node))
    shape = _Shape(index, turnover)
    f0, fall = shape.density(p), shape.fall(p)
    v, dp = p / jnp.sqrt(1.0 + p**2), step * weight * p
    total = jnp.sum(2.0 / 3.0 * p**3 * v * f0 * dp)

    def above(integrand: jax.Array) -> jax.Array:
        parts = jnp.sum(integrand * dp, axis=-1) / total
        return jnp.append(jnp.cumsum(parts[::-1])[::-1], 0.0)

    m0, m2, k1, k3 = (above(integrand) for integrand in (v * f0, p**2 * v * f0, p * fall, fall / p))
    x = jnp.exp(start + step * jnp.arange(INTERVALS + 1))
    at, falls = x / jnp.sqrt(1.0 + x**2) * shape.density(x) / total, shape.fall(x) / total
    g1 = -(x**2) * m0
    e1 = (x * k1 - 3.0 * x**3 * k3) / 6.0
    gradient = jnp.stack([0.5 * (m2 - x**2 * m0), g1, 2.0 * g1 + x**3 * at], axis=-1)
    expansion = jnp.stack([(x * k1 - x**3 * k3) / 6.0, e1, e1 + (2.0 * x**3 * falls - 6.0 * x**3 * k3) / 6.0], axis=-1)

    cut = jnp.clip(cut, momentum_min * (1.0 + 1e-6), momentum_max)
    nodes, weights = (jnp.asarray(x) for x in _gauss(MOMENTA))
    span = jnp.log(cut) - start
    q = jnp.exp(start + span * nodes)
    number = 2.0 * q**3 * shape.density(q) / total * span * weights
    root = jnp.sqrt(1.0 + q**2)
    return Spectrum(
        spectral_index=index,
        turnover=turnover,
        start=start,
        step=step,
        gradient=gradient,
        expansion=expansion,
        below=jnp.stack([0.5 * m2[0], -0.5 * m0[0], k1[0] / 6.0, -k3[0] / 6.0]),
        cut=cut,
        top=momentum_max,
        momenta=q,
        number=number,
        energy=number * q**2 / (root + 1.0),
        pressure=number * q**2 / root / 3.0,
        at_cut=2.0 * cut**5 / (jnp.sqrt(1.0 + cut**2) + 1.0) * shape.density(cut) / total,
        whole_number=jnp.sum(2.0 * p**2 * f0 * dp) / total,
        whole_energy=jnp.sum(2.0 * p**4 / (jnp.sqrt(1.0 + p**2) + 1.0) * f0 * dp) / total,
        whole_expansion=jnp.sum(p**3 * fall * dp) / (24.0 * total),
    )


class _Shape(NamedTuple):
    """Shape of f0.  spectral_index: a, (); turnover: p_t, () [m_p c]."""

    spectral_index: jax.Array
    turnover: jax.Array

    def density(self, p: jax.Array) -> jax.Array:
        """Return (p^2 + p_t^2)^(-a/2), (...)."""
        return jnp.exp(-0.5 * self.spectral_index * jnp.log(self.turnover**2 + p**2))

    def fall(self, p: jax.Array) -> jax.Array:
        """Return -df0/dln p, (...)."""
        return self.spectral_index * p**2 / (self.turnover**2 + p**2) * self.density(p)


def _gauss(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of the Gauss-Legendre rule on (0, 1), (count,) each."""
    x, w = gauss_legendre(count)
    return 0.5 * (x + 1.0), 0.5 * w
