"""The production step as the benchmark runs it: its arithmetic is that of the NumPy reference, its cost that of its loop."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.bench_cases import MARKERS, error, numpy_step, problem, words

from crmc.bench import production
from crmc.config.config import load_config
from crmc.physics import tube as flux_tube
from crmc.setup.build import build
from crmc.solvers.monte_carlo import scatter


@jax.jit(static_argnames="model")
def crmc_step(state: Any, words: Any, parameters: Any, model: Any) -> tuple[Any, Any]:
    """A step from given words, put together from the production step's own pieces as `crmc.solvers.monte_carlo.step` does."""
    half = 0.5 * parameters.dt
    state = flux_tube.apply_sources(state, parameters, model, half)
    middle = flux_tube.next_field(state, parameters, model, 0.5)
    state, record, correction, _ = scatter.scatter(state, words, parameters, model, middle)
    end = flux_tube.next_field(state, parameters, model, 1.0)
    state, record = scatter.settle(state, record, correction, parameters, model, end)
    state = flux_tube.apply_sources(state, parameters, model, half)
    return dataclasses.replace(state, step=state.step + 1), record


def test_numpy_makes_crmc_s_step() -> None:
    """Two whole steps of the halo, either order of the kicks, in float64: the same numbers to 1e-10 of their scale."""
    setup = build(load_config("halo", [f"run.markers={MARKERS}"]))
    markers = jax.tree.map(lambda x: x.astype(jnp.float64), setup.state.markers)
    state = dataclasses.replace(setup.state, markers=markers)
    constants, start = problem.from_setup(dataclasses.replace(setup, state=state))
    exact = numpy_step.Reference(constants, start.copy())
    for i in range(2):
        state, record = crmc_step(state, jnp.asarray(words()[i]), setup.parameters, setup.model)
        exact.run(1, words()[i : i + 1])
        found = problem.from_setup(dataclasses.replace(setup, state=state))[1]
        assert found.step == exact.tube.step == i + 1
        for name in ("parallel_momentum", "rise", "excess"):
            assert error(found, exact.tube, name) < 1e-10
            assert np.any(getattr(found, name) != getattr(start, name))
        assert found.waves == pytest.approx(exact.tube.waves, rel=1e-8, abs=1e-10 * exact.tube.waves.max())
        for name in ("b", "gas_pressure", "injected", "radiated", "work"):
            assert getattr(found, name) == pytest.approx(getattr(exact.tube, name), rel=1e-10)
        assert_record_of_crmc(record, exact.record)


def assert_record_of_crmc(found: Any, exact: Any) -> None:
    assert np.asarray(found.gain) == pytest.approx(exact.gain, abs=1e-10 * np.abs(exact.gain).max())
    for name in ("absolute_exchange", "damped", "peak", "correction"):
        assert float(getattr(found, name)) == pytest.approx(getattr(exact, name), rel=1e-8), name
    assert abs(found.imbalance) < 1e-12 * exact.absolute_exchange > abs(exact.imbalance)


def test_cost_is_the_compilers_count() -> None:
    """A product of n x n matrices: 2 n^3 operations, 2 n^2 per "marker" of n, and no transcendentals."""
    n = 64
    compiled = jax.jit(lambda x: x @ x).lower(jnp.ones((n, n))).compile()
    assert production._cost(compiled, n) == {"flops": pytest.approx(2.0 * n**2, rel=1e-12)}


@pytest.mark.parametrize("problem", [NotImplementedError, RuntimeError])
def test_no_cost_without_a_count(problem: type[Exception]) -> None:
    """A backend that does not count leaves the cost out."""

    class Compiled:
        def cost_analysis(self) -> None:
            raise problem

    assert production._cost(Compiled(), 64) == {}
