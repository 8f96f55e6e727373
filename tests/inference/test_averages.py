"""Averages as a function of the numbers of a config: those of the run, whatever the numbers are given by."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.inference_cases import quiet_waves
from support.result_cases import step_weights
from support.run_cases import small

from crmc.config.config import Config
from crmc.config.keys import differentiable, value_of
from crmc.inference.averages import QUANTITIES, Averages, averages_of
from crmc.inference.derivatives import Replica, replica
from crmc.results.variables import VARIABLES
from crmc.runs.run import run
from crmc.setup.schedule import begin

AVERAGES = ("heating_rate", "wave_power", "mean_free_path", "pressure_anisotropy")


@pytest.fixture(scope="module")
def config() -> Config:
    return quiet_waves()


def evaluated(averages: Averages, drawn: Replica) -> dict[str, np.ndarray]:
    """All numbers of the config as arguments, as `Differentiation` has them."""
    known = {name: value_of(averages.config, name) for name in differentiable() if "[" not in name}
    numbers = {name: jnp.asarray(x, jnp.float64) for name, x in known.items() if x is not None}
    program = jax.jit(averages).lower(numbers, *drawn).compile()
    return jax.tree.map(np.asarray, program(numbers, *drawn))


def test_averages_are_those_of_the_run(config: Config) -> None:
    """The averages are those of the rows of ``crmc run``, made by the host loop, to 1e-9; in the units of a result.

    Rates of every step have the weight 6 x (1 - x) over the last half, linear within an interval, and a mean free path
    is that of the mean frequency.
    """
    averages = averages_of(config, AVERAGES)
    found = evaluated(averages, replica(averages, config.run.seed))
    outcome = run(config, quiet=True)
    rows = outcome.data.isel(time=slice(outcome.data.sizes["time"] // 2 + 1, None))
    steps = run(config.with_overrides({"run.output_interval": "2e7 s"}), quiet=True).data.heating_rate.values
    ends = np.arange(averages.steps // 2, averages.steps + 1, averages.every)
    np.testing.assert_allclose(found["heating_rate"], step_weights(ends) @ steps[1 + ends[0] :], rtol=1e-9)
    for name in ("pressure_anisotropy", "wave_power"):
        np.testing.assert_allclose(found[name], rows[name].mean("time"), rtol=1e-9)
    np.testing.assert_allclose(found["mean_free_path"], 1.0 / (1.0 / rows.mean_free_path).mean("time"), rtol=1e-9)


def test_quantities_are_variables_of_a_result() -> None:
    """Each once, and none that counts markers or books."""
    assert len(set(QUANTITIES)) == len(QUANTITIES) and set(QUANTITIES) < set(VARIABLES)
    assert not [name for name in QUANTITIES if "residual" in name or "gap" in name or "spectral" in name]


@pytest.mark.parametrize("steps", [2, 3, 7, 99, 100, 101, 1600])
def test_steps(steps: int) -> None:
    """An even number of rows, about as many as steps in each; as many steps as the run's, or up to a row more."""
    config = small(run__duration=f"{2e7 * steps} s", run__output_interval="auto")
    averages = averages_of(config, AVERAGES[:1])
    assert begin(config)[1].steps == steps
    assert averages.outputs % 2 == 0 and abs(averages.outputs - math.sqrt(steps)) <= 2.0
    assert steps <= averages.steps < steps + averages.outputs
