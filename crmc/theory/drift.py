"""Drift down a pressure gradient, alone and with expansion: eqs. 33, 38 and 49-53, and the combined steady state.

A gradient of f0 is given by its length L > 0: df0/ds = -f0/L, cosmic rays stream towards +s.
`crmc.theory` states the conventions of shapes, units and coefficients.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from crmc.theory.distribution import Background, Real
from crmc.theory.growth import GROWTH
from crmc.theory.moments import resonant_nodes
from crmc.theory.quadrature import gauss_legendre
from crmc.theory.scattering import SCATTERING

#: Nodes in 1/k of the integral over the spectrum, below and above momentum_min; |N_h| may have a kink.
_NODES = 256


def driven_drift(df_ds: Real, v: Real) -> Real:
    """Return nu (p v_A/v) A = -v df/ds, the steady state of a gradient at every mu (eq. 33), [f/time].

    For any nu > 0 with a mean free path << L, forward waves only.
    df_ds: df/ds [f/length]; v: particle speed [velocity].
    """
    return -v * df_ds


def drift_flux(mu: Real, f0: Real, length: Real, v: Real) -> Real:
    """Return the flux F_mu = (v/2L)(1 - mu^2) f0 of a gradient alone, [f/time].

    It is the integral of eq. 24 over mu on which eq. 33 rests.
    mu: pitch-angle cosine; f0: isotropic part [f]; length: L [length]; v: particle speed [velocity].
    """
    return 0.5 * v / length * (1.0 - mu**2) * f0


def heating_drift(pressure_gradient: Real, v_alfven: Real) -> Real:
    """Return the power into waves by streaming towards +s, H_d = -v_A dP_c/ds (eq. 38), [pressure/time].

    pressure_gradient: dP_c/ds [pressure/length]; v_alfven: v_A [velocity].
    """
    return -v_alfven * pressure_gradient


def streaming_pressure(source: Callable[[Real], Real], x: Real, t: Real, v_alfven: Real) -> Real:
    """Return the pressure P_c(x, t) = P_c(0, t - x/v_A) that streams at v_A from x = 0 (eq. 50), [pressure].

    It solves dP_c/dt + v_A dP_c/dx = 0 (eq. 49).
    source: function P_c(0, t) of time, returns [pressure]; x: distance [length]; t: time [time];
    v_alfven: v_A [velocity].
    """
    return source(t - x / v_alfven)


def heating_streaming(pressure_rate: Real) -> Real:
    """Return the heating H_d = -v_A dP_c/dx = dP_c/dt = DeltaPdot_c(0, t - x/v_A) (eq. 51), [pressure/time].

    The factor 1/v_A printed in eq. 51 is a misprint.
    pressure_rate: DeltaPdot_c(0, t - x/v_A) [pressure/time].
    """
    return pressure_rate


def diffusivity_drift(v_alfven: Real, length: Real, excess: Real, index: Real | None = None) -> Real:
    """Return the diffusivity kappa_d ~ v_A L (v_D/v_A - 1) of drift (eq. 52), [velocity length].

    With index the value is exact, v^2/(3 nu) with nu of eqs. 18 and 33 for f0 ~ p^-a: (a/3) v_A L (v_D/v_A - 1).
    v_alfven: v_A [velocity]; length: L [length]; excess: v_D/v_A - 1; index: a, None: the estimate.
    """
    return v_alfven * length * excess * (1.0 if index is None else index / 3.0)


def path_drift(v_alfven: Real, length: Real, excess: Real, v: Real = 1.0, index: Real | None = None) -> Real:
    """Return the mean free path lambda_d ~ (v_A/v) L (v_D/v_A - 1) of drift (eq. 53), [length].

    With index the value is exact, v/nu of eqs. 18 and 33 for f0 ~ p^-a: a times the estimate.
    v_alfven: v_A [velocity]; length: L [length]; excess: v_D/v_A - 1; v: particle speed [velocity];
    index: a, None: the estimate.
    """
    return v_alfven / v * length * excess * (1.0 if index is None else index)


def combined_flux(
    mu: Real, f0: Real, slope: Real, v: Real, length: Real, tau_B: Real, mu_c: Real | None = None
) -> Real:
    """Return the steady flux F_mu of gradient and expansion together, for any nu > 0, [f/time].

    F_mu = (1 - mu^2)/2 [(v/L) f0 - mu p f0'/(3 tau_B)].  Both drives are linear and F_mu is local in mu, so they add.
    It holds without a 90-degree gap, and with one that particles cross somehow.  With a gap that nothing crosses, each
    hemisphere keeps its particles, the mean of its source over (mu_c, 1) stays, a rise or fall of f that no wave
    removes, and F_mu = (1 - |mu|)(|mu| - mu_c)/2 [(v/L) f0 - sign(mu) (1 + |mu| + mu_c) p f0'/(3 tau_B)].
    mu: pitch-angle cosine; f0: isotropic part [f]; slope: p df0/dp [f]; v: particle speed [velocity];
    length: L [length]; tau_B: expansion time [time]; mu_c: half-width of a gap that nothing crosses, None: no such gap.
    """
    gradient, expansion = v / length * f0, -slope / (3.0 * tau_B)
    if mu_c is None:
        return 0.5 * (1.0 - mu**2) * (gradient + mu * expansion)
    m = jnp.abs(mu)
    shape = jnp.where(m > mu_c, 0.5 * (1.0 - m) * (m - mu_c), 0.0)
    return shape * (gradient + jnp.sign(mu) * (1.0 + m + mu_c) * expansion)


def sign_change(f0: Real, slope: Real, v: Real, length: Real, tau_B: Real) -> Real:
    """Return mu*, the pitch-angle cosine at which `combined_flux` without gap vanishes.

    mu* = 3 (v tau_B/L) f0/(p f0') = -3 v tau_B/(a L) for f0 ~ p^-a.  Below it (mu < mu*) particles give energy to
    backward waves alone, above it to forward ones.
    f0: isotropic part [f]; slope: p df0/dp [f]; v: particle speed [velocity]; length: L [length];
    tau_B: expansion time [time].
    """
    return 3.0 * v * tau_B / length * f0 / slope


def resonant_flux(
    k: Real,
    background: Background,
    amplitude: jax.Array,
    length: Real,
    tau_B: Real,
    helicity: Real | np.ndarray,
    *,
    k_max: Real | None = None,
) -> jax.Array:
    """Return N_h(k) = int p^2 F_mu(p, mu = h p1/p) dp, the flux of all that resonates with helicity h, (...) [code].

    Waves of direction sign(N_h) live at this k: those of one direction meet particles that drive and particles that
    damp them, and where waves of both directions are strong, each is damped by what the other leaves of A: they do not
    coexist.
    k: wavenumber, (...) [code]; background: F0; amplitude: c_k, (K,) [code]; length: L, () [code];
    tau_B: expansion time, () [code]; helicity: h = +-1, which is broadcast with k;
    k_max: end of a spectrum whose gap nothing crosses, () [code], None: no such gap.
    """
    p1 = 1.0 / jnp.asarray(k, float)
    p, dp = resonant_nodes(background, p1)
    mu = jnp.minimum(p1[..., None] / p, 1.0)
    mu_c = None if k_max is None else jnp.minimum(1.0 / (k_max * p), mu)
    v = p / jnp.sqrt(1.0 + p**2)
    f0, slope = background.density(amplitude, p), background.slope(amplitude, p)
    signed = jnp.asarray(helicity)[..., None] * mu
    return jnp.sum(p**2 * combined_flux(signed, f0, slope, v, length, tau_B, mu_c) * dp, axis=-1)


def growth_times_power_combined(
    k: Real,
    background: Background,
    amplitude: jax.Array,
    v_alfven: Real,
    length: Real,
    tau_B: Real,
    *,
    branch: tuple[Real | np.ndarray, Real | np.ndarray] = (1, 1),
    k_max: Real | None = None,
    coefficients: str = "exact",
) -> jax.Array:
    """Return Gamma e, growth rate times wave power, of one branch in the steady state of both drives, (...) [code].

    (2 x growth/scattering coefficient)(p1/v_A) max(d N_h(k), 0) with N_h of `resonant_flux` and e = 8 pi k W_M/B^2;
    `growth_times_power` for length = inf.
    k: wavenumber, (...) [code]; background: F0; amplitude: c_k, (K,) [code]; v_alfven: v_A, () [c];
    length: L, () [code]; tau_B: expansion time, () [code]; branch: direction d and helicity h, each +-1,
    which are broadcast with k; k_max: end of a spectrum whose gap nothing crosses, () [code], None: no such gap;
    coefficients: "exact" or "printed", any other word raises KeyError.
    """
    direction, helicity = branch
    flux = direction * resonant_flux(k, background, amplitude, length, tau_B, helicity, k_max=k_max)
    ratio = 2.0 * GROWTH[coefficients] / SCATTERING[coefficients]
    return ratio / (jnp.asarray(k, float) * v_alfven) * jnp.maximum(flux, 0.0)


def heating_combined(
    background: Background,
    amplitude: jax.Array,
    v_alfven: Real,
    length: Real,
    tau_B: Real,
    k_max: Real | None = None,
) -> Real:
    """Return the steady power into waves of gradient and expansion together, for any nu > 0, () [code].

    v_A sum_h int |N_h| d(1/k) with N_h of `resonant_flux`.  Where forward waves alone are driven the expansion drops
    out and this is -v_A dP_c/ds (eq. 38); for length = inf it is `heating`.  With a gap that nothing crosses a gradient
    alone gives a mean of (1 - mu_c)^3/4 of eq. 38.
    background: F0; amplitude: c_k, (K,) [code]; v_alfven: v_A, () [c]; length: L, () [code];
    tau_B: expansion time, () [code]; k_max: end of a spectrum whose gap nothing crosses, () [code], None: no such gap.
    """
    low = 0.0 if k_max is None else 1.0 / k_max
    node, weight = gauss_legendre(_NODES)
    # N_h is a polynomial in x = 1/k below momentum_min, and smooth in ln x above.
    middle = jnp.clip(background.momentum_min, low, background.momentum_max)
    below, span = 0.5 * (middle - low), 0.5 * jnp.log(background.momentum_max / middle)
    above = middle * jnp.exp(span * (node + 1.0))
    x = jnp.concatenate([low + below * (node + 1.0), above])
    dx = jnp.concatenate([below * weight, span * weight * above])
    # Where nothing is left below, no node may be at k = inf.
    x = jnp.maximum(x, 1e-9 * background.momentum_min)
    both = np.array([[1.0], [-1.0]])
    flux = resonant_flux(1.0 / x, background, amplitude, length, tau_B, both, k_max=k_max)
    return v_alfven * jnp.sum(jnp.abs(flux) * dx)
