"""The momentum-space diffusion tensor and its fluxes: eqs. 25-32, 40 and 41; scattering rate and mean free path.

Valid to leading order in v_A/v for parallel Alfven waves.  Speeds in one unit, all shapes broadcast.
``coefficients`` is "exact" (nu with a factor pi) or "printed" (eq. 30 without it); any other word raises KeyError.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

SCATTERING = {"exact": np.pi, "printed": 1.0}


class DiffusionTensor(NamedTuple):
    """D_mumu [1/time], D_mup = D_pmu [momentum/time], D_pp [momentum^2/time]."""

    mu_mu: jax.Array
    mu_p: jax.Array
    p_p: jax.Array


def diffusion_tensor(p, mu, nu, v_alfven, v=1.0, direction=1) -> DiffusionTensor:
    """Eqs. 27-29 for waves of one ``direction`` d (array or +-1): D_mup = d (p v_A/v) D_mumu; singular (elastic)."""
    lever = p * v_alfven / v
    D = 0.5 * nu * (1.0 - mu**2)
    return DiffusionTensor(D, direction * lever * D, lever**2 * D)


def co_moving_tensor(p, mu, nu, v_alfven, v=1.0) -> DiffusionTensor:
    """Eqs. 27, 29, 40, 41: each hemisphere meets the waves that move with it, direction = sign(mu)."""
    return diffusion_tensor(p, mu, nu, v_alfven, v, jnp.sign(mu))


def tensor_fluxes(tensor: DiffusionTensor, df_dmu, df_dp):
    """(F_mu, F_p) of eqs. 25 and 26."""
    F_mu = tensor.mu_mu * df_dmu + tensor.mu_p * df_dp
    return F_mu, tensor.mu_p * df_dmu + tensor.p_p * df_dp


def pitch_angle_flux(p, mu, nu, v_alfven, functional, v=1.0, direction=1):
    """F_mu = d (nu/2)(1 - mu^2)(p v_A/v) A (eq. 31), ``functional`` A (eq. 14) for omega/k = d v_A."""
    return direction * 0.5 * nu * (1.0 - mu**2) * (p * v_alfven / v) * functional


def momentum_flux(p, mu, nu, v_alfven, functional, v=1.0):
    """F_p = (nu/2)(1 - mu^2)(p v_A/v)^2 A (eq. 32), the same for both directions."""
    return 0.5 * nu * (1.0 - mu**2) * (p * v_alfven / v) ** 2 * functional


def scattering_frequency(p, e, coefficients="exact"):
    """nu = pi (Omega0/gamma) e(ln k_res) (eq. 30 without the pi) [code]; D_mumu = nu (1 - mu^2)/2."""
    return SCATTERING[coefficients] * e / jnp.sqrt(1.0 + p**2)


def mean_free_path(p, nu):
    """lambda = v/nu [code: c/Omega0] at momentum p [m_p c]."""
    return p / jnp.sqrt(1.0 + p**2) / nu


def parallel_diffusivity(nu, v=1.0):
    """kappa = (v^2/4) int (1 - mu^2)/nu dmu over (-1, 1) = v^2/(3 nu) for nu independent of mu.

    The paper's kappa ~ v^2/nu (section 5) leaves the third out.  For nu ~ |mu|, as pressure anisotropy drives it,
    the integral diverges at mu = 0: what crosses 90 degrees (the gap, mirrors) decides.
    """
    return v**2 / (3.0 * nu)
