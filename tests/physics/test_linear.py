"""Small linear systems against LAPACK's pivoted elimination."""

import jax
import numpy as np
import pytest

from crmc.physics.linear import solve_positive


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_solutions_are_those_of_lapack(n):
    """200 systems of condition 1 to 1e6: within 40 rounding errors times the condition number."""
    rng = np.random.default_rng(n)
    factor = np.linalg.qr(rng.normal(size=(200, n, n)))[0]
    values = np.geomspace(1.0, np.geomspace(1.0, 1e-6, 200), n).T
    matrix = np.einsum("cij,cj,ckj->cik", factor, values, factor)
    right = rng.normal(size=(200, n))
    with jax.enable_x64(True):
        found = np.asarray(solve_positive(matrix, right))
    want = np.linalg.solve(matrix, right[..., None])[..., 0]
    bound = 40.0 * np.finfo(float).eps * values.max(1) / values.min(1) * np.linalg.norm(want, axis=1)
    assert np.all(np.linalg.norm(found - want, axis=1) <= bound)
