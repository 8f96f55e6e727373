"""Tiles are filled up to powers of two, and what fills them is never read."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from crmc.solvers.tiles import Nothing, Scratch, Value, View, inside, place, row_major, widths


def test_places_and_filling() -> None:
    """Oracle: NumPy's strides and padding."""
    shape = (3, 1, 5)
    assert widths(shape) == (4, 1, 8) and widths(()) == ()
    x = np.arange(15.0).reshape(shape)
    assert row_major(shape) == tuple(s // x.itemsize for s in x.strides)
    found = np.asarray(place(shape, 7, row_major(shape)))
    np.testing.assert_array_equal(found[:3, :, :5], 7 + x)
    np.testing.assert_array_equal(np.asarray(inside(shape)), np.pad(np.ones(shape, bool), [(0, 1), (0, 0), (0, 3)]))


def test_a_view_reads_its_entries_and_nothing_beyond() -> None:
    """Every second column, from behind, of a 3 x 6 array in memory; the filling repeats the last entry of each axis."""
    x = jnp.arange(18.0)
    value = Value((3, 3), view=View(x, 5, (6, -2)))
    want = np.asarray(x).reshape(3, 6)[:, 5::-2]
    np.testing.assert_array_equal(np.asarray(value.tile()), want[np.ix_([0, 1, 2, 2], [0, 1, 2, 2])])


def test_memory_is_measured() -> None:
    """Entries of what is kept, by type, without the filling; what lies in memory already needs none."""
    scratch = Scratch(None, {}, None, interpret=True)
    for shape in ((3, 5), (2,)):
        Value(shape, tile=jnp.zeros(widths(shape))).in_memory(scratch).in_memory(scratch)
    Value((4,), view=View(Nothing(jnp.int32), 0, (1,))).in_memory(scratch)
    assert {jnp.dtype(kind): n for kind, n in scratch.used.items()} == {jnp.zeros(()).dtype: 17}
    assert jax.eval_shape(lambda: Nothing(jnp.int32)[jnp.zeros((2, 2), int)]).shape == (2, 2)
