"""Resonance and growth of parallel Alfven waves: eqs. 11-15, 18, 19, 22 and 23.

The factor of the growth rate is pi/4 for one circular branch (coefficients = "exact"); the paper prints pi/8 in
eqs. 13-23 ("printed").  `crmc.theory` states the conventions of shapes and units.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln

from crmc.theory.distribution import Background, Real
from crmc.theory.moments import resonant_nodes, zeta

#: Factor of the growth rate by name of the coefficients.
GROWTH = {"exact": np.pi / 4, "printed": np.pi / 8}


def resonant_momentum(k: Real, mass_gyrofrequency: Real = 1.0) -> Real:
    """Return the least momentum that resonates with wavenumber k, p_1 = m Omega0/k (eq. 12), [momentum].

    k: wavenumber [1/length]; mass_gyrofrequency: m Omega0 [momentum/length], 1 in code units.
    """
    return mass_gyrofrequency / k


def resonant_cosine(k: Real, p: Real, helicity: Real = 1) -> jax.Array:
    """Return the resonant pitch-angle cosine mu_r = +- m Omega0/(k p), omega neglected (eq. 12).

    NaN where nothing resonates, p < p_1.
    k: wavenumber [code]; p: momentum [m_p c]; helicity: h = +-1, the sign of mu_r.
    """
    mu = helicity * resonant_momentum(k) / p
    return jnp.where(jnp.abs(mu) <= 1.0, mu, jnp.nan)


def resonance_mismatch(k: Real, p: Real, mu: Real, v_alfven: Real, *, direction: Real = 1, helicity: Real = 1) -> Real:
    """Return omega - k v_par + h Omega with omega = d k v_A, which is zero at exact resonance (eq. 11), [code].

    Zero where gamma (v_par - d v_A) k = h, which is mu_r of eq. 12 up to v_A/v.
    k: wavenumber, k > 0 [code]; p: momentum [m_p c]; mu: pitch-angle cosine; v_alfven: v_A [c];
    direction: d = +-1; helicity: h = +-1.
    """
    lorentz = jnp.sqrt(1.0 + p**2)
    return direction * k * v_alfven - k * p * mu / lorentz + helicity / lorentz


def anisotropy_functional(df_dp: Real, df_dmu: Real, p: Real, mu: Real, phase_speed: Real, v: Real = 1.0) -> Real:
    """Return the functional A = df/dp + (v/(omega/k) - mu)(1/p) df/dmu that drives waves (eq. 14), [f/momentum].

    df_dp: df/dp [f/momentum]; df_dmu: df/dmu [f]; p: momentum [momentum]; mu: pitch-angle cosine;
    phase_speed: omega/k = d v_A [velocity]; v: particle speed [velocity].
    """
    return df_dp + (v / phase_speed - mu) / p * df_dmu


def functional_of_drift(df0_dp: Real, drift_ratio: Real) -> Real:
    """Return A_d = df0/dp (1 - v_D/v_A) of drifting cosmic rays for waves along the drift (eq. 18), [f/momentum].

    The -mu of eq. 14 is dropped.
    df0_dp: df0/dp [f/momentum]; drift_ratio: v_D/v_A.
    """
    return df0_dp * (1.0 - drift_ratio)


def functional_of_anisotropy(df0_dp: Real, zeta: Real, mu: Real, phase_speed: Real, v: Real = 1.0) -> Real:
    """Return A_pa = df0/dp (1 - 3 zeta (v k/omega) mu) of anisotropic pressure (eq. 22), [f/momentum].

    The -mu of eq. 14 is dropped.
    df0_dp: df0/dp [f/momentum]; zeta: coefficient of eq. 20; mu: resonant pitch-angle cosine;
    phase_speed: omega/k = d v_A [velocity]; v: particle speed [velocity].
    """
    return df0_dp * (1.0 - 3.0 * zeta * v * mu / phase_speed)


def spectral_constant(index: Real) -> Real:
    """Return C = (a - 3)/(a - 2), the factor of the growth rate of f0 ~ p^-a (below eq. 23).

    index: a > 3, or n_c(>p1) diverges.
    """
    return (index - 3.0) / (index - 2.0)


def growth_drift(
    index: Real, density_ratio: Real, drift_ratio: Real, gyrofrequency: Real = 1.0, coefficients: str = "exact"
) -> Real:
    """Return the growth rate by drift of one circular branch for f0 ~ p^-a and v = c (eq. 19), [1/time].

    index: a; density_ratio: n_c(>p1)/n_i; drift_ratio: v_D/v_A; gyrofrequency: Omega0 [1/time];
    coefficients: "exact" or "printed", any other word raises KeyError.
    """
    rate = GROWTH[coefficients] * spectral_constant(index) * gyrofrequency
    return rate * density_ratio * (drift_ratio - 1.0)


def growth_anisotropy(
    index: Real,
    density_ratio: Real,
    anisotropy: Real,
    v_alfven: Real,
    gyrofrequency: Real = 1.0,
    coefficients: str = "exact",
) -> Real:
    """Return the growth rate by anisotropy of one co-moving branch for f0 ~ p^-a and v = c (eq. 23), [1/time].

    index: a; density_ratio: n_c(>p1)/n_i; anisotropy: Delta P/P; v_alfven: v_A [c]; gyrofrequency: Omega0 [1/time];
    coefficients: "exact" or "printed", any other word raises KeyError.
    """
    drive = anisotropy / threshold_anisotropy(index, v_alfven)
    return growth_drift(index, density_ratio, drive, gyrofrequency, coefficients)


def threshold_anisotropy(index: Real, v_alfven: Real = 1.0) -> Real:
    """Return Delta P/P at which the growth rate of eq. 23 vanishes, 4 (a^2 - 1)/(5 a (a - 2)) v_A/c.

    index: a of f0 ~ p^-a; v_alfven: v_A [c].
    """
    return 4.0 * (index**2 - 1.0) / (5.0 * index * (index - 2.0)) * v_alfven


def threshold_zeta(index: Real, v_alfven: Real = 1.0) -> Real:
    """Return zeta at which the growth rate of eq. 23 vanishes, (a^2 - 1)/(3 a (a - 2)) v_A/c.

    The paper's "zeta > 0.55" lacks v_A/c.
    index: a of f0 ~ p^-a; v_alfven: v_A [c].
    """
    return zeta(threshold_anisotropy(index, v_alfven))


def kappa_q2(x: Real, kappa: Real) -> Real:
    """Return Q2(x), the spectral shape of the growth rate of a kappa distribution (Bai et al. 2019).

    x: k p0/(m Omega0); kappa: index of the distribution.
    """
    norm = jnp.exp(gammaln(kappa + 1.0) - gammaln(kappa - 0.5)) * jnp.sqrt(jnp.pi) * kappa**-1.5
    return norm / x * (1.0 + 1.0 / (kappa * x**2)) ** -kappa


def growth_drift_kappa(x: Real, kappa: Real, density_ratio: Real, drift_ratio: Real, gyrofrequency: Real = 1.0) -> Real:
    """Return the growth rate by drift of a kappa distribution (Bai et al. 2019), [1/time].

    Gamma = (1/2)(n_c/n_i) Omega0 (v_D/v_A - 1) Q2(x), which `growth_rate` with exact coefficients gives as well.
    x: k p0/(m Omega0); kappa: index; density_ratio: n_c/n_i; drift_ratio: v_D/v_A; gyrofrequency: Omega0 [1/time].
    """
    return 0.5 * density_ratio * gyrofrequency * (drift_ratio - 1.0) * kappa_q2(x, kappa)


def growth_rate(
    k: Real,
    background: Background,
    amplitude: jax.Array,
    v_alfven: Real,
    *,
    alpha: Real = 0.0,
    zeta: Real = 0.0,
    branch: tuple[Real, Real] = (1, 1),
    coefficients: str = "exact",
    nodes: int = 96,
) -> jax.Array:
    """Return the growth rate of one branch at any particle speed by quadrature (eqs. 13 and 15), (...) [code].

    f = f0 - alpha p df0/dp P_1 - zeta p df0/dp P_2, so that at mu = h p1/p
    A = df0/dp [1 - d (v/v_A)(alpha + 3 zeta mu)]   (eqs. 18, 22; -mu in eq. 14 neglected).
    k: wavenumber, (...) [code]; background: F0; amplitude: c_k, (K,) [code]; v_alfven: v_A, () [c];
    alpha: drift of eq. 16, () [c]; zeta: coefficient of eq. 20, (); branch: direction d and helicity h, each +-1;
    coefficients: "exact" or "printed", any other word raises KeyError; nodes: of the quadrature over ln p.
    """
    d, h = branch
    p1 = 1.0 / jnp.asarray(k, float)[..., None]
    p, dp = resonant_nodes(background, p1[..., 0], nodes)
    v = p / jnp.sqrt(1.0 + p**2)
    drive = 1.0 - d * v / v_alfven * (alpha + 3.0 * zeta * h * p1 / p)
    A = background.slope(amplitude, p) / p * drive
    return GROWTH[coefficients] * jnp.sum(p1 * (p**2 - p1**2) * A * dp, axis=-1)
