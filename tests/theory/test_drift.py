"""Drift down a gradient, alone and with expansion, against quadrature, root finding and the limits of either drive."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from support.theory_cases import TAU, V_A, A, f0, rays, slope

from crmc import theory


def test_drift_flux_and_heating():
    """Eq. 33 in (31) is the integral of v mu df/ds; (32) with it, integrated over f0(p, s), is -v_A dP_c/ds."""
    p, length, nu = 2.0, 5e9, lambda m: 1e-9 * (0.1 + m * m)
    v = p / math.hypot(1, p)
    for mu in (-0.7, 0.2):
        functional = theory.driven_drift(-f0(p) / length, v) / (nu(mu) * p * V_A / v)
        flux = float(theory.pitch_angle_flux(p, mu, nu(mu), V_A, functional, v))
        # int_mu^1 of dF/dmu = v mu df/ds, F(1) = 0
        assert flux == pytest.approx(quad(lambda m: v * m * f0(p) / length, mu, 1)[0], rel=1e-10)
        assert theory.drift_flux(mu, f0(p), length, v) == pytest.approx(flux, rel=1e-12)

    def power(s):
        p = math.exp(s)
        v = p / math.hypot(1, p)
        functional = lambda m: theory.driven_drift(-f0(p) / length, v) / (nu(m) * p * V_A / v)  # noqa: E731
        inner = quad(lambda m: float(theory.momentum_flux(p, m, nu(m), V_A, functional(m), v)), -1, 1)[0]
        return v * inner * p**3

    pressure = quad(lambda p: 2 / 3 * f0(p) * p**4 / math.hypot(1, p), 0.5, 100, limit=200)[0]
    total = quad(power, math.log(0.5), math.log(100), epsrel=1e-8)[0]
    assert float(theory.heating_drift(-pressure / length, V_A)) == pytest.approx(total, rel=1e-7)


def test_streaming_solution_and_its_heating():
    """(50) solves (49), and -v_A dP/dx is dP/dt: the factor 1/v_A printed in (51) has the wrong dimension."""
    source = lambda t: 1.0 + 0.1 * jnp.tanh(t)  # noqa: E731
    pressure = lambda x, t: theory.streaming_pressure(source, x, t, V_A)  # noqa: E731
    x, t = 1e-4, 2.0
    by_x, by_t = jax.grad(pressure, (0, 1))(x, t)
    heating = float(theory.heating_drift(by_x, V_A))
    assert heating == pytest.approx(float(by_t), rel=1e-10)
    assert heating == pytest.approx(float(theory.heating_streaming(jax.grad(source)(t - x / V_A))), rel=1e-10)
    assert heating != pytest.approx(float(by_t) / V_A, rel=0.5)


def test_drift_estimates_from_the_pointwise_equations():
    """nu solved from (33) with (18) for f0 ~ p^-a, v_D = 3 v_A: lambda and kappa with index; 1 and 1/3 of a without."""
    p, length, v = 5.0, 1e12, 0.98
    shape = lambda q: q**-A  # noqa: E731
    functional = theory.functional_of_drift(-A * shape(p) / p, 3.0)
    nu = float(theory.driven_drift(-shape(p) / length, v) / (p * V_A / v * functional))
    assert theory.path_drift(V_A, length, 2.0, v, index=A) == pytest.approx(v / nu, rel=1e-12)
    kappa = theory.diffusivity_drift(V_A, length, 2.0, index=A)
    assert kappa == pytest.approx(theory.parallel_diffusivity(nu, v), rel=1e-12)
    assert theory.path_drift(V_A, length, 2.0, v) * v == pytest.approx(theory.diffusivity_drift(V_A, length, 2.0))


@pytest.mark.parametrize("length", [1e4, 3e6, 1e7, 1e9])
def test_both_drives_together(length):
    """The flux is the sum; it changes sign at mu*; heating is the integral over k of |flux of all that resonates|."""
    p = 3.0
    v = p / math.hypot(1, p)
    flux = lambda m: float(theory.combined_flux(m, f0(p), slope(p), v, length, TAU))  # noqa: E731
    for mu in (-0.6, 0.4):
        parts = theory.drift_flux(mu, f0(p), length, v) + theory.expansion_flux(mu, slope(p), TAU)
        assert flux(mu) == pytest.approx(float(parts), rel=1e-12)
    change = float(theory.sign_change(f0(p), slope(p), v, length, TAU))
    if change > -1:
        assert brentq(flux, -1 + 1e-9, 0) == pytest.approx(change, abs=1e-9)
        assert flux(0.5 * (change - 1)) < 0 < flux(0.5 * change)
    else:
        assert flux(-0.999) > 0

    def resonant(x, h):
        """N_h at k = 1/x."""

        def integrand(s):
            p = math.exp(s)
            v = p / math.hypot(1, p)
            return p**3 * float(theory.combined_flux(h * x / p, f0(p), slope(p), v, length, TAU))

        return quad(integrand, math.log(max(x, 0.5)), math.log(100), epsrel=1e-9)[0]

    x = 2.0
    for h in (1, -1):
        got = float(theory.resonant_flux(1 / x, *rays(), length, TAU, h))
        assert got == pytest.approx(resonant(x, h), rel=1e-8)
    expected = sum(
        quad(lambda s: math.exp(s) * abs(resonant(math.exp(s), h)), math.log(1e-5), math.log(100), epsrel=1e-5)[0]  # noqa: B023
        for h in (1, -1)
    )
    assert float(theory.heating_combined(*rays(), V_A, length, TAU)) == pytest.approx(V_A * expected, rel=1e-4)


def test_limits_of_the_combined_heating():
    """Without gradient: `heating`.  Steep gradient: -v_A dP_c/ds exactly, expansion adds nothing."""
    background, amplitude = rays()
    alone = float(theory.heating(background, amplitude, V_A, TAU))
    assert float(theory.heating_combined(background, amplitude, V_A, jnp.inf, TAU)) == pytest.approx(alone, rel=1e-12)
    pressure = float(background.moments(amplitude, jnp.ones(())).pressure)
    steep = float(theory.heating_combined(background, amplitude, V_A, 1e4, TAU))
    assert steep == pytest.approx(float(theory.heating_drift(-pressure / 1e4, V_A)), rel=1e-9)


def test_gap_that_nothing_crosses():
    """Gradient alone, a gap without broadening: the mean of (1 - mu_c)^3/4 of eq. 38; expansion alone: `heating`."""
    background, amplitude = rays()
    p, dp = background.quadrature()
    mu_c = 1 / (5.0 * p)
    weight = p**4 / jnp.sqrt(1 + p**2) * background.density(amplitude, p) * dp
    share = float(jnp.sum(weight * (1 - mu_c) ** 3 / 4) / jnp.sum(weight))
    pressure = float(background.moments(amplitude, jnp.ones(())).pressure)
    got = float(theory.heating_combined(background, amplitude, V_A, 1e4, jnp.inf, 5.0))
    assert got == pytest.approx(share * V_A * pressure / 1e4, rel=1e-7)
    got = float(theory.heating_combined(background, amplitude, V_A, jnp.inf, TAU, 5.0))
    assert got == pytest.approx(float(theory.heating(background, amplitude, V_A, TAU, 5.0)), rel=1e-7)


def test_growth_of_both_drives():
    """Expansion alone: `growth_times_power` for co-moving branches, nothing for the others.  Gradient alone: both of one direction alike."""
    k, infinite = jnp.array([0.1, 1.0, 3.0]), jnp.inf
    of = lambda length, tau, branch: np.asarray(  # noqa: E731
        theory.growth_times_power_combined(k, *rays(), V_A, length, tau, branch=branch)
    )
    want = np.asarray(theory.growth_times_power(k, *rays(), V_A, TAU))
    for branch in ((1, 1), (-1, -1)):
        np.testing.assert_allclose(of(infinite, TAU, branch), want, rtol=1e-10)
        np.testing.assert_allclose(of(infinite, -TAU, (branch[0], -branch[1])), want, rtol=1e-10)
        np.testing.assert_array_equal(of(infinite, -TAU, branch), 0.0)
    np.testing.assert_allclose(of(1e6, infinite, (1, 1)), of(1e6, infinite, (1, -1)), rtol=1e-12)
    np.testing.assert_allclose(of(-1e6, infinite, (-1, 1)), of(1e6, infinite, (1, 1)), rtol=1e-12)
    np.testing.assert_array_equal(of(1e6, infinite, (-1, 1)), 0.0)
