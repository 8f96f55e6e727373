"""The Fokker-Planck solver as its drivers see it."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from support.mesh_cases import prepared
from support.run_cases import small
from support.solver_cases import assert_keeps_structure

from crmc.cli.main import main
from crmc.config.config import ConfigError
from crmc.physics.noise import run_key
from crmc.runs.run import run
from crmc.setup.mesh import CELLS
from crmc.solvers.diagnostics import row_of
from crmc.solvers.fokker_planck.solver import FOKKER_PLANCK
from crmc.solvers.fokker_planck.step import step


def test_run_writes_the_same_result_file_and_refuses_another_solver(tmp_path, capsys):
    """A run by --solver fokker-planck has no standard errors, balances energy to 1e-10, and resumes by itself alone."""
    config, output = small(run__time_step="1e8 s"), tmp_path / "whole.nc"
    (tmp_path / "small.toml").write_text(config.to_toml())
    options = ["--solver", "fokker-planck", "--summary", str(tmp_path / "summary.json"), "-o", str(output)]
    assert main(["run", str(tmp_path / "small.toml"), *options]) == 0
    assert "fokker-planck" in capsys.readouterr().out
    data = xr.load_dataset(output)
    assert data.attrs["solver"] == "fokker-planck"
    assert float(np.abs(data["heating_rate_stderr"].values[1:]).max()) == 0.0
    assert np.all(np.abs(data["energy_imbalance"].values[1:]) < 1e-10)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["cells"] == CELLS[0] * CELLS[1]
    with pytest.raises(ConfigError, match="was written by --solver fokker-planck"):
        run(config, output=output, resume=True, quiet=True)
    again = run(config, output=output, resume=True, quiet=True, solver="fokker-planck")
    assert again.exit_code == 0 and again.summary["steps"] == 20


@pytest.mark.parametrize("scattering", ["spectrum", "co_moving", "forward", "none"])
def test_functions_keep_the_structure_of_their_arguments(scattering):
    """Shapes, types and tree of state and tally are the same after a step, and do not depend on the number of steps."""
    setup = prepared(8, 16, functional=True)
    assert_keeps_structure(FOKKER_PLANCK, setup, dataclasses.replace(setup.model, scattering=scattering))


def test_a_step_draws_nothing():
    """The program of a step with any key is that of `step`, which knows none."""
    setup = prepared(8, 16, functional=True)
    parameters, model, key = setup.parameters, setup.model, run_key(1)
    programs = [
        str(jax.make_jaxpr(advance)(setup.state))
        for advance in (
            lambda state: FOKKER_PLANCK.step(state, key, parameters, model),
            lambda state: step(state, parameters, model),
        )
    ]
    assert programs[0] == programs[1]


def test_a_row_has_the_mean_of_the_samples():
    """A row is that of `row_of` with the mean of the samples of the functional, to the bit."""
    setup = prepared(8, 16, functional=True)
    parameters, model = setup.parameters, setup.model
    rates = jnp.asarray(np.random.default_rng(1).normal(size=(2, 2, parameters.grid.bins + 1)))
    tally = FOKKER_PLANCK.init(parameters)._replace(
        functional=4.0 * rates, samples=jnp.asarray(4.0), gain=jnp.ones((2, 2))
    )
    count = jnp.asarray(9)
    observe = jax.jit(FOKKER_PLANCK.observe, static_argnames="model")
    found = observe(setup.state, tally, count, parameters, model=model)
    want = jax.jit(row_of, static_argnames="model")(
        setup.state, tally, count, parameters, model=model, functional=rates
    )
    assert found.keys() == want.keys()
    for name in found:
        np.testing.assert_array_equal(found[name], want[name], err_msg=name)
