"""The steady state of expansion: eqs. 39, 42 and 46-48, and its exact solution.

At leading order in v_A/c eq. 39 reads 0 = S0 P_2 + dF_mu/dmu - g for mu > 0, with
S0 = -(p df0/dp)/(3 tau_B).  No wave resonates below mu_c = p_c/p, p_c = m Omega0/k_max, so F_mu
vanishes there and at mu = 1, and the mean of the source over (mu_c, 1) stays, an isotropic rise
g = S0 mu_c (1 + mu_c)/2 of f that no wave removes and that carries no flux.  Therefore
    F_mu = (S0/2)(1 - mu)(mu - mu_c)(1 + mu + mu_c),      for any nu > 0,
which without the gap is (S0/2) mu (1 - mu^2), i.e. nu A = (Bdot/3B) mu (v/v_A) df0/dp, eq. 42 pointwise.

The momentum range is finite.  F_mu is local in p, and f0 is not taken to drop to zero at the
ends of the range: p df0/dp is never integrated by parts unless a docstring says so.

[code] marks the units of ``crmc.units`` at t = 0.  ``coefficients`` is "exact" or "printed"; any
other word raises KeyError.
"""

from __future__ import annotations

import jax.numpy as jnp

from crmc.theory.distribution import Background
from crmc.theory.growth import GROWTH, spectral_constant
from crmc.theory.moments import resonant_nodes
from crmc.theory.scattering import SCATTERING


def expansion_flux(mu, slope, tau_B, mu_c=0.0):
    """F_mu of the steady state, (S0/2)(1 - |mu|)(|mu| - mu_c)(1 + |mu| + mu_c) sign(mu), zero inside the gap.

    ``slope`` p df0/dp, S0 = -slope/(3 tau_B); any nu > 0 outside the gap |mu| < mu_c.
    """
    m = jnp.abs(mu)
    shape = (1.0 - m) * (m - mu_c) * (1.0 + m + mu_c)
    return jnp.sign(mu) * jnp.where(m > mu_c, shape, 0.0) * -slope / (6.0 * tau_B)


def driven_expansion(mu, df0_dp, v_alfven, tau_B, v=1.0):
    """nu A = (Bdot/3B)|mu|(v/v_A) df0/dp, eq. 42 at each mu, without gap; A > 0 for tau_B > 0, df0/dp < 0."""
    return -jnp.abs(mu) * v / v_alfven * df0_dp / (3.0 * tau_B)


def driven_moment(slope, tau_B):
    """(2/45)(Bdot/B) p df0/dp (eq. 42), equal to (p v_A/v) int_0^1 nu mu (1 - mu^2) A dmu; no gap."""
    return -2.0 / 45.0 * slope / tau_B


def functional_moment_bound(df0_dp, v_alfven, tau_B, v=1.0):
    """(2/45)(v/v_A)|(Bdot/B) df0/dp|, below which int_0^1 nu (1 - mu^2) A dmu cannot fall (eq. 47); no gap."""
    return 2.0 / 45.0 * v / v_alfven * jnp.abs(df0_dp / tau_B)


def power_into_waves(p, dp, mu, dmu, nu, functional, v_alfven):
    """H = int p^2 v (p v_A/v)^2 int_0^1 nu (1 - mu^2) A dmu dp (eq. 46) [code] by quadrature.

    ``p``, weights ``dp``: shape (N,); ``mu`` in (0, 1), weights ``dmu``: (M,); nu, A: (N, M).  A is even in mu.
    """
    inner = jnp.sum(nu * (1.0 - mu**2) * functional * dmu, axis=-1)
    return v_alfven**2 * jnp.sum(p**3 * jnp.sqrt(1.0 + p**2) * inner * dp)


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
    Gamma e = (p1/12 v_A tau_B) int (-p df0/dp) p^2 (1 - mu)(mu - mu_c)(1 + mu + mu_c) dp, mu = p1/p.
    """
    p1 = 1.0 / jnp.asarray(k, float)
    p, dp = resonant_nodes(background, p1)
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


def wave_power_linear(index, density_ratio, p1, v_alfven, damping_rate, tau_B):
    """e = C p1 [n_c(>p1)/n_i]/(12 Gamma_d tau_B v_A) of f0 ~ p^-a, no gap [code]."""
    return spectral_constant(index) * p1 * density_ratio / (12.0 * damping_rate * tau_B * v_alfven)


def scattering_linear(index, density_ratio, mu, v_alfven, damping_rate, tau_B, gyrofrequency=1.0):
    """nu(p, mu) = (pi/12) C Omega0 (c/v_A) mu [n_c(>p mu)/n_i]/(Gamma_d tau_B), f0 ~ p^-a, v = c."""
    scale = gyrofrequency * density_ratio / (v_alfven * damping_rate * tau_B)
    return jnp.pi / 12.0 * spectral_constant(index) * mu * scale


def zeta_constant_nu(nu, v_alfven, tau_B):
    """zeta = (5/8) v_A/c + 1/(9 nu tau_B) for constant nu, each hemisphere co-moving, v = c."""
    return 0.625 * v_alfven + 1.0 / (9.0 * nu * tau_B)
