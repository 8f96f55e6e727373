"""Numbers of a config for which averages of its runs have target values, and how far noise leaves them uncertain.

The loss is half the sum of squares of w ln(X/X_target).  Each X is a mean over replicas with the same random numbers at
every point, so that the loss is smooth, with the gradient of `sensitivity`.  With other random numbers ln X varies, and
the numbers found with it, as J^-1 does, J = d ln X/d ln x: this is their standard error.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from crmc.averages import averages_of
from crmc.calibration import Bounds, Descent, Space, descend, space
from crmc.config import Config
from crmc.config_errors import ConfigError
from crmc.numbers import differentiable, value_of
from crmc.targets import Comparison, Interrupted, Point, Target

#: ln X/X_target goes on as its tangent below this ratio, so that an average of the wrong sign has a way back.
_LEAST = 0.05
#: A fit is made anew where its numbers ask for that many times its steps; at most so often.
_TOO_FEW, _ROUNDS = 1.1, 4
#: Targets are met within this many tolerances or standard errors (Student's t of eight replicas: 5e-4).
_TOLERANCES, _FAR = 5.0, 6.0
#: Numbers are not determined where columns of J, of length 1, have a smaller singular value; nor where J itself has.
_DEGENERATE, _NO_EFFECT = 1e-3, 1e-6
#: The loss is followed until the rest is no more than this share of the noise; the least rest that makes sense.
_OF_NOISE, _FINEST = 0.2, 1e-6
#: Damping of the first step, relative to the largest square of a slope.
_DAMPING = 1e-6


@dataclasses.dataclass(frozen=True)
class Fit:
    """What a fit found.

    config: with the fitted numbers.  steps: of its runs.  needed: those that the fitted numbers ask for.
    best: the averages at the fitted numbers.  met: which targets are, (targets,).
    covariance: of ln x, (numbers, numbers), from noise and the errors of the targets; infinite if not determined.
    history: every point, in order.  descent: how the last one ended; None if interrupted.
    """

    config: Config
    space: Space
    steps: int
    needed: int
    best: Point
    met: np.ndarray
    covariance: np.ndarray
    history: tuple[Point, ...]
    descent: Descent | None

    @property
    def succeeded(self) -> bool:
        """All targets are met, by runs of enough steps, at numbers that the targets determine."""
        fine = self.needed <= _TOO_FEW * self.steps and np.all(np.isfinite(self.covariance))
        return self.descent is not None and bool(fine and np.all(self.met))

    @property
    def stderr(self) -> dict[str, float]:
        """Standard errors of the numbers."""
        relative = np.sqrt(np.diag(self.covariance))
        return {name: x * float(part) for (name, x), part in zip(self.best.numbers.items(), relative, strict=True)}


def fit(
    config: Config,
    targets: Sequence[Target],
    bounds: Bounds,
    *,
    replicas: int = 8,
    solver: str = "monte-carlo",
    tolerance: float = 1e-3,
    most: int = 30,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[Point, int], None] = lambda *_: None,
) -> Fit:
    """Fit the numbers named in ``bounds``, from their values in ``config``; call inside ``jax.enable_x64(True)``.

    tolerance: of ln X/X_target (of the target known best), as far as the numbers can change it; less if noise is.
    most: points.  stop: asked after every replica.  report: called with every point and the steps of its runs.
    Where the fitted numbers ask for a shorter time step than the start did, the fit goes on from them with that.
    Raises ConfigError for bounds that the config does not allow or its values are not inside, Interrupted if stopped
    before the first point.
    """
    room, weights, errors = _room(config, bounds), *_weights(targets)
    numbers = {name: float(value_of(config, name)) for name in room.names}
    history: list[Point] = []
    for _ in range(_ROUNDS):
        runs = Comparison(config, targets, room.names, replicas, solver)
        before = len(history)

        def evaluate(numbers: Mapping[str, float], runs: Comparison = runs) -> Point:
            history.append(runs(numbers, stop))
            report(history[-1], runs.averages.steps)
            return history[-1]

        try:
            descent = _descend(evaluate, room, numbers, weights, tolerance, most - before)
        except Interrupted:
            if not history:
                raise
            descent = None
        best = min(history[before:] or history, key=lambda point: _loss(point, weights))
        numbers, steps = best.numbers, runs.averages.steps
        config = changed(config, numbers)
        needed = averages_of(config, runs.averages.quantities, solver).steps
        met = _met(best, errors, tolerance)
        if descent is None or not np.all(met) or needed <= _TOO_FEW * steps or len(history) >= most:
            break
    covariance = _covariance(best, weights, errors)
    return Fit(config, room, steps, needed, best, met, covariance, tuple(history), descent)


def changed(config: Config, numbers: Mapping[str, float]) -> Config:
    """``config`` with other numbers, checked."""
    keys = differentiable()
    return config.with_overrides({name: keys[name].write(float(x)) for name, x in numbers.items()})


def default_bounds(config: Config, name: str) -> tuple[float, float]:
    """A factor of 100 either way of a number, or as much of it as the config allows."""
    value = float(value_of(config, name))
    for factor in (100.0, 30.0, 10.0, 3.0, 2.0, 1.5, 1.2, 1.1):
        try:
            for end in (value / factor, value * factor):
                changed(config, {name: end})
        except ConfigError:
            continue
        return value / factor, value * factor
    raise ConfigError(f"--free {name}: nothing near {value:g} is allowed; give --bounds")


def _room(config: Config, bounds: Bounds) -> Space:
    for name, ends in bounds.items():
        value = float(value_of(config, name))
        if not 0.0 < ends[0] < value < ends[1]:
            rule = f"must be positive, and the value to start from, {value:g}, between them"
            raise ConfigError(f"--bounds {name} = {ends[0]:g}:{ends[1]:g}: {rule}; change them or the config's value")
        for end in ends:
            try:
                changed(config, {name: end})
            except ConfigError as error:
                raise ConfigError(f"--bounds {name}: {error}") from None
    return space(bounds)


def _weights(targets: Sequence[Target]) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the residuals, at most 1, and relative errors of the targets."""
    errors = np.concatenate([(target.error / np.abs(target.value))[target.places] for target in targets])
    return (np.min(errors) / errors if np.all(errors > 0.0) else np.ones_like(errors)), errors


def _descend(
    evaluate: Callable[[Mapping[str, float]], Point],
    room: Space,
    numbers: Mapping[str, float],
    weights: np.ndarray,
    tolerance: float,
    most: int,
) -> Descent:
    origin = room.coordinates(numbers)
    first = evaluate(numbers)

    def function(u: np.ndarray) -> tuple[float, np.ndarray]:
        point = first if u is origin else evaluate({name: float(x) for name, x in room.numbers(u).items()})
        slopes = _slopes(point, weights) * room.rates(u)
        return _loss(point, weights), slopes.T @ _residuals(point, weights)

    slopes = _slopes(first, weights) * room.rates(origin)
    metric = slopes.T @ slopes
    damped = metric + (_DAMPING * np.max(np.diag(metric)) + 1e-300) * np.eye(len(metric))
    scales = np.linalg.inv(np.linalg.cholesky(damped)).T if np.all(np.isfinite(damped)) else None
    noise = weights * np.sqrt(np.diag(first.noise)) / np.maximum(np.abs(first.ratio), _LEAST)
    finest = max(_OF_NOISE * float(np.min(noise, where=noise > 0.0, initial=np.inf)), _FINEST)
    return descend(function, origin, tolerance=min(tolerance, finest), most=most, scales=scales)


def _residuals(point: Point, weights: np.ndarray) -> np.ndarray:
    """w ln(X/X_target)."""
    logarithm = np.log(np.maximum(point.ratio, _LEAST))
    return weights * (logarithm + np.minimum(point.ratio / _LEAST - 1.0, 0.0))


def _slopes(point: Point, weights: np.ndarray) -> np.ndarray:
    """w d ln X/d ln x."""
    return (weights / np.maximum(point.ratio, _LEAST))[:, None] * point.slopes


def _loss(point: Point, weights: np.ndarray) -> float:
    loss = 0.5 * float(np.sum(_residuals(point, weights) ** 2))
    return loss if np.isfinite(loss) else np.inf


def _met(point: Point, errors: np.ndarray, tolerance: float) -> np.ndarray:
    allowed = _FAR * np.sqrt(np.diag(point.noise) + errors**2)
    return np.abs(point.ratio - 1.0) <= np.maximum(allowed, _TOLERANCES * tolerance)


def _covariance(point: Point, weights: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """A C A^t with A the inverse of J (least squares), C the covariance of w ln X and of the targets."""
    slopes = _slopes(point, weights)
    lengths = np.linalg.norm(slopes, axis=0)
    count = slopes.shape[1]
    if not np.all(lengths > _NO_EFFECT) or np.linalg.svd(slopes / lengths, compute_uv=False)[-1] < _DEGENERATE:
        return np.full((count, count), np.inf)
    inverse = np.linalg.pinv(slopes)
    noise = point.noise / np.outer(point.ratio, point.ratio) + np.diag(errors**2)
    return inverse @ (np.outer(weights, weights) * noise) @ inverse.T
