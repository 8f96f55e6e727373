"""The isotropic background F0(p, t) = Phi(p (B0/B)^{1/3}, t), known in closed form.

Phi is a sum of components ``c_k (p_t^2 + y^2)^(-a/2)`` in the comoving momentum
``y = p b^{-1/3}``, ``b = B/B0``.  A power law with a turnover is one component; a
kappa distribution (Bai et al. 2019) is the same with ``a = 2 (kappa + 1)`` and
``p_t^2 = kappa p0^2``.  Isotropic adiabatic change moves nothing in y; an isotropic
source only changes the amplitudes c_k.  Normalisation is that of Zweibel (2020):
``n_c = int f p^2 dp dmu`` (the 2 pi is inside f).
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

#: Gauss-Legendre nodes per quadrature over ln y; the integrands are smooth, 96 reach 1e-13.
_QUADRATURE_NODES = 96


def relative_change(share: jax.Array, exponent: jax.Array, rise: jax.Array) -> jax.Array:
    """Relative change of (p_t^2 + y^2)^exponent as y^2 grows by the factor 1 + ``rise``; share = y^2/(p_t^2 + y^2).

    A change of 1e-5 keeps its digits in float32.  share: (N, K), exponent: (K,), rise: (N,).
    """
    return jnp.expm1(exponent * jnp.log1p(share * rise[..., None]))


class IsotropicMoments(NamedTuple):
    """Moments of an isotropic distribution, code units."""

    number: jax.Array
    energy: jax.Array  # kinetic
    pressure: jax.Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Background:
    """Shapes of the components of F0 and the comoving momentum range they fill.

    index, turnover: shape (K,), spectral index a and turnover momentum p_t [m_p c].
    momentum_min, momentum_max: range [m_p c] of the markers and of every quadrature.
    The amplitudes c_k change in time under injection and belong to the state; they are
    passed to each method as ``amplitude``, shape (K,).
    """

    index: jax.Array
    turnover: jax.Array
    momentum_min: jax.Array
    momentum_max: jax.Array

    def shape(self, y: jax.Array) -> jax.Array:
        """(p_t^2 + y^2)^(-a/2) of every component; shape y.shape + (K,)."""
        y = y[..., None]
        pt, a = self.turnover.astype(y.dtype), self.index.astype(y.dtype)
        return jnp.exp(-0.5 * a * jnp.log(pt**2 + y**2))

    def density(self, amplitude: jax.Array, y: jax.Array) -> jax.Array:
        """F0(y), same shape as y."""
        return self.shape(y) @ amplitude.astype(y.dtype)

    def slope(self, amplitude: jax.Array, y: jax.Array) -> jax.Array:
        """dF0/d ln y, same shape as y."""
        pt, a = self.turnover.astype(y.dtype), self.index.astype(y.dtype)
        y2 = y[..., None] ** 2
        return (-a * y2 / (pt**2 + y2) * self.shape(y)) @ amplitude.astype(y.dtype)

    def change(self, amplitude: jax.Array, y0: jax.Array, rise: jax.Array) -> jax.Array:
        """F0(y) - F0(y0) without cancellation, for (y/y0)^2 - 1 = ``rise`` of any size."""
        pt, a = self.turnover.astype(y0.dtype), self.index.astype(y0.dtype)
        y2 = y0[..., None] ** 2
        relative = relative_change(y2 / (pt**2 + y2), -0.5 * a, rise)
        return (self.shape(y0) * relative) @ amplitude.astype(y0.dtype)

    def quadrature(self) -> tuple[jax.Array, jax.Array]:
        """Nodes y and weights dy of a Gauss-Legendre rule in ln y, float64, shape (96,)."""
        x, w = np.polynomial.legendre.leggauss(_QUADRATURE_NODES)
        low, high = jnp.log(self.momentum_min), jnp.log(self.momentum_max)
        y = jnp.exp(0.5 * (high + low) + 0.5 * (high - low) * x)
        return y, 0.5 * (high - low) * w * y

    def moments(self, amplitude: jax.Array, b: jax.Array) -> IsotropicMoments:
        """n_c, U and P_c of F0 at field b = B/B0 (physics notes section 1), by quadrature."""
        y, dy = self.quadrature()
        number = 2.0 * b * self.density(amplitude, y) * y**2 * dy
        p = y * jnp.cbrt(b)
        gamma = jnp.sqrt(1.0 + p**2)
        return IsotropicMoments(
            jnp.sum(number),
            jnp.sum(number * p**2 / (gamma + 1.0)),
            jnp.sum(number * p**2 / gamma) / 3.0,
        )

    def amplitude_for_pressure(self, pressure: jax.Array) -> jax.Array:
        """c_k with which component k alone has P_c = ``pressure[k]`` at b = 1; shape (K,)."""
        one = jnp.eye(self.index.shape[0])
        unit = jnp.stack([self.moments(row, jnp.ones(())).pressure for row in one])
        return pressure / unit
