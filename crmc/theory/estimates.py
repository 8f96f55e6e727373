"""The estimates of sections 5 and 6 of the paper, eqs. 54-60, and their exact counterparts.

Any consistent units, speeds in c unless said otherwise.  `crmc.theory` states the conventions of shapes and units.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from crmc.theory.distribution import Real
from crmc.theory.growth import spectral_constant

#: Numbers printed in section 6 that its own formulas do not give: nu [s^-1] and mean free path [pc].
PRINTED = {"eq57_nu": 6e-9, "eq57_mean_free_path": 1.6, "eq60_nu": 3.7e-8, "eq60_mean_free_path": 0.26}

#: v/<nu> in v_A tau_B: eq. 55; mean over mu of the exact pointwise nu; eqs. 56-57, which keep the 2/45 that 54-55 drop.
_PATH = {"printed": 1.0, "exact": 6.0, "eq57": 22.5}


def anisotropy_factor(anisotropy: Real, v_alfven: Real) -> Real:
    """Return the anisotropy factor (c/v_A) Delta P_c/P_c - 1, the bracket of eqs. 54-57.

    It is the bracket of eq. 23 without its spectral factor.
    anisotropy: Delta P_c/P_c; v_alfven: v_A [c].
    """
    return anisotropy / v_alfven - 1.0


def diffusivity_anisotropy(v_alfven: Real, tau_B: Real, factor: Real, v: Real = 1.0) -> Real:
    """Return the diffusivity kappa_pa ~ v v_A tau_B [(c/v_A) Delta P/P - 1] (eq. 54), [velocity^2 time].

    No exact value exists: nu ~ mu makes kappa diverge at 90 degrees (`parallel_diffusivity`).
    v_alfven: v_A [velocity]; tau_B: expansion time [time]; factor: the bracket; v: particle speed [velocity].
    """
    return v * v_alfven * tau_B * factor


def path_anisotropy(v_alfven: Real, tau_B: Real, factor: Real, coefficients: str = "printed") -> Real:
    """Return the mean free path lambda_pa = coefficient x v_A tau_B x factor (eq. 55), [velocity time].

    printed: 1.  exact: 6 = v/(mean over mu of nu), nu A pointwise, -A/(df0/dp) = factor at every mu, v = c.
    eq57: 45/2, which eqs. 56-57 give and eqs. 54-55 drop.
    v_alfven: v_A [velocity]; tau_B: expansion time [time]; factor: that of `anisotropy_factor`;
    coefficients: "printed", "exact" or "eq57", any other word raises KeyError.
    """
    return _PATH[coefficients] * v_alfven * tau_B * factor


def scattering_eq57(v_alfven: Real, tau_B: Real) -> Real:
    """Return the scattering frequency times the anisotropy factor, ~ 2 c/(45 v_A tau_B) (eq. 57), [1/time].

    The paper evaluates it 100 times too high.  Eq. 56, from which it follows, has the sign of its bracket reversed:
    (42) with (22) gives 1 - (c/v_A) Delta P/P.
    v_alfven: v_A [c]; tau_B: expansion time [time].
    """
    return 2.0 / (45.0 * v_alfven * tau_B)


def scattering_excess(mu: Real, v_alfven: Real, tau_B: Real) -> Real:
    """Return -nu A/(df0/dp) = mu c/(3 v_A tau_B), the exact pointwise form of eq. 57, no gap, v = c, [1/time].

    Its mu (1 - mu^2) moment is (57); its mu (1 - mu^2) mean is 4 times (57); its mean over mu is 15/4 of (57).
    mu: pitch-angle cosine; v_alfven: v_A [c]; tau_B: expansion time [time].
    """
    return mu / (3.0 * v_alfven * tau_B)


def landau_damping_estimate(nu: Real, thermal_speed: Real) -> Real:
    """Return the paper's estimate Gamma_nld ~ nu v_i/c of nonlinear Landau damping (eq. 58), [1/time].

    nu: scattering frequency [1/time]; thermal_speed: v_i [c].
    """
    return nu * thermal_speed


def growth_estimate(
    nu: Real,
    density_ratio: Real,
    v_alfven: Real,
    tau_B: Real,
    gyrofrequency: Real = 1.0,
    index: Real | None = None,
    mu: Real = 1.0,
) -> Real:
    """Return the estimate Gamma_c ~ (Omega0/(nu tau_B)) (n_c/n_i) c/v_A of the growth rate (eq. 59), [1/time].

    With index the value is pi C mu/12 times the estimate, the exact rate in the steady state for f0 ~ p^-a and v = c.
    nu: scattering frequency [1/time]; density_ratio: n_c/n_i, with index n_c(>p mu)/n_i; v_alfven: v_A [c];
    tau_B: expansion time [time]; gyrofrequency: Omega0 [1/time]; index: a, None: the estimate;
    mu: pitch-angle cosine, used with index alone.
    """
    estimate = gyrofrequency / (nu * tau_B) * density_ratio / v_alfven
    return estimate * (1.0 if index is None else jnp.pi / 12.0 * spectral_constant(index) * mu)


def scattering_eq60(
    density_ratio: Real, v_alfven: Real, thermal_speed: Real, tau_B: Real, gyrofrequency: Real = 1.0
) -> jax.Array:
    """Return the scattering frequency at which the growth of eq. 59 equals the damping of eq. 58 (eq. 60), [1/time].

    nu ~ [(Omega0/tau_B)(n_c/n_i) c^2/(v_i v_A)]^(1/2).
    density_ratio: n_c/n_i; v_alfven: v_A [c]; thermal_speed: v_i [c]; tau_B: expansion time [time];
    gyrofrequency: Omega0 [1/time].
    """
    return jnp.sqrt(gyrofrequency / tau_B * density_ratio / (thermal_speed * v_alfven))


def density_ratio_of_eq60(
    nu: Real, v_alfven: Real, thermal_speed: Real, tau_B: Real, gyrofrequency: Real = 1.0
) -> Real:
    """Return the density ratio n_c/n_i that eq. 60 needs to give a scattering frequency.

    The paper does not state the one that it used.
    nu: scattering frequency [1/time]; v_alfven: v_A [c]; thermal_speed: v_i [c]; tau_B: expansion time [time];
    gyrofrequency: Omega0 [1/time].
    """
    return nu**2 * tau_B / gyrofrequency * thermal_speed * v_alfven


def scattering_landau(
    index: Real,
    density_ratio: Real,
    mu: Real,
    v_alfven: Real,
    thermal_speed: Real,
    tau_B: Real,
    gyrofrequency: Real = 1.0,
    lorentz_ratio: Real = 1.0,
) -> jax.Array:
    """Return the steady scattering frequency nu(p, mu) with the damping Gamma_d = nu v_i/c of eq. 58, v = c, [1/time].

    sqrt(pi C mu lorentz_ratio/12) times eq. 60 at n_c(>p mu), for f0 ~ p^-a.
    index: a; density_ratio: n_c(>p mu)/n_i; mu: pitch-angle cosine; v_alfven: v_A [c]; thermal_speed: v_i [c];
    tau_B: expansion time [time]; gyrofrequency: Omega0 [1/time];
    lorentz_ratio: (gamma of the particle whose nu enters Gamma_d)/gamma(p), 1 where it is the scattered particle
    itself, mu where it is the one with p = p1, as in `landau_slope`.
    """
    estimate = scattering_eq60(density_ratio, v_alfven, thermal_speed, tau_B, gyrofrequency)
    return jnp.sqrt(jnp.pi / 12.0 * spectral_constant(index) * mu * lorentz_ratio) * estimate
