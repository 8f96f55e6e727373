"""Moments of f(p, mu) against scipy quadrature and a Lorentz boost."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import dblquad, quad
from scipy.special import eval_legendre
from support.theory_cases import background

from crmc import theory


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
    rays, amplitude, zeta = background(), jnp.array([1.0]), 0.1

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
    return background(4.7, 1e6, 1e3, 1e13), jnp.array([1e30])


def test_zeta_and_drift_of_an_ultrarelativistic_population():
    """12/5 and 1, the constants of eqs. 21 and 17, from the general quadratures."""
    rays, amplitude = far_background()
    per_zeta = float(theory.anisotropy_of_zeta(rays, amplitude))
    assert float(theory.zeta(per_zeta)) == pytest.approx(1.0, rel=1e-5)
    assert float(theory.drift_of_alpha(rays, amplitude)) == pytest.approx(1.0, rel=1e-5)


def test_drift_of_slow_particles_is_the_double_integral():
    """v_D/alpha of a mildly relativistic population by quad over p of v mu f with f of eq. 16."""
    rays, amplitude = background(low=0.2, high=50.0), jnp.array([1.0])
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


def test_number_above_is_the_integral_over_momentum():
    """2 int F0 p^2 dp from p1 on by scipy, to 1e-10; p1 below the range counts all of it, above it none."""
    rays, amplitude = background(), jnp.array([3.0])
    density = lambda p: 6.0 * (1 + p * p) ** -2.35 * p * p  # noqa: E731
    found = theory.number_above(rays, amplitude, jnp.array([0.1, 0.5, 2.0, 200.0]))
    want = [quad(density, low, 100.0, epsrel=1e-12, limit=200)[0] for low in (0.5, 0.5, 2.0)]
    np.testing.assert_allclose(found, [*want, 0.0], rtol=1e-10)


def test_resonant_nodes_start_at_the_least_momentum():
    """Nodes lie in [max(low, momentum_min), momentum_max]; the weights add up to its length to 1e-12."""
    low = jnp.array([[0.1, 0.7], [20.0, 100.0]])
    p, dp = theory.resonant_nodes(background(), low)
    start = np.maximum(low, 0.5)
    assert p.shape == dp.shape == (2, 2, 96)
    assert np.all((p >= start[..., None]) & (p <= 100.0))
    np.testing.assert_allclose(dp.sum(axis=-1), 100.0 - start, rtol=1e-12)
