"""Fits of runs: a damping and an injection rate recovered, their derivatives in pressure balance, and the command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from support.run_cases import small

from crmc.cli.fit_options import read_free, read_targets
from crmc.cli.main import main
from crmc.config.config import Config, ConfigError, load_config
from crmc.inference import fit as fit_module
from crmc.inference.derivatives import differentiate, logarithmic
from crmc.inference.fit import fit
from crmc.inference.targets import Comparison, Target

FREE = ("damping.linear", "injection.pressure_rate")
TRUTH = (1e-11, 1.6e-25)
NAMES = ("heating_rate", "mean_free_path")
#: Beyond so many standard errors with a probability of 1e-6 (Student's t; 24 and 8 replicas).
REPLICAS, FAR, FAR_OF_FIT = 24, 6.6, 14.4


@pytest.fixture(scope="module", autouse=True)
def double_precision() -> Iterator[None]:
    """Also for the module's fixtures."""
    with jax.enable_x64(True):
        yield


def growing(damping: float, injection: float) -> Config:
    """Pressure balance under injection, with linear and nonlinear Landau damping; 100 steps."""
    rates = {"damping__linear": f"{damping} 1/s", "injection__pressure_rate": f"{injection} erg/(cm3 s)"}
    return small(
        **rates,
        expansion__mode="pressure_balance",
        expansion__timescale=None,
        damping__nonlinear_landau="paper",
        waves__seed_level=1e-11,
        run__markers=2048,
        run__output_interval="2e8 s",
        run__precision="float32",
    )


@pytest.fixture(scope="module")
def mesh(double_precision: None) -> Any:
    """Averages and slopes at the truth, without noise."""
    blank = [Target("heating_rate", np.asarray(1.0), np.zeros(())), Target("mean_free_path", np.ones(3), np.zeros(3))]
    return differentiate(Comparison(growing(*TRUTH), blank, FREE, 1, "fokker-planck").program, 1)


@pytest.fixture(scope="module")
def targets(mesh: Any) -> list[Target]:
    """What the mesh has at the truth: heating, and the mean free path at 1 m_p c."""
    path = np.where([True, False, False], mesh.values["mean_free_path"][0], np.nan)
    return [
        Target("heating_rate", mesh.values["heating_rate"][0], np.zeros(())),
        Target("mean_free_path", path, 0 * path),
    ]


@pytest.fixture(scope="module")
def markers(targets: list[Target]) -> Comparison:
    return Comparison(growing(*TRUTH), targets, FREE, 8, "monte-carlo")


@pytest.mark.full
def test_derivatives_in_pressure_balance(mesh: Any, markers: Comparison) -> None:
    """Those of heating and of the mean free path agree with the solver on a mesh; errors would show 0.25 and 2e-3."""
    found = differentiate(markers.program, REPLICAS)
    for key, number in zip(FREE, TRUTH, strict=True):
        for name, sharp in zip(NAMES, (0.25, 2e-3), strict=True):
            want = logarithmic(mesh.values[name], mesh.slopes[name][key], np.asarray(number)).value
            value, error = logarithmic(found.values[name], found.slopes[name][key], np.asarray(number))
            assert np.all(FAR * error < sharp)
            assert np.all(np.abs(value - want) < FAR * error), f"{name} {key}: {value} +- {error}, mesh {want}"


def test_comparison_is_the_mean_of_its_replicas(markers: Comparison, targets: list[Target]) -> None:
    """Ratio, slopes by ln x and noise of the mean, from the same eight runs put together by hand."""
    numbers = {name: 1.1 * x for name, x in zip(FREE, TRUTH, strict=True)}
    point, runs = markers(numbers), differentiate(markers.program, 8, numbers=numbers)
    path = runs.values["mean_free_path"][:, 0] / targets[1].value[0]
    both = np.stack([runs.values["heating_rate"] / targets[0].value, path])
    np.testing.assert_allclose(point.ratio, both.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(point.noise, np.cov(both) / 8, rtol=1e-12)
    for place, name in enumerate(FREE):
        slope = runs.slopes["mean_free_path"][name][:, 0].mean() * numbers[name] / targets[1].value[0]
        np.testing.assert_allclose(point.slopes[1, place], slope, rtol=1e-12)


def test_recovers_damping_and_injection(
    targets: list[Target], markers: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a factor of 3 above, within the stated errors, which are below 10 %; targets by the solver on a mesh."""
    monkeypatch.setattr(fit_module, "Comparison", lambda *_: markers)  # same steps: no need to compile again
    start = growing(TRUTH[0] * 3.0, TRUTH[1] * 3.0)
    found = fit(start, targets, {name: (x / 30.0, x * 30.0) for name, x in zip(FREE, TRUTH, strict=True)})
    assert found.succeeded and len(found.history) <= 8
    for name, truth in zip(FREE, TRUTH, strict=True):
        assert found.stderr[name] < 0.1 * truth
        assert abs(found.best.numbers[name] - truth) < FAR_OF_FIT * found.stderr[name]
    # What is left to gain is far below the errors.
    np.testing.assert_allclose(found.best.ratio, 1.0, atol=1e-4)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """JSON, the fitted config, and exit code 3 with a clear line for what cannot be reached; exact: Delta P ~ 1/nu."""
    config = small(
        run__markers=256, waves__start="seed", scattering__model="constant", scattering__frequency="1e-8 1/s"
    )
    path, output = tmp_path / "constant.toml", tmp_path / "fitted.toml"
    path.write_text(config.to_toml(), encoding="utf-8")
    line = ["fit", str(path), "--free", "scattering.frequency", "--replicas", "1", "--json", "-o", str(output)]
    line += ["--bounds", "scattering.frequency=5e-9/s:3e-8/s"]
    assert main([*line, "--target", "mean_free_path=2pc"]) == 3
    error = capsys.readouterr().err
    assert "mean_free_path(p=1) comes no closer than" in error.splitlines()[-1]
    assert "up against its lower bound, 5e-09 s-1; widen --bounds" in error.splitlines()[-1]
    assert main([*line, "--quiet", "--target", "mean_free_path=0.5pc"]) == 0
    told = json.loads(capsys.readouterr().out)
    # v/nu at 1 m_p c.
    want = 2.99792458e10 / np.sqrt(2.0) / (0.5 * 3.0856775814913674e18)
    found = told["free"]["scattering.frequency"]
    np.testing.assert_allclose(found["value"], want, rtol=2e-3)
    assert told["met"] and found["unit"] == "s-1" and found["stderr"] is None
    np.testing.assert_allclose(load_config(str(output)).scattering.frequency, found["value"], rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("heating=1", "no such average"),
        ("mean_free_path", "not of the form"),
        ("mean_free_path=1", "has no unit"),
        ("mean_free_path(p=2)=1pc", "(p=1), (p=3), (p=10)"),
        ("heating_rate(p=1)=1erg/(cm3 s)", "has no momentum"),
        ("pressure_anisotropy=0", "not 0"),
        ("pressure_anisotropy=x", "plain number"),
        ("wave_power=1", "no such average"),
        ("magnetic_field=1uG", "no number changes the field"),
    ],
)
def test_bad_targets(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match="--target") as caught:
        read_targets([text], small())
    assert words in str(caught.value)


def test_targets() -> None:
    """Units, momenta and errors."""
    path, anisotropy = read_targets(
        ["mean_free_path(p=3)=3.0856775814913673e18cm+-0.1pc", "pressure_anisotropy=-1e-4"], small()
    )
    np.testing.assert_allclose(path.value, [np.nan, 1.0, np.nan], rtol=1e-9)
    np.testing.assert_allclose(path.error[1], 0.1)
    assert anisotropy.value == -1e-4 and anisotropy.error == 0.0
    with pytest.raises(ConfigError, match="twice"):
        read_targets(["mean_free_path=1pc", "mean_free_path(p=1)=2pc"], small())
    with pytest.raises(ConfigError, match="no target"):
        read_targets([], small())


@pytest.mark.parametrize(
    ("free", "bounds", "words"),
    [
        ("damping.linaer", [], "did you mean 'damping.linear'"),
        ("plasma.cooling", [], "positive value"),
        ("damping.linear[k]", [], "is a table"),
        ("damping.linear", ["damping.linear=1e-12/s"], "key=lower:upper"),
        ("damping.linear", ["cosmic_rays.index=4:5"], "not among --free"),
        ("damping.linear", ["damping.linear=1:2"], "has no unit"),
        ("damping.linear", ["damping.linear=1/s:2/s"] * 2, "twice"),
    ],
)
def test_bad_free(free: str, bounds: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match="--free|--bounds") as caught:
        read_free(free, bounds, small())
    assert words in str(caught.value)


def test_default_bounds() -> None:
    """A factor of 100, or what the config allows: the index is at most 20."""
    found = read_free("damping.linear,cosmic_rays.index", [], small())
    np.testing.assert_allclose(found["damping.linear"], (1e-13, 1e-9))
    lower, upper = found["cosmic_rays.index"]
    assert 1.0 < lower < 4.7 < upper <= 20.0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--free", "damping.linear,waves.seed_level", "--target", "mean_free_path=1pc"], "more than the 1"),
        (["--free", "damping.linear", "--target", "mean_free_path=1pc", "--evaluations", "1"], "--evaluations 1"),
        (["--free", "damping.linear", "--target", "mean_free_path=1pc", "--replicas", "0"], "--replicas 0"),
        (["--free", "damping.linear", "--target", "mean_free_path=1pc", "-o", "/no/where.toml"], "/no/where.toml"),
    ],
)
def test_bad_commands(more: list[str], words: str, capsys: pytest.CaptureFixture) -> None:
    """Exit code 2 and one line."""
    assert main(["fit", "linear_damping", *more]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.startswith("crmc: error:") and error.count("\n") == 1
