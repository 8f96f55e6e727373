"""The two drivers of a step agree to the bit, and the pure one can be differentiated."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from run_cases import small

from crmc.build import Setup, build
from crmc.parameters import Parameters
from crmc.reductions import moments, wave_energy
from crmc.run import Runner
from crmc.simulate import simulate
from crmc.state import State

OUTPUTS, EVERY = 3, 4


@pytest.fixture(scope="module", autouse=True)
def double_precision() -> Iterator[None]:
    """Also for the module's fixtures."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def setup(double_precision: None) -> Setup:
    return build(small())


@pytest.fixture(scope="module")
def runner(setup: Setup) -> Runner:
    """After 12 steps of the host loop's driver, in chunks of 5, 4 and 3."""
    runner = Runner(setup)
    for count in (5, 4, 3):
        runner.take(count)
    return runner


@pytest.fixture(scope="module")
def simulated(setup: Setup) -> Callable:
    """ln v_A/(v_A of the config) -> (final state, what was recorded), compiled once."""

    # State and parameters as arguments: constants would be folded, which rounds differently.
    @jax.jit
    def compiled(log_speed: jax.Array, state: State, parameters: Parameters):
        parameters = dataclasses.replace(parameters, alfven_speed=parameters.alfven_speed * jnp.exp(log_speed))
        key = jax.random.key(setup.config.run.seed, impl="threefry2x32")
        return simulate(state, key, parameters, setup.model, outputs=OUTPUTS, steps_per_output=EVERY)

    return lambda log_speed: compiled(log_speed, setup.state, setup.parameters)


def quantities(setup: Setup, state: State, log_speed: jax.Array) -> dict[str, jax.Array]:
    """What is differentiated."""
    speed = setup.parameters.alfven_speed * jnp.exp(log_speed)
    parameters = dataclasses.replace(setup.parameters, alfven_speed=speed)
    return {
        "wave energy": wave_energy(state, parameters),
        "waves": state.waves,
        "anisotropy": moments(state, parameters, setup.model).anisotropy,
    }


def test_drivers_agree_to_the_bit(simulated: Callable, runner: Runner) -> None:
    """Nested scans and chunks of a loop of dynamic length end in the same state."""
    final, _ = simulated(jnp.zeros(()))
    pairs = zip(jax.tree.leaves_with_path(final), jax.tree.leaves(runner.state), strict=True)
    different = [
        jax.tree_util.keystr(path)
        for (path, one), other in pairs
        if one.dtype != other.dtype or np.asarray(one).tobytes() != np.asarray(other).tobytes()
    ]
    assert not different


def test_records_agree(simulated: Callable, runner: Runner) -> None:
    """The sums of the records over all outputs are those of one interval, and the rows have one row per output."""
    final, (small_state, record) = simulated(jnp.zeros(()))
    assert small_state["waves"].shape == (OUTPUTS, *final.waves.shape)
    np.testing.assert_array_equal(small_state["waves"][-1], final.waves)
    np.testing.assert_allclose(record.gain.sum(axis=0), runner.record.gain, rtol=1e-12)
    np.testing.assert_allclose(record.damped.sum(), runner.record.damped, rtol=1e-12)
    np.testing.assert_array_equal(record.peak.max(), runner.record.peak)


def test_time_is_counted_in_steps(simulated: Callable, setup: Setup) -> None:
    """12 steps of the prescribed expansion: B = exp(-12 dt/tau_B) to round-off."""
    final, _ = simulated(jnp.zeros(()))
    assert int(final.step) == OUTPUTS * EVERY
    rate, dt = float(setup.parameters.expansion_rate), float(setup.parameters.dt)
    np.testing.assert_allclose(final.b, np.exp(-rate * dt * OUTPUTS * EVERY), rtol=1e-15)


def test_forward_derivative_is_the_finite_difference(simulated: Callable, setup: Setup) -> None:
    """jvp along the path with respect to ln v_A agrees with central differences of the same noise to 1e-5."""

    def observed(log_speed: jax.Array) -> dict[str, jax.Array]:
        return quantities(setup, simulated(log_speed)[0], log_speed)

    zero, h = jnp.zeros(()), 1e-5
    value, slope = jax.jvp(observed, (zero,), (jnp.ones(()),))
    high, low = observed(zero + h), observed(zero - h)
    difference = jax.tree.map(lambda a, b: (a - b) / (2.0 * h), high, low)
    assert abs(float(slope["wave energy"] / value["wave energy"])) > 1.0  # the energy goes as v_A^2, at fixed e
    for name in value:
        scale = float(jnp.max(jnp.abs(difference[name])))
        np.testing.assert_allclose(slope[name], difference[name], rtol=1e-5, atol=1e-5 * scale, err_msg=name)
