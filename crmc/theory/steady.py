"""The steady state of expansion: eqs. 39, 42 and 46-48, and its exact solution.

At leading order in v_A/c eq. 39 reads 0 = S0 P_2 + dF_mu/dmu - g for mu > 0, with
S0 = -(p df0/dp)/(3 tau_B).  No wave resonates below mu_c = p_c/p, p_c = m Omega0/k_max, so F_mu
vanishes there and at mu = 1, and the mean of the source over (mu_c, 1) stays, an isotropic rise
g = S0 mu_c (1 + mu_c)/2 of f that no wave removes and that carries no flux.  Therefore
    F_mu = (S0/2)(1 - mu)(mu - mu_c)(1 + mu + mu_c),      for any nu > 0,
which without the gap is (S0/2) mu (1 - mu^2), i.e. nu A = (Bdot/3B) mu (v/v_A) df0/dp, eq. 42 pointwise.

The momentum range is finite.  F_mu is local in p, and f0 is not taken to drop to zero at the
ends of the range: p df0/dp is never integrated by parts unless a docstring says so.

`crmc.theory` states the conventions of shapes, units and coefficients.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from crmc.theory.distribution import Background, Real
from crmc.theory.growth import GROWTH, spectral_constant
from crmc.theory.moments import resonant_nodes
from crmc.theory.scattering import SCATTERING


def expansion_flux(mu: Real, slope: Real, tau_B: Real, mu_c: Real = 0.0) -> jax.Array:
    """Return the flux F_mu of the steady state for any nu > 0 outside the gap, zero inside, [f/time].

    F_mu = (S0/2)(1 - |mu|)(|mu| - mu_c)(1 + |mu| + mu_c) sign(mu) with S0 = -slope/(3 tau_B).
    mu: pitch-angle cosine; slope: p df0/dp [f]; tau_B: expansion time [time]; mu_c: half-width of the gap |mu| < mu_c.
    """
    m = jnp.abs(mu)
    shape = (1.0 - m) * (m - mu_c) * (1.0 + m + mu_c)
    return jnp.sign(mu) * jnp.where(m > mu_c, shape, 0.0) * -slope / (6.0 * tau_B)


def driven_expansion(mu: Real, df0_dp: Real, v_alfven: Real, tau_B: Real, v: Real = 1.0) -> jax.Array:
    """Return nu A = (Bdot/3B)|mu|(v/v_A) df0/dp, eq. 42 at each mu, no gap, [f/(momentum time)].

    A > 0 for tau_B > 0 and df0/dp < 0.
    mu: pitch-angle cosine; df0_dp: df0/dp [f/momentum]; v_alfven: v_A [velocity]; tau_B: expansion time [time];
    v: particle speed [velocity].
    """
    return -jnp.abs(mu) * v / v_alfven * df0_dp / (3.0 * tau_B)


def driven_moment(slope: Real, tau_B: Real) -> Real:
    """Return the moment (2/45)(Bdot/B) p df0/dp of the steady nu A, no gap (eq. 42), [f/time].

    It equals (p v_A/v) int_0^1 nu mu (1 - mu^2) A dmu.
    slope: p df0/dp [f]; tau_B: expansion time [time].
    """
    return -2.0 / 45.0 * slope / tau_B


def functional_moment_bound(df0_dp: Real, v_alfven: Real, tau_B: Real, v: Real = 1.0) -> jax.Array:
    """Return the lower bound of int_0^1 nu (1 - mu^2) A dmu in the steady state, no gap (eq. 47), [f/(momentum time)].

    (2/45)(v/v_A)|(Bdot/B) df0/dp|.
    df0_dp: df0/dp [f/momentum]; v_alfven: v_A [velocity]; tau_B: expansion time [time]; v: particle speed [velocity].
    """
    return 2.0 / 45.0 * v / v_alfven * jnp.abs(df0_dp / tau_B)


def power_into_waves(
    p: jax.Array, dp: jax.Array, mu: jax.Array, dmu: jax.Array, nu: Real, functional: Real, v_alfven: Real
) -> jax.Array:
    """Return the power into waves of a given nu A by quadrature (eq. 46), () [code].

    H = int p^2 v (p v_A/v)^2 int_0^1 nu (1 - mu^2) A dmu dp, A even in mu.
    p, dp: nodes and weights in momentum, (N,) [m_p c]; mu, dmu: nodes and weights in (0, 1), (M,);
    nu: scattering frequency, (N, M) [code]; functional: A, (N, M) [code]; v_alfven: v_A, () [c].
    """
    inner = jnp.sum(nu * (1.0 - mu**2) * functional * dmu, axis=-1)
    return v_alfven**2 * jnp.sum(p**3 * jnp.sqrt(1.0 + p**2) * inner * dp)


def heating(
    background: Background, amplitude: jax.Array, v_alfven: Real, tau_B: Real, k_max: Real | None = None
) -> Real:
    """Return the steady power into waves by expansion, H_pa, for any particle speed and any nu > 0, () [code].

    Exact at leading order: H = 2 v_A int p^3 dp int_{mu_c}^1 F_mu dmu = (v_A/12 tau_B) int (-df0/dp) p^4 g(mu_c) dp
    with g = (1 - mu_c)^3 (1 + mu_c) and mu_c = 1/(k_max p).
    background: F0; amplitude: c_k, (K,) [code]; v_alfven: v_A, () [c]; tau_B: expansion time, () [code];
    k_max: end of the spectrum, () [code], None: no gap.
    """
    p, dp = background.quadrature()
    mu_c = 0.0 if k_max is None else jnp.minimum(1.0 / (k_max * p), 1.0)
    shape = (1.0 - mu_c) ** 3 * (1.0 + mu_c)
    return v_alfven / (12.0 * tau_B) * jnp.sum(-background.slope(amplitude, p) * p**3 * shape * dp)


def heating_whole_range(background: Background, amplitude: jax.Array, v_alfven: Real, tau_B: Real) -> Real:
    """Return the steady power into waves for an f0 that vanishes outside the momentum range, no gap, () [code].

    (v_A/3 tau_B) int p^3 f0 dp, which is `heating` integrated by parts.
    background: F0; amplitude: c_k, (K,) [code]; v_alfven: v_A, () [c]; tau_B: expansion time, () [code].
    """
    p, dp = background.quadrature()
    return v_alfven / (3.0 * tau_B) * jnp.sum(p**3 * background.density(amplitude, p) * dp)


def heating_ultrarelativistic(cr_pressure: Real, v_alfven: Real, tau_B: Real) -> Real:
    """Return the steady power into waves H_pa = (1/2)(v_A/c) P_c/tau_B for v = c, no gap, [pressure/time].

    cr_pressure: P_c [pressure]; v_alfven: v_A [c]; tau_B: expansion time [time].
    """
    return 0.5 * v_alfven * cr_pressure / tau_B


def heating_bound(cr_pressure: Real, v_alfven: Real, tau_B: Real) -> Real:
    """Return the lower bound (4/15)(v_A/c) P_c/tau_B of the power into waves (eq. 48), [pressure/time].

    cr_pressure: P_c [pressure]; v_alfven: v_A [c]; tau_B: expansion time [time].
    """
    return 4.0 / 15.0 * v_alfven * cr_pressure / tau_B


def growth_times_power(
    k: Real,
    background: Background,
    amplitude: jax.Array,
    v_alfven: Real,
    tau_B: Real,
    *,
    k_max: Real | None = None,
    coefficients: str = "exact",
) -> Real:
    """Return Gamma e, growth rate times wave power, of a co-moving branch in the steady state, (...) [code].

    nu A of the module's docstring in the functional (15); nu = pi e/gamma cancels, and so does v:
    Gamma e = (p1/12 v_A tau_B) int (-p df0/dp) p^2 (1 - mu)(mu - mu_c)(1 + mu + mu_c) dp, mu = p1/p, with
    e = 8 pi k W_M/B^2.
    k: wavenumber, (...) [code]; background: F0; amplitude: c_k, (K,) [code]; v_alfven: v_A, () [c];
    tau_B: expansion time, () [code]; k_max: end of the spectrum, () [code], None: no gap;
    coefficients: "exact" or "printed", any other word raises KeyError.
    """
    p1 = 1.0 / jnp.asarray(k, float)
    p, dp = resonant_nodes(background, p1)
    mu = p1[..., None] / p
    mu_c = 0.0 if k_max is None else jnp.minimum(1.0 / (k_max * p), mu)
    shape = (1.0 - mu) * (mu - mu_c) * (1.0 + mu + mu_c)
    integral = jnp.sum(-background.slope(amplitude, p) * p**2 * shape * dp, axis=-1)
    ratio = 4.0 * GROWTH[coefficients] / SCATTERING[coefficients]
    return ratio * p1 * integral / (12.0 * v_alfven * tau_B)


def landau_slope(
    k: Real, thermal_speed: Real, form: str = "paper", lorentz: Real | None = None, coefficients: str = "exact"
) -> Real:
    """Return Gamma_d/e, the rate of nonlinear Landau damping per wave power of one of two equal branches, [code].

    paper: Gamma_d = nu v_i/c (eq. 58), nu = pi (Omega0/gamma) e(ln k).  nu depends on the particle
        and Gamma_d must not: lorentz is the gamma meant, by default that of p = p1 (mu = 1).
    local: (1/2) sqrt(pi/2) v_i k (dB/B)^2 with (dB/B)^2 = 2 e, the sum of both branches, which are co-moving.
    k: wavenumber [code]; thermal_speed: v_i [c]; form: "paper" or "local"; lorentz: gamma of the particle;
    coefficients: "exact" or "printed", any other word raises KeyError.
    """
    if form == "local":
        return jnp.sqrt(0.5 * jnp.pi) * thermal_speed * k
    gamma = jnp.sqrt(1.0 + 1.0 / k**2) if lorentz is None else lorentz
    return thermal_speed * SCATTERING[coefficients] / gamma * jnp.ones_like(k)


def equilibrium_wave_power(
    k: Real,
    background: Background,
    amplitude: jax.Array,
    v_alfven: Real,
    tau_B: Real,
    damping_rate: Real,
    *,
    damping_slope: Real = 0.0,
    k_max: Real | None = None,
    coefficients: str = "exact",
) -> Real:
    """Return the wave power e(ln k) of one co-moving branch where growth balances damping, (...).

    Gamma = damping_rate + damping_slope e.  The growth power per ln k, 2 Gamma W, is fixed by the expansion:
    `growth_times_power`.
    k: wavenumber, (...) [code]; background: F0; amplitude: c_k, (K,) [code]; v_alfven: v_A, () [c];
    tau_B: expansion time, () [code]; damping_rate: linear damping, (...) [code]; damping_slope: damping rate per wave
    power, (...) [code]; k_max: end of the spectrum, () [code], None: no gap;
    coefficients: "exact" or "printed", any other word raises KeyError.
    """
    power = growth_times_power(k, background, amplitude, v_alfven, tau_B, k_max=k_max, coefficients=coefficients)
    root = jnp.sqrt(damping_rate**2 + 4.0 * damping_slope * power)
    return 2.0 * power / (damping_rate + root)


def wave_power_linear(
    index: Real, density_ratio: Real, p1: Real, v_alfven: Real, damping_rate: Real, tau_B: Real
) -> Real:
    """Return the steady wave power of one co-moving branch with linear damping for f0 ~ p^-a, no gap.

    e = C p1 [n_c(>p1)/n_i]/(12 Gamma_d tau_B v_A).
    index: a; density_ratio: n_c(>p1)/n_i; p1: resonant momentum 1/k [m_p c]; v_alfven: v_A [c];
    damping_rate: Gamma_d [code]; tau_B: expansion time [code].
    """
    return spectral_constant(index) * p1 * density_ratio / (12.0 * damping_rate * tau_B * v_alfven)


def scattering_linear(
    index: Real,
    density_ratio: Real,
    mu: Real,
    v_alfven: Real,
    damping_rate: Real,
    tau_B: Real,
    gyrofrequency: Real = 1.0,
) -> Real:
    """Return the steady scattering frequency with linear damping for f0 ~ p^-a and v = c, no gap, [1/time].

    nu(p, mu) = (pi/12) C Omega0 (c/v_A) mu [n_c(>p mu)/n_i]/(Gamma_d tau_B).
    index: a; density_ratio: n_c(>p mu)/n_i; mu: pitch-angle cosine; v_alfven: v_A [c];
    damping_rate: Gamma_d [1/time]; tau_B: expansion time [time]; gyrofrequency: Omega0 [1/time].
    """
    scale = gyrofrequency * density_ratio / (v_alfven * damping_rate * tau_B)
    return jnp.pi / 12.0 * spectral_constant(index) * mu * scale


def zeta_constant_nu(nu: Real, v_alfven: Real, tau_B: Real) -> Real:
    """Return zeta = (5/8) v_A/c + 1/(9 nu tau_B) of the steady state for constant nu and v = c.

    Each hemisphere meets co-moving waves.
    nu: scattering frequency [1/time]; v_alfven: v_A [c]; tau_B: expansion time [time].
    """
    return 0.625 * v_alfven + 1.0 / (9.0 * nu * tau_B)
