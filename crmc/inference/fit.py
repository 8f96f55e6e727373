"""Fit numbers x of a config so that averages X of its runs have target values, with standard errors from the noise.

The loss is half the sum of squares of w ln(X/X_target), as a function of ln x.  Scipy's bounded least squares take 4
to 9 evaluations (19 at worst so far) where a descent along the gradient of the sum took up to 30.  Each X is a mean
over replicas with the same random numbers at every point, so that the loss is smooth, with the gradient of
`derivatives`.  With other random numbers ln X varies, and with it the fitted ln x as J^-1 ln X, J = d ln X/d ln x;
this is their standard error.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import jax
import numpy as np
from scipy.optimize import least_squares

from crmc.config.config import Config
from crmc.config.errors import ConfigError
from crmc.config.keys import differentiable, value_of
from crmc.inference.averages import averages_of
from crmc.inference.fitted import INTERRUPTED, TOO_FEW, Fit
from crmc.inference.minimise import CONVERGED, Bounds
from crmc.inference.targets import Comparison, Interrupted, Point, Target

#: Ratio X/X_target below which its logarithm is replaced by the tangent there, so that a fit can recover from an
#: average of the wrong sign.
_LEAST = 0.05
#: Most rounds, each with the steps that the numbers at its start need.
_ROUNDS = 4
#: Targets are met within this many tolerances or standard errors (beyond: probability 5e-4 by Student's t of eight
#: replicas).
_TOLERANCES, _FAR = 5.0, 6.0
#: Numbers are not determined where a singular value of J with columns scaled to length 1, or the length of a column
#: of J, is below these.
_DEGENERATE, _NO_EFFECT = 1e-3, 1e-6
#: A descent ends where the rest is below this share of the noise; the smallest rest that it is asked for.
_OF_NOISE, _FINEST = 0.2, 1e-6
#: Gradient of the loss, relative to the tolerance, at which a descent ends in any case.
_FLAT = 1e-2


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
    """Fit the numbers named in ``bounds``, starting from their values in ``config``.

    targets: target values of averages.  bounds: key -> lower and upper bound of its number.
    replicas: number of runs at each point, with the same random numbers at every point; the solver on the mesh takes
        one.
    solver: a name in `registry.SOLVERS`.
    tolerance: largest ln(X/X_target), for the target known best, that the numbers could still remove; smaller where
        the noise is smaller.
    most: largest number of points.  stop: called before every replica; the fit ends where it returns True.
    report: called with every point and the number of steps of its runs.
    Where the fitted numbers need a shorter time step than the first ones, the fit continues from them with that step.
    Raises ConfigError for bounds that the config does not allow or that do not enclose its values, and Interrupted if
    stopped before the first point.
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
    """Fit in rounds, each with the steps that the numbers at its start need; arguments as for `fit`."""
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
        if ended == INTERRUPTED or not np.all(met) or needed <= TOO_FEW * steps or len(history) >= most:
            break
    covariance = _covariance(best, weights, errors)
    return Fit(config, tuple(targets), dict(bounds), steps, needed, best, met, covariance, tuple(history), ended)


def changed(config: Config, numbers: Mapping[str, float]) -> Config:
    """Return ``config`` with other numbers; ConfigError where it does not allow them."""
    keys = differentiable()
    return config.with_overrides({name: keys[name].write(float(x)) for name, x in numbers.items()})


def default_bounds(config: Config, name: str) -> tuple[float, float]:
    """Return a number's value divided and multiplied by 100, or by the largest factor that the config allows."""
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
    """Raise ConfigError unless ``bounds`` are positive, enclose the config's values, and are allowed at all corners."""
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
    """Return the weights w of the residuals, at most 1, and the relative errors of the targets; both (targets,)."""
    errors = np.concatenate([(target.error / np.abs(target.value))[target.places] for target in targets])
    return (np.min(errors) / errors if np.all(errors > 0.0) else np.ones_like(errors)), errors


class _Close(Exception):
    """No change of the numbers reduces the residuals by more than the tolerance."""


def _descend(
    evaluate: Callable[[Mapping[str, float]], Point],
    start: Mapping[str, float],
    bounds: Bounds,
    weights: np.ndarray,
    tolerance: float,
    most: int,
) -> str:
    """Minimise the loss as a function of ln x, and return how that ended."""
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
    """Return the length of the part of the residuals that a Gauss-Newton step would remove."""
    slopes, residuals = _slopes(point, weights), _residuals(point, weights)
    if not np.all(np.isfinite(slopes)):
        return np.inf
    return float(np.linalg.norm(slopes @ np.linalg.lstsq(slopes, residuals, rcond=None)[0]))


def _residuals(point: Point, weights: np.ndarray) -> np.ndarray:
    """Return the residuals w ln(X/X_target), (targets,)."""
    logarithm = np.log(np.maximum(point.ratio, _LEAST))
    return weights * (logarithm + np.minimum(point.ratio / _LEAST - 1.0, 0.0))


def _slopes(point: Point, weights: np.ndarray) -> np.ndarray:
    """Return the derivatives of the residuals, w d ln X/d ln x, (targets, numbers)."""
    return (weights / np.maximum(point.ratio, _LEAST))[:, None] * point.slopes


def _loss(point: Point, weights: np.ndarray) -> float:
    """Return half the sum of squares of the residuals; infinity where it is not finite."""
    loss = 0.5 * float(np.sum(_residuals(point, weights) ** 2))
    return loss if np.isfinite(loss) else np.inf


def _met(point: Point, weights: np.ndarray, errors: np.ndarray, tolerance: float) -> np.ndarray:
    """Return whether each target is met, (targets,)."""
    # Where the numbers could still come closer, the rest is not chance alone.
    far = _FAR if _rest(point, weights) <= _TOLERANCES * tolerance else 1.0
    allowed = far * np.sqrt(np.nan_to_num(np.diag(point.noise)) + errors**2)
    return np.abs(point.ratio - 1.0) <= np.maximum(allowed, _TOLERANCES * tolerance)


def _covariance(point: Point, weights: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Return the covariance of ln x, (numbers, numbers): A C A^t with A the pseudoinverse of w J.

    C is the covariance of w ln X from the noise and the errors of the targets.
    """
    slopes = _slopes(point, weights)
    lengths = np.linalg.norm(slopes, axis=0)
    count = slopes.shape[1]
    if not np.all(lengths > _NO_EFFECT) or np.linalg.svd(slopes / lengths, compute_uv=False)[-1] < _DEGENERATE:
        return np.full((count, count), np.inf)
    inverse = np.linalg.pinv(slopes)
    noise = point.noise / np.outer(point.ratio, point.ratio) + np.diag(errors**2)
    return inverse @ (np.outer(weights, weights) * noise) @ inverse.T
