"""The steady state of expansion against quadrature, an ODE solver and closed forms of power laws."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import dblquad, quad, solve_ivp
from support.theory_cases import N0, TAU, V_A, A, power_law, rays, slope

from crmc import theory


@pytest.mark.parametrize("mu_c", [0.0, 0.02, 0.3])
def test_expansion_flux_solves_its_equation(mu_c):
    """dF/dmu = g - S0 P_2 from mu = 1 by solve_ivp; the rise g is the only one for which F vanishes at the gap.

    The subtraction mu (1 - mu^2) - mu_c (1 - mu_c^2) does not vanish at mu = 1 and fails here.
    """
    s0 = -slope(2.0) / (3 * TAU)
    p2 = lambda m: (3 * m * m - 1) / 2  # noqa: E731
    rise = s0 * quad(p2, mu_c, 1)[0] / (1 - mu_c)
    grid = np.linspace(1.0, mu_c, 9)
    found = solve_ivp(lambda m, F: [(rise - s0 * p2(m)) / s0], (1.0, mu_c), [0.0], t_eval=grid, rtol=1e-10, atol=1e-12)
    closed = theory.expansion_flux(grid, slope(2.0), TAU, mu_c) / s0
    np.testing.assert_allclose(closed, found.y[0], atol=1e-9)
    np.testing.assert_allclose(theory.expansion_flux(-grid, slope(2.0), TAU, mu_c), -closed * s0, rtol=1e-12)
    if mu_c:
        assert float(theory.expansion_flux(0.5 * mu_c, slope(2.0), TAU, mu_c)) == 0.0
        wrong = 0.5 * (grid * (1 - grid**2) - mu_c * (1 - mu_c**2))
        assert abs(wrong[0]) > 0.005 and np.abs(wrong - found.y[0]).max() > 0.005


@pytest.mark.parametrize("power", [0.3, 1.0, 4.0])
def test_pointwise_functional_gives_42_47_and_48_for_any_nu(power):
    """nu ~ mu^power: the flux (31) is that of the steady state, its moment is (42), (46) is `heating` and 15/8 x (48)."""
    p, v = 2.0, 2 / math.sqrt(5)
    nu = lambda m: 3e-9 * m**power  # noqa: E731
    functional = lambda m: theory.driven_expansion(m, slope(p) / p, V_A, TAU, v) / nu(m)  # noqa: E731
    mu = np.array([0.1, 0.5, 0.9])
    flux = theory.pitch_angle_flux(p, mu, nu(mu), V_A, functional(mu), v)
    np.testing.assert_allclose(flux, theory.expansion_flux(mu, slope(p), TAU), rtol=1e-12)
    weighted = lambda n: quad(lambda m: nu(m) * m**n * (1 - m * m) * float(functional(m)), 0, 1)[0]  # noqa: E731
    assert p * V_A / v * weighted(1) == pytest.approx(theory.driven_moment(slope(p), TAU), rel=1e-9)
    bound = float(theory.functional_moment_bound(slope(p) / p, V_A, TAU, v))
    assert weighted(0) / bound == pytest.approx(15 / 8, rel=1e-9)
    background, amplitude = rays()
    p, dp = background.quadrature()
    x, w = np.polynomial.legendre.leggauss(60)
    m, dm = 0.5 * (x + 1), 0.5 * w
    p_ = p[:, None]
    drive = theory.driven_expansion(m, background.slope(amplitude, p_) / p_, V_A, TAU, p_ / jnp.sqrt(1 + p_**2))
    power_in = theory.power_into_waves(p, dp, m, dm, nu(m) * jnp.ones_like(p_), drive / nu(m), V_A)
    assert float(power_in) == pytest.approx(float(theory.heating(background, amplitude, V_A, TAU)), rel=1e-9)


@pytest.mark.parametrize("shape", [lambda m: 1.0, lambda m: m**3, lambda m: math.exp(-9 * m)])
def test_the_bound_holds_for_other_functionals(shape):
    """Any nu A >= 0 with the moment (42): int nu (1 - mu^2) A exceeds (47)."""
    moment = quad(lambda m: m * (1 - m * m) * shape(m), 0, 1)[0]
    scale = theory.driven_moment(slope(2.0), TAU) / (2.0 * V_A) / moment  # v = c
    total = scale * quad(lambda m: (1 - m * m) * shape(m), 0, 1)[0]
    assert total > float(theory.functional_moment_bound(slope(2.0) / 2.0, V_A, TAU))


def test_heating_with_the_gap_is_the_integral_of_the_flux():
    """int_{mu_c}^1 F_mu dmu = (S0/8)(1 - mu_c)^3 (1 + mu_c), the shape in `heating`; here S0 = 2."""
    for mu_c in (0.05, 0.4):
        integral = quad(lambda m: float(theory.expansion_flux(m, -6.0, 1.0, mu_c)), mu_c, 1)[0]  # noqa: B023
        assert integral == pytest.approx((1 - mu_c) ** 3 * (1 + mu_c) / 4, rel=1e-9)


@pytest.mark.parametrize("k_max", [None, 5.0, 0.5])
def test_heating_is_the_double_integral_of_the_flux(k_max):
    """H = 2 v_A int p^3 int F_mu dmu dp with F_mu written out, by dblquad: to 1e-8, to 1e-3 where the gap has a kink."""
    background, amplitude = rays()

    def integrand(mu, s):
        p = math.exp(s)
        mu_c = 0.0 if k_max is None else min(1 / (k_max * p), 1.0)
        source = A * p * p / (1 + p * p) * N0 * (1 + p * p) ** (-A / 2) / (3 * TAU)
        flux = source / 2 * (mu * (1 - mu**2) - mu_c * (1 + mu_c) * (1 - mu))
        return 2 * V_A * p**4 * flux if mu > mu_c else 0.0

    low = (lambda s: 0.0) if k_max is None else (lambda s: min(math.exp(-s) / k_max, 1.0))
    split = max(math.log(0.5), -math.log(k_max or 1e9))  # below it nothing resonates
    expected = dblquad(integrand, split, math.log(100), low, 1.0, epsrel=1e-9)[0]
    rel = 1e-8 if split < -0.6 else 1e-3  # a kink where the gap opens
    assert float(theory.heating(background, amplitude, V_A, TAU, k_max)) == pytest.approx(expected, rel=rel)


def test_heating_ultrarelativistic_limit_and_bound():
    """Far above m_p c the quadratures are (1/2)(v_A/c) P_c/tau_B to 1e-4, which is 15/8 of the bound (48)."""
    background, amplitude = rays(10.0, 1e11, 1e3, 1e8)
    pressure = background.moments(amplitude, jnp.ones(())).pressure
    limit = float(theory.heating_ultrarelativistic(pressure, V_A, TAU))
    assert float(theory.heating(background, amplitude, V_A, TAU)) == pytest.approx(limit, rel=1e-4)
    assert float(theory.heating_whole_range(background, amplitude, V_A, TAU)) == pytest.approx(limit, rel=1e-4)
    assert limit / float(theory.heating_bound(pressure, V_A, TAU)) == pytest.approx(1.875)


def test_heating_of_a_truncated_power_law_depends_on_the_ends():
    """Local in p, so a/4 of the integral by parts; the pressure-only form needs a turnover."""
    background, amplitude = rays(turnover=0.0)
    local = theory.heating(background, amplitude, V_A, TAU)
    whole = theory.heating_whole_range(background, amplitude, V_A, TAU)
    assert float(local / whole) == pytest.approx(A / 4, rel=1e-12)


@pytest.mark.parametrize("k_max", [5.0, 50.0])
def test_growth_of_the_steady_spectrum_is_the_heating(k_max):
    """2 sum_branches int Gamma W dk = H (eq. 37) with k W = e v_A^2 per co-moving branch."""
    background, amplitude = rays()
    power = lambda x: float(  # noqa: E731
        theory.growth_times_power(math.exp(x), background, amplitude, V_A, TAU, k_max=k_max)
    )
    total = quad(power, math.log(0.01), math.log(k_max), points=[math.log(2)], epsrel=1e-7)[0]
    heating = float(theory.heating(background, amplitude, V_A, TAU, k_max))
    assert 2 * 2 * total * V_A**2 == pytest.approx(heating, rel=1e-6)


def test_growth_times_power_is_the_functional_of_the_steady_state():
    """Gamma from eq. 15 with A = (v/v_A)(S0/p)(...)/nu, nu = pi e/gamma for some e."""
    (background, amplitude), k, e = rays(), 0.4, 3e-8
    p1, mu_c = 1 / k, lambda p: 1 / (5.0 * p)

    def integrand(s):
        p = math.exp(s)
        gamma, mu = math.hypot(1, p), p1 / p
        source = A * p * p / (1 + p * p) * N0 * (1 + p * p) ** (-A / 2) / (3 * TAU)
        flux = source / 2 * (1 - mu) * (mu - mu_c(p)) * (1 + mu + mu_c(p))
        nu = np.pi * e / gamma
        functional = flux / (nu * (1 - mu**2) / 2 * gamma * V_A)  # eq. 31: F = D (p v_A/v) A
        return (p * p - p1 * p1) * functional * p

    rate = np.pi / 4 * p1 * quad(integrand, math.log(p1) + 1e-12, math.log(100), epsrel=1e-10)[0]
    value = theory.growth_times_power(k, background, amplitude, V_A, TAU, k_max=5.0)
    assert float(value) == pytest.approx(rate * e, rel=1e-8)
    printed = theory.growth_times_power(k, background, amplitude, V_A, TAU, k_max=5.0, coefficients="printed")
    assert float(printed / value) == pytest.approx(np.pi / 2, rel=1e-12)


def test_steady_spectra_of_a_power_law():
    """Linear and Landau damping: e and nu by quadrature are the closed forms to 1e-8; both dampings balance to 1e-12."""
    background, amplitude = power_law()
    k, p, damping, v_i = 1e-5, 4e5, 1e-9, 3e-4
    mu = 1 / (k * p)
    ratio = float(theory.number_above(background, amplitude, 1 / k))
    linear = theory.equilibrium_wave_power(k, background, amplitude, V_A, TAU, damping)
    closed = theory.wave_power_linear(A, ratio, 1 / k, V_A, damping, TAU)
    assert float(linear) == pytest.approx(float(closed), rel=1e-8)
    nu = theory.scattering_linear(A, ratio, mu, V_A, damping, TAU)
    assert float(theory.scattering_frequency(p, linear)) == pytest.approx(float(nu), rel=1e-8)
    for lorentz, lorentz_ratio in ((None, mu), (p, 1.0), (1.0, 1 / p)):
        slope = theory.landau_slope(k, v_i, lorentz=lorentz)
        e = theory.equilibrium_wave_power(k, background, amplitude, V_A, TAU, 0.0, damping_slope=slope)
        nu = theory.scattering_landau(A, ratio, mu, V_A, v_i, TAU, lorentz_ratio=lorentz_ratio)
        assert float(theory.scattering_frequency(p, e)) == pytest.approx(float(nu), rel=1e-8)
    both = theory.equilibrium_wave_power(k, background, amplitude, V_A, TAU, damping, damping_slope=slope)
    power = theory.growth_times_power(k, background, amplitude, V_A, TAU)
    assert float(both * (damping + slope * both)) == pytest.approx(float(power), rel=1e-12)


def test_local_landau_slope():
    """(1/2) sqrt(pi/2) v_i k (dB/B)^2 with (dB/B)^2 = 2 e, written out."""
    assert float(theory.landau_slope(0.7, 3e-4, "local")) == pytest.approx(
        0.5 * math.sqrt(math.pi / 2) * 3e-4 * 0.7 * 2
    )


def test_zeta_of_constant_nu_by_integration():
    """df/dmu = (v_A p/v)(A - df0/dp) with nu A pointwise, projected on P_2; in units of -p df0/dp."""
    nu = 2e-7
    f = lambda m: V_A * m + m * m / (6 * nu * TAU)  # noqa: E731
    expected = 5 * quad(lambda m: f(m) * (1.5 * m * m - 0.5), 0, 1)[0]
    assert float(theory.zeta_constant_nu(nu, V_A, TAU)) == pytest.approx(expected, rel=1e-12)
