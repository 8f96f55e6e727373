"""The estimates of sections 5 and 6: eqs. 54-60.  Speeds in c unless said otherwise; all shapes broadcast."""

from __future__ import annotations

import jax.numpy as jnp

from crmc.theory.growth import spectral_constant

#: Numbers printed in section 6 that its own formulas do not give: nu [s^-1] and mean free path [pc].
PRINTED = {"eq57_nu": 6e-9, "eq57_mean_free_path": 1.6, "eq60_nu": 3.7e-8, "eq60_mean_free_path": 0.26}

#: v/<nu> in v_A tau_B: eq. 55; mean over mu of the exact pointwise nu; eqs. 56-57, which keep the 2/45 that 54-55 drop.
_PATH = {"printed": 1.0, "exact": 6.0, "eq57": 22.5}


def anisotropy_factor(anisotropy, v_alfven):
    """(c/v_A) Delta P_c/P_c - 1, the bracket of eqs. 54-57: that of eq. 23 without its spectral factor."""
    return anisotropy / v_alfven - 1.0


def diffusivity_anisotropy(v_alfven, tau_B, factor, v=1.0):
    """kappa_pa ~ v v_A tau_B [(c/v_A) Delta P/P - 1] (eq. 54), ``factor`` the bracket.

    No exact value exists: nu ~ mu makes kappa diverge at 90 degrees (`parallel_diffusivity`).
    """
    return v * v_alfven * tau_B * factor


def path_anisotropy(v_alfven, tau_B, factor, coefficients="printed"):
    """lambda_pa = coefficient x v_A tau_B x ``factor`` (eq. 55).

    "printed": 1.  "exact": 6 = v/(mean over mu of nu), nu A pointwise, -A/(df0/dp) = factor at every mu, v = c.
    "eq57": 45/2, which eqs. 56-57 give and eqs. 54-55 drop.  Any other word raises KeyError.
    """
    return _PATH[coefficients] * v_alfven * tau_B * factor


def scattering_eq57(v_alfven, tau_B):
    """nu x (anisotropy factor) ~ 2 c/(45 v_A tau_B) (eq. 57; the paper evaluates it 100 times too high).

    Eq. 56, from which it follows, has the sign of its bracket reversed: (42) with (22) gives 1 - (c/v_A) Delta P/P.
    """
    return 2.0 / (45.0 * v_alfven * tau_B)


def scattering_excess(mu, v_alfven, tau_B):
    """Exact pointwise form of (57) without gap, v = c: -nu A/(df0/dp) = mu c/(3 v_A tau_B).

    Its mu (1 - mu^2) moment is (57); its mu (1 - mu^2) mean is 4 times (57); its mean over mu is 15/4 of (57).
    """
    return mu / (3.0 * v_alfven * tau_B)


def landau_damping_estimate(nu, thermal_speed):
    """Gamma_nld ~ nu v_i/c (eq. 58), the paper's estimate of nonlinear Landau damping; 1/time of ``nu``."""
    return nu * thermal_speed


def growth_estimate(nu, density_ratio, v_alfven, tau_B, gyrofrequency=1.0, index=None, mu=1.0):
    """Gamma_c ~ (Omega0/(nu tau_B)) (n_c/n_i) c/v_A (eq. 59).

    With ``index`` a times pi C mu/12: the exact rate in the steady state for f0 ~ p^-a, n_c(>p mu), v = c.
    """
    estimate = gyrofrequency / (nu * tau_B) * density_ratio / v_alfven
    return estimate * (1.0 if index is None else jnp.pi / 12.0 * spectral_constant(index) * mu)


def scattering_eq60(density_ratio, v_alfven, thermal_speed, tau_B, gyrofrequency=1.0):
    """nu ~ [(Omega0/tau_B)(n_c/n_i) c^2/(v_i v_A)]^(1/2) (eq. 60), where (58) equals (59)."""
    return jnp.sqrt(gyrofrequency / tau_B * density_ratio / (thermal_speed * v_alfven))


def density_ratio_of_eq60(nu, v_alfven, thermal_speed, tau_B, gyrofrequency=1.0):
    """n_c/n_i that eq. 60 needs to give ``nu``; the paper does not state the one it used."""
    return nu**2 * tau_B / gyrofrequency * thermal_speed * v_alfven


def scattering_landau(index, density_ratio, mu, v_alfven, thermal_speed, tau_B, gyrofrequency=1.0, lorentz_ratio=1.0):
    """nu(p, mu) with Gamma_d = nu v_i/c: sqrt(pi C mu lorentz_ratio/12) x (60) at n_c(>p mu); v = c.

    lorentz_ratio = (gamma of the particle whose nu enters Gamma_d)/gamma(p): 1 where it is the
    scattered particle itself, mu where it is the one with p = p1, as in `landau_slope`.
    """
    estimate = scattering_eq60(density_ratio, v_alfven, thermal_speed, tau_B, gyrofrequency)
    return jnp.sqrt(jnp.pi / 12.0 * spectral_constant(index) * mu * lorentz_ratio) * estimate
