"""Resonance and growth against root finding, brute force in cgs, quadrature and the numbers of the paper."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from astropy import constants as const
from scipy.integrate import quad
from scipy.optimize import brentq
from support.theory_cases import V_A, A, background, power_law

from crmc import theory
from crmc.units import CodeUnits


def test_thresholds():
    """The numbers of the paper to three digits; eq. 23 vanishes at the threshold and is as printed, written out."""
    assert float(theory.threshold_anisotropy(A)) == pytest.approx(1.330, abs=5e-4)
    assert float(theory.threshold_zeta(A)) == pytest.approx(0.554, abs=5e-4)
    at_threshold = theory.growth_anisotropy(A, 1.0, theory.threshold_anisotropy(A, V_A), V_A)
    assert float(at_threshold) == pytest.approx(0.0, abs=1e-14)
    bracket = 5 * A * (A - 2) / (4 * (A**2 - 1)) / V_A * 1e-3 - 1
    expected = np.pi / 8 * (A - 3) / (A - 2) * 1e-7 * bracket
    assert float(theory.growth_anisotropy(A, 1e-7, 1e-3, V_A, coefficients="printed")) == pytest.approx(expected)


@pytest.mark.parametrize("coefficients", ["exact", "printed"])
def test_growth_quadrature_gives_19_and_23(coefficients):
    """Eq. 15 of a power law far above m_p c is the closed forms to 1e-8; the branches that they do not drive are damped."""
    rays, k = background(turnover=0.0, low=1.0, high=1e12), 1e-5
    amplitude = jnp.array([1e-6])
    ratio = float(theory.number_above(rays, amplitude, 1 / k))
    assert ratio == pytest.approx(2e-6 / (A - 3) * k ** (A - 3), rel=1e-10)
    options = {"coefficients": coefficients}
    drift = theory.growth_rate(k, rays, amplitude, V_A, alpha=3 * V_A, **options)
    assert float(drift) == pytest.approx(float(theory.growth_drift(A, ratio, 3.0, **options)), rel=1e-8)
    for branch in ((1, 1), (-1, -1)):
        anisotropy = theory.growth_rate(k, rays, amplitude, V_A, zeta=2 * V_A, branch=branch, **options)
        closed = theory.growth_anisotropy(A, ratio, 2.4 * 2 * V_A, V_A, **options)
        assert float(anisotropy) == pytest.approx(float(closed), rel=1e-8)
    for branch in ((1, -1), (-1, 1)):
        assert float(theory.growth_rate(k, rays, amplitude, V_A, zeta=2 * V_A, branch=branch)) < 0
    assert float(theory.growth_rate(k, rays, amplitude, V_A, alpha=3 * V_A, branch=(-1, 1))) < 0


def test_growth_quadrature_at_any_speed():
    """Eq. 13 by brute force, mildly relativistic particles, k inside and outside the spectrum."""
    rays, amplitude = background(low=0.05, high=30.0), jnp.array([1e-6])
    alpha, zeta = 1e-3, 2e-3

    def brute(p1):
        def integrand(p):
            v, slope = p / math.hypot(1, p), -A * p / (1 + p * p) * 1e-6 * (1 + p * p) ** (-A / 2)
            return p1 * (p * p - p1 * p1) * slope * (1 - v / V_A * (alpha + 3 * zeta * p1 / p))

        return np.pi / 4 * quad(integrand, max(p1, 0.05), 30.0, epsrel=1e-12, limit=500)[0]

    k = np.array([0.1, 1.0, 5.0, 100.0])
    rate = theory.growth_rate(k, rays, amplitude, V_A, alpha=alpha, zeta=zeta)
    np.testing.assert_allclose(rate, [brute(1 / x) for x in k], rtol=1e-9)
    assert float(theory.growth_rate(0.01, rays, amplitude, V_A, zeta=zeta)) == 0.0


def test_kappa_growth_rates():
    """(1/2)(n_c/n_i)(v_D/v_A - 1) Q2(x) worked out by hand, to 1e-5; and it is the pi/4 functional to 1e-6."""
    kappa, p0, x = 1.25, 1e4, np.array([0.3, 1.0, 3.0])
    closed = theory.growth_drift_kappa(x, kappa, 1e-4, 2.0)
    np.testing.assert_allclose(closed, [1.11448e-5, 2.81214e-5, 1.75702e-5], rtol=1e-5)
    rays = background(2 * (kappa + 1), math.sqrt(kappa) * p0, 1e-4 * p0, 1e8 * p0)
    unit = rays.moments(jnp.array([1.0]), jnp.ones(())).number
    functional = theory.growth_rate(x / p0, rays, jnp.array([1e-4]) / unit, V_A, alpha=2 * V_A)
    np.testing.assert_allclose(functional, closed, rtol=1e-6)


@pytest.mark.parametrize(("direction", "helicity"), [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_resonant_cosine_is_the_root_of_the_resonance(direction, helicity):
    """brentq on eq. 11 with finite omega lies within 2 v_A/v of eq. 12."""
    k, p = 0.5, 7.0
    mismatch = lambda m: float(  # noqa: E731
        theory.resonance_mismatch(k, p, m, V_A, direction=direction, helicity=helicity)
    )
    mu = brentq(mismatch, -1, 1, xtol=1e-14)
    closed = float(theory.resonant_cosine(k, p, helicity))
    assert mu - closed == pytest.approx(direction * V_A * math.hypot(1, p) / p, rel=1e-6)
    assert bool(jnp.isnan(theory.resonant_cosine(k, 1.0)))
    assert float(theory.resonant_momentum(k)) == 2.0


def test_equation_13_in_cgs_gives_15():
    """pi^2 q^2 v_A^2/(2 c^2) int p^2 v (1 - mu^2) delta(...) A with astropy's constants, the delta done by hand."""
    units, k_code = CodeUnits(1e-6, 9e-4), 0.2
    e, m, c = (float(x.value) for x in (const.e.gauss, const.m_p.cgs, const.c.cgs))
    v_a = 1e-6 / math.sqrt(4 * math.pi * 9e-4 * m)
    omega0 = e * 1e-6 / (m * c)
    k, p1 = k_code * omega0 / c, m * c / k_code
    scale = 9e-4 / (m * c) ** 3  # f in cgs of f = 1 in code units

    def integrand(s):
        p = math.exp(s)
        x = p / (m * c)
        v = c * x / math.hypot(1, x)
        slope = -A * 1e-6 * x**-A * scale / p
        mu = omega0 * m / (k * p)
        functional = slope * (1 - v / v_a * 3 * 2 * V_A * mu)
        return p**3 * v * (1 - mu**2) * functional / (k * v)

    gamma = math.pi**2 * e**2 * v_a**2 / (2 * c**2) * quad(integrand, math.log(p1), math.log(p1) + 18, limit=300)[0]
    rays, amplitude = power_law()
    closed = theory.growth_rate(k_code, rays, amplitude, units.alfven_speed, zeta=2 * V_A, coefficients="printed")
    assert float(closed) * omega0 == pytest.approx(gamma, rel=1e-7)


def test_functionals_are_eq_14_of_their_distributions():
    """A of eqs. 18 and 22 from jax derivatives of f in eqs. 16 and 20, up to the -mu they drop."""
    f0 = lambda p: p**-A  # noqa: E731
    for p, mu, d in ((1e3, 0.3, 1), (2e3, -0.8, -1)):
        for shape in (theory.drifting, theory.stretched):
            f = lambda p, mu, shape=shape: shape(f0(p), -A * f0(p), 3 * V_A, mu)  # noqa: E731
            df_dp = jax.grad(f0)(p)
            full = theory.anisotropy_functional(df_dp, jax.grad(f, 1)(p, mu), p, mu, d * V_A)
            if shape is theory.drifting:
                closed = theory.functional_of_drift(df_dp, d * 3.0)
            else:
                closed = theory.functional_of_anisotropy(df_dp, 3 * V_A, mu, d * V_A)
            assert float(full / closed) == pytest.approx(1.0, abs=10 * V_A)


def test_growth_vanishes_at_the_alfven_speed_and_at_the_threshold():
    """Root of the quadrature (15) in v_D and in zeta; waves against the drift are damped."""
    rays, amplitude = power_law()
    drift = lambda x: float(theory.growth_rate(1e-5, rays, amplitude, V_A, alpha=x * V_A))  # noqa: E731
    assert brentq(drift, 0.1, 3.0, xtol=1e-12) == pytest.approx(1.0, rel=1e-8)
    stretch = lambda x: float(theory.growth_rate(1e-5, rays, amplitude, V_A, zeta=x * V_A))  # noqa: E731
    root = brentq(stretch, 0.1, 3.0, xtol=1e-12)
    assert root == pytest.approx(float(theory.threshold_zeta(A)), rel=1e-8)
    assert 12 / 5 * root == pytest.approx(float(theory.threshold_anisotropy(A)), rel=1e-8)
    assert float(theory.growth_rate(1e-5, rays, amplitude, V_A, alpha=2 * V_A, branch=(-1, 1))) < 0


@pytest.mark.parametrize("index", [4.2, 4.7, 6.0])
def test_growth_of_power_laws_by_elementary_integrals(index):
    """int p1 (p^2 - p1^2) f0' (...) of p^-a by scipy on x = p/p1 gives C n_c(>p1) and the bracket of eq. 23."""
    plain = index * quad(lambda x: (x * x - 1) * x ** (-index - 1), 1, np.inf)[0]
    tilted = index * quad(lambda x: (x * x - 1) * x ** (-index - 2), 1, np.inf)[0]
    number = 2 / (index - 3)
    assert plain / number == pytest.approx(float(theory.spectral_constant(index)), rel=1e-7)
    bracket = 3 * (5 / 12) * tilted / plain
    assert 1 / bracket == pytest.approx(float(theory.threshold_anisotropy(index)), rel=1e-7)
    for name, factor in (("exact", math.pi / 4), ("printed", math.pi / 8)):
        expected = factor * plain / number * 0.03 * 1e-7 * (bracket * 5 - 1)
        rate = theory.growth_anisotropy(index, 1e-7, 5 * V_A, V_A, 0.03, coefficients=name)
        assert float(rate) == pytest.approx(expected, rel=1e-7)
    with pytest.raises(KeyError):
        theory.growth_drift(index, 1e-7, 2.0, coefficients="other")
