"""Tube and moments: each closed form against what defines it, by finite differences, root finding or scipy quadrature."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from astropy import constants as const
from astropy import units as u
from scipy.integrate import dblquad, quad
from scipy.optimize import brentq
from scipy.special import eval_legendre

from crmc import theory
from crmc.theory.distribution import Background
from crmc.units import CodeUnits

P_G, P_C, P_M, RHO, RATE = 3.2e-13, 8.2e-14, 3.97e-14, 1.5e-27, 1.67e-25


def total_pressure(rho):
    """Gas and cosmic rays on their adiabats, field as B ~ rho."""
    x = rho / RHO
    return P_G * x ** (5 / 3) + P_C * x ** (4 / 3) + P_M * x**2


def test_plasma_scales_are_those_of_astropy():
    """v_A, Omega0 and v_i in cgs against the SI formulas with astropy's constants, to 1e-8."""
    units = CodeUnits(5e-6, 0.01)
    B, n = 5e-10 * u.T, 0.01 / u.cm**3
    v_alfven = (B / np.sqrt(const.mu0 * n * const.m_p) / const.c).decompose()
    assert units.alfven_speed == pytest.approx(float(v_alfven), rel=1e-8)
    gyro = (const.e.si * B / const.m_p).to(1 / u.s, equivalencies=u.dimensionless_angles())
    assert units.gyrofrequency == pytest.approx(float(gyro.value), rel=1e-8)
    thermal = np.sqrt(const.k_B * 1.1e6 * u.K / const.m_p) / const.c
    assert units.thermal_speed(1.1e6) == pytest.approx(float(thermal.decompose()), rel=1e-8)


def test_magnetoacoustic_speed_is_the_slope_of_the_total_pressure():
    """C_ma^2 = d(P_g + P_c + P_m)/drho, central difference."""
    step = 1e-5 * RHO
    slope = (total_pressure(RHO + step) - total_pressure(RHO - step)) / (2 * step)
    assert float(theory.magnetoacoustic_speed(P_G, P_C, P_M, RHO)) == pytest.approx(math.sqrt(slope), rel=1e-8)


def test_density_and_field_rates_keep_the_pressure_balance():
    """Inject a little pressure, find the density that restores the total: eqs. 2, 3 and tau_B."""
    dt = 1e8  # s; tau_B is 4e12 s
    start = total_pressure(RHO)
    rho = brentq(lambda r: total_pressure(r) + RATE * dt - start, 0.9 * RHO, RHO, xtol=1e-45, rtol=1e-15)
    speed = theory.magnetoacoustic_speed(P_G, P_C, P_M, RHO)
    assert float(theory.density_rate(RATE, speed)) == pytest.approx((rho - RHO) / dt, rel=1e-4)
    rate = float(theory.field_rate(RATE, RHO, speed))
    assert rate == pytest.approx((rho / RHO - 1) / dt, rel=1e-4)
    assert theory.expansion_time(RATE, P_G, P_C, P_M) == pytest.approx(-1 / rate, rel=1e-12)


def test_work_is_pressure_times_the_change_of_volume():
    """P_c dV/dt per volume, V ~ 1/rho, by finite difference."""
    tau, dt = 3.7e12, 1e6
    assert theory.work_rate(P_C, tau) == pytest.approx(P_C * math.expm1(dt / tau) / dt, rel=1e-6)


@pytest.mark.parametrize("rate", [-0.3, 0.2])
def test_orbit_rates_keep_the_invariants(rate):
    """d/dt of p mu and of p^2 (1 - mu^2)/B is zero."""
    p, mu = jnp.array([0.3, 2.0, 50.0]), jnp.array([-0.9, 0.1, 0.6])
    dp, dmu = theory.orbit_rates(p, mu, rate)
    np.testing.assert_allclose(dp * mu + p * dmu, 0.0, atol=1e-15)
    change = 2 * p * dp * (1 - mu**2) - 2 * p**2 * mu * dmu - rate * p**2 * (1 - mu**2)
    np.testing.assert_allclose(change / p**2, 0.0, atol=1e-15)


def test_drive_is_the_change_along_the_orbit_and_has_only_p0_and_p2():
    """df/dt at fixed (p, mu) of an isotropic f, from the orbit's finite displacement; Legendre moments by quad."""
    tau, p, dt = 5.0, 2.0, 1e-5
    f0 = lambda p: (1 + p * p) ** -2.35  # noqa: E731
    slope = -4.7 * p**2 / (1 + p**2) * f0(p)

    def drive(mu):
        dp, _ = theory.orbit_rates(p, mu, -1 / tau)
        return (f0(p - float(dp) * dt) - f0(p + float(dp) * dt)) / (2 * dt)

    for mu in (-0.8, 0.0, 0.5):
        assert float(theory.expansion_drive(mu, slope, tau)) == pytest.approx(drive(mu), rel=1e-8)
    moments = [float(theory.legendre_moment(lambda m: theory.expansion_drive(m, slope, tau), n)) for n in range(5)]
    np.testing.assert_allclose(moments, [slope / (3 * tau), 0, -slope / (3 * tau), 0, 0], atol=1e-15)


def test_energy_equation_holds_in_free_expansion():
    """dU/dln b of the closed form, central difference, is U + P_perp; eq. 45 is the same sum split."""
    for b in (0.3, 0.8, 1.3):
        e = lambda x: float(theory.free_expansion(x).energy)  # noqa: E731
        free = theory.free_expansion(b)
        slope = 3 * (e(b * math.exp(1e-4)) - e(b * math.exp(-1e-4))) / 2e-4  # U0 = 3 P0
        assert float(theory.energy_rate(3 * free.energy, free.perpendicular, 1.0)) == pytest.approx(slope, rel=1e-7)
        difference, scalar = free.parallel - free.perpendicular, (2 * free.perpendicular + free.parallel) / 3
        assert float(theory.perpendicular_pressure(scalar, difference)) == pytest.approx(float(free.perpendicular))
        split = 3 * free.energy + scalar + theory.anisotropic_energy_rate(difference, 1.0)
        assert float(split) == pytest.approx(slope, rel=1e-7)
        assert float(theory.anisotropic_energy_rate(difference, math.copysign(1.0, b - 1))) > 0
    assert theory.energy_rate(3.0, 1.0, -0.5, injected=7.0, heating=2.0) == 3.0


@pytest.mark.parametrize("b", [0.05, 0.3, 0.5, 0.9, 0.99, 1.0, 1.01, 3.0])
def test_free_expansion_is_differentiable(b):
    """jax.grad against a central difference on both sides of the series and of x = 1."""
    for part in range(3):
        f = lambda x, part=part: theory.free_expansion(x)[part]  # noqa: E731
        step = 1e-5 * b
        assert float(jax.grad(f)(b)) == pytest.approx(float(f(b + step) - f(b - step)) / (2 * step), rel=1e-6)


def test_legendre_moments_against_scipy():
    """f_l by scipy quadrature with scipy's polynomials; the series gives f back."""
    f = lambda m: np.exp(0.7 * m) * (1 + m**2)  # noqa: E731
    moments = [theory.legendre_moment(lambda m: jnp.exp(0.7 * m) * (1 + m**2), n) for n in range(14)]
    for n in range(5):
        expected = (2 * n + 1) / 2 * quad(lambda m, n=n: f(m) * eval_legendre(n, m), -1, 1, epsabs=1e-13)[0]
        assert float(moments[n]) == pytest.approx(expected, abs=1e-12)
    mu = np.linspace(-1, 1, 7)
    np.testing.assert_allclose(theory.legendre_series(moments, mu), f(mu), atol=1e-10)
    with pytest.raises(ValueError, match="degree = -1"):
        theory.legendre(-1, mu)


def test_pressure_difference_is_the_double_integral():
    """P_par - P_perp of f0 - zeta p f0' P_2 by dblquad of eq. 10's first line."""
    rays, amplitude, zeta = Background(*(jnp.asarray(x) for x in ([4.7], [1.0], 0.5, 100.0))), jnp.array([1.0]), 0.1

    def integrand(mu, s):
        p = math.exp(s)
        f0 = (1 + p * p) ** -2.35
        f = theory.stretched(f0, -4.7 * p * p / (1 + p * p) * f0, zeta, mu)
        return float(f) * p * p / math.hypot(1, p) * (mu**2 - (1 - mu**2) / 2) * p**3

    expected = dblquad(integrand, math.log(0.5), math.log(100), -1, 1, epsabs=1e-6, epsrel=1e-6)[0]
    p, dp = rays.quadrature()
    f2 = -zeta * rays.slope(amplitude, p)
    assert float(theory.pressure_difference(f2, p, dp)) == pytest.approx(expected, rel=1e-5)


def far_background():
    """An ultrarelativistic f0 that vanishes at both ends of its range."""
    return Background(*(jnp.asarray(x) for x in ([4.7], [1e6], 1e3, 1e13))), jnp.array([1e30])


def test_zeta_and_drift_of_an_ultrarelativistic_population():
    """12/5 and 1, the constants of eqs. 21 and 17, from the general quadratures."""
    rays, amplitude = far_background()
    per_zeta = float(theory.anisotropy_of_zeta(rays, amplitude))
    assert float(theory.zeta(per_zeta)) == pytest.approx(1.0, rel=1e-5)
    assert float(theory.drift_of_alpha(rays, amplitude)) == pytest.approx(1.0, rel=1e-5)


def test_drift_of_slow_particles_is_the_double_integral():
    """v_D/alpha of a mildly relativistic population by quad over p of v mu f with f of eq. 16."""
    rays, amplitude = Background(*(jnp.asarray(x) for x in ([4.7], [1.0], 0.2, 50.0))), jnp.array([1.0])
    f0 = lambda p: (1 + p * p) ** -2.35  # noqa: E731
    slope = lambda p: -4.7 * p * p / (1 + p * p) * f0(p)  # noqa: E731
    flow = lambda m, p: p / math.hypot(1, p) * m * float(theory.drifting(f0(p), slope(p), 1.0, m)) * p * p  # noqa: E731
    flux = quad(lambda p: quad(flow, -1, 1, args=(p,))[0], 0.2, 50.0, limit=200)[0]
    number = quad(lambda p: 2 * f0(p) * p * p, 0.2, 50.0, limit=200)[0]
    assert float(theory.drift_of_alpha(rays, amplitude)) == pytest.approx(flux / number, rel=1e-6)


def test_a_drifting_distribution_is_a_boosted_isotropic_one():
    """f0(p') with p' Lorentz-transformed at alpha c agrees with eq. 16 to order alpha^2."""
    alpha, p, mu = 1e-4, 1e3, np.array([-0.7, 0.2, 0.9])
    f0 = lambda p: p**-4.7  # noqa: E731
    energy, along = math.hypot(1, p), p * mu
    boosted = np.hypot((along - alpha * energy) / math.sqrt(1 - alpha**2), p * np.sqrt(1 - mu**2))
    np.testing.assert_allclose(theory.drifting(f0(p), -4.7 * f0(p), alpha, mu) / f0(boosted), 1.0, atol=20 * alpha**2)
