"""The two drivers of a step agree to the bit, and the pure one can be differentiated."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import pytest
from support.compiled import AS_USERS, OPTIMISED
from support.run_cases import driven

from crmc.machine.devices import compiler_options
from crmc.physics.noise import run_key
from crmc.physics.parameters import Parameters
from crmc.physics.state import State
from crmc.runs.runner import Runner
from crmc.setup.build import build
from crmc.setup.setup import Setup
from crmc.solvers.monte_carlo.solver import MONTE_CARLO
from crmc.solvers.simulate import simulate
from crmc.solvers.tally import Tally

OUTPUTS, EVERY = 3, 4


@pytest.fixture(scope="module", autouse=True)
def double_precision() -> Iterator[None]:
    """Also for the module's fixtures."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def setup(double_precision: None) -> Setup:
    return build(driven())


@pytest.fixture(
    scope="module", params=[OPTIMISED, pytest.param(AS_USERS, marks=pytest.mark.full)], ids=["optimised", "as users"]
)
def options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """How both drivers compile."""
    return dict(request.param)


@pytest.fixture(scope="module")
def runner(setup: Setup, options: dict[str, Any]) -> Runner:
    """After 12 steps of the host loop's driver, in chunks of 5, 4 and 3."""

    def compile_both(*programs: Any) -> tuple[Any, ...]:
        return tuple(program.compile(compiler_options() | options) for program in programs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("crmc.runs.runner.compile_both", compile_both)
        runner = Runner(setup, [setup.state])
    for count in (5, 4, 3):
        runner.stepper.take(count)
    return runner


def simulated(setup: Setup, state: State, parameters: Parameters) -> tuple:
    """12 steps of the pure driver."""

    def read(state: State, tally: Tally, *_: Any) -> tuple[jax.Array, Tally]:
        return state.e, tally

    size = {"outputs": OUTPUTS, "steps_per_output": EVERY}
    return simulate(MONTE_CARLO, state, run_key(setup.config.run.seed), parameters, setup.model, **size, read=read)


@pytest.fixture(scope="module")
def run(setup: Setup, options: dict[str, Any]) -> tuple:
    """(final state, (waves, tallies)) of the pure driver."""
    # State and parameters are arguments: constants would be folded, which rounds differently.
    compiled = jax.jit(functools.partial(simulated, setup), compiler_options=options)
    return compiled(setup.state, setup.parameters)


def test_drivers_agree_to_the_bit(run: tuple, runner: Runner) -> None:
    """Nested scans and chunks of a loop of dynamic length, of the only replica, end in the same state."""
    final, _ = run
    alone = jax.tree.map(lambda x: x[0], runner.stepper.states)
    pairs = zip(jax.tree.leaves_with_path(final), jax.tree.leaves(alone), strict=True)
    different = [
        jax.tree_util.keystr(path)
        for (path, one), other in pairs
        if one.dtype != other.dtype or np.asarray(one).tobytes() != np.asarray(other).tobytes()
    ]
    assert not different


def test_records_agree(run: tuple, runner: Runner) -> None:
    """The sums of the tallies over all outputs are those of one interval, and the rows have one row per output."""
    final, (waves, tally) = run
    assert waves.shape == (OUTPUTS, *final.e.shape)
    np.testing.assert_array_equal(waves[-1], final.e)
    for found in runner.stepper.tallies:  # one for each kind of row
        for name in ("power", "gain", "damped"):
            np.testing.assert_allclose(getattr(tally, name).sum(axis=0), getattr(found, name)[0], rtol=1e-12)
        np.testing.assert_array_equal(tally.peak.max(), found.peak[0])


def test_time_is_counted_in_steps(run: tuple, setup: Setup) -> None:
    """12 steps of the prescribed expansion: B = exp(-12 dt/tau_B) to round-off."""
    final, _ = run
    assert int(final.step) == OUTPUTS * EVERY
    rate, dt = float(setup.parameters.expansion_rate), float(setup.parameters.dt)
    np.testing.assert_allclose(final.b, np.exp(-rate * dt * OUTPUTS * EVERY), rtol=1e-15)


def test_a_second_run_traces_nothing(setup: Setup) -> None:
    """A program set up again is the one that was traced before: `Solver.advance` is one function for good."""
    traced = []

    def step(*arguments: Any) -> Any:
        traced.append(1)
        return MONTE_CARLO.step(*arguments)

    counting = dataclasses.replace(MONTE_CARLO, step=step)
    arguments = setup.state, MONTE_CARLO.init(setup.parameters), run_key(0), setup.parameters, 1
    for _ in range(2):
        jax.jit(counting.advance, static_argnames="model").lower(*arguments, model=setup.model)
    assert len(traced) == 1
