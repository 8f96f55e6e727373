"""Compare averages of runs with their target values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from crmc.config.config import Config
from crmc.inference.averages import averages_of
from crmc.inference.derivatives import Differentiation, differentiate


class Target(NamedTuple):
    """Target values of an average, in the units of a result.

    quantity: name of the average, of `averages.QUANTITIES`.
    value: target of each entry, shape of the average; NaN for an entry without target, never 0.
    error: standard error of each target, shape of the average; 0 where the target is exact.
    """

    quantity: str
    value: np.ndarray
    error: np.ndarray

    @property
    def places(self) -> np.ndarray:
        """Whether each entry has a target, shape of the average."""
        return np.isfinite(self.value)


class Point(NamedTuple):
    """Ratios of averages to their targets, at some values of the free numbers.

    numbers: key -> value of its number x.
    ratio: average over target, (targets,).
    slopes: d ratio/d ln x, (targets, numbers).
    noise: covariance of ``ratio``, (targets, targets); NaN for a single replica of markers.
    """

    numbers: dict[str, float]
    ratio: np.ndarray
    slopes: np.ndarray
    noise: np.ndarray


class Interrupted(Exception):
    """A stop was asked for before all replicas of a point were ready."""


class Comparison:
    """A compiled program that runs a config with other numbers and compares its averages with targets.

    names: keys of the free numbers.  replicas: number of runs at each point, with seeds from run.seed on; the solver
    on the mesh takes one.
    """

    def __init__(self, config: Config, targets: Sequence[Target], names: Sequence[str], replicas: int, solver: str):
        self.targets, self.names = tuple(targets), tuple(names)
        self.averages = averages_of(config, [target.quantity for target in targets], solver)
        self.replicas = self.averages.runs(replicas)
        self.program = Differentiation(self.averages, self.names)

    def __call__(self, numbers: Mapping[str, float], stop: Callable[[], bool] = lambda: False) -> Point:
        """Compare the averages at ``numbers``, key -> value, with their targets.

        stop: called before a replica is begun; Interrupted is raised where it returns True before the last one.
        """
        found = differentiate(self.program, self.replicas, numbers=numbers, stop=stop)
        if not found.values or len(found.values[self.targets[0].quantity]) < self.replicas:
            raise Interrupted
        ratios, slopes = [], []
        for target in self.targets:
            name, places, wanted = target.quantity, target.places, target.value[target.places]
            ratios.append(found.values[name][:, places] / wanted)
            by_key = [found.slopes[name][key][:, places] * numbers[key] for key in self.names]
            slopes.append(np.stack(by_key, axis=-1) / wanted[:, None])
        ratio = np.concatenate(ratios, axis=1)
        count = ratio.shape[1]
        if self.replicas > 1:
            noise = np.cov(ratio, rowvar=False).reshape(count, count)
        else:
            noise = np.full((count, count), 0.0 if self.averages.on_mesh else np.nan)
        mean_slopes = np.mean(np.concatenate(slopes, axis=1), axis=0)
        return Point(dict(numbers), np.mean(ratio, axis=0), mean_slopes, noise / self.replicas)
