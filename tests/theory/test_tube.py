"""The tube: each closed form against its definition, by finite differences, root finding or scipy quadrature."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from crmc import theory

P_G, P_C, P_M, RHO, RATE = 3.2e-13, 8.2e-14, 3.97e-14, 1.5e-27, 1.67e-25


def total_pressure(rho):
    """Gas and cosmic rays on their adiabats, field as B ~ rho."""
    x = rho / RHO
    return P_G * x ** (5 / 3) + P_C * x ** (4 / 3) + P_M * x**2


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


def test_free_expansion_values():
    """b = 1/2 is x = 1, where h = asinh(1)/sqrt 2: the closed forms worked out by hand, to 1e-12."""
    free = theory.free_expansion(0.5)
    assert float(free.energy) == pytest.approx(0.405806310035, abs=1e-12)
    assert float(free.parallel) == pytest.approx(0.565162139790, abs=1e-12)
    assert float(free.perpendicular) == pytest.approx(0.326128395158, abs=1e-12)


@pytest.mark.parametrize("b", [0.05, 0.5, 0.9, 0.985, 1.0, 1.01, 1.5])
def test_free_expansion_is_the_orbit_average(b):
    """p_par fixed, p_perp^2 ~ b: moments of |p0| = 1 over the initial sphere, density ~ b."""
    energy = lambda m: math.sqrt(m * m + b * (1 - m * m))  # noqa: E731
    parallel = quad(lambda m: 3 * b * m * m / energy(m), 0, 1, epsabs=1e-13)[0]
    perpendicular = quad(lambda m: 1.5 * b * b * (1 - m * m) / energy(m), 0, 1, epsabs=1e-13)[0]
    free = theory.free_expansion(b)
    assert float(free.energy) == pytest.approx(b * quad(energy, 0, 1, epsabs=1e-13)[0], rel=1e-11)
    assert float(free.parallel) == pytest.approx(parallel, rel=1e-11)
    assert float(free.perpendicular) == pytest.approx(perpendicular, rel=1e-11)


def test_free_expansion_starts_at_four_fifths():
    """(P_par - P_perp)/P0 = (4/5)(-ln b) of a small expansion, to 1e-5."""
    free = theory.free_expansion(math.exp(-1e-6))
    assert float(free.parallel - free.perpendicular) == pytest.approx(0.8e-6, rel=1e-5)
