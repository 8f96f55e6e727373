"""Minima of known functions between bounds, and descents that must give up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from crmc.inference.minimise import descend, minimise, space

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
