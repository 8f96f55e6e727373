"""Gauss-Legendre rules: exact to the degree that they promise, and the same arrays for all."""

import numpy as np
import pytest

from crmc.theory.quadrature import gauss_legendre


@pytest.mark.parametrize("count", [1, 4, 16, 96])
def test_exact_to_twice_the_number_of_nodes(count):
    """Mean of x^(2 count - 2) over (-1, 1) is 1/(2 count - 1) to rounding; that of x^(2 count) is missed where it shows."""
    nodes, weights = gauss_legendre(count)
    degree = 2 * count - 2
    assert nodes.shape == weights.shape == (count,)
    assert 0.5 * np.sum(weights * nodes**degree) == pytest.approx(1.0 / (degree + 1), rel=1e-12)
    if count < 16:
        assert 0.5 * np.sum(weights * nodes ** (degree + 2)) != pytest.approx(1.0 / (degree + 3), rel=1e-6)


def test_shared_and_read_only():
    """A second call returns the same arrays, which nobody can change for the others."""
    assert gauss_legendre(8) is gauss_legendre(8)
    with pytest.raises(ValueError, match="read-only"):
        gauss_legendre(8)[0][0] = 0.0
