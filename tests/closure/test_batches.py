"""Rows in batches: the result of every row, and one copy of the function in the program."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from crmc.closure.batches import TOGETHER, in_batches


@pytest.mark.parametrize("count", [1, TOGETHER - 1, TOGETHER, TOGETHER + 1, 3 * TOGETHER])
def test_rows(count: int) -> None:
    """Row by row the function, for a pytree of rows, also beyond a whole number of batches."""
    x = jnp.linspace(0.0, 1.0, count)
    found = in_batches(
        lambda row: {"sum": row["x"] + row["y"].sum(), "y": row["y"]}, {"x": x, "y": jnp.outer(x, jnp.arange(1, 3))}
    )
    np.testing.assert_allclose(found["sum"], 4.0 * x, rtol=1e-15)
    np.testing.assert_array_equal(found["y"], np.outer(x, [1, 2]))


@pytest.mark.parametrize("count", [TOGETHER - 1, TOGETHER, 3 * TOGETHER + 5])
def test_the_function_is_in_the_program_once(count: int) -> None:
    """Without a filled last batch it would be there twice, and take twice as long to compile."""
    program = str(jax.make_jaxpr(lambda x: in_batches(jnp.sin, x))(jnp.ones(count)))
    assert program.count(" sin ") == 1


def test_derivative() -> None:
    """The copies that fill the last batch add nothing: d/dx sum sin x = cos x."""
    x = jnp.linspace(0.0, 1.0, TOGETHER + 3)
    np.testing.assert_allclose(jax.grad(lambda x: in_batches(jnp.sin, x).sum())(x), np.cos(x), rtol=1e-15)
