"""Resonance that waves broaden: weights against quadrature, their transpose, their width, and the limit of none."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from crmc.physics.resonance import broadened, primitive, spread_of
from crmc.physics.spectrum import make_grid
from crmc.theory import broadened_scattering

BINS = 7
#: Power of each branch, and places of both directions: in the gap |x| < 0.1, at its edge, outside, and beyond x_top.
E = np.random.default_rng(3).uniform(0.5, 1.5, (2, 2, BINS))
X = np.array([[-0.3, 0.001, 0.08, 0.12, 2.0, 11.0], [0.3, -0.05, 0.0, -0.15, -4.0, 0.7]])
AMOUNT = np.random.default_rng(4).normal(size=X.shape)


@functools.cache
def grid():
    return make_grid(0.1, 10.0, BINS, 0.5, 5.0)


@jax.jit
def _found(grid, width):
    def power(width):
        return broadened(grid, jnp.asarray(X), width).power(jnp.asarray(E))

    value, slope = jax.jvp(power, (width,), (jnp.ones(()),))
    return value, slope, broadened(grid, jnp.asarray(X), width).taken(jnp.asarray(AMOUNT))


def found(width):
    """Return the power at X, its derivative with respect to the width, and what the bins take of AMOUNT."""
    return [np.asarray(x) for x in _found(grid(), jnp.asarray(width))]


@pytest.mark.parametrize("width", [1e-9, 0.01, 0.1, 0.5])
def test_power_is_the_mean_over_a_gaussian(width):
    """Oracle: nu of `theory.broadened_scattering` by quadrature, both helicities; to 4e-3 of the largest e.

    Without the waves of the other helicity half of the power at 90 degrees is missing, 0.1 to 0.5 here.
    """
    power, p = found(width)[0], 1.7
    for d in range(2):

        def own(k, h, e=E[d]):
            x = np.minimum(1.0 / k, 1e3)
            knots = (-np.log(x) - math.log(0.1)) / (math.log(100.0) / (BINS + 2))
            u = knots[..., None] - np.arange(BINS)
            middle = -(u**2) + 3.0 * u - 1.5
            basis = np.where(u < 1.0, 0.5 * u**2, np.where(u < 2.0, middle, 0.5 * (3.0 - u) ** 2))
            basis = np.where((u > 0.0) & (u < 3.0), basis, 0.0)
            return np.where(h > 0, basis @ e[0], basis @ e[1])

        nu = broadened_scattering(p, X[d] / p, max(width, 1e-6) / p, own)
        np.testing.assert_allclose(power[d], np.asarray(nu) * math.hypot(1.0, p) / math.pi, atol=4e-3 * E.max())


def test_energy_is_shared_as_waves_scatter():
    """Sum of e_j times what bin j takes is the sum of amount times power, to rounding: `taken` is the transpose."""
    power, _, taken = found(0.1)
    assert np.sum(E * taken) == pytest.approx(np.sum(AMOUNT * power), rel=1e-12)


def test_derivative_with_respect_to_the_width():
    """Forward mode against a central difference, to 1e-4."""
    want = (found(0.1 + 1e-5)[0] - found(0.1 - 1e-5)[0]) / 2e-5
    np.testing.assert_allclose(found(0.1)[1], want, atol=1e-4 * np.abs(want).max())


def test_primitive_is_the_integral_of_the_splines():
    """Differences against S_j at the middle of short cells, to 1e-4; nothing below x_gap."""
    edge = np.linspace(0.05, 11.0, 8001)
    total = np.asarray(jax.jit(primitive)(grid(), jnp.asarray(edge)))
    middle = np.asarray(grid().basis(jnp.asarray(0.5 * (edge[1:] + edge[:-1]))))
    np.testing.assert_allclose(np.diff(total, axis=0) / np.diff(edge)[:, None], middle, atol=1e-4)
    np.testing.assert_array_equal(total[edge < 0.1], 0.0)


def test_width_is_that_of_all_waves():
    """Delta mu = a dB/B, (dB/B)^2 = int e dln k of flat branches: 4 e times the sum of the widths of the bins."""
    e = jnp.full((2, 2, BINS), 1e-4)
    want = 0.8 * math.sqrt(4e-4 * BINS * math.log(100.0) / (BINS + 2))
    assert float(spread_of(grid(), e, jnp.asarray(0.8))) == pytest.approx(want, rel=1e-12)
