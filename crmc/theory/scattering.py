"""The momentum-space diffusion tensor and its fluxes, eqs. 25-32, 40 and 41; scattering frequency and mean free path.

Valid to leading order in v_A/v for parallel Alfven waves.  The factor of the scattering frequency is pi
(coefficients = "exact"); the paper's eq. 30 leaves it out ("printed").  `crmc.theory` states the conventions of shapes
and units.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.theory.distribution import Real

#: Factor of the scattering frequency by name of the coefficients.
SCATTERING = {"exact": np.pi, "printed": 1.0}


class DiffusionTensor(NamedTuple):
    """Components of the momentum-space diffusion tensor.

    mu_mu: D_mumu [1/time]; mu_p: D_mup = D_pmu [momentum/time]; p_p: D_pp [momentum^2/time].
    """

    mu_mu: Real
    mu_p: Real
    p_p: Real


def diffusion_tensor(
    p: Real, mu: Real, nu: Real, v_alfven: Real, v: Real = 1.0, direction: Real = 1
) -> DiffusionTensor:
    """Return the diffusion tensor of waves of one direction (eqs. 27-29).

    D_mup = d (p v_A/v) D_mumu; the tensor is singular, because scattering is elastic in the frame of the waves.
    p: momentum [momentum]; mu: pitch-angle cosine; nu: scattering frequency [1/time]; v_alfven: v_A [velocity];
    v: particle speed [velocity]; direction: d = +-1.
    """
    lever = p * v_alfven / v
    D = 0.5 * nu * (1.0 - mu**2)
    return DiffusionTensor(D, direction * lever * D, lever**2 * D)


def co_moving_tensor(p: Real, mu: Real, nu: Real, v_alfven: Real, v: Real = 1.0) -> DiffusionTensor:
    """Return the diffusion tensor where each hemisphere meets the waves that move with it (eqs. 27, 29, 40, 41).

    The direction of the waves is d = sign(mu).
    p: momentum [momentum]; mu: pitch-angle cosine; nu: scattering frequency [1/time]; v_alfven: v_A [velocity];
    v: particle speed [velocity].
    """
    return diffusion_tensor(p, mu, nu, v_alfven, v, jnp.sign(mu))


def tensor_fluxes(tensor: DiffusionTensor, df_dmu: Real, df_dp: Real) -> tuple[Real, Real]:
    """Return the fluxes F_mu [f/time] and F_p [f momentum/time] of a diffusion tensor (eqs. 25 and 26).

    tensor: D; df_dmu: df/dmu [f]; df_dp: df/dp [f/momentum].
    """
    F_mu = tensor.mu_mu * df_dmu + tensor.mu_p * df_dp
    return F_mu, tensor.mu_p * df_dmu + tensor.p_p * df_dp


def pitch_angle_flux(
    p: Real, mu: Real, nu: Real, v_alfven: Real, functional: Real, v: Real = 1.0, direction: Real = 1
) -> Real:
    """Return F_mu = d (nu/2)(1 - mu^2)(p v_A/v) A, the flux in pitch-angle cosine (eq. 31), [f/time].

    p: momentum [momentum]; mu: pitch-angle cosine; nu: scattering frequency [1/time]; v_alfven: v_A [velocity];
    functional: A of eq. 14 for omega/k = d v_A [f/momentum]; v: particle speed [velocity]; direction: d = +-1.
    """
    return direction * 0.5 * nu * (1.0 - mu**2) * (p * v_alfven / v) * functional


def momentum_flux(p: Real, mu: Real, nu: Real, v_alfven: Real, functional: Real, v: Real = 1.0) -> Real:
    """Return F_p = (nu/2)(1 - mu^2)(p v_A/v)^2 A, the flux in momentum (eq. 32), [f momentum/time].

    Waves of both directions give this form.
    p: momentum [momentum]; mu: pitch-angle cosine; nu: scattering frequency [1/time]; v_alfven: v_A [velocity];
    functional: A of eq. 14 [f/momentum]; v: particle speed [velocity].
    """
    return 0.5 * nu * (1.0 - mu**2) * (p * v_alfven / v) ** 2 * functional


def scattering_frequency(p: Real, e: Real, coefficients: str = "exact") -> Real:
    """Return the scattering frequency nu = pi (Omega0/gamma) e(ln k_res) (eq. 30 without the pi), [code].

    D_mumu = nu (1 - mu^2)/2.
    p: momentum [m_p c]; e: wave power 8 pi k W_M/B^2 at the resonant k;
    coefficients: "exact" or "printed", any other word raises KeyError.
    """
    return SCATTERING[coefficients] * e / jnp.sqrt(1.0 + p**2)


def broadened_scattering(
    p: Real, mu: Real, width: Real, power: Callable[[jax.Array, jax.Array], jax.Array], coefficients: str = "exact"
) -> Real:
    """Return nu of waves that broaden their resonance, the mean of eq. 30 over a Gaussian in mu, (...) [code].

    nu(p, mu) = pi (Omega0/gamma) int e_h(k = m Omega0/(p |x|)) G(x - mu) dx with h = sign(x): a particle near 90
    degrees meets waves of both helicities and crosses.  In orbits through slabs G has a standard deviation of 0.8 dB/B
    (experiment qlt).  By 4001 points over 6 widths to each side.
    p: momentum, () [m_p c]; mu: pitch-angle cosine, (...); width: standard deviation of G, ();
    power: function (k, h) that returns the wave power e of helicity h at k [code], arrays of one shape;
    coefficients: "exact" or "printed", any other word raises KeyError.
    """
    z = np.linspace(-6.0, 6.0, 4001)
    share = np.exp(-0.5 * z**2)
    x = jnp.asarray(mu)[..., None] + width * z
    k = 1.0 / jnp.maximum(p * jnp.abs(x), 1e-300)
    return scattering_frequency(p, power(k, jnp.sign(x)) @ jnp.asarray(share / share.sum()), coefficients)


def mean_free_path(p: Real, nu: Real) -> Real:
    """Return the mean free path lambda = v/nu, [c/Omega0].

    p: momentum [m_p c]; nu: scattering frequency [code].
    """
    return p / jnp.sqrt(1.0 + p**2) / nu


def parallel_diffusivity(nu: Real, v: Real = 1.0) -> Real:
    """Return the diffusivity along the field, kappa = v^2/(3 nu), for nu independent of mu, [velocity^2 time].

    In general kappa = (v^2/4) int (1 - mu^2)/nu dmu over (-1, 1).  The paper's kappa ~ v^2/nu (section 5) leaves the
    third out.  For nu ~ |mu|, as pressure anisotropy drives it, the integral diverges at mu = 0: what crosses 90
    degrees (the gap, mirrors) decides.
    nu: scattering frequency [1/time]; v: particle speed [velocity].
    """
    return v**2 / (3.0 * nu)
