"""The background F0 against its formula in decimal arithmetic, finite differences and scipy quadrature."""

import math
from decimal import Decimal

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from support.theory_cases import background

from crmc.theory import Background
from crmc.theory.distribution import Course

INDEX, TURNOVER, AMPLITUDE = (4.7, 4.2), (1.0, 0.3), (2.0, 0.5)
#: Without cut-offs, and with one of the first component alone.
CUTOFFS = (None, (20.0, math.inf))


def two(cutoff=None):
    """Two components and their amplitudes."""
    shapes = jnp.array(INDEX), jnp.array(TURNOVER)
    rays = Background(*shapes, jnp.asarray(0.5), jnp.asarray(100.0), None if cutoff is None else jnp.array(cutoff))
    return rays, jnp.array(AMPLITUDE)


def density(y, cutoff=None):
    """F0 of `two`, written out."""
    terms = zip(INDEX, TURNOVER, AMPLITUDE, cutoff or (math.inf,) * 2, strict=True)
    return sum(c * (pt**2 + y * y) ** (-a / 2) * np.exp(-y / pc) for a, pt, c, pc in terms)


@pytest.mark.parametrize("cutoff", CUTOFFS)
def test_density_and_slope(cutoff):
    """Against the sum of both components to 1e-14, and its central difference in ln y to 1e-8."""
    rays, amplitude = two(cutoff)
    y = np.array([[0.5, 1.0, 3.0], [10.0, 40.0, 100.0]])
    assert rays.shape(jnp.asarray(y)).shape == (2, 3, 2)
    np.testing.assert_allclose(rays.density(amplitude, jnp.asarray(y)), density(y, cutoff), rtol=1e-14)
    h = 1e-5
    difference = (density(y * math.exp(h), cutoff) - density(y * math.exp(-h), cutoff)) / (2 * h)
    np.testing.assert_allclose(rays.slope(amplitude, jnp.asarray(y)), difference, rtol=1e-8)


def exact_density(y, cutoff):
    """F0 of `two` to 28 digits."""
    per_cutoff = (0.0, 0.0) if cutoff is None else tuple(1.0 / x for x in cutoff)
    terms = [[Decimal(x) for x in term] for term in zip(INDEX, TURNOVER, AMPLITUDE, per_cutoff, strict=True)]
    return sum(c * (pt * pt + y * y) ** (-a / 2) * (-y * q).exp() for a, pt, c, q in terms)


@pytest.mark.parametrize("cutoff", CUTOFFS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-13)])
@pytest.mark.parametrize("rise", [-0.6, -1e-5, 1e-5, 3.0])
def test_change_keeps_its_digits(dtype, tolerance, rise, cutoff):
    """F0(y) - F0(y0) in decimal arithmetic, for changes of y^2 by 1e-5 and by a factor, to the rounding of either type."""
    rays, amplitude = two(cutoff)
    y0, rises = jnp.asarray([0.5, 2.0, 100.0], dtype), jnp.full(3, rise, dtype)
    found = rays.change(amplitude, y0, rises)
    assert found.dtype == dtype
    up = (1 + Decimal(float(rises[0]))).sqrt()
    want = [float(exact_density(Decimal(float(y)) * up, cutoff) - exact_density(Decimal(float(y)), cutoff)) for y in y0]
    np.testing.assert_allclose(found, want, rtol=tolerance)


def test_change_is_that_of_the_power():
    """((p_t^2 + y^2 (1 + r))/(p_t^2 + y^2))^x - 1 written out, to 1e-12; no change without rise."""
    y2, exponent, rise = np.array([0.25, 4.0, 900.0]), np.array([-2.35, -2.1, 1.5]), np.array([0.0, -0.5, 7.0])
    total = np.array(TURNOVER + (2.0,)) ** 2 + y2[:, None]
    course = Course(jnp.asarray(y2[:, None] / total), jnp.asarray(exponent))
    found = jnp.expm1(course.log_change(jnp.asarray(rise)))
    want = ((total + y2[:, None] * rise[:, None]) / total) ** exponent - 1
    np.testing.assert_allclose(found, want, rtol=1e-12, atol=1e-15)
    assert np.all(np.asarray(found)[0] == 0.0)


def test_quadrature_covers_the_range():
    """int y^n dy over the range for n = -4, 0, 2, to 1e-12."""
    y, dy = two()[0].quadrature()
    assert y.dtype == dy.dtype == np.float64 and 0.5 < y.min() < y.max() < 100.0
    for n in (-4, 0, 2):
        want = (100.0 ** (n + 1) - 0.5 ** (n + 1)) / (n + 1)
        assert float(jnp.sum(y**n * dy)) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("b", [0.3, 1.0, 2.0])
def test_moments_are_integrals_over_momentum(b):
    """n_c, U and P_c by scipy over p of f = F0(p b^{-1/3}), whose range moves with b, to 1e-10."""
    rays, amplitude = two()
    low, high = (math.log(y * b ** (1 / 3)) for y in (0.5, 100.0))

    def integral(weight):
        def integrand(s):
            p = math.exp(s)
            return 2 * p**3 * density(p * b ** (-1 / 3)) * weight(p)

        return quad(integrand, low, high, epsrel=1e-12, limit=200)[0]

    found = rays.moments(amplitude, jnp.asarray(b))
    assert float(found.number) == pytest.approx(integral(lambda p: 1.0), rel=1e-10)
    assert float(found.energy) == pytest.approx(integral(lambda p: math.hypot(1, p) - 1), rel=1e-10)
    assert float(found.pressure) == pytest.approx(integral(lambda p: p * p / math.hypot(1, p) / 3), rel=1e-10)


@pytest.mark.parametrize(("low", "ratio"), [(1e-6, 2 / 3), (1e6, 1 / 3)])
def test_pressure_of_slow_and_of_fast_particles(low, ratio):
    """P_c/U = 2/3 far below m_p c, where gamma - 1 would cancel, and 1/3 far above, to 1e-5."""
    moments = background(low=low, high=10 * low).moments(jnp.ones(1), jnp.ones(()))
    assert float(moments.pressure / moments.energy) == pytest.approx(ratio, rel=1e-5)


def test_amplitude_for_pressure():
    """Each component alone has the pressure asked for, to 1e-14."""
    rays, _ = two()
    pressure = np.array([3.0, 0.2])
    for k, c in enumerate(rays.amplitude_for_pressure(jnp.asarray(pressure))):
        alone = rays.moments(jnp.zeros(2).at[k].set(c), jnp.ones(())).pressure
        assert float(alone) == pytest.approx(pressure[k], rel=1e-14)


def test_kappa_distribution_is_one_component():
    """[1 + p^2/(kappa p0^2)]^-(kappa + 1) up to a factor, with a = 2 (kappa + 1) and p_t^2 = kappa p0^2, to 1e-13."""
    kappa, p0, p = 1.25, 3.0, np.array([0.6, 3.0, 90.0])
    found = background(2 * (kappa + 1), math.sqrt(kappa) * p0).density(jnp.ones(1), jnp.asarray(p))
    want = (1 + p**2 / (kappa * p0**2)) ** -(kappa + 1)
    np.testing.assert_allclose(found / found[0], want / want[0], rtol=1e-13)
