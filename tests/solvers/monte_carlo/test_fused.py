"""The fused kernel, interpreted, is the plain pass: fields, sums, histograms and derivatives."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from crmc.config.config import load_config
from crmc.physics import tube
from crmc.physics.layout import Layout
from crmc.physics.noise import run_key
from crmc.setup.build import build
from crmc.solvers.monte_carlo import fused
from crmc.solvers.monte_carlo.scatter import scatter

#: Two blocks of the kernel, the last one not full.
COUNT = fused.BLOCK + 44
PLAIN, FUSED = (Layout(kernel=kernel) for kernel in ("plain", "fused"))


def ready(precision: str, estimator: str = "delta_f") -> Any:
    """The halo with few markers, a step after its start."""
    settings = [f"run.markers={COUNT}", f"run.precision={precision}", f"run.estimator={estimator}"]
    setup = build(load_config("halo", [*settings, "run.coarse_grain_interval="]))
    return dataclasses.replace(setup, state=dataclasses.replace(setup.state, step=jnp.asarray(1)))


def kicks(setup: Any, layout: Layout) -> Any:
    """The kicks of a step as a function of state, random key or words, and parameters."""
    model = dataclasses.replace(setup.model, layout=layout)

    def of(state: Any, noise: Any, parameters: Any) -> Any:
        middle = tube.next_field(state, parameters, model, 0.5)
        return scatter(state, noise, parameters, model, middle)[:3]

    return jax.jit(of)


def assert_close(found: Any, want: Any, name: str, digits: float) -> None:
    x, y = np.asarray(found), np.asarray(want)
    np.testing.assert_allclose(x, y, rtol=0.0, atol=digits * np.abs(y).max(), err_msg=name)


@pytest.mark.parametrize(
    ("precision", "estimator", "digits"),
    [("float32", "delta_f", 1e-6), pytest.param("float64", "full_f", 1e-12, marks=pytest.mark.full)],
)
def test_twins(precision: str, estimator: str, digits: float) -> None:
    """The same words: markers, waves, books, tally and correction agree to the rounding of the markers' precision."""
    setup = ready(precision, estimator)
    words = jnp.asarray(np.random.default_rng(1).integers(0, 2**64, COUNT, dtype=np.uint64))
    one, other = (kicks(setup, layout)(setup.state, words, setup.parameters) for layout in (FUSED, PLAIN))
    for field in dataclasses.fields(other[0].markers):
        x, y = (getattr(state.markers, field.name) for state in (one[0], other[0]))
        assert_close(x, y, field.name, digits)
    assert np.any(np.asarray(one[0].markers.rise) != np.asarray(setup.state.markers.rise))
    # Each bin's gain is a small difference of deposits.
    assert_close(one[0].e - setup.state.e, other[0].e - setup.state.e, "growth", 30 * digits)
    for name in ("absolute_exchange", "peak", "power", "damped"):
        assert_close(getattr(one[1], name), getattr(other[1], name), name, digits)
    assert_close(one[0].books.work, other[0].books.work, "work", digits)
    assert_close(one[2].mean, other[2].mean, "mean", digits)


def test_words_are_drawn_alike_and_runs_repeat() -> None:
    """With a key the kernel draws the words of the plain pass; twice gives the same bits."""
    setup = ready("float32")
    run = kicks(setup, FUSED)
    found, again = (run(setup.state, run_key(5), setup.parameters) for _ in range(2))
    want = kicks(setup, PLAIN)(setup.state, run_key(5), setup.parameters)
    assert_close(found[0].markers.parallel_momentum, want[0].markers.parallel_momentum, "p_par", 1e-6)
    same = jax.tree.map(lambda x, y: np.asarray(x).tobytes() == np.asarray(y).tobytes(), found, again)
    assert all(jax.tree.leaves(same))


@pytest.mark.full
def test_derivatives_are_those_of_the_twin() -> None:
    """Forward mode by dt: waves and markers have the tangents of the plain pass, though the kernel has none."""
    setup = ready("float64")

    def waves(dt: Any, layout: Layout) -> Any:
        parameters = dataclasses.replace(setup.parameters, dt=dt)
        state = kicks(setup, layout)(setup.state, run_key(5), parameters)[0]
        return state.e, state.markers.parallel_momentum

    one, other = (
        jax.jvp(lambda dt, x=x: waves(dt, x), (setup.parameters.dt,), (jnp.ones(()),))[1] for x in (FUSED, PLAIN)
    )
    for x, y in zip(one, other, strict=True):
        assert_close(x, y, "tangent", 1e-10)
    assert all(np.any(np.asarray(y) != 0.0) for y in other)


def test_where_it_applies() -> None:
    """By the layout, and not where the gap scatters, which the kernel does not know."""
    model = ready("float32").model
    with_kernel = dataclasses.replace(model, layout=FUSED)
    assert fused.applies(with_kernel) and not fused.applies(model)
    assert not fused.applies(dataclasses.replace(with_kernel, broadened=True))
