"""Numbers of a config for which averages of its runs have target values, and how far noise leaves them uncertain.

The loss is half the sum of squares of w ln(X/X_target), by ln x; scipy's bounded least squares take 4 to 9 evaluations
(19 at worst so far) where a descent along the gradient of the sum took up to 30.  Each X is a mean over replicas with
the same random numbers at every point, so that the loss is smooth, with the gradient of `derivatives`.  With other
random numbers ln X varies, and the numbers found with it as J^-1 ln X, J = d ln X/d ln x: this is their standard error.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence

import jax
import numpy as np
from scipy.optimize import least_squares

from crmc.config.config import Config
from crmc.config.errors import ConfigError
from crmc.config.keys import differentiable, value_of
from crmc.inference.averages import averages_of
from crmc.inference.minimise import CONVERGED, Bounds
from crmc.inference.targets import Comparison, Interrupted, Point, Target

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
#: Gradient, relative to the tolerance, at which the descent ends in any case: there may be nothing to gain.
_FLAT = 1e-2
#: `Fit.ended` of one that was stopped.
INTERRUPTED = "interrupted"


@dataclasses.dataclass(frozen=True)
class Fit:
    """What a fit found.

    config: with the fitted numbers.  bounds: of these.
    steps: of its runs.  needed: those that the fitted numbers ask for.
    best: the averages at the fitted numbers.  met: which targets are, (targets,).
    covariance: of ln x, (numbers, numbers), from noise and the errors of the targets; infinite if not determined,
        NaN if noise is not known.
    history: every point, in order.  ended: how, in words.
    """

    config: Config
    bounds: dict[str, tuple[float, float]]
    steps: int
    needed: int
    best: Point
    met: np.ndarray
    covariance: np.ndarray
    history: tuple[Point, ...]
    ended: str

    @property
    def succeeded(self) -> bool:
        """All targets are met, by runs of enough steps, at numbers that the targets determine."""
        fine = self.needed <= _TOO_FEW * self.steps and not np.any(np.isinf(self.covariance))
        return self.ended != INTERRUPTED and bool(fine and np.all(self.met))

    @property
    def stderr(self) -> dict[str, float]:
        """Standard errors of the numbers; NaN for a single replica of markers."""
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
    """Fit the numbers named in ``bounds``, from their values in ``config``.

    tolerance: of ln X/X_target (of the target known best), as far as the numbers can change it; less if noise is.
    most: points.  stop: asked after every replica.  report: called with every point and the steps of its runs.
    Where the fitted numbers ask for a shorter time step than the start did, the fit goes on from them with that.
    Raises ConfigError for bounds that the config does not allow or its values are not inside, Interrupted if stopped
    before the first point.
    """
    with jax.enable_x64(True):
        return _fit(config, targets, bounds, replicas, solver, tolerance, most, stop, report)


def _fit(
    config: Config,
    targets: Sequence[Target],
    bounds: Bounds,
    replicas: int,
    solver: str,
    tolerance: float,
    most: int,
    stop: Callable[[], bool],
    report: Callable[[Point, int], None],
) -> Fit:
    _check(config, bounds)
    weights, errors = _weights(targets)
    numbers = {name: float(value_of(config, name)) for name in bounds}
    history: list[Point] = []
    for _ in range(_ROUNDS):
        runs = Comparison(config, targets, tuple(bounds), replicas, solver)
        before = len(history)

        def evaluate(numbers: Mapping[str, float], runs: Comparison = runs) -> Point:
            history.append(runs(numbers, stop))
            report(history[-1], runs.averages.steps)
            return history[-1]

        try:
            ended = _descend(evaluate, numbers, bounds, weights, tolerance, most - before)
        except Interrupted:
            if not history:
                raise
            ended = INTERRUPTED
        best = min(history[before:] or history, key=lambda point: _loss(point, weights))
        numbers, steps = best.numbers, runs.averages.steps
        config = changed(config, numbers)
        needed = averages_of(config, runs.averages.quantities, solver).steps
        met = _met(best, weights, errors, tolerance)
        if ended == INTERRUPTED or not np.all(met) or needed <= _TOO_FEW * steps or len(history) >= most:
            break
    covariance = _covariance(best, weights, errors)
    return Fit(config, dict(bounds), steps, needed, best, met, covariance, tuple(history), ended)


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


def _check(config: Config, bounds: Bounds) -> None:
    for name, ends in bounds.items():
        value = float(value_of(config, name))
        if not 0.0 < ends[0] < value < ends[1]:
            rule = f"must be positive, and the value to start from, {value:g}, between them"
            raise ConfigError(f"--bounds {name} = {ends[0]:g}:{ends[1]:g}: {rule}; change them or the config's value")
    for corner in itertools.product(*bounds.values()):
        try:
            changed(config, dict(zip(bounds, corner, strict=True)))
        except ConfigError as error:
            raise ConfigError(f"--bounds of {', '.join(bounds)}: {error}") from None


def _weights(targets: Sequence[Target]) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the residuals, at most 1, and relative errors of the targets."""
    errors = np.concatenate([(target.error / np.abs(target.value))[target.places] for target in targets])
    return (np.min(errors) / errors if np.all(errors > 0.0) else np.ones_like(errors)), errors


class _Close(Exception):
    """The numbers could change the residuals by no more than the tolerance."""


def _descend(
    evaluate: Callable[[Mapping[str, float]], Point],
    start: Mapping[str, float],
    bounds: Bounds,
    weights: np.ndarray,
    tolerance: float,
    most: int,
) -> str:
    """Least squares by ln x; returns how it ended."""
    points: dict[bytes, Point] = {}

    def residuals(z: np.ndarray) -> np.ndarray:
        numbers = dict(zip(start, (float(x) for x in np.exp(z)), strict=True))
        point = points[z.tobytes()] = evaluate(numbers)
        noise = weights * np.sqrt(np.diag(point.noise)) / np.maximum(np.abs(point.ratio), _LEAST)
        finest = max(_OF_NOISE * float(np.min(noise, where=noise > 0.0, initial=np.inf)), _FINEST)
        if _rest(point, weights) <= min(tolerance, finest):
            raise _Close
        return _residuals(point, weights)

    def slopes(z: np.ndarray) -> np.ndarray:
        return _slopes(points[z.tobytes()], weights)

    ends = np.log([bounds[name] for name in start]).T
    try:
        found = least_squares(
            residuals, np.log(list(start.values())), slopes, ends, max_nfev=most, gtol=_FLAT * tolerance
        )
    except _Close:
        return CONVERGED
    except ValueError:
        if len(points) == 1 and not np.isfinite(_loss(next(iter(points.values())), weights)):
            return "an average is not finite at the start"
        raise
    return CONVERGED if found.status > 0 else f"not converged after {most} evaluations"


def _rest(point: Point, weights: np.ndarray) -> float:
    """Length of the part of the residuals that lies along the slopes: what a step of Gauss and Newton would remove."""
    slopes, residuals = _slopes(point, weights), _residuals(point, weights)
    if not np.all(np.isfinite(slopes)):
        return np.inf
    return float(np.linalg.norm(slopes @ np.linalg.lstsq(slopes, residuals, rcond=None)[0]))


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


def _met(point: Point, weights: np.ndarray, errors: np.ndarray, tolerance: float) -> np.ndarray:
    # Where the numbers could still come closer, what is left is not chance alone.
    far = _FAR if _rest(point, weights) <= _TOLERANCES * tolerance else 1.0
    allowed = far * np.sqrt(np.nan_to_num(np.diag(point.noise)) + errors**2)
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
