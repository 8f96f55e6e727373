"""Hold the result of a fit, and write it as the message, the table and the JSON of ``crmc fit``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from crmc.config.config import Config
from crmc.config.keys import differentiable
from crmc.inference.minimise import CONVERGED
from crmc.inference.sensitivity_table import place_name
from crmc.inference.targets import Point, Target
from crmc.results.variables import unit_of
from crmc.text import aligned

#: `Fit.ended` of a fit that was stopped.
INTERRUPTED = "interrupted"
#: A fit is repeated where its numbers need more than this factor times its steps.
TOO_FEW = 1.1
#: A number is at a bound where it is within this share of the range between the bounds, in ln x.
_AT_BOUND = 0.02


@dataclasses.dataclass(frozen=True, repr=False)
class Fit:
    """Result of a fit, which prints as its table: the fitted numbers x, their errors, and how the fit ended.

    config: the config with the fitted numbers.  targets: target values of averages.
    bounds: key -> lower and upper bound of its number.
    steps: number of steps of the runs.  needed: number of steps that the fitted numbers need.
    best: comparison of averages with targets at the fitted numbers.  met: whether each target is met, (targets,).
    covariance: of ln x, (numbers, numbers), from the noise and the errors of the targets; infinite where the targets
        do not determine the numbers, NaN where the noise is not known.
    history: all points in order.  ended: how the fit ended, in words.
    """

    config: Config
    targets: tuple[Target, ...]
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
        """Whether all targets are met, by runs of enough steps, at numbers that the targets determine."""
        fine = self.needed <= TOO_FEW * self.steps and not np.any(np.isinf(self.covariance))
        return self.ended != INTERRUPTED and bool(fine and np.all(self.met))

    @property
    def stderr(self) -> dict[str, float]:
        """Standard error of each number, in its unit; NaN for a single replica of markers."""
        relative = np.sqrt(np.diag(self.covariance))
        return {name: x * float(part) for (name, x), part in zip(self.best.numbers.items(), relative, strict=True)}

    @property
    def message(self) -> str:
        """How the fit ended, and what to do if its targets are not met."""
        if self.succeeded:
            return "all targets are met"
        if self.ended == INTERRUPTED:
            return "interrupted; the numbers are the best so far"
        if not np.all(np.isfinite(self.best.ratio)):
            return f"{self.ended}; check the config with 'crmc run'"
        if not np.all(self.met):
            return self._missed()
        if np.any(np.isinf(self.covariance)):
            return f"the targets do not determine {', '.join(self.best.numbers)} separately; free fewer or add targets"
        return f"made with {self.steps} steps where the fitted numbers need {self.needed}; allow more --evaluations"

    def as_dict(self) -> dict[str, Any]:
        """Return numbers, errors, targets and history of the fit, for JSON."""
        keys, first = differentiable(), self.history[0].numbers
        numbers = {
            name: {
                "value": self.best.numbers[name],
                "stderr": self.stderr[name],
                "unit": keys[name].unit,
                "start": first[name],
                "bounds": [lower, upper],
            }
            for name, (lower, upper) in self.bounds.items()
        }
        aims = {
            label: {
                "target": wanted,
                "error": error,
                "unit": unit,
                "found": wanted * ratio,
                "stderr": abs(wanted) * noise,
            }
            for label, unit, wanted, error, ratio, noise in self._rows()
        }
        return {
            "name": self.config.name,
            "met": self.succeeded,
            "message": self.message,
            "free": numbers,
            "correlation": _correlation(self.covariance),
            "targets": aims,
            "steps": self.steps,
            "markers": self.config.run.markers,
            "history": [{**point.numbers, "ratio": point.ratio} for point in self.history],
        }

    def __repr__(self) -> str:
        """Return two tables: the fitted numbers, and the averages with their targets."""
        first = self.history[0].numbers
        lines = [["fitted", "value", "standard error", "from", "bounds"]]
        for name, (lower, upper) in self.bounds.items():
            x = self.best.numbers[name]
            unit, error = _unit(differentiable()[name].unit), self.stderr[name]
            shown = "-" if not np.isfinite(error) or error == 0.0 else f"{error:.2g}"
            lines.append([name, f"{x:.6g}{unit}", shown, f"{first[name]:.4g}", f"{lower:.4g} .. {upper:.4g}"])
        lines += [[], ["average over the last half", "target", "found", "found/target", "standard error"]]
        for label, unit, wanted, error, ratio, noise in self._rows():
            aim = f"{wanted:.6g}{_unit(unit)}" + (f" +- {error:.2g}" if error else "")
            lines.append([label, aim, f"{wanted * ratio:.6g}", f"{ratio:.5f}", f"{noise:.1g}" if noise else "-"])
        return aligned(lines)

    def _labels(self) -> list[str]:
        """Return the names of the targets' entries, in the order of `Point.ratio`."""
        return [place_name(self.config, t.quantity, place) for t in self.targets for place in _places(t)]

    def _rows(self) -> Iterator[tuple[str, str, float, float, float, float]]:
        """Yield name, unit, target, error of the target, ratio and standard error of the ratio of each target's
        entry."""
        units = [unit_of(t.quantity) for t in self.targets for _ in _places(t)]
        wanted = np.concatenate([t.value[t.places] for t in self.targets])
        errors = np.concatenate([t.error[t.places] for t in self.targets])
        noise = np.sqrt(np.diag(self.best.noise))
        yield from zip(self._labels(), units, wanted, errors, self.best.ratio, noise, strict=True)

    def _missed(self) -> str:
        """Name the target that is missed most, and what keeps the fit from it."""
        worst = int(np.argmax(np.where(self.met, 0.0, np.abs(np.log(np.maximum(self.best.ratio, 1e-300))))))
        closest = f"{self._labels()[worst]} comes no closer than {self.best.ratio[worst]:.4g} times its target"
        if bounded := self._at_bounds():
            return f"{closest}, with {bounded}; widen --bounds or free another key"
        if self.ended != CONVERGED:
            return f"{self.ended}: {closest}; start closer or allow more --evaluations"
        return f"{closest}, whatever the free keys; free another key"

    def _at_bounds(self) -> str:
        """Name the fitted numbers that are at a bound; empty if none is."""
        found = []
        for name, (lower, upper) in self.bounds.items():
            share = np.log(self.best.numbers[name] / lower) / np.log(upper / lower)
            if min(share, 1.0 - share) < _AT_BOUND:
                end, value = ("lower", lower) if share < 0.5 else ("upper", upper)
                found.append(f"{name} up against its {end} bound, {value:.4g}{_unit(differentiable()[name].unit)}")
        return " and ".join(found)


def progress(point: Point, steps: int) -> str:
    """Describe a point of a fit in one line."""
    numbers = ", ".join(f"{k} = {x:.5g}{_unit(differentiable()[k].unit)}" for k, x in point.numbers.items())
    off = np.max(np.abs(point.ratio - 1.0))
    return f"{steps} steps with {numbers}: averages within {off:.2g} of their targets"


def _places(target: Target) -> list[tuple[int, ...]]:
    """Return the indices of the entries that have a target."""
    return [tuple(int(i) for i in place) for place in np.argwhere(target.places)] if target.value.ndim else [()]


def _unit(unit: str) -> str:
    """Return a unit as it follows a number; empty for "1"."""
    return "" if unit == "1" else f" {unit}"


def _correlation(covariance: np.ndarray) -> np.ndarray:
    """Return the correlation matrix of a covariance matrix, both (numbers, numbers)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.sqrt(np.diag(covariance))
        return covariance / np.outer(errors, errors)
