"""A result as its figures draw it: what counts as absent, and where theory's numbers come from."""

import math
from pathlib import Path

import jax
import numpy as np
import pytest
import tomli_w
import xarray as xr
from support.config_cases import valid
from support.result_cases import SEED, THEORY, saved, synthetic
from support.run_cases import small

import crmc
from crmc.config.errors import ConfigError
from crmc.results.dataset import read
from crmc.results.drawn import Drawn, drawn_from
from crmc.results.figures.run import heating


def test_theory_of_a_run_under_way_comes_from_its_config(tmp_path: Path) -> None:
    """Without a summary: v_A/c of the config, 2.4e-4 to 2 %, and its seed."""
    data = synthetic()
    del data.attrs["summary"]
    result = drawn_from(read(saved(data, tmp_path / "running.nc")), "run.nc")
    assert result.predicted("alfven_speed") == pytest.approx(2.4e-4, rel=0.02)
    assert result.seed == SEED


@pytest.mark.parametrize("config", ["no toml [", "[plasma]\nold_key = 1\n", ""])
def test_a_config_of_another_version_is_no_obstacle(tmp_path: Path, config: str) -> None:
    """No theory and no seed where the config cannot be read, but figures all the same."""
    data = synthetic().assign_attrs({"config": config, "summary": "{}"})
    result = drawn_from(read(saved(data, tmp_path / "old.nc")), "run.nc")
    assert result.theory == {} and result.seed is None
    assert heating(result) is not None


@pytest.fixture(scope="module")
def result() -> Drawn:
    """The made-up result."""
    return drawn_from(synthetic(), "run.nc")


def test_variables_as_they_are(result: Drawn) -> None:
    """Times, and a variable in the order of the dimensions that are asked for."""
    np.testing.assert_array_equal(result.time, result.data["time"])
    np.testing.assert_array_equal(result.get("magnetic_field"), result.data["magnetic_field"])
    turned = result.get("scattering_frequency", ("momentum", "time"))
    np.testing.assert_array_equal(turned, result.data["scattering_frequency"].values.T)


def test_what_counts_as_absent(result: Drawn) -> None:
    """No such variable, other dimensions, NaN throughout; zeros only where they are not to be shown."""
    data = result.data.assign(nothing=0.0 * result.data["time"], unknown=np.nan * result.data["time"])
    found = result._replace(data=data)
    assert found.get("rain") is None and found.get("wave_power") is None and found.get("unknown") is None
    assert found.get("nothing") is not None and found.shown("nothing") is None
    # NaN here and there is neither.
    assert found.get("heating_rate") is not None and found.shown("heating_rate") is not None
    assert found.shown("unknown") is None


@pytest.mark.parametrize("entry", [None, {}, {"value": None}, {"value": "3"}, {"value": 0.0}, {"value": math.nan}, 3.0])
def test_theory_that_is_silent(result: Drawn, entry: object) -> None:
    """No number, or one that cannot be drawn."""
    assert result._replace(theory={"threshold": entry}).predicted("threshold") is None


def test_theory_of_the_summary(result: Drawn) -> None:
    """The numbers in the file, not those of its config."""
    assert {name: result.predicted(name) for name in THEORY} == THEORY
    assert result.predicted("rain") is None
    assert result.seed == SEED


@pytest.mark.parametrize(
    "data", [xr.Dataset(), synthetic().isel(time=0, drop=True), synthetic().isel(time=slice(0, 0))]
)
def test_data_without_times(data: xr.Dataset) -> None:
    """ConfigError that begins with the name of the data."""
    with pytest.raises(ConfigError, match=r"^mine: .*\(it has no times\).*crmc run"):
        drawn_from(data, "mine")


def test_balance_of_theory() -> None:
    """Oracle: the waves that a run starts with, as the solver observes them, 1e-12; none where nothing damps."""
    setup = crmc.build(small(), solver="fokker-planck")
    solver = crmc.SOLVERS["fokker-planck"]
    with jax.enable_x64(True):
        tally = solver.init(setup.parameters)
        row = jax.jit(solver.observe, static_argnums=4)(setup.state, tally, 1, setup.parameters, setup.model)
    data = synthetic().isel(k=slice(0, 8)).assign_attrs(config=small().to_toml())
    found = drawn_from(data, "run.nc").balance
    assert found is not None
    np.testing.assert_allclose(found, row["wave_power"], rtol=1e-12)
    assert drawn_from(data.isel(k=slice(0, 3)), "run.nc").balance is None
    undamped = valid() | {"damping": {}}
    assert drawn_from(synthetic().assign_attrs(config=tomli_w.dumps(undamped)), "run.nc").balance is None


def test_growth_of_theory() -> None:
    """Of a start that drifts at 3 v_A: 2 Gamma_0 forward and -4 Gamma_0 backward, to 1e-9; none at v_A or less."""
    config = small().with_overrides({"cosmic_rays.drift_velocity": 3.0, "cosmic_rays.start": "given"})
    data = synthetic().isel(k=slice(0, 8)).assign_attrs(config=config.to_toml())
    found = drawn_from(data, "run.nc").growth
    assert found is not None and np.all(found[0] > 0.0)
    np.testing.assert_allclose(found[0, 0], found[0, 1], rtol=1e-9)
    np.testing.assert_allclose(found[1], -2.0 * found[0], rtol=1e-9)
    slow = data.assign_attrs(config=config.with_overrides({"cosmic_rays.drift_velocity": 1.0}).to_toml())
    assert drawn_from(slow, "run.nc").growth is None


def test_figures_need_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where JAX has no platform the spectrum of theory is absent, and nothing else."""

    def missing() -> None:
        raise ConfigError("JAX_PLATFORMS = cuda: JAX cannot use it here")

    monkeypatch.setattr("crmc.results.drawn.require_platform", missing)
    found = drawn_from(synthetic(), "run.nc")
    assert found.balance is None and found.growth is None and found.theory
