"""Closed forms and quadratures that a run can be held against, numbered as in Zweibel (2020).

Functions marked [code] use the units of ``crmc.units`` at t = 0 (b = 1: momentum m_p c, time
1/Omega0, density n_i, velocity c, wavenumber Omega0/c); the others take any consistent units.
Call them inside ``with jax.enable_x64(True)`` for float64.  ``coefficients`` is "exact" (growth
pi/4, scattering pi: they balance) or "printed" (pi/8 in eqs. 13-23, 1 in eq. 30: they do not).

Steady state.  At leading order in v_A/c eq. 39 reads 0 = S0 P_2 + dF_mu/dmu - g for mu > 0, with
S0 = -(p df0/dp)/(3 tau_B).  No wave resonates below mu_c = p_c/p, p_c = m Omega0/k_max, so F_mu
vanishes there and at mu = 1, and the mean of the source over (mu_c, 1) stays, an isotropic rise
g = S0 mu_c (1 + mu_c)/2 of f that no wave removes and that carries no flux.  Therefore
    F_mu = (S0/2)(1 - mu)(mu - mu_c)(1 + mu + mu_c),      for any nu > 0,
which without the gap is (S0/2) mu (1 - mu^2), i.e. nu A = (Bdot/3B) mu (v/v_A) df0/dp, eq. 42 pointwise.

The momentum range is finite.  F_mu is local in p, and f0 is not taken to drop to zero at the
ends of the range: p df0/dp is never integrated by parts unless a docstring says so.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln

from crmc.distribution import Background

GROWTH = {"exact": np.pi / 4, "printed": np.pi / 8}
SCATTERING = {"exact": np.pi, "printed": 1.0}

#: Numbers printed in section 6 that its own formulas do not give: nu [s^-1] and mean free path [pc].
PRINTED = {"eq57_nu": 6e-9, "eq57_mean_free_path": 1.6, "eq60_nu": 3.7e-8, "eq60_mean_free_path": 0.26}


def expansion_time(pressure_rate, gas_pressure, cr_pressure, magnetic_pressure, gamma_g=5 / 3, gamma_c=4 / 3):
    """tau_B = (gamma_g P_g + gamma_c P_c + 2 P_m)/DeltaPdot_c (eq. 3), time."""
    return (gamma_g * gas_pressure + gamma_c * cr_pressure + 2.0 * magnetic_pressure) / pressure_rate


class FreeExpansion(NamedTuple):
    """U/U0, P_par/P0, P_perp/P0 of an ultrarelativistic population, initially isotropic."""

    energy: jax.Array
    parallel: jax.Array
    perpendicular: jax.Array


def free_expansion(b) -> FreeExpansion:
    """Exact moments without scattering at b = B/B0 (any b > 0): p_par and p_perp^2/B conserved.

    U/U0 = (b/2)(1 + h), P_par/P0 = (3/2)(1 - h)/x, h = asinh(sqrt x)/sqrt(x (1 + x)), x = 1/b - 1.
    """
    b = jnp.asarray(b, float)
    x = 1.0 / b - 1.0
    small = jnp.abs(x) < 0.02
    z = jnp.where(small, 1.0, x)
    root = jnp.sqrt(jnp.abs(z))
    angle = jnp.where(z > 0, jnp.arcsinh(root), jnp.arcsin(jnp.minimum(root, 1.0)))
    h = angle / (root * jnp.sqrt(1.0 + z))
    terms = [2 / 3, -8 / 15, 16 / 35, -128 / 315, 256 / 693, -1024 / 3003, 2048 / 6435, -32768 / 109395]
    series = jnp.polyval(jnp.array(terms[::-1]), x)  # (1 - h)/x
    lost = jnp.where(small, series, (1.0 - h) / z)
    energy = 0.5 * b * (2.0 - x * lost)
    parallel = 1.5 * lost
    return FreeExpansion(energy, parallel, 0.5 * (3.0 * energy - parallel))


def spectral_constant(index):
    """C = (a - 3)/(a - 2) of f0 ~ p^-a."""
    return (index - 3.0) / (index - 2.0)


def growth_drift(index, density_ratio, drift_ratio, gyrofrequency=1.0, coefficients="exact"):
    """Gamma (19) of one circular branch; density_ratio n_c(>p1)/n_i, drift_ratio v_D/v_A; v = c."""
    rate = GROWTH[coefficients] * spectral_constant(index) * gyrofrequency
    return rate * density_ratio * (drift_ratio - 1.0)


def growth_anisotropy(index, density_ratio, anisotropy, v_alfven, gyrofrequency=1.0, coefficients="exact"):
    """Gamma (23) of a co-moving branch; ``anisotropy`` Delta P/P, ``v_alfven`` v_A/c; v = c."""
    drive = anisotropy / threshold_anisotropy(index, v_alfven)
    return growth_drift(index, density_ratio, drive, gyrofrequency, coefficients)


def zeta(anisotropy):
    """zeta = (5/12) Delta P/P (eq. 21): f = f0 - zeta p df0/dp P_2, ultrarelativistic."""
    return 5.0 / 12.0 * anisotropy


def threshold_anisotropy(index, v_alfven=1.0):
    """Delta P/P at which (23) vanishes, 4 (a^2 - 1)/(5 a (a - 2)) v_A/c."""
    return 4.0 * (index**2 - 1.0) / (5.0 * index * (index - 2.0)) * v_alfven


def threshold_zeta(index, v_alfven=1.0):
    """zeta at which (23) vanishes, (a^2 - 1)/(3 a (a - 2)) v_A/c."""
    return zeta(threshold_anisotropy(index, v_alfven))


def kappa_q2(x, kappa):
    """Q2(x) of a kappa distribution, x = k p0/(m Omega0) (Bai et al. 2019)."""
    norm = jnp.exp(gammaln(kappa + 1.0) - gammaln(kappa - 0.5)) * jnp.sqrt(jnp.pi) * kappa**-1.5
    return norm / x * (1.0 + 1.0 / (kappa * x**2)) ** -kappa


def growth_drift_kappa(x, kappa, density_ratio, drift_ratio, gyrofrequency=1.0):
    """Gamma = (1/2)(n_c/n_i) Omega0 (v_D/v_A - 1) Q2(x) (Bai et al. 2019), equal to the pi/4 functional."""
    return 0.5 * density_ratio * gyrofrequency * (drift_ratio - 1.0) * kappa_q2(x, kappa)


def _nodes(background: Background, low):
    """Gauss-Legendre nodes p and weights dp on [max(low, p_min), p_max], shape low.shape + (96,)."""
    x, w = np.polynomial.legendre.leggauss(96)
    low = jnp.maximum(jnp.asarray(low, float), background.momentum_min)[..., None]
    half = 0.5 * jnp.maximum(jnp.log(background.momentum_max / low), 0.0)
    p = low * jnp.exp(half * (x + 1.0))
    return p, half * w * p


def number_above(background: Background, amplitude, p1):
    """n_c(>p1)/n_i [code], up to momentum_max; shape of ``p1``."""
    p, dp = _nodes(background, p1)
    return jnp.sum(2.0 * background.density(amplitude, p) * p**2 * dp, axis=-1)


def growth_rate(k, background, amplitude, v_alfven, *, alpha=0.0, zeta=0.0, branch=(1, 1), coefficients="exact"):
    """Gamma (13, 15) of ``branch`` (d, h) at wavenumber k [code], shape of ``k``, any particle speed.

    f = f0 - alpha p df0/dp P_1 - zeta p df0/dp P_2, so that at mu = h p1/p
    A = df0/dp [1 - d (v/v_A)(alpha + 3 zeta mu)]   (eqs. 18, 22; -mu in eq. 14 neglected).
    """
    d, h = branch
    p1 = 1.0 / jnp.asarray(k, float)[..., None]
    p, dp = _nodes(background, p1[..., 0])
    v = p / jnp.sqrt(1.0 + p**2)
    drive = 1.0 - d * v / v_alfven * (alpha + 3.0 * zeta * h * p1 / p)
    A = background.slope(amplitude, p) / p * drive
    return GROWTH[coefficients] * jnp.sum(p1 * (p**2 - p1**2) * A * dp, axis=-1)


def heating(background: Background, amplitude, v_alfven, tau_B, k_max=None):
    """Steady power into waves H_pa [code], general v; exact at leading order for any nu > 0.

    H = 2 v_A int p^3 dp int_{mu_c}^1 F_mu dmu = (v_A/12 tau_B) int (-df0/dp) p^4 g(mu_c) dp with
    g = (1 - mu_c)^3 (1 + mu_c); mu_c = 1/(k_max p), 0 without ``k_max``.
    """
    p, dp = background.quadrature()
    mu_c = 0.0 if k_max is None else jnp.minimum(1.0 / (k_max * p), 1.0)
    shape = (1.0 - mu_c) ** 3 * (1.0 + mu_c)
    return v_alfven / (12.0 * tau_B) * jnp.sum(-background.slope(amplitude, p) * p**3 * shape * dp)


def heating_whole_range(background: Background, amplitude, v_alfven, tau_B):
    """(v_A/3 tau_B) int p^3 f0 dp [code]: `heating` by parts, for f0 that vanishes outside the range."""
    p, dp = background.quadrature()
    return v_alfven / (3.0 * tau_B) * jnp.sum(p**3 * background.density(amplitude, p) * dp)


def heating_ultrarelativistic(cr_pressure, v_alfven, tau_B):
    """H_pa = (1/2)(v_A/c) P_c/tau_B, no gap, v = c."""
    return 0.5 * v_alfven * cr_pressure / tau_B


def heating_bound(cr_pressure, v_alfven, tau_B):
    """Lower bound (48): (4/15)(v_A/c) P_c/tau_B."""
    return 4.0 / 15.0 * v_alfven * cr_pressure / tau_B


def growth_times_power(k, background, amplitude, v_alfven, tau_B, *, k_max=None, coefficients="exact"):
    """Gamma e of a co-moving branch in the steady state [code], e = 8 pi k W_M/B^2; shape of ``k``.

    nu A of the module's docstring in the functional (15); nu = pi e/gamma cancels, and so does v:
    Gamma e = (p1/12 v_A tau_B) int (-p df0/dp) p (1 - mu)(mu - mu_c)(1 + mu + mu_c) dp, mu = p1/p.
    """
    p1 = 1.0 / jnp.asarray(k, float)
    p, dp = _nodes(background, p1)
    mu = p1[..., None] / p
    mu_c = 0.0 if k_max is None else jnp.minimum(1.0 / (k_max * p), mu)
    shape = (1.0 - mu) * (mu - mu_c) * (1.0 + mu + mu_c)
    integral = jnp.sum(-background.slope(amplitude, p) * p**2 * shape * dp, axis=-1)
    ratio = 4.0 * GROWTH[coefficients] / SCATTERING[coefficients]
    return ratio * p1 * integral / (12.0 * v_alfven * tau_B)


def landau_slope(k, thermal_speed, form="paper", lorentz=None, coefficients="exact"):
    """Gamma_d/e of nonlinear Landau damping [code], e that of one of two equal co-moving branches.

    paper: Gamma_d = nu v_i/c (eq. 58), nu = pi (Omega0/gamma) e(ln k).  nu depends on the particle
        and Gamma_d must not: ``lorentz`` is the gamma meant, by default that of p = p1 (mu = 1).
    local: (1/2) sqrt(pi/2) v_i k (dB/B)^2 with (dB/B)^2 = 2 e, the sum of both branches.
    """
    if form == "local":
        return jnp.sqrt(0.5 * jnp.pi) * thermal_speed * k
    gamma = jnp.sqrt(1.0 + 1.0 / k**2) if lorentz is None else lorentz
    return thermal_speed * SCATTERING[coefficients] / gamma * jnp.ones_like(k)


def equilibrium_wave_power(k, background, amplitude, v_alfven, tau_B, damping_rate, *, damping_slope=0.0, **options):
    """e(ln k) of one co-moving branch where Gamma = damping_rate + damping_slope e [code], shape of ``k``.

    The growth power per ln k, 2 Gamma W, is fixed by the expansion: `growth_times_power`, which
    takes the ``options`` k_max and coefficients.
    """
    power = growth_times_power(k, background, amplitude, v_alfven, tau_B, **options)
    root = jnp.sqrt(damping_rate**2 + 4.0 * damping_slope * power)
    return 2.0 * power / (damping_rate + root)


def scattering_frequency(p, e, coefficients="exact"):
    """nu = pi (Omega0/gamma) e(ln k_res) (eq. 30 without the pi) [code]; D_mumu = nu (1 - mu^2)/2."""
    return SCATTERING[coefficients] * e / jnp.sqrt(1.0 + p**2)


def mean_free_path(p, nu):
    """v/nu [code: c/Omega0] at momentum p [m_p c]."""
    return p / jnp.sqrt(1.0 + p**2) / nu


def wave_power_linear(index, density_ratio, p1, v_alfven, damping_rate, tau_B):
    """e = C p1 [n_c(>p1)/n_i]/(12 Gamma_d tau_B v_A) of f0 ~ p^-a, no gap [code]."""
    return spectral_constant(index) * p1 * density_ratio / (12.0 * damping_rate * tau_B * v_alfven)


def scattering_linear(index, density_ratio, mu, v_alfven, damping_rate, tau_B, gyrofrequency=1.0):
    """nu(p, mu) = (pi/12) C Omega0 (c/v_A) mu [n_c(>p mu)/n_i]/(Gamma_d tau_B), f0 ~ p^-a, v = c."""
    scale = gyrofrequency * density_ratio / (v_alfven * damping_rate * tau_B)
    return jnp.pi / 12.0 * spectral_constant(index) * mu * scale


def scattering_eq60(density_ratio, v_alfven, thermal_speed, tau_B, gyrofrequency=1.0):
    """nu ~ [(Omega0/tau_B)(n_c/n_i) c^2/(v_i v_A)]^(1/2) (eq. 60), speeds in c."""
    return jnp.sqrt(gyrofrequency / tau_B * density_ratio / (thermal_speed * v_alfven))


def scattering_landau(index, density_ratio, mu, v_alfven, thermal_speed, tau_B, gyrofrequency=1.0, lorentz_ratio=1.0):
    """nu(p, mu) with Gamma_d = nu v_i/c: sqrt(pi C mu lorentz_ratio/12) x (60) at n_c(>p mu); v = c.

    lorentz_ratio = (gamma of the particle whose nu enters Gamma_d)/gamma(p): 1 where it is the
    scattered particle itself, mu where it is the one with p = p1, as in `landau_slope`.
    """
    estimate = scattering_eq60(density_ratio, v_alfven, thermal_speed, tau_B, gyrofrequency)
    return jnp.sqrt(jnp.pi / 12.0 * spectral_constant(index) * mu * lorentz_ratio) * estimate


def scattering_eq57(v_alfven, tau_B):
    """nu x (anisotropy factor) ~ 2 c/(45 v_A tau_B) (eq. 57; the paper evaluates it 100 times too high)."""
    return 2.0 / (45.0 * v_alfven * tau_B)


def scattering_excess(mu, v_alfven, tau_B):
    """Exact pointwise form of (57) without gap, v = c: -nu A/(df0/dp) = mu c/(3 v_A tau_B).

    Its mu (1 - mu^2) moment is (57); its mu (1 - mu^2) mean is 4 times (57).
    """
    return mu / (3.0 * v_alfven * tau_B)


def zeta_constant_nu(nu, v_alfven, tau_B):
    """zeta = (5/8) v_A/c + 1/(9 nu tau_B) for constant nu, each hemisphere co-moving, v = c."""
    return 0.625 * v_alfven + 1.0 / (9.0 * nu * tau_B)


def anisotropy_of_zeta(background: Background, amplitude):
    """Delta P/P_c per zeta (21) on the simulated momentum range; 12/5 where f0 vanishes at its ends and v = c."""
    p, dp = background.quadrature()
    stress = jnp.sum(-background.slope(amplitude, p) * p**4 / jnp.sqrt(1.0 + p**2) * dp)
    return 0.4 * stress / background.moments(amplitude, jnp.ones(())).pressure
