"""Derivatives of averages: of the run itself, in all modes alike, unbiased against the solver on a mesh."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest
from support.inference_cases import quiet_waves
from support.run_cases import small

from crmc.cli.main import main
from crmc.config.config import Config
from crmc.config.keys import TABLE, value_of
from crmc.inference.averages import averages_of
from crmc.inference.derivatives import Differentiation, Mode, Slopes, differentiate, logarithmic, replica
from crmc.setup.build import build
from crmc.solvers.fokker_planck.solver import FOKKER_PLANCK
from crmc.statistics import mean_of

AVERAGES = ("heating_rate", "wave_power", "mean_free_path", "pressure_anisotropy")
KEYS = ("plasma.ion_density", "expansion.timescale", "damping.linear", "cosmic_rays.pressure", "cosmic_rays.index")
#: 24 replicas: beyond 6.6 standard errors with a probability of 1e-6 (Student's t, 23 degrees of freedom).
REPLICAS, FAR = 24, 6.6


@pytest.fixture(scope="module", autouse=True)
def double_precision() -> Iterator[None]:
    """Also for the module's fixtures."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def config() -> Config:
    return quiet_waves()


@pytest.fixture(scope="module")
def forward(double_precision: None, config: Config) -> Differentiation:
    return Differentiation(averages_of(config, AVERAGES), KEYS)


@pytest.fixture(scope="module")
def few(forward: Differentiation) -> Slopes:
    """Two replicas."""
    return differentiate(forward, 2)


@pytest.fixture(scope="module")
def found(forward: Differentiation) -> Slopes:
    """Enough replicas for statistics."""
    return differentiate(forward, REPLICAS)


@pytest.fixture(scope="module")
def plain(double_precision: None, config: Config) -> Differentiation:
    return Differentiation(averages_of(config, AVERAGES), KEYS, "finite-difference")


def relative(found: Slopes, name: str, key: str, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """d ln X/d ln a and its standard error."""
    return logarithmic(found.values[name], found.slopes[name][key], value_of(config, key))


@pytest.mark.full
def test_forward_derivatives_are_common_number_differences(few: Slopes, plain: Differentiation) -> None:
    """Differences of runs with the same numbers agree with the derivative along the path, in d ln X/d ln a to 3e-4."""
    config = plain.averages.config
    values, slopes = plain(replica(plain.averages, config.run.seed))
    for name in AVERAGES:
        np.testing.assert_allclose(values[name], few.values[name][0], rtol=1e-9)
        for key in KEYS:
            atol = 3e-4 * np.max(np.abs(values[name])) / value_of(config, key)
            np.testing.assert_allclose(few.slopes[name][key][0], slopes[name][key], atol=atol, err_msg=f"{name} {key}")


@pytest.mark.full
def test_derivatives_agree_with_the_solver_on_a_mesh(config: Config, found: Slopes) -> None:
    """The mean of the replicas is the derivative of the deterministic solver within errors, which would show 0.02."""
    mesh = averages_of(config, AVERAGES[:2], FOKKER_PLANCK.name)
    oracle = differentiate(Differentiation(mesh, KEYS), 1)
    driven = found.values["wave_power"].mean(axis=0) > 1e-9
    assert driven.sum() == 16
    for key in KEYS:
        want, _ = relative(oracle, "heating_rate", key, config)
        value, error = relative(found, "heating_rate", key, config)
        assert error < 0.1
        assert abs(value - want) < FAR * error, f"heating_rate {key}: {value} +- {error}, mesh {want}"
        want, _ = relative(oracle, "wave_power", key, config)
        value, error = relative(found, "wave_power", key, config)
        pull = ((value - want) / error)[driven]
        assert np.max(np.abs(pull)) < FAR, f"wave_power {key}: {pull}"


@pytest.mark.full
def test_noise_of_derivatives_does_not_grow(config: Config, found: Slopes) -> None:
    """After 14 and 200 scattering times derivatives by ln Gamma_d vary between replicas as the averages do, no more.

    Standard deviations of 24 replicas differ by a factor of 3 with a probability of 1e-6 where the true ones are equal.
    Tangents that grew e-fold in 60 scattering times would show; noise of the waves, which takes 1/(2 Gamma_d), or 350
    scattering times, to develop, and which derivatives follow, does not.
    """
    changes = {"run.duration": "3e10 s", "run.time_step": "1e8 s", "run.output_interval": "3e9 s"}
    longer = averages_of(config.with_overrides(changes), AVERAGES[:2])
    later = differentiate(Differentiation(longer, ("damping.linear",)), REPLICAS)
    waves = later.values["wave_power"]
    assert np.pi * np.max(waves) * 3e10 * config.code_units.gyrofrequency > 200.0
    driven = waves.mean(axis=0) > 1e-9

    def spread(many: Slopes, name: str) -> tuple[np.ndarray, np.ndarray]:
        values, mean = many.values[name], many.values[name].mean(axis=0)
        slopes = many.slopes[name]["damping.linear"] * config.damping.linear
        return np.std(slopes / mean, axis=0), np.std(values / mean, axis=0)

    slopes, values = spread(later, "wave_power")
    assert np.max((slopes / values)[driven]) < 3.0
    assert spread(later, "heating_rate")[0] < 3.0 * spread(found, "heating_rate")[0]
    assert spread(later, "heating_rate")[0] < 3.0 * spread(later, "heating_rate")[1]


@pytest.mark.full
def test_scaling_holds_for_each_realisation(config: Config, few: Slopes) -> None:
    """v_A l, tau_B/l, P_c/l^2 leave e(t) unchanged at leading order in v_A/c and T/tau_B = 5e-4: not a statistical law."""
    for one in range(2):
        alone = Slopes(
            {k: v[one : one + 1] for k, v in few.values.items()},
            {n: {k: v[one : one + 1] for k, v in by.items()} for n, by in few.slopes.items()},
        )
        driven = alone.values["wave_power"][0] > 1e-9
        by = [relative(alone, "wave_power", key, config)[0][driven] for key in (KEYS[0], KEYS[1], KEYS[3])]
        # ln v_A = -(1/2) ln n_i at fixed B.
        assert np.max(np.abs(-2.0 * by[0] - by[1] - 2.0 * by[2])) < 0.02


@pytest.mark.full
def test_reverse_is_forward(config: Config) -> None:
    """Both modes agree to 1e-6 on 200 steps, and the derivatives by each bin's damping add up to that by all."""
    longer = small(run__markers=256, run__duration="4e9 s", run__output_interval="4e8 s", waves__seed_level=1e-11)
    averages = averages_of(longer, ("heating_rate",))
    assert averages.steps >= 200
    keys = ("damping.linear", "cosmic_rays.index")
    back = differentiate(Differentiation(averages, (*keys, TABLE), "reverse"), 1)
    along = differentiate(Differentiation(averages, keys, "forward"), 1)
    for name in averages.quantities:
        np.testing.assert_allclose(back.values[name], along.values[name], rtol=1e-12)
        for key in keys:
            np.testing.assert_allclose(back.slopes[name][key], along.slopes[name][key], rtol=1e-6, err_msg=key)
        table = back.slopes[name][TABLE]
        assert table.shape == (1, 2, 2, longer.waves.bins)
        np.testing.assert_allclose(table.sum(axis=(1, 2, 3)), along.slopes[name]["damping.linear"], rtol=1e-6)


def memory(mode: Mode, steps: int) -> int:
    """Bytes of temporary memory that a program of so many steps takes."""
    changes = {"run__markers": 4096, "run__duration": f"{2e7 * steps} s", "run__output_interval": "auto"}
    constant = {"waves__start": "seed", "scattering__model": "constant", "scattering__frequency": "1e-9 1/s"}
    averages = averages_of(small(**changes, **constant), ("heating_rate",))
    compiled = Differentiation(averages, ("expansion.timescale",), mode).compiled
    return compiled.memory_analysis().temp_size_in_bytes


@pytest.mark.full
def test_memory(double_precision: None) -> None:
    """Forward: the same at 100 and 1600 steps. Reverse: no more than 4 times at 16 times the steps."""
    assert memory("forward", 1600) < 1.1 * memory("forward", 100)
    short, long = memory("reverse", 100), memory("reverse", 1600)
    assert 1.5 * short < long < 4.0 * short


def test_errors_count_common_noise() -> None:
    """d ln X/d ln a of slopes that are proportional to X has no error; independent noise has that of the mean."""
    generator = np.random.default_rng(0)
    x = 1.0 + 0.1 * generator.standard_normal(1000)
    exact = logarithmic(x, 2.0 * x, np.asarray(3.0))
    np.testing.assert_allclose(exact.value, 6.0, rtol=1e-12)
    assert exact.stderr < 1e-12
    noisy = logarithmic(np.ones(1000), x, np.asarray(1.0))
    np.testing.assert_allclose(noisy.stderr, mean_of(x).stderr, rtol=1e-12)
    assert np.isnan(mean_of(x[:1]).stderr)


@pytest.mark.full
def test_command(config: Config, tmp_path: Path, capsys: pytest.CaptureFixture, few: Slopes) -> None:
    """JSON has what the library gives, for every average and key, with errors, units and axes."""
    path = tmp_path / "small.toml"
    path.write_text(config.to_toml(), encoding="utf-8")
    line = ["sensitivity", str(path), "--of", "heating_rate,wave_power", "--wrt", "damping.linear"]
    assert main([*line, "--mode", "finite-difference", "--replicas", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["replicas"], told["steps"], told["numbers"]["damping.linear"]["unit"]) == (2, 100, "s-1")
    heating = told["quantities"]["heating_rate"]
    np.testing.assert_allclose(heating["value"], few.values["heating_rate"].mean(), rtol=1e-9)
    slopes = few.slopes["heating_rate"]["damping.linear"]
    own = heating["derivatives"]["damping.linear"]
    np.testing.assert_allclose(own["derivative"], slopes.mean(), rtol=1e-3)
    np.testing.assert_allclose(own["logarithmic"], own["derivative"] * 1e-11 / heating["value"], rtol=1e-9)
    assert np.shape(told["quantities"]["wave_power"]["derivatives"]["damping.linear"]["logarithmic"]) == (2, 2, 8)
    np.testing.assert_allclose(told["axes"]["k"], np.asarray(build(config).parameters.grid.centres), rtol=1e-12)
