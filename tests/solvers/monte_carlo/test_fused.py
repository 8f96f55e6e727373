"""The fused kernel, interpreted, is the plain pass: fields, sums, histograms and derivatives."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from crmc.config.config import load_config
from crmc.physics import tube
from crmc.physics.flow import Stretch
from crmc.physics.layout import Layout
from crmc.physics.noise import run_key
from crmc.setup.build import build
from crmc.solvers.monte_carlo import fused
from crmc.solvers.monte_carlo.images import share_of_kicks
from crmc.solvers.monte_carlo.scatter import scatter
from crmc.theory.tabulated import hermite_factor

#: Two blocks of the kernel, the last one not full.
COUNT = fused.BLOCK + 44
PLAIN, FUSED = (Layout(kernel=kernel) for kernel in ("plain", "fused"))


def ready(precision: str, estimator: str = "delta_f", *more: str) -> Any:
    """The halo with few markers, a step after its start."""
    settings = [f"run.markers={COUNT}", f"run.precision={precision}", f"run.estimator={estimator}"]
    setup = build(load_config("halo", [*settings, "run.coarse_grain_interval=", *more]))
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


@functools.cache
def compiled(precision: str, estimator: str, kernel: str) -> Any:
    """`kicks` of the plain pass or the fused kernel, compiled once."""
    return kicks(ready(precision, estimator), FUSED if kernel == "fused" else PLAIN)


def assert_twins(one: Any, other: Any, before: Any, digits: float) -> None:
    """Results of the kernel and of the plain pass agree: markers, waves, books, tally and correction."""
    for field in dataclasses.fields(other[0].markers):
        x, y = (getattr(state.markers, field.name) for state in (one[0], other[0]))
        # A rise is a small difference where kicks are short.
        assert_close(x, y, field.name, 10 * digits if field.name == "rise" else digits)
    assert np.any(np.asarray(one[0].markers.rise) != np.asarray(before.markers.rise))
    # Each bin's gain is a small difference of deposits, and a kick about sqrt(e) of the momentum.
    rounding = 0.3 * digits / float(np.sqrt(np.max(before.e)))
    assert_close(one[0].e - before.e, other[0].e - before.e, "growth", rounding)
    # What is damped after the growth carries its rounding.
    assert_close(one[1].damped, other[1].damped, "damped", rounding)
    for name in ("absolute_exchange", "peak", "power"):
        assert_close(getattr(one[1], name), getattr(other[1], name), name, digits)
    assert_close(one[0].books.work, other[0].books.work, "work", digits)
    assert_close(one[2].mean, other[2].mean, "mean", digits)


@pytest.mark.parametrize("level", [1e-4, 1e-9], ids=["kicks", "images"])
@pytest.mark.parametrize(
    ("precision", "estimator", "digits"),
    # 25 roundings: the slope of the table amplifies those of a kick, in proportion in both precisions.
    [("float32", "delta_f", 3e-6), pytest.param("float64", "full_f", 3e-12, marks=pytest.mark.full)],
)
def test_twins(precision: str, estimator: str, digits: float, level: float) -> None:
    """With the same random key both agree to the rounding of the markers' precision, and twice gives the same bits.

    Waves of power 1e-9 are read with images of the kicks.
    """
    setup = ready(precision, estimator)
    state = dataclasses.replace(setup.state, e=jnp.full_like(setup.state.e, level))
    assert bool(share_of_kicks(state, setup.parameters, setup.model)[1]) == (level == 1e-9)
    one, again, other = (
        compiled(precision, estimator, kernel)(state, run_key(5), setup.parameters)
        for kernel in ("fused", "fused", "plain")
    )
    assert_twins(one, other, state, digits)
    same = jax.tree.map(lambda x, y: np.asarray(x).tobytes() == np.asarray(y).tobytes(), one, again)
    assert all(jax.tree.leaves(same))


@pytest.mark.full
def test_twins_in_a_flow() -> None:
    """A tube that is stretched along B as well, whose work along it is two terms more.

    Work and momenta differ from those of the tube that keeps its length by more than both may differ.
    """
    setup, ends = ready("float64"), []
    lengths = jnp.asarray(1.02), jnp.asarray(1.05)
    for layout in (FUSED, PLAIN):
        model = dataclasses.replace(setup.model, layout=layout, expansion="flow")
        to = Stretch(jnp.asarray(0.99), lengths[1])
        run = jax.jit(lambda state, words, p, model=model, to=to: scatter(state, words, p, model, to)[:3])
        state = dataclasses.replace(setup.state, length=lengths[0])
        ends.append(run(state, run_key(5), setup.parameters))
    one, other = ends
    assert_twins(one, other, state, 1e-12)
    still = scatter(setup.state, run_key(5), setup.parameters, setup.model, Stretch(jnp.asarray(0.99)))[0]
    assert float(other[0].length) == 1.05
    assert abs(float(still.books.work / other[0].books.work) - 1.0) > 0.1
    moved = other[0].markers.parallel_momentum - still.markers.parallel_momentum
    assert float(jnp.max(jnp.abs(moved)) / jnp.max(jnp.abs(still.markers.parallel_momentum))) > 0.01


@pytest.mark.full
def test_twins_with_a_cutoff() -> None:
    """With a cut-off of F0 at p = 30 both agree; without it the weights of fast markers would be several times larger."""
    setup = ready("float32", "delta_f", "cosmic_rays.cutoff_momentum=30")
    assert setup.parameters.background.cutoff is not None
    one, other = (kicks(setup, layout)(setup.state, run_key(5), setup.parameters) for layout in (FUSED, PLAIN))
    assert_twins(one, other, setup.state, 1e-6)


@pytest.mark.full
def test_twins_with_words() -> None:
    """The words themselves in place of a key."""
    setup = ready("float32")
    words = jnp.asarray(np.random.default_rng(1).integers(0, 2**64, COUNT, dtype=np.uint64))
    one, other = (kicks(setup, layout)(setup.state, words, setup.parameters) for layout in (FUSED, PLAIN))
    assert_twins(one, other, setup.state, 1e-6)


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
    assert not fused.applies(dataclasses.replace(with_kernel, crossing=True))


def test_a_tabulated_factor_is_refused() -> None:
    """The kernel does not know it, and must not leave it out."""
    setup = ready("float32")
    factor = hermite_factor(-1.0, 5.0, np.zeros(3), np.zeros(3))
    background = dataclasses.replace(setup.parameters.background, factor=factor)
    parameters = dataclasses.replace(setup.parameters, background=background)
    model = dataclasses.replace(setup.model, layout=FUSED)
    with pytest.raises(NotImplementedError, match="tabulated"):
        jax.eval_shape(lambda state: scatter(state, run_key(5), parameters, model, state.stretch), setup.state)
