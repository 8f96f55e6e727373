"""Fits of known functions: exact minima, bounds, stated errors; no runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from support.run_cases import small

from crmc.config.config import ConfigError
from crmc.inference import fit as fit_module
from crmc.inference import fit_table
from crmc.inference.fit import Fit, fit
from crmc.inference.minimise import descend, minimise, space
from crmc.inference.targets import Interrupted, Point, Target

AIM = Target("heating_rate", np.asarray(1.0), np.asarray(0.0))
WIDE = {"a": (1e-2, 1e2), "b": (1e-2, 1e2)}


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def test_curved_valley() -> None:
    """Rosenbrock's function of the logarithms has its minimum, 0, at e and e."""

    def loss(x: Mapping[str, jax.Array]) -> jax.Array:
        a, b = jnp.log(x["a"]), jnp.log(x["b"])
        return (1.0 - a) ** 2 + 100.0 * (b - a**2) ** 2

    found, descent = minimise(loss, {"a": 0.5, "b": 2.0}, WIDE, tolerance=1e-7, most=200)
    assert descent.converged
    np.testing.assert_allclose([found["a"], found["b"]], np.e, rtol=1e-6)


def test_bound() -> None:
    """A minimum beyond the bounds ends within 1 % of the range from the nearer one, in a dozen evaluations."""
    found, descent = minimise(lambda x: (jnp.log(x["a"]) - 10.0) ** 2, {"a": 1.0}, {"a": WIDE["a"]})
    assert descent.converged and descent.evaluations <= 12
    assert 1e2 * 1e-4**0.01 <= found["a"] <= 1e2


def test_loss_that_is_not_finite() -> None:
    """Steps into a region without values are shortened; a start there is told."""
    start, bounds = {"a": 1.0}, {"a": WIDE["a"]}
    found, descent = minimise(lambda x: jnp.where(x["a"] < 5.0, (jnp.log(x["a"] / 4.9)) ** 2, jnp.nan), start, bounds)
    assert descent.converged
    np.testing.assert_allclose(found["a"], 4.9, rtol=1e-3)
    _, descent = minimise(lambda x: x["a"] * jnp.nan, start, bounds)
    assert not descent.converged and "not finite at the start" in descent.why


def test_gives_up() -> None:
    """A wrong gradient ends the descent instead of an endless search; so does the limit of evaluations."""
    wrong = descend(lambda x: (float(x @ x), -2.0 * x), np.ones(2), tolerance=1e-3, most=100)
    assert "falls no further" in wrong.why and wrong.evaluations < 30
    slow = descend(lambda x: (float(np.sum(np.exp(x))), np.exp(x)), np.ones(2), tolerance=0.0, most=7)
    assert slow.evaluations == 7 and "not converged after 7" in slow.why


def test_curvature_of_the_wrong_sign() -> None:
    """From where 1 - exp(-x^2/2) bends downwards, steps by the remembered curvature would lead uphill."""
    found = descend(
        lambda x: (1.0 - float(np.exp(-0.5 * x @ x)), x * np.exp(-0.5 * x @ x)),
        np.array([2.0, -0.7]),
        tolerance=1e-6,
        most=80,
    )
    assert found.converged
    np.testing.assert_allclose(found.place, 0.0, atol=2e-6)


@pytest.mark.parametrize("ends", [(0.0, 1.0), (2.0, 1.0), (-1.0, 1.0), (1.0, np.inf)])
def test_bad_bounds(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="bounds of a"):
        space({"a": ends})


class Powers:
    """Stands in for runs: X_i = prod_j x_j^a_ij relative to targets, times noise that depends on the seed alone."""

    averages: Any
    exponents = np.array([[1.0, 0.2], [-0.5, 0.7]])
    truth = np.array([2e-11, 2e12])
    offset: Any = 0.0
    scatter = np.zeros((2, 2))
    generator = np.random.default_rng(0)
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


FREE = ("damping.linear", "expansion.timescale")


def fitted(monkeypatch: pytest.MonkeyPatch, *, errors: float = 0.0, targets: int = 2, **changes: Any) -> Fit:
    """A fit to `Powers` with other attributes, from numbers a factor of 3 off."""

    class Averages:
        steps, quantities = 100, ()

    Powers.evaluations = 0
    kind = type("Changed", (Powers,), {"averages": Averages, **changes})
    monkeypatch.setattr(fit_module, "Comparison", kind)
    monkeypatch.setattr(fit_module, "averages_of", lambda *_: Averages)
    config = small(damping__linear="6e-11 1/s", expansion__timescale="6.6e11 s")
    aims = [Target("heating_rate", np.asarray(1.0), np.asarray(errors)) for _ in range(targets)]
    bounds = {"damping.linear": (1e-13, 1e-9), "expansion.timescale": (1e10, 1e14)}
    return fit(config, aims, bounds, replicas=8)


def test_power_laws_are_inverted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two averages that are powers of two numbers, a factor of 3 off, in few evaluations."""
    found = fitted(monkeypatch)
    assert found.succeeded and len(found.history) <= 7
    np.testing.assert_allclose(list(found.best.numbers.values()), Powers.truth, rtol=2e-3)
    np.testing.assert_allclose(found.config.damping.linear, found.best.numbers["damping.linear"], rtol=1e-12)


def test_stated_errors_are_the_scatter(monkeypatch: pytest.MonkeyPatch) -> None:
    """300 fits with other noise: (x - truth)/stderr is Student's t of 7 degrees; an error a third too small shows."""
    scatter = np.array([[0.02, 0.0], [0.01, 0.005]])
    pulls = []
    for seed in range(300):
        found = fitted(monkeypatch, scatter=scatter, generator=np.random.default_rng(seed))
        assert found.succeeded
        pulls.append([(found.best.numbers[n] - x) / found.stderr[n] for n, x in zip(FREE, Powers.truth, strict=True)])
    for column in np.array(pulls).T:
        assert stats.kstest(column, stats.t(7).cdf).pvalue > 1e-6
        width = np.subtract(*np.quantile(column, [0.84, 0.16])) / np.subtract(*stats.t(7).ppf([0.84, 0.16]))
        assert abs(width - 1.0) < 0.35


def test_errors_of_targets_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without noise, targets known to 1 % leave |A^-1| 1 % on the numbers."""
    found = fitted(monkeypatch, errors=0.01)
    inverse = np.linalg.inv(Powers.exponents)
    want = Powers.truth * 0.01 * np.sqrt(np.sum(inverse**2, axis=1))
    np.testing.assert_allclose(list(found.stderr.values()), want, rtol=0.02)


def test_more_targets_than_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least squares of three averages that cannot all be met, ln X = a . ln x + r."""
    exponents = np.array([[1.0, 0.2], [-0.5, 0.7], [0.3, 1.0]])

    found = fitted(monkeypatch, exponents=exponents, targets=3, scatter=np.zeros((3, 3)))
    assert found.succeeded
    np.testing.assert_allclose(list(found.best.numbers.values()), Powers.truth, rtol=2e-3)


def test_unreachable_targets_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A truth far beyond the bounds: not met, the bound is named, in a dozen evaluations or so."""
    found = fitted(monkeypatch, truth=np.array([1e-6, 2e12]))
    assert not found.succeeded and len(found.history) <= 15
    said = fit_table.message(found, [AIM] * 2)
    assert "comes no closer" in said and "damping.linear up against its upper bound" in said


def test_noise_does_not_excuse_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A target a fifth away beyond the bound is not met, though the noise of the averages is a tenth."""
    found = fitted(monkeypatch, truth=np.array([1.25e-9, 2e12]), scatter=0.3 * np.eye(2))
    assert 0.05 < np.sqrt(found.best.noise[0, 0]) < 0.15
    assert not found.succeeded and not np.all(found.met)


def test_undetermined_numbers_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two averages that depend on the same product of numbers do not give both."""
    found = fitted(monkeypatch, exponents=np.array([[1.0, 1.0], [0.5, 0.5]]))
    assert not found.succeeded
    assert "do not determine damping.linear, expansion.timescale separately" in fit_table.message(found, [AIM] * 2)


def test_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was known is kept; before the first point there is nothing to keep."""
    found = fitted(monkeypatch, last=2)
    assert found.ended == fit_module.INTERRUPTED and len(found.history) == 2 and not found.succeeded
    with pytest.raises(Interrupted):
        fitted(monkeypatch, last=0)


def test_bounds_that_a_config_does_not_allow() -> None:
    """ConfigError names the option, the key and the rule."""
    config = small()
    aim = [AIM]
    with pytest.raises(ConfigError, match=r"--bounds damping.linear = 2e-11:3e-11: must be positive, and the value"):
        fit(config, aim, {"damping.linear": (2e-11, 3e-11)})
    with pytest.raises(ConfigError, match=r"--bounds of cosmic_rays.index: cosmic_rays.index"):
        fit(config, aim, {"cosmic_rays.index": (1.0, 5000.0)})
