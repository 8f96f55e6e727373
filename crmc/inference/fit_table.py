"""Write a fit as the messages, the table and the JSON of ``crmc fit``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from crmc.config.keys import differentiable
from crmc.inference.fit import INTERRUPTED, Fit
from crmc.inference.minimise import CONVERGED
from crmc.inference.sensitivity_table import place_name
from crmc.inference.targets import Point, Target
from crmc.results.variables import unit_of
from crmc.text import aligned

#: A number is at a bound where it is within this share of the range between the bounds, in ln x.
_AT_BOUND = 0.02


def labels(fit: Fit, targets: Sequence[Target]) -> list[str]:
    """Return the names of the targets' entries, in the order of `Point.ratio`."""
    return [place_name(fit.config, t.quantity, place) for t in targets for place in _places(t)]


def _places(target: Target) -> list[tuple[int, ...]]:
    """Return the indices of the entries that have a target."""
    return [tuple(int(i) for i in place) for place in np.argwhere(target.places)] if target.value.ndim else [()]


def message(fit: Fit, targets: Sequence[Target]) -> str:
    """Say how the fit ended, and what to do if its targets are not met."""
    if fit.succeeded:
        return "all targets are met"
    if fit.ended == INTERRUPTED:
        return "interrupted; the numbers are the best so far"
    if not np.all(np.isfinite(fit.best.ratio)):
        return f"{fit.ended}; check the config with 'crmc run'"
    if not np.all(fit.met):
        worst = int(np.argmax(np.where(fit.met, 0.0, np.abs(np.log(np.maximum(fit.best.ratio, 1e-300))))))
        closest = f"{labels(fit, targets)[worst]} comes no closer than {fit.best.ratio[worst]:.4g} times its target"
        if bounded := _at_bounds(fit):
            return f"{closest}, with {bounded}; widen --bounds or free another key"
        if fit.ended != CONVERGED:
            return f"{fit.ended}: {closest}; start closer or allow more --evaluations"
        return f"{closest}, whatever the free keys; free another key"
    if np.any(np.isinf(fit.covariance)):
        return f"the targets do not determine {', '.join(fit.best.numbers)} separately; free fewer or add targets"
    return f"made with {fit.steps} steps where the fitted numbers need {fit.needed}; allow more --evaluations"


def _at_bounds(fit: Fit) -> str:
    """Name the fitted numbers that are at a bound; empty if none is."""
    found = []
    for name, (lower, upper) in fit.bounds.items():
        share = np.log(fit.best.numbers[name] / lower) / np.log(upper / lower)
        if min(share, 1.0 - share) < _AT_BOUND:
            end, value = ("lower", lower) if share < 0.5 else ("upper", upper)
            found.append(f"{name} up against its {end} bound, {value:.4g}{_unit(differentiable()[name].unit)}")
    return " and ".join(found)


def _unit(unit: str) -> str:
    """Return a unit as it follows a number; empty for "1"."""
    return "" if unit == "1" else f" {unit}"


def progress(point: Point, steps: int) -> str:
    """Describe a point of a fit in one line."""
    numbers = ", ".join(f"{k} = {x:.5g}{_unit(differentiable()[k].unit)}" for k, x in point.numbers.items())
    off = np.max(np.abs(point.ratio - 1.0))
    return f"{steps} steps with {numbers}: averages within {off:.2g} of their targets"


def text(fit: Fit, targets: Sequence[Target]) -> str:
    """Return two tables: the fitted numbers, and the averages with their targets."""
    first = fit.history[0].numbers
    lines = [["fitted", "value", "standard error", "from", "bounds"]]
    for name, (lower, upper) in fit.bounds.items():
        x = fit.best.numbers[name]
        unit, error = _unit(differentiable()[name].unit), fit.stderr[name]
        shown = "-" if not np.isfinite(error) or error == 0.0 else f"{error:.2g}"
        lines.append([name, f"{x:.6g}{unit}", shown, f"{first[name]:.4g}", f"{lower:.4g} .. {upper:.4g}"])
    lines += [[], ["average over the last half", "target", "found", "found/target", "standard error"]]
    for label, unit, wanted, error, ratio, noise in _rows(fit, targets):
        aim = f"{wanted:.6g}{_unit(unit)}" + (f" +- {error:.2g}" if error else "")
        lines.append([label, aim, f"{wanted * ratio:.6g}", f"{ratio:.5f}", f"{noise:.1g}" if noise else "-"])
    return aligned(lines)


def _rows(fit: Fit, targets: Sequence[Target]) -> Iterator[tuple[str, str, float, float, float, float]]:
    """Yield name, unit, target, error of the target, ratio and standard error of the ratio of each target's entry."""
    units = [unit_of(t.quantity) for t in targets for _ in _places(t)]
    wanted = np.concatenate([t.value[t.places] for t in targets])
    errors = np.concatenate([t.error[t.places] for t in targets])
    noise = np.sqrt(np.diag(fit.best.noise))
    yield from zip(labels(fit, targets), units, wanted, errors, fit.best.ratio, noise, strict=True)


def as_dict(fit: Fit, targets: Sequence[Target]) -> dict[str, Any]:
    """Return numbers, errors, targets and history of the fit, for JSON."""
    keys, first = differentiable(), fit.history[0].numbers
    numbers = {
        name: {
            "value": fit.best.numbers[name],
            "stderr": fit.stderr[name],
            "unit": keys[name].unit,
            "start": first[name],
            "bounds": [lower, upper],
        }
        for name, (lower, upper) in fit.bounds.items()
    }
    aims = {
        label: {"target": wanted, "error": error, "unit": unit, "found": wanted * ratio, "stderr": abs(wanted) * noise}
        for label, unit, wanted, error, ratio, noise in _rows(fit, targets)
    }
    return {
        "name": fit.config.name,
        "met": fit.succeeded,
        "message": message(fit, targets),
        "free": numbers,
        "correlation": _correlation(fit.covariance),
        "targets": aims,
        "steps": fit.steps,
        "markers": fit.config.run.markers,
        "history": [{**point.numbers, "ratio": point.ratio} for point in fit.history],
    }


def _correlation(covariance: np.ndarray) -> np.ndarray:
    """Return the correlation matrix of a covariance matrix, both (numbers, numbers)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.sqrt(np.diag(covariance))
        return covariance / np.outer(errors, errors)
