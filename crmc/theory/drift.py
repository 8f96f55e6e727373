"""Drift down a pressure gradient, alone and with expansion: eqs. 33, 38 and 49-53, and what section 7 leaves open.

A gradient of f0 is given by its length L > 0: df0/ds = -f0/L, cosmic rays stream towards +s.
Any consistent units unless marked [code]; all shapes broadcast.
"""

from __future__ import annotations

import jax.numpy as jnp

from crmc.distribution import Background


def driven_drift(df_ds, v):
    """nu (p v_A/v) A = -v df/ds (eq. 33), at every mu, for any nu > 0; mean free path << L, forward waves only."""
    return -v * df_ds


def drift_flux(mu, f0, length, v):
    """F_mu = (v/2L)(1 - mu^2) f0, the integral of eq. 24 over mu that eq. 33 rests on."""
    return 0.5 * v / length * (1.0 - mu**2) * f0


def heating_drift(pressure_gradient, v_alfven):
    """H_d = -v_A dP_c/ds (eq. 38), power density; streaming towards +s."""
    return -v_alfven * pressure_gradient


def streaming_pressure(source, x, t, v_alfven):
    """P_c(x, t) = P_c(0, t - x/v_A) (eq. 50), which solves dP_c/dt + v_A dP_c/dx = 0 (eq. 49); ``source`` P_c(0, t)."""
    return source(t - x / v_alfven)


def heating_streaming(pressure_rate):
    """H_d = -v_A dP_c/dx = dP_c/dt = DeltaPdot_c(0, t - x/v_A) (eq. 51, whose factor 1/v_A is a misprint)."""
    return pressure_rate


def diffusivity_drift(v_alfven, length, excess, index=None):
    """kappa_d ~ v_A L (v_D/v_A - 1) (eq. 52), ``excess`` the bracket.

    ``index`` a: v^2/(3 nu) with nu of eqs. 18 and 33 for f0 ~ p^-a, (a/3) v_A L (v_D/v_A - 1).
    """
    return v_alfven * length * excess * (1.0 if index is None else index / 3.0)


def path_drift(v_alfven, length, excess, v=1.0, index=None):
    """lambda_d ~ (v_A/v) L (v_D/v_A - 1) (eq. 53); with ``index`` a times a, which is v/nu of eqs. 18 and 33."""
    return v_alfven / v * length * excess * (1.0 if index is None else index)


def combined_flux(mu, f0, slope, v, length, tau_B):
    """F_mu = (1 - mu^2)/2 [(v/L) f0 - mu p f0'/(3 tau_B)]: gradient and expansion together, any nu > 0, no gap.

    ``slope`` p df0/dp.  Both drives are linear and F_mu is local in mu, so they add.  Waves of the direction
    sign(F_mu) are driven at mu.
    """
    return 0.5 * (1.0 - mu**2) * (v / length * f0 - mu * slope / (3.0 * tau_B))


def sign_change(f0, slope, v, length, tau_B):
    """mu at which `combined_flux` vanishes, 3 (v tau_B/L) f0/(p f0') = -3 v tau_B/(a L) for f0 ~ p^-a.

    Below it (mu < mu*) backward waves are driven, above it forward ones; mu* <= -1: forward waves alone.
    """
    return 3.0 * v * tau_B / length * f0 / slope


def heating_combined(background: Background, amplitude, v_alfven, length, tau_B):
    """Steady power into waves with both drives [code]: v_A int p^3 dp int |F_mu| dmu, any nu > 0, any v, no gap.

    Where mu* <= -1 at every p the expansion drops out and this is -v_A dP_c/ds (eq. 38); length = inf: `heating`.
    """
    p, dp = background.quadrature()
    v = p / jnp.sqrt(1.0 + p**2)
    f0, slope = background.density(amplitude, p), background.slope(amplitude, p)
    G, S = v / length * f0, -slope / (3.0 * tau_B)
    mu = jnp.maximum(-G / S, -1.0)
    below = 0.5 * (G * (mu - mu**3 / 3.0) + S * (mu**2 / 2.0 - mu**4 / 4.0))  # int_0^mu F_mu dmu
    return v_alfven * jnp.sum(p**3 * (0.25 * S - 2.0 * below) * dp)
