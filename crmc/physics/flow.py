"""Deform the tube along and across B: how B, density, resonance and shear follow, and how its lengths depend on time.

With lengths l_par along and l_perp across B, 1 at t = 0 and uniform in the tube,

    B ~ l_perp^-2,   rho ~ 1/(l_par l_perp^2),   p_par ~ 1/l_par,   p_perp ~ 1/l_perp,   k ~ 1/l_par,

from flux freezing, conservation of mass, the two adiabatic invariants and a number of wavelengths that stays.  In
comoving momenta y = p rho^{-1/3} an isotropic f is distorted by what is left, the shear alone:

    d ln y = -(1/3) P_2(mu) d ln(B l_par^2),        d mu = -(1/2) mu (1 - mu^2) d ln(B l_par^2),

so that the drive of P_2 is 1/tau_eff = -d ln(B l_par^2)/dt = 2 (d ln l_perp - d ln l_par)/dt = div u - 3 bb:grad u.
A tube of constant length has tau_eff = tau_B, and isotropic expansion none.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from crmc.theory.distribution import Real


class Stretch(NamedTuple):
    """Deformation of the tube since t = 0.

    b: B/B0, (); length: l_par, (), None where the tube keeps its length, l_par = 1.
    """

    b: jax.Array
    length: jax.Array | None = None

    @property
    def density(self) -> jax.Array:
        """Density of what moves with the tube, rho/rho0 = b/l_par, ()."""
        return self.b if self.length is None else self.b / self.length

    @property
    def resonance(self) -> jax.Array:
        """Momentum |p_par| in resonance with k = Omega0(0)/c of t = 0, and (v_A/v_A0)^2, b l_par, () [m_p c]."""
        return self.b if self.length is None else self.b * self.length

    @property
    def shear(self) -> jax.Array:
        """Shear (l_par/l_perp)^2 = b l_par^2, which alone drives anisotropy, ()."""
        return self.b if self.length is None else self.b * self.length**2

    def wavenumber(self, k: jax.Array) -> jax.Array:
        """Return the wavenumber now of waves that had k at t = 0, (...).

        k: wavenumber at t = 0, (...).
        """
        return k if self.length is None else k / self.length

    def along(self) -> jax.Array:
        """Return l_par as an array, ()."""
        return jnp.ones_like(self.b) if self.length is None else self.length

    def towards(self, other: Stretch, part: float) -> Stretch:
        """Return the deformation at a part of the way to another, straight in ln b and ln l_par.

        part: from 0, here, to 1, there.
        """
        b = self.b * jnp.exp(part * jnp.log(other.b / self.b))
        if self.length is None:
            return Stretch(b)
        return Stretch(b, self.length * jnp.exp(part * jnp.log(other.along() / self.length)))


class Steady(NamedTuple):
    """Constant rates of both lengths, l = exp(rate t).

    along, across: rates, () [code].
    """

    along: Real
    across: Real

    def log_lengths(self, t: Real) -> tuple[Real, Real]:
        """Return ln l_par and ln l_perp at time t, () each.

        t: time, () [code].
        """
        return self.along * t, self.across * t


class Linear(NamedTuple):
    """Powers of a scale factor that grows linearly, a = 1 + t/time.

    along, across: powers, (); time: () [code], negative where the scale factor falls.
    """

    along: Real
    across: Real
    time: Real

    def log_lengths(self, t: Real) -> tuple[Real, Real]:
        """Return ln l_par and ln l_perp at time t, () each; t as in `Steady.log_lengths`."""
        scale = jnp.log1p(t / self.time)
        return self.along * scale, self.across * scale


class Sinusoid(NamedTuple):
    """Powers of a scale factor that oscillates, ln a = amplitude sin(2 pi t/period).

    along, across: powers times the amplitude, (); period: () [code].
    """

    along: Real
    across: Real
    period: Real

    def log_lengths(self, t: Real) -> tuple[Real, Real]:
        """Return ln l_par and ln l_perp at time t, () each; t as in `Steady.log_lengths`."""
        swing = jnp.sin(2.0 * jnp.pi * t / self.period)
        return self.along * swing, self.across * swing


class Table(NamedTuple):
    """Piecewise cubics in time for the logarithms of both lengths; beyond the last node the lengths stay.

    times: nodes, (N,) [code], from 0; along, across: coefficients of (t - node)^3, ^2, ^1 and ^0, (4, N - 1) each.
    """

    times: jax.Array
    along: jax.Array
    across: jax.Array

    def log_lengths(self, t: Real) -> tuple[Real, Real]:
        """Return ln l_par and ln l_perp at time t, () each; t as in `Steady.log_lengths`."""
        t = jnp.minimum(t, self.times[-1])
        piece = jnp.clip(jnp.searchsorted(self.times, t, side="right") - 1, 0, self.times.size - 2)
        rest = t - self.times[piece]
        along, across = (jnp.polyval(c[:, piece], rest) for c in (self.along, self.across))
        return along, across


class Flow(NamedTuple):
    """Given history of both lengths.

    history: law of the lengths; stop: time after which they stay, () [code].
    """

    history: Steady | Linear | Sinusoid | Table
    stop: Real

    def at(self, t: Real) -> Stretch:
        """Return the deformation at time t, exact whatever the steps.

        t: time, () [code].
        """
        along, across = self.history.log_lengths(jnp.minimum(t, self.stop))
        return Stretch(jnp.exp(-2.0 * across), jnp.exp(along))

    def drive(self, t: Real) -> jax.Array:
        """Return 1/tau_eff = 2 d(ln l_perp - ln l_par)/dt at time t, () [code].

        t: time, () [code].
        """

        def log_shear(t: jax.Array) -> jax.Array:
            along, across = self.history.log_lengths(jnp.minimum(t, self.stop))
            return jnp.asarray(2.0 * (across - along))

        return jax.jvp(log_shear, (jnp.asarray(t, float),), (jnp.ones(()),))[1]
