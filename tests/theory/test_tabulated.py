"""A tabulated factor of F0: values, slopes, and changes that keep their digits."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import CubicHermiteSpline

from crmc.theory.distribution import Background
from crmc.theory.tabulated import hermite_factor

LOW, HIGH, NODES = -1.0, 5.0, 41
NODE = np.linspace(LOW, HIGH, NODES)


def wavy():
    """T = sin(2 ln y) at nodes, and the same by scipy, with a line beyond each end."""
    values, slopes = np.sin(2 * NODE), 2 * np.cos(2 * NODE)
    spline = CubicHermiteSpline(NODE, values, slopes)

    def reference(x):
        inside = np.clip(x, LOW, HIGH)
        return spline(inside) + (x - inside) * spline(inside, 1)

    return hermite_factor(LOW, HIGH, values, slopes), reference


def test_values_and_slopes():
    """Oracle: scipy's Hermite spline to 1e-13, and its derivative; lines beyond both ends."""
    factor, reference = wavy()
    x = np.linspace(-3.0, 8.0, 1001)
    np.testing.assert_allclose(factor.at(jnp.asarray(x)), reference(x), rtol=0, atol=1e-13)
    h = 1e-6
    slope = (reference(x + h) - reference(x - h)) / (2 * h)
    np.testing.assert_allclose(factor.slope(jnp.asarray(x)), slope, rtol=0, atol=2e-6)


@pytest.mark.parametrize(("rise", "tolerance"), [(1e-6, 1e-4), (1e-3, 1e-4), (0.5, 1e-5), (-3.0, 1e-5)])
def test_change_keeps_its_digits(rise, tolerance):
    """Oracle: the difference in float64, of changes in float32 of any size; of the largest slope times the rise.

    Where it crosses a node, ln y and T in float32 limit it to 3e-6: less than 1 in 100 of small ones.
    """
    factor, reference = wavy()
    x = np.linspace(-2.0, 6.0, 997).astype(np.float32)
    found = np.asarray(factor.change(jnp.asarray(x), jnp.asarray(np.full_like(x, rise))))
    assert found.dtype == np.float32
    x = x.astype(np.float64)
    off = np.abs(found - (reference(x + rise) - reference(x))) / abs(2.0 * rise)
    assert np.mean(off > tolerance) < 0.01
    assert np.max(off) * abs(2.0 * rise) < 3e-6


def test_background_with_a_factor():
    """F0 = y^-4.5 exp(sin(2 ln y)) of the first of two components: density, slope, and a change of any size, to 1e-12."""
    factor, reference = wavy()
    ends = jnp.asarray(0.5), jnp.asarray(100.0)
    rays = Background(jnp.array([4.5, 4.2]), jnp.array([0.0, 1.0]), *ends, factor=factor)
    amplitude = jnp.array([2.0, 0.5])

    def density(y):
        return 2.0 * y**-4.5 * np.exp(reference(np.log(y))) + 0.5 * (1.0 + y**2) ** -2.1

    y = np.geomspace(0.5, 100.0, 57)
    np.testing.assert_allclose(rays.density(amplitude, jnp.asarray(y)), density(y), rtol=1e-12)
    h = 1e-6
    slope = (density(y * np.exp(h)) - density(y * np.exp(-h))) / (2 * h)
    np.testing.assert_allclose(rays.slope(amplitude, jnp.asarray(y)), slope, rtol=1e-8)
    for rise in (-0.6, 0.02, 3.0):
        change = density(y * np.sqrt(1.0 + rise)) - density(y)
        got = rays.change(amplitude, jnp.asarray(y), jnp.full(y.shape, rise))
        np.testing.assert_allclose(got, change, rtol=1e-12)
    assert not rays.power_laws
