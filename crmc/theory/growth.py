"""Resonance and growth of parallel Alfven waves: eqs. 11-15, 18, 19, 22 and 23.

``coefficients`` is "exact" (pi/4, one circular branch) or "printed" (pi/8 in eqs. 13-23); any other
word raises KeyError.  [code] marks the units of ``crmc.units`` at t = 0.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln

from crmc.theory.moments import resonant_nodes, zeta

GROWTH = {"exact": np.pi / 4, "printed": np.pi / 8}


def resonant_momentum(k, mass_gyrofrequency=1.0):
    """p_1 = m Omega0/k (eq. 12), the least momentum that resonates with k; [code] by default."""
    return mass_gyrofrequency / k


def resonant_cosine(k, p, helicity=1):
    """mu_r = +- m Omega0/(k p) (eq. 12) [code], omega neglected; NaN where nothing resonates, p < p_1."""
    mu = helicity * resonant_momentum(k) / p
    return jnp.where(jnp.abs(mu) <= 1.0, mu, jnp.nan)


def resonance_mismatch(k, p, mu, v_alfven, *, direction=1, helicity=1):
    """omega - k v_par + h Omega (eq. 11) [code] with omega = d k v_A; zero at exact resonance, k > 0.

    Solved by gamma (v_par - d v_A) k = h, i.e. by mu_r of eq. 12 up to v_A/v.
    """
    lorentz = jnp.sqrt(1.0 + p**2)
    return direction * k * v_alfven - k * p * mu / lorentz + helicity / lorentz


def anisotropy_functional(df_dp, df_dmu, p, mu, phase_speed, v=1.0):
    """A = df/dp + (v/(omega/k) - mu)(1/p) df/dmu (eq. 14); ``phase_speed`` d v_A in the units of ``v``."""
    return df_dp + (v / phase_speed - mu) / p * df_dmu


def functional_of_drift(df0_dp, drift_ratio):
    """A_d = df0/dp (1 - v_D/v_A) (eq. 18) for waves along the drift, ``drift_ratio`` v_D/v_A; -mu dropped."""
    return df0_dp * (1.0 - drift_ratio)


def functional_of_anisotropy(df0_dp, zeta, mu, phase_speed, v=1.0):
    """A_pa = df0/dp (1 - 3 zeta (v k/omega) mu) (eq. 22) at the resonant ``mu``; -mu dropped."""
    return df0_dp * (1.0 - 3.0 * zeta * v * mu / phase_speed)


def spectral_constant(index):
    """C = (a - 3)/(a - 2) of f0 ~ p^-a (below eq. 23); a > 3, or n_c(>p1) diverges."""
    return (index - 3.0) / (index - 2.0)


def growth_drift(index, density_ratio, drift_ratio, gyrofrequency=1.0, coefficients="exact"):
    """Gamma (19) of one circular branch; density_ratio n_c(>p1)/n_i, drift_ratio v_D/v_A; f0 ~ p^-a, v = c."""
    rate = GROWTH[coefficients] * spectral_constant(index) * gyrofrequency
    return rate * density_ratio * (drift_ratio - 1.0)


def growth_anisotropy(index, density_ratio, anisotropy, v_alfven, gyrofrequency=1.0, coefficients="exact"):
    """Gamma (23) of a co-moving branch; ``anisotropy`` Delta P/P, ``v_alfven`` v_A/c; f0 ~ p^-a, v = c."""
    drive = anisotropy / threshold_anisotropy(index, v_alfven)
    return growth_drift(index, density_ratio, drive, gyrofrequency, coefficients)


def threshold_anisotropy(index, v_alfven=1.0):
    """Delta P/P at which (23) vanishes, 4 (a^2 - 1)/(5 a (a - 2)) v_A/c."""
    return 4.0 * (index**2 - 1.0) / (5.0 * index * (index - 2.0)) * v_alfven


def threshold_zeta(index, v_alfven=1.0):
    """zeta at which (23) vanishes, (a^2 - 1)/(3 a (a - 2)) v_A/c; the paper's "zeta > 0.55" lacks v_A/c."""
    return zeta(threshold_anisotropy(index, v_alfven))


def kappa_q2(x, kappa):
    """Q2(x) of a kappa distribution, x = k p0/(m Omega0) (Bai et al. 2019)."""
    norm = jnp.exp(gammaln(kappa + 1.0) - gammaln(kappa - 0.5)) * jnp.sqrt(jnp.pi) * kappa**-1.5
    return norm / x * (1.0 + 1.0 / (kappa * x**2)) ** -kappa


def growth_drift_kappa(x, kappa, density_ratio, drift_ratio, gyrofrequency=1.0):
    """Gamma = (1/2)(n_c/n_i) Omega0 (v_D/v_A - 1) Q2(x) (Bai et al. 2019), equal to the pi/4 functional."""
    return 0.5 * density_ratio * gyrofrequency * (drift_ratio - 1.0) * kappa_q2(x, kappa)


def growth_rate(k, background, amplitude, v_alfven, *, alpha=0.0, zeta=0.0, branch=(1, 1), coefficients="exact"):
    """Gamma (13, 15) of ``branch`` (d, h) at wavenumber k [code], shape of ``k``, any particle speed.

    f = f0 - alpha p df0/dp P_1 - zeta p df0/dp P_2, so that at mu = h p1/p
    A = df0/dp [1 - d (v/v_A)(alpha + 3 zeta mu)]   (eqs. 18, 22; -mu in eq. 14 neglected).
    """
    d, h = branch
    p1 = resonant_momentum(jnp.asarray(k, float))[..., None]
    p, dp = resonant_nodes(background, p1[..., 0])
    v = p / jnp.sqrt(1.0 + p**2)
    drive = 1.0 - d * v / v_alfven * (alpha + 3.0 * zeta * h * p1 / p)
    A = background.slope(amplitude, p) / p * drive
    return GROWTH[coefficients] * jnp.sum(p1 * (p**2 - p1**2) * A * dp, axis=-1)
