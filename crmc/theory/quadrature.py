"""Nodes and weights of Gauss-Legendre quadrature, computed once."""

from __future__ import annotations

import functools

import numpy as np


@functools.cache
def gauss_legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights on (-1, 1) of the rule that is exact to degree 2 count - 1, (count,) each.

    The arrays are shared by all callers and cannot be written to.
    """
    rule = np.polynomial.legendre.leggauss(count)
    for array in rule:
        array.setflags(write=False)
    return rule
