"""Solve many cells or points, as many at a time as stay in the cache of one core."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

#: Cells or points that are solved together: their intermediate results stay in the cache of one core.
TOGETHER = 512


def in_batches(function: Callable[[Any], Any], rows: Any) -> Any:
    """Return ``function`` of every row, the first axes of a pytree's arrays, stacked; `TOGETHER` rows at a time.

    Beyond one batch the last is filled up with copies of the last row: a smaller one would compile all once more.
    """
    count = jax.tree.leaves(rows)[0].shape[0]
    missing = -count % TOGETHER if count > TOGETHER else 0
    filled = jax.tree.map(lambda x: jnp.pad(x, [(0, missing)] + [(0, 0)] * (x.ndim - 1), mode="edge"), rows)
    found = jax.lax.map(function, filled, batch_size=TOGETHER)
    return jax.tree.map(lambda x: x[:count], found)
