"""Fits to a stand-in for runs: averages that are powers of two numbers, with noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from support.run_cases import small

from crmc.inference import fit as fit_module
from crmc.inference.fit import fit
from crmc.inference.fitted import Fit
from crmc.inference.targets import Interrupted, Point, Target

#: Keys of the two numbers.
PAIR = ("damping.linear", "expansion.timescale")
#: A target of 1 without error.
AIM = Target("heating_rate", np.asarray(1.0), np.asarray(0.0))


class Powers:
    """Stands in for runs: X_i = prod_j x_j^a_ij relative to targets, times noise that depends on the seed alone."""

    averages: Any
    #: a_ij, (averages, numbers).
    exponents = np.array([[1.0, 0.2], [-0.5, 0.7]])
    truth = np.array([2e-11, 2e12])
    offset: Any = 0.0
    scatter = np.zeros((2, 2))
    generator: np.random.Generator
    evaluations = 0
    last = 10_000

    def __init__(self, config: Any, targets: Any, names: tuple[str, ...], replicas: int, solver: str):
        self.names, self.replicas = names, replicas
        noise = self.generator.standard_normal((replicas, len(self.exponents))) @ self.scatter
        self.noise = 1.0 + noise

    def __call__(self, numbers: Mapping[str, float], stop: Any) -> Point:
        Powers.evaluations += 1
        if Powers.evaluations > self.last:
            raise Interrupted
        x = np.array([numbers[name] for name in self.names])
        ratio = np.exp(self.exponents @ np.log(x / self.truth) + self.offset) * self.noise
        mean = ratio.mean(axis=0)
        noise = np.cov(ratio, rowvar=False) if self.replicas > 1 else np.zeros((len(mean),) * 2)
        return Point(dict(numbers), mean, mean[:, None] * self.exponents, noise / self.replicas)


def fitted(monkeypatch: pytest.MonkeyPatch, *, errors: float = 0.0, targets: int = 2, **changes: Any) -> Fit:
    """A fit to `Powers` with other attributes, from numbers a factor of 3 off."""

    class Averages:
        steps, quantities = 100, ()

    Powers.evaluations = 0
    # Numbers of its own: those of a test do not depend on the tests before it.
    kind = type("Changed", (Powers,), {"averages": Averages, "generator": np.random.default_rng(0), **changes})
    monkeypatch.setattr(fit_module, "Comparison", kind)
    monkeypatch.setattr(fit_module, "averages_of", lambda *_: Averages)
    config = small(damping__linear="6e-11 1/s", expansion__timescale="6.6e11 s")
    aims = [Target("heating_rate", np.asarray(1.0), np.asarray(errors)) for _ in range(targets)]
    bounds = dict(zip(PAIR, ((1e-13, 1e-9), (1e10, 1e14)), strict=True))
    return fit(config, aims, bounds, replicas=8)
