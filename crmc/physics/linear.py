"""Solve many small linear systems at once."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def solve_positive(matrix: jax.Array, right: jax.Array) -> jax.Array:
    """Return the solutions x of ``matrix x = right`` for symmetric positive definite matrices, (..., n).

    Elimination by Gauss and Jordan written out, n being small: these matrices need no pivoting, and n simple passes
    over arrays take the place of a call of a library for each matrix.  The error is of the order of the condition
    number times round-off.
    matrix: (..., n, n); right: (..., n)
    """
    # The scale cancels; without it the derivative of a quotient squares pivots as small as 1e-300.
    scale = jax.lax.stop_gradient(jnp.max(jnp.abs(matrix), axis=(-2, -1), keepdims=True))
    rows = jnp.concatenate([matrix, right[..., None]], axis=-1) / scale
    for k in range(right.shape[-1]):
        pivot = rows[..., k : k + 1, :] / rows[..., k : k + 1, k : k + 1]
        others = jnp.arange(right.shape[-1])[:, None] != k
        rows = jnp.where(others, rows - rows[..., k : k + 1] * pivot, pivot)
    return rows[..., -1]
