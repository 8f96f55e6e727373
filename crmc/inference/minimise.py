"""Minimise any differentiable loss of positive numbers between bounds, by L-BFGS of optax on logarithmic scales.

For target values of averages, `fit` needs fewer evaluations.  The loop of the descent runs outside of JAX: a loss may
take minutes, is compiled once, and can be interrupted between two evaluations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

#: A step is taken if the loss falls by this share of what its slope predicts; else it is shortened by a factor between
#: the other two.
_SUFFICIENT, _SHORTEST, _LONGEST = 1e-4, 0.1, 0.5
#: A descent gives up where a step is shorter than this, relative to its first try.
_GIVE_UP = 1e-4
#: Longest step in any coordinate; the slopes predict little further away.
_FARTHEST = 2.0
#: |u| beyond which a number counts as being at its bound: within 1 % of the range of ln x.
_EDGE = 4.6

#: `Descent.why` of a descent that found a minimum.
CONVERGED = "converged"

_OPTIMISER = optax.lbfgs(linesearch=None)
_update = jax.jit(_OPTIMISER.update)

Bounds = Mapping[str, tuple[float, float]]


class Space(NamedTuple):
    """Map positive numbers x between bounds to unbounded coordinates u: x = lower (upper/lower)^(1/(1 + e^-u)).

    names: names of the numbers, in the order of u.  lower, upper: bounds, (numbers,), 0 < lower < upper.
    """

    names: tuple[str, ...]
    lower: np.ndarray
    upper: np.ndarray

    def numbers(self, u: jax.Array | np.ndarray) -> dict[str, jax.Array]:
        """Return name -> x at ``u``, (numbers,); differentiable by JAX."""
        ln = np.log(self.lower) + np.log(self.upper / self.lower) * jax.nn.sigmoid(jnp.asarray(u))
        return dict(zip(self.names, jnp.exp(ln), strict=True))

    def coordinates(self, numbers: Mapping[str, float]) -> np.ndarray:
        """Return u, (numbers,), of numbers strictly between the bounds."""
        x = np.array([float(numbers[name]) for name in self.names])
        return np.log(np.log(x / self.lower) / np.log(self.upper / x))

    def rates(self, u: np.ndarray) -> np.ndarray:
        """Return d ln x/du at ``u``, both (numbers,)."""
        share = 1.0 / (1.0 + np.exp(-np.asarray(u)))
        return np.log(self.upper / self.lower) * share * (1.0 - share)


def space(bounds: Bounds) -> Space:
    """Return the coordinates of numbers between ``bounds``; ValueError unless 0 < lower < upper for each."""
    for name, (lower, upper) in bounds.items():
        if not 0.0 < lower < upper < np.inf:
            raise ValueError(f"bounds of {name} must be positive and in order, not {lower:g} and {upper:g}")
    lower, upper = np.array(list(bounds.values()), dtype=np.float64).T
    return Space(tuple(bounds), lower, upper)


class Descent(NamedTuple):
    """Result of a descent.

    place: coordinates u of the lowest loss, (numbers,).  loss, slope: loss and its gradient there, slope: (numbers,).
    converged: whether the gradient is shorter than the tolerance.
    evaluations: number of evaluations of the loss.  why: how the descent ended, in words.
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
    """Minimise a function of coordinates u by L-BFGS with backtracking.

    function: returns loss and gradient, (numbers,), at u, (numbers,); a loss that is not finite is never accepted.
    start: u to start from, (numbers,).
    tolerance: length of the gradient at which the descent ends.  most: largest number of evaluations.
    A coordinate beyond 4.6 that the loss drives outwards is a number at its bound (`Space`), and is left there.
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
        if not step @ slope < 0.0:  # the remembered curvature leads uphill: forget it
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
    """Return the factor by which to shorten a step that failed: to the minimum of a parabola, within limits.

    change: of the loss along the step.  promised: change that the slope at its start predicts.
    """
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
    """Minimise a loss of named numbers between bounds, and return the numbers and how the descent went.

    loss: a scalar function of name -> number that JAX can differentiate; it may call `averages.Averages`.
    start: name -> number to start from, strictly between the bounds.  bounds: name -> lower and upper bound.
    tolerance: length of the loss's gradient by the coordinates of `Space` at which the descent ends.
    most: largest number of evaluations of the loss.
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
