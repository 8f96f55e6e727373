"""The isotropic background F0(p, t) = Phi(p (B0/B)^{1/3}, t) of the cosmic rays, and its moments.

Phi is a sum of components c_k (p_t^2 + y^2)^(-a/2) exp(-y/p_c) in the comoving momentum y = p rho^{-1/3}, with the
density rho of what moves with the tube relative to t = 0, b = B/B0 in a tube of constant length. A power law with a
turnover is one component; a kappa distribution (Bai et al. 2019) is one with a = 2 (kappa + 1) and p_t^2 = kappa p0^2.
Without a cut-off p_c is infinite. A tabulated spectrum is a power law times a tabulated factor. Isotropic adiabatic
change leaves y as it is; an isotropic source only changes the amplitudes c_k. Normalisation is that of Zweibel (2020):
n_c = int f p^2 dp dmu (the 2 pi is inside f). K is the number of components.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from crmc.theory.quadrature import gauss_legendre
from crmc.theory.tabulated import TabulatedFactor

#: A real number or an array of such.  Closed forms take either; of Python numbers alone most return a Python number.
Real: TypeAlias = jax.Array | float

#: Gauss-Legendre nodes per quadrature over ln y; the integrands are smooth, 96 reach 1e-13.
_QUADRATURE_NODES = 96


class Course(NamedTuple):
    """What the change of F0 with y depends on, of each component, from a first momentum y0 on.

    share: y0^2/(p_t^2 + y0^2), (..., K); exponent: -a/2, (K,);
    cut: y0/p_c, (..., K), None without a cut-off;
    factor: the tabulated factor of the first component, and log_start: ln y0, (...); None without one.
    """

    share: jax.Array
    exponent: jax.Array
    cut: jax.Array | None = None
    factor: TabulatedFactor | None = None
    log_start: jax.Array | None = None

    def log_change(self, rise: jax.Array, log1p: Callable[[jax.Array], jax.Array] = jnp.log1p) -> jax.Array:
        """Return the change of the logarithm of each component as y^2 grows by the factor 1 + rise, (..., K).

        A change of 1e-5 keeps its digits in float32, with ``log1p`` as it is.
        rise: relative change of y^2, (...).
        """
        change = self.exponent * log1p(self.share * rise[..., None])
        if self.cut is not None:
            change = change - self.cut * relative_rise(rise)[..., None]
        if self.factor is not None and self.log_start is not None:
            bend = self.factor.change(self.log_start, 0.5 * log1p(rise))
            change = change + bend[..., None] * _first(self.exponent.shape[0], change.dtype)
        return change


def _first(count: int, dtype: Any) -> np.ndarray:
    """Return 1 for the first of ``count`` components and 0 for the others, (count,)."""
    return (np.arange(count) == 0).astype(dtype)


def relative_rise(rise: jax.Array) -> jax.Array:
    """Return the relative change (1 + rise)^(1/2) - 1 of y, without cancellation, (...); rise: that of y^2, (...)."""
    return rise / (1.0 + jnp.sqrt(1.0 + rise))


class IsotropicMoments(NamedTuple):
    """Moments of an isotropic distribution.

    number: n_c, () [n_i]; energy: kinetic energy density U, () [n_i m_p c^2]; pressure: P_c, () [n_i m_p c^2].
    """

    number: jax.Array
    energy: jax.Array
    pressure: jax.Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Background:
    """Shapes of the components of F0 and the comoving momentum range they fill.

    index: spectral index a, (K,); turnover: turnover momentum p_t, (K,) [m_p c];
    momentum_min, momentum_max: range of the markers and of every quadrature, () [m_p c];
    cutoff: p_c, (K,) [m_p c], infinite for a component without a cut-off; None where none has one.
    factor: a tabulated factor of the first component; None without one.
    The amplitudes change under injection and belong to the state; each method takes them as
    amplitude: c_k, (K,) [code].
    """

    index: jax.Array
    turnover: jax.Array
    momentum_min: jax.Array
    momentum_max: jax.Array
    cutoff: jax.Array | None = None
    factor: TabulatedFactor | None = None

    @property
    def power_laws(self) -> bool:
        """Whether every component is a power law above its turnover."""
        return self.cutoff is None and self.factor is None

    def shape(self, y: jax.Array) -> jax.Array:
        """Return (p_t^2 + y^2)^(-a/2) exp(-y/p_c), times the factor, of every component, (..., K).

        y: comoving momentum, (...) [m_p c].
        """
        pt, a, cut = self.turnover.astype(y.dtype), self.index.astype(y.dtype), self.in_cutoffs(y)
        exponent = -0.5 * a * jnp.log(pt**2 + y[..., None] ** 2)
        exponent = exponent if cut is None else exponent - cut
        if self.factor is not None:
            exponent = exponent + self.factor.at(jnp.log(y))[..., None] * _first(a.shape[0], y.dtype)
        return jnp.exp(exponent)

    def in_cutoffs(self, y: jax.Array) -> jax.Array | None:
        """Return y/p_c of every component, (..., K), or None; y: comoving momentum, (...) [m_p c]."""
        return None if self.cutoff is None else y[..., None] / self.cutoff.astype(y.dtype)

    def density(self, amplitude: jax.Array, y: jax.Array) -> jax.Array:
        """Return F0 at comoving momentum y, (...) [code].

        amplitude: c_k, (K,) [code]; y: comoving momentum, (...) [m_p c].
        """
        return self.shape(y) @ amplitude.astype(y.dtype)

    def slope(self, amplitude: jax.Array, y: jax.Array) -> jax.Array:
        """Return the logarithmic slope dF0/d ln y, (...) [code].

        amplitude: c_k, (K,) [code]; y: comoving momentum, (...) [m_p c].
        """
        pt, a = self.turnover.astype(y.dtype), self.index.astype(y.dtype)
        y2, cut = y[..., None] ** 2, self.in_cutoffs(y)
        steepness = -a * y2 / (pt**2 + y2)
        steepness = steepness if cut is None else steepness - cut
        if self.factor is not None:
            steepness = steepness + self.factor.slope(jnp.log(y))[..., None] * _first(a.shape[0], y.dtype)
        return (steepness * self.shape(y)) @ amplitude.astype(y.dtype)

    def course(self, y0: jax.Array) -> Course:
        """Return what the change of F0 from given momenta on depends on; y0: comoving momentum, (...) [m_p c]."""
        pt, a, y2 = self.turnover.astype(y0.dtype), self.index.astype(y0.dtype), y0[..., None] ** 2
        start = None if self.factor is None else jnp.log(y0)
        return Course(y2 / (pt**2 + y2), -0.5 * a, self.in_cutoffs(y0), self.factor, start)

    def change(self, amplitude: jax.Array, y0: jax.Array, rise: jax.Array) -> jax.Array:
        """Return F0(y) - F0(y0) without cancellation, (...) [code].

        amplitude: c_k, (K,) [code]; y0: comoving momentum before, (...) [m_p c]; rise: (y/y0)^2 - 1 of any size, (...).
        """
        relative = jnp.expm1(self.course(y0).log_change(rise))
        return (self.shape(y0) * relative) @ amplitude.astype(y0.dtype)

    def quadrature(self) -> tuple[jax.Array, jax.Array]:
        """Return nodes y and weights dy of a Gauss-Legendre rule in ln y over the range, float64, (96,) [m_p c]."""
        x, w = gauss_legendre(_QUADRATURE_NODES)
        low, high = jnp.log(self.momentum_min), jnp.log(self.momentum_max)
        y = jnp.exp(0.5 * (high + low) + 0.5 * (high - low) * x)
        return y, 0.5 * (high - low) * w * y

    def moments(self, amplitude: jax.Array, density: jax.Array) -> IsotropicMoments:
        """Return density, kinetic energy density and pressure of F0 by quadrature.

        With p = rho^{1/3} y, p^2 dp = rho y^2 dy, gamma = sqrt(1 + p^2) and v = p/gamma, in code units,
        n_c = 2 rho int F0 y^2 dy, U = 2 rho int F0 (gamma - 1) y^2 dy, P_c = (2 rho/3) int F0 p v y^2 dy;
        the quadrature takes gamma - 1 as p^2/(gamma + 1), which does not cancel.
        amplitude: c_k, (K,) [code]; density: rho/rho0, B/B0 in a tube of constant length, ().
        """
        y, dy = self.quadrature()
        number = 2.0 * density * self.density(amplitude, y) * y**2 * dy
        p = y * jnp.cbrt(density)
        gamma = jnp.sqrt(1.0 + p**2)
        return IsotropicMoments(
            jnp.sum(number),
            jnp.sum(number * p**2 / (gamma + 1.0)),
            jnp.sum(number * p**2 / gamma) / 3.0,
        )

    def amplitude_for_pressure(self, pressure: jax.Array) -> jax.Array:
        """Return the amplitudes with which each component alone has the given pressure at rho = 1, (K,) [code].

        pressure: P_c of each component, (K,) [n_i m_p c^2].
        """
        y, dy = self.quadrature()
        # P_c of `moments` of each component with c_k = 1.
        return pressure / (2.0 / 3.0 * (y**4 / jnp.sqrt(1.0 + y**2) * dy) @ self.shape(y))
