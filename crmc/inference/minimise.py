"""Numbers between bounds that make any differentiable loss smallest: L-BFGS of optax, on logarithmic scales.

For a sum of squares of targets' residuals `fit` needs fewer evaluations.  The descent is driven from outside of JAX: a
loss may take minutes, is compiled once, and can be interrupted between two evaluations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

#: A step is taken if the loss falls by this share of what its slope promises; else it is shortened by these factors.
_SUFFICIENT, _SHORTEST, _LONGEST = 1e-4, 0.1, 0.5
#: Steps that short, relative to the first try, change nothing any more.
_GIVE_UP = 1e-4
#: Longest step in any coordinate: further away the first slopes say little.
_FARTHEST = 2.0
#: |u| beyond which a number is as good as at its bound: within 1 % of the whole range of ln x.
_EDGE = 4.6

#: `Descent.why` of one that found a minimum.
CONVERGED = "converged"

_OPTIMISER = optax.lbfgs(linesearch=None)
_update = jax.jit(_OPTIMISER.update)

Bounds = Mapping[str, tuple[float, float]]


class Space(NamedTuple):
    """Coordinates u without bounds of positive numbers x between bounds: x = lower (upper/lower)^(1/(1 + e^-u)).

    names: of the numbers, in the order of u.  lower, upper: (names,), 0 < lower < upper.
    """

    names: tuple[str, ...]
    lower: np.ndarray
    upper: np.ndarray

    def numbers(self, u: jax.Array | np.ndarray) -> dict[str, jax.Array]:
        """x at ``u``, (names,); differentiable."""
        ln = np.log(self.lower) + np.log(self.upper / self.lower) * jax.nn.sigmoid(jnp.asarray(u))
        return dict(zip(self.names, jnp.exp(ln), strict=True))

    def coordinates(self, numbers: Mapping[str, float]) -> np.ndarray:
        """u of numbers strictly between the bounds."""
        x = np.array([float(numbers[name]) for name in self.names])
        return np.log(np.log(x / self.lower) / np.log(self.upper / x))

    def rates(self, u: np.ndarray) -> np.ndarray:
        """d ln x/du, (names,)."""
        share = 1.0 / (1.0 + np.exp(-np.asarray(u)))
        return np.log(self.upper / self.lower) * share * (1.0 - share)


def space(bounds: Bounds) -> Space:
    """The coordinates of numbers between ``bounds``; ValueError unless 0 < lower < upper for each."""
    for name, (lower, upper) in bounds.items():
        if not 0.0 < lower < upper < np.inf:
            raise ValueError(f"bounds of {name} must be positive and in order, not {lower:g} and {upper:g}")
    lower, upper = np.array(list(bounds.values()), dtype=np.float64).T
    return Space(tuple(bounds), lower, upper)


class Descent(NamedTuple):
    """Where a descent ended.

    place: (n,), where the loss is lowest.  slope: its gradient there, (n,).
    converged: |slope| is below the tolerance.  evaluations: of the loss.  why: how it ended, in words.
    """

    place: np.ndarray
    loss: float
    slope: np.ndarray
    converged: bool
    evaluations: int
    why: str


def descend(
    function: Callable[[np.ndarray], tuple[float, np.ndarray]], start: np.ndarray, *, tolerance: float, most: int
) -> Descent:
    """Least value of a function of (n,) by L-BFGS with backtracking.

    function: gives loss and gradient; not finite where there is none.
    tolerance: of the gradient's length.  most: evaluations of ``function``.
    A coordinate of more than 4.6 that the loss drives outwards is a number at its bound (`Space`), and left there.
    """
    place = np.asarray(start, dtype=np.float64)
    loss, slope = function(place)
    state, count = _OPTIMISER.init(jnp.asarray(place)), 1

    def ended(why: str) -> Descent:
        return Descent(place, loss, slope, why == CONVERGED, count, why)

    if not np.isfinite(loss):
        return ended("the loss is not finite at the start")
    while np.linalg.norm(slope[(np.abs(place) < _EDGE) | (slope * place > 0.0)]) > tolerance:
        update, state = _update(jnp.asarray(slope), state, jnp.asarray(place))
        step = np.asarray(update)
        if not step @ slope < 0.0:  # the curvature that was remembered misleads: begin anew
            state, step = _OPTIMISER.init(jnp.asarray(place)), -slope
        share = first = min(1.0, _FARTHEST / np.max(np.abs(step)))
        while True:
            if count == most:
                return ended(f"not converged after {most} evaluations")
            if share < _GIVE_UP * first:
                return ended("the loss falls no further along its slope")
            promised, there = share * float(step @ slope), place + share * step
            (new, new_slope), count = function(there), count + 1
            if np.isfinite(new) and new <= loss + _SUFFICIENT * promised:
                break
            share *= _shorter(new - loss, promised)
        place, loss, slope = there, new, new_slope
    return ended(CONVERGED)


def _shorter(change: float, promised: float) -> float:
    """Factor to the lowest point of the parabola through a step that failed, within limits."""
    if not np.isfinite(change):
        return _SHORTEST
    return float(np.clip(-0.5 * promised / (change - promised), _SHORTEST, _LONGEST))


def minimise(
    loss: Callable[[dict[str, jax.Array]], Any],
    start: Mapping[str, float],
    bounds: Bounds,
    *,
    tolerance: float = 1e-4,
    most: int = 50,
) -> tuple[dict[str, float], Descent]:
    """Numbers that make any loss, differentiable by JAX, smallest within bounds, and how the descent went.

    loss: of named numbers, a scalar; `averages.Averages` is a function it may be made of.
    start: strictly between the ``bounds``.  tolerance: of the loss's gradient by `Space`'s coordinates.
    Raises ValueError for bounds that are not positive and in order.
    """
    room = space(bounds)
    compiled = jax.jit(jax.value_and_grad(lambda u: jnp.asarray(loss(room.numbers(u)), jnp.float64)))

    def function(u: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = compiled(jnp.asarray(u))
        return float(value), np.asarray(slope)

    with jax.enable_x64(True):
        found = descend(function, room.coordinates(start), tolerance=tolerance, most=most)
        return {name: float(x) for name, x in room.numbers(found.place).items()}, found
