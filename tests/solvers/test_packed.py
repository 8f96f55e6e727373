"""A row in one array is the row."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from crmc.solvers.packed import packed


def row(seed):
    """Numbers of all kinds and shapes that rows have."""
    x = jax.random.normal(jax.random.key(seed), (2, 3), jnp.float64)
    return {
        "number": x[0, 0],
        "count": jnp.asarray((1 << 52) + seed, jnp.int64),
        "flag": jnp.asarray(seed % 2 == 0),
        "matrix": x,
        "single": x[0].astype(jnp.float32),
        "none": jnp.zeros((0, 4)),
        "odd": jnp.asarray([jnp.nan, -jnp.inf, -0.0, 5e-324]),
    }


def same(found, want):
    """Require equal names, types, shapes and bits."""
    assert found.keys() == want.keys()
    for name, value in want.items():
        one, other = np.asarray(value), found[name]
        assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes()), name


def test_a_packed_row_has_the_bits_of_the_row():
    """Through a compiled program, by itself and of several replicas at several points."""
    same(jax.jit(lambda: packed(row(3)))().unpacked(), row(3))
    rows = [[row(3 * i + j) for j in range(3)] for i in range(2)]
    stack = lambda trees: jax.tree.map(lambda *x: jnp.stack(x), *trees)  # noqa: E731
    many = stack([stack([packed(one) for one in line]) for line in rows])
    same(many.unpacked(), stack([stack(line) for line in rows]))


def test_what_float64_cannot_hold_is_refused():
    """A complex number has no place in a row."""
    with pytest.raises(TypeError, match="phase is complex128"):
        packed({"phase": jnp.asarray(1j)})
