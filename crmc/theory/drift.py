"""Drift down a pressure gradient, alone and with expansion: eqs. 33, 38 and 49-53, and what section 7 leaves open.

A gradient of f0 is given by its length L > 0: df0/ds = -f0/L, cosmic rays stream towards +s.
Any consistent units unless marked [code]; all shapes broadcast.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from crmc.theory.distribution import Background
from crmc.theory.growth import GROWTH
from crmc.theory.moments import resonant_nodes
from crmc.theory.scattering import SCATTERING

#: Nodes in 1/k of the integral over the spectrum, below and above momentum_min; |N_h| may have a kink.
_NODES = 256


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


def combined_flux(mu, f0, slope, v, length, tau_B, mu_c=None):
    """F_mu = (1 - mu^2)/2 [(v/L) f0 - mu p f0'/(3 tau_B)]: gradient and expansion together, any nu > 0.

    ``slope`` p df0/dp.  Both drives are linear and F_mu is local in mu, so they add.  It holds without a 90-degree gap,
    and with one that particles cross somehow.  mu_c: half-width of a gap that nothing crosses.  Each hemisphere then
    keeps its particles, the mean of its source over (mu_c, 1) stays, a rise or fall of f that no wave removes, and
    F_mu = (1 - |mu|)(|mu| - mu_c)/2 [(v/L) f0 - sign(mu) (1 + |mu| + mu_c) p f0'/(3 tau_B)].
    """
    gradient, expansion = v / length * f0, -slope / (3.0 * tau_B)
    if mu_c is None:
        return 0.5 * (1.0 - mu**2) * (gradient + mu * expansion)
    m = jnp.abs(mu)
    shape = jnp.where(m > mu_c, 0.5 * (1.0 - m) * (m - mu_c), 0.0)
    return shape * (gradient + jnp.sign(mu) * (1.0 + m + mu_c) * expansion)


def sign_change(f0, slope, v, length, tau_B):
    """mu at which `combined_flux` without gap vanishes, 3 (v tau_B/L) f0/(p f0') = -3 v tau_B/(a L) for f0 ~ p^-a.

    Below it (mu < mu*) particles give energy to backward waves alone, above it to forward ones.
    """
    return 3.0 * v * tau_B / length * f0 / slope


def resonant_flux(k, background: Background, amplitude, length, tau_B, helicity, *, k_max=None):
    """N_h(k) = int p^2 F_mu(p, mu = h p1/p) dp [code], shape of ``k``: flux of all that resonates with helicity h.

    Waves of direction sign(N_h) live at this k: those of one direction meet particles that drive and particles that
    damp them, and where waves of both directions are strong, each is damped by what the other leaves of A: they do not
    coexist.  k_max: end of a spectrum whose gap nothing crosses.
    """
    p1 = 1.0 / jnp.asarray(k, float)
    p, dp = resonant_nodes(background, p1)
    mu = jnp.minimum(p1[..., None] / p, 1.0)
    mu_c = None if k_max is None else jnp.minimum(1.0 / (k_max * p), mu)
    v = p / jnp.sqrt(1.0 + p**2)
    f0, slope = background.density(amplitude, p), background.slope(amplitude, p)
    return jnp.sum(p**2 * combined_flux(helicity * mu, f0, slope, v, length, tau_B, mu_c) * dp, axis=-1)


def growth_times_power_combined(
    k, background: Background, amplitude, v_alfven, length, tau_B, *, branch=(1, 1), k_max=None, coefficients="exact"
):
    """Gamma e of ``branch`` (d, h) in the steady state of both drives [code], e = 8 pi k W_M/B^2; shape of ``k``.

    (2 x growth/scattering coefficient)(p1/v_A) max(d N_h(k), 0), N_h of `resonant_flux`; `growth_times_power` for
    length = inf.
    """
    direction, helicity = branch
    flux = direction * resonant_flux(k, background, amplitude, length, tau_B, helicity, k_max=k_max)
    ratio = 2.0 * GROWTH[coefficients] / SCATTERING[coefficients]
    return ratio / (jnp.asarray(k, float) * v_alfven) * jnp.maximum(flux, 0.0)


def heating_combined(background: Background, amplitude, v_alfven, length, tau_B, k_max=None):
    """Steady power into waves with both drives [code]: v_A sum_h int |N_h| d(1/k), N_h of `resonant_flux`; any nu > 0.

    Where forward waves alone are driven the expansion drops out and this is -v_A dP_c/ds (eq. 38); length = inf:
    `heating`.  k_max: end of a spectrum whose gap nothing crosses; a gradient alone then gives a mean of
    (1 - mu_c)^3/4 of eq. 38.
    """
    low = 0.0 if k_max is None else 1.0 / k_max
    node, weight = np.polynomial.legendre.leggauss(_NODES)
    # N_h is a polynomial in x = 1/k below momentum_min, and smooth in ln x above.
    middle = jnp.clip(background.momentum_min, low, background.momentum_max)
    below, span = 0.5 * (middle - low), 0.5 * jnp.log(background.momentum_max / middle)
    above = middle * jnp.exp(span * (node + 1.0))
    x = jnp.concatenate([low + below * (node + 1.0), above])
    dx = jnp.concatenate([below * weight, span * weight * above])
    # Where nothing is left below, no node may be at k = inf.
    x = jnp.maximum(x, 1e-9 * background.momentum_min)
    fluxes = [resonant_flux(1.0 / x, background, amplitude, length, tau_B, h, k_max=k_max) for h in (1, -1)]
    return v_alfven * sum(jnp.sum(jnp.abs(flux) * dx) for flux in fluxes)
