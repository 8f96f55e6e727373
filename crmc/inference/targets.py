"""Averages of runs beside the values they are to have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from crmc.config.config import Config
from crmc.inference.averages import averages_of
from crmc.inference.derivatives import Differentiation, differentiate
from crmc.solvers.fokker_planck.solver import FOKKER_PLANCK


class Target(NamedTuple):
    """Values that an average is to have, in the units of a result.

    value: of the shape of the quantity (one of `averages.QUANTITIES`), NaN where anything will do, never 0.
    error: standard errors, of the same shape; 0 where the value is exact.
    """

    quantity: str
    value: np.ndarray
    error: np.ndarray

    @property
    def places(self) -> np.ndarray:
        """Where there is a value."""
        return np.isfinite(self.value)


class Point(NamedTuple):
    """Averages over their targets, for some numbers.

    ratio: (targets,).  slopes: d ratio/d ln x, (targets, numbers).  noise: covariance of ``ratio``, (targets, targets),
    NaN where a single replica does not tell.
    """

    numbers: dict[str, float]
    ratio: np.ndarray
    slopes: np.ndarray
    noise: np.ndarray


class Interrupted(Exception):
    """Somebody asked to stop before a point was known."""


class Comparison:
    """Runs of a config with other numbers, compared with targets; one compiled program.

    names: keys of the numbers.  replicas: runs at each point, with seeds from run.seed on.
    """

    def __init__(self, config: Config, targets: Sequence[Target], names: Sequence[str], replicas: int, solver: str):
        self.targets, self.names, self.replicas = tuple(targets), tuple(names), replicas
        self.averages = averages_of(config, [target.quantity for target in targets], solver)
        self.program = Differentiation(self.averages, self.names)

    def __call__(self, numbers: Mapping[str, float], stop: Callable[[], bool] = lambda: False) -> Point:
        """Averages at ``numbers``; Interrupted if ``stop`` says so before the last replica."""
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
            noise = np.full((count, count), 0.0 if self.averages.solver == FOKKER_PLANCK.name else np.nan)
        mean_slopes = np.mean(np.concatenate(slopes, axis=1), axis=0)
        return Point(dict(numbers), np.mean(ratio, axis=0), mean_slopes, noise / self.replicas)
