"""Bring the many small arrays of a row from the devices in one piece."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from crmc.solvers.simulate import Row


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PackedRow:
    """The values of a row in one array; programs that return it copy once instead of once for each variable.

    values: all values of the row one after another, float64, (..., n); further axes, of replicas or points, come first
    layout: name, shape and type of each variable, in order; static
    """

    values: jax.Array
    layout: tuple[tuple[str, tuple[int, ...], str], ...] = dataclasses.field(metadata={"static": True})

    def unpacked(self) -> dict[str, np.ndarray]:
        """Return the variables by name, (..., *shape) each, on the host."""
        values, found, start = np.asarray(self.values), {}, 0
        for name, shape, kind in self.layout:
            end = start + int(np.prod(shape, dtype=int))
            part = values[..., start:end].reshape((*values.shape[:-1], *shape))
            found[name], start = part.astype(kind), end
        return found


def packed(row: Row) -> PackedRow:
    """Return ``row`` in one array.

    Assumes that integers do not exceed 2^53.  Raises TypeError for a type without a place in float64.
    """
    layout = []
    for name, value in row.items():
        kind = np.dtype(value.dtype)
        if not np.can_cast(kind, np.float64):
            raise TypeError(f"{name} is {kind}: float64 does not hold it")
        layout.append((name, value.shape, kind.name))
    return PackedRow(jnp.concatenate([jnp.ravel(x).astype(jnp.float64) for x in row.values()]), tuple(layout))
