"""A tabulated factor of the background F0, so that any measured spectrum can be one: cubics in ln y."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class TabulatedFactor(NamedTuple):
    """A factor exp(T(ln y)), T a cubic in each of equal cells and a line beyond both ends.

    low: ln y of the first node, (); step: of the nodes in ln y, ();
    cubic: coefficients of t^0, t^1, t^2 and t^3 in each cell, where t is ln y from its lower end in steps,
        (4, nodes + 1): the first and the last cell lie beyond the nodes, t from the first and from the last.
    """

    low: jax.Array | np.ndarray
    step: jax.Array | np.ndarray
    cubic: jax.Array | np.ndarray

    def at(self, log_y: jax.Array) -> jax.Array:
        """Return T, (...); log_y: ln y, (...)."""
        cell, t = self._place(log_y)
        c0, c1, c2, c3 = self._coefficients(cell, t)
        return c0 + t * (c1 + t * (c2 + t * c3))

    def slope(self, log_y: jax.Array) -> jax.Array:
        """Return dT/d ln y, (...); log_y: ln y, (...)."""
        cell, t = self._place(log_y)
        _, c1, c2, c3 = self._coefficients(cell, t)
        return (c1 + t * (2.0 * c2 + 3.0 * t * c3)) / self.step.astype(t.dtype)

    def change(self, log_y: jax.Array, log_rise: jax.Array) -> jax.Array:
        """Return T(ln y + log_rise) - T(ln y), (...), within a cell without cancellation.

        log_y: ln y, (...); log_rise: change of ln y, (...).
        """
        cell, t = self._place(log_y)
        _, c1, c2, c3 = self._coefficients(cell, t)
        dt = log_rise / self.step.astype(t.dtype)
        within = dt * (c1 + c2 * (2.0 * t + dt) + c3 * (3.0 * t * (t + dt) + dt**2))
        end = log_y + log_rise
        return jnp.where(self._place(end)[0] == cell, within, self.at(end) - self.at(log_y))

    def _place(self, log_y: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return the cell in which ln y lies, and t there, (...) each."""
        nodes = self.cubic.shape[1] - 1
        place = (log_y - self.low.astype(log_y.dtype)) / self.step.astype(log_y.dtype)
        cell = jnp.clip(jnp.floor(place).astype(jnp.int32) + 1, 0, nodes)
        return cell, place - jnp.maximum(cell - 1, 0).astype(place.dtype)

    def _coefficients(self, cell: jax.Array, t: jax.Array) -> jax.Array:
        """Return the coefficients of cells in the dtype of t, (4, ...)."""
        return jnp.asarray(self.cubic, t.dtype)[:, cell]


def hermite_factor(low: float, high: float, values: np.ndarray, slopes: np.ndarray) -> TabulatedFactor:
    """Return the factor of given T and dT/d ln y at nodes uniform in ln y from low to high, (nodes,) each."""
    count = len(values)
    step = (high - low) / (count - 1)
    rise, begin, end = np.diff(values), step * slopes[:-1], step * slopes[1:]
    zero = np.zeros(1)
    cubic = [
        np.concatenate([values[:1], values[:-1], values[-1:]]),
        np.concatenate([begin[:1], begin, end[-1:]]),
        np.concatenate([zero, 3.0 * rise - 2.0 * begin - end, zero]),
        np.concatenate([zero, begin + end - 2.0 * rise, zero]),
    ]
    return TabulatedFactor(*(np.asarray(x, np.float64) for x in (low, step, np.stack(cubic))))
