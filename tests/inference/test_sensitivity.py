"""crmc.sensitivity: derivatives known exactly, how it stops, what it prints, and one line for what cannot be done."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.inference_cases import Program, made_up, quiet_waves
from support.run_cases import small

import crmc.inference.sensitivity
from crmc.config.config import Config
from crmc.config.errors import ConfigError
from crmc.inference import sensitivity_table
from crmc.inference.averages import QUANTITIES, averages_of
from crmc.inference.derivatives import MODES, Slopes
from crmc.inference.sensitivity import Sensitivity, sensitivity


@pytest.fixture(scope="module")
def config() -> Config:
    """Scattering at a given rate, 4 steps; no waves."""
    return small(
        run__markers=64,
        run__duration="8e7 s",
        run__output_interval="auto",
        waves__start="seed",
        scattering__model="constant",
        scattering__frequency="1e-8 1/s",
    )


def test_mean_free_path_goes_with_the_inverse_rate(config: Config) -> None:
    """Exact: d ln(v/nu)/d ln nu = -1 at every momentum, without scatter between replicas."""
    calls: list[None] = []
    found = sensitivity(
        config,
        ["mean_free_path"],
        ["scattering.frequency"],
        mode="finite-difference",  # the quickest to compile
        replicas=3,
        progress=lambda: calls.append(None),
    )
    assert (found.replicas, len(calls), found.not_finite) == (3, 3, "")
    derivative = found.as_dict()["quantities"]["mean_free_path"]["derivatives"]["scattering.frequency"]
    np.testing.assert_allclose(derivative["logarithmic"], -1.0, rtol=1e-8)
    np.testing.assert_allclose(derivative["logarithmic_stderr"], 0.0, atol=1e-8)
    assert repr(found) == sensitivity_table.text(found.program, found.slopes)


@pytest.mark.parametrize(("ready", "shown"), [(2, "2 replicas of 2048 markers"), (0, "crmc: no replica was ready")])
def test_stop(monkeypatch: pytest.MonkeyPatch, ready: int, shown: str) -> None:
    """What was ready is the result, and prints; so does nothing."""

    def differentiate(program: Program, count: int, **_: object) -> Slopes:
        assert count == 8
        return made_up(program, ready) if ready else Slopes({}, {})

    monkeypatch.setattr(crmc.inference.sensitivity, "Differentiation", Program)
    monkeypatch.setattr(crmc.inference.sensitivity, "differentiate", differentiate)
    found = sensitivity(quiet_waves(), ["heating_rate"], ["damping.linear"])
    assert found.replicas == ready and shown in repr(found)


def test_not_finite() -> None:
    """The first average or derivative with a NaN or an infinity is named."""
    program = Program(averages_of(quiet_waves(), ("heating_rate", "mean_free_path")), ("damping.linear",))
    found = Sensitivity(program, made_up(program, 4))
    assert found.not_finite == ""
    found.slopes.slopes["mean_free_path"]["damping.linear"][3, 1] = np.inf
    assert found.not_finite == "d mean_free_path/d damping.linear"
    found.slopes.values["heating_rate"][2] = np.nan
    assert found.not_finite == "heating_rate"


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("damping.linaer", "did you mean 'damping.linear'"),
        ("run.markers", "use one of"),
        ("cosmic_rays.kappa", "is not set"),
        ("injection.pressure_rate", "= 0"),
        ("damping.linear,damping.linear", "twice"),
    ],
)
def test_bad_keys(names: str, words: str) -> None:
    """One line that names the key and, where it is unknown, the list of those there are."""
    with pytest.raises(ConfigError, match="--wrt") as caught:
        sensitivity(quiet_waves(), ["heating_rate"], names.split(","))
    assert words in str(caught.value) and str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("heating", "no such average"),
        ("heating_rat", "did you mean 'heating_rate'"),
        ("identity_residual", ", ".join(QUANTITIES)),
        ("a\nb", "--of a b: no such average"),
    ],
)
def test_bad_averages(name: str, words: str) -> None:
    """One line that names the average and the list of those there are."""
    with pytest.raises(ConfigError, match="--of") as caught:
        sensitivity(quiet_waves(), ["heating_rate", name], ["damping.linear"])
    assert words in str(caught.value) and str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["wave_power", "damping_rate"])
def test_averages_of_waves_that_are_not_there(config: Config, name: str) -> None:
    with pytest.raises(ConfigError, match=f"--of {name}: there are no waves"):
        sensitivity(config, [name], ["scattering.frequency"])


def test_differences_need_a_size() -> None:
    """A relative step from 0 is none."""
    assert "finite-difference" in MODES
    with pytest.raises(ConfigError, match="--wrt plasma.cooling = 0: a difference needs a size"):
        sensitivity(quiet_waves(), ["heating_rate"], ["plasma.cooling"], mode="finite-difference")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"of": []}, "--of: names no average; use one or more of heating_rate, "),
        ({"mode": "forwards"}, "--mode \"forwards\": there is no such mode; did you mean 'forward'"),
        ({"solver": "fokker"}, "solver \"fokker\": there is no such solver; did you mean 'fokker-planck'"),
    ],
)
def test_what_there_is_not(how: dict[str, Any], words: str) -> None:
    """No average, an unknown mode and an unknown solver end in one line that says what there is."""
    with pytest.raises(ConfigError) as caught:
        sensitivity(quiet_waves(), **({"of": ["heating_rate"], "wrt": ["damping.linear"]} | how))
    assert str(caught.value).startswith(words)
