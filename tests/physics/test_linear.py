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


def test_derivative_where_the_matrix_is_tiny():
    """d (A^-1 r)/dr = A^-1 of 1e-300 times the identity and of a plain matrix, and d/dA by a central difference."""
    tiny, plain, right = 1e-300 * np.eye(2), np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([0.3, -0.2])
    with jax.enable_x64(True):
        for matrix in (tiny, plain):
            slope = np.asarray(jax.jacrev(solve_positive, argnums=1)(matrix, right))
            np.testing.assert_allclose(slope, np.linalg.inv(matrix), rtol=1e-12)
        assert np.all(np.isfinite(jax.jacrev(solve_positive)(tiny, 0.0 * right)))
        slope = np.asarray(jax.jacrev(solve_positive)(plain, right))
    for i, j in ((0, 0), (1, 0), (1, 1)):
        step = np.zeros((2, 2))
        step[i, j] = 1e-6
        want = (np.linalg.solve(plain + step, right) - np.linalg.solve(plain - step, right)) / 2e-6
        np.testing.assert_allclose(slope[:, i, j], want, rtol=1e-8)
