"""Targets and bounds of `crmc fit`, read from text: units, momenta and errors, and one line for what is bad."""

from __future__ import annotations

import numpy as np
import pytest
from support.run_cases import small

from crmc.cli.fit_options import read_free, read_targets
from crmc.config.config import ConfigError


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
