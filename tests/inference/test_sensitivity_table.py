"""Derivatives in words and numbers: the table and the JSON, of made-up replicas."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.inference_cases import Program, made_up, quiet_waves

from crmc.config.config import Config
from crmc.config.keys import TABLE, value_of
from crmc.inference import sensitivity_table
from crmc.inference.averages import averages_of
from crmc.inference.derivatives import Slopes, logarithmic
from crmc.setup.build import build
from crmc.text import to_json

AVERAGES = ("heating_rate", "wave_power", "mean_free_path", "pressure_anisotropy")
KEYS = ("plasma.ion_density", "expansion.timescale", "damping.linear", "cosmic_rays.pressure", "cosmic_rays.index")
REPLICAS = 24


@pytest.fixture(scope="module")
def config() -> Config:
    return quiet_waves()


@pytest.fixture(scope="module")
def program(config: Config) -> Program:
    return Program(averages_of(config, AVERAGES), KEYS)


@pytest.fixture(scope="module")
def found(program: Program) -> Slopes:
    return made_up(program, REPLICAS)


def test_wavenumbers(config: Config) -> None:
    """Oracle: the spectrum's own grid."""
    centres = np.asarray(build(config).parameters.grid.centres)
    np.testing.assert_allclose(sensitivity_table.grid_of(config), centres, rtol=1e-12)


def test_table(config: Config, program: Program, found: Slopes) -> None:
    """One line per scalar, momentum and driven bin; values and errors as computed."""
    text = sensitivity_table.text(program, found)
    lines = text.splitlines()
    assert lines[0].split()[-2:] == ["dln/dln", "cosmic_rays.index"]
    assert sum(line.startswith("wave_power") for line in lines) == 16
    assert sum(line.startswith("mean_free_path") for line in lines) == 3
    assert f"{REPLICAS} replicas of 2048 markers and 100 steps" in lines[-1]
    slopes = found.slopes["heating_rate"][KEYS[0]]
    value, error = logarithmic(found.values["heating_rate"], slopes, value_of(config, KEYS[0]))
    row = next(line for line in lines if line.startswith("heating_rate"))
    digits = max(0, 1 - int(np.floor(np.log10(error))))
    assert f"{value:.{digits}f} +- {error:.{digits}f}" in row


def test_table_of_the_mesh(config: Config) -> None:
    """One run has no errors, a key of value 0 a plain derivative, and a table of numbers no column."""
    program = Program(averages_of(config, ("heating_rate",), "fokker-planck"), ("plasma.cooling", TABLE), "reverse")
    found = made_up(program, 1)
    head, row, _, note = sensitivity_table.text(program, found).splitlines()
    assert head.split() == ["average", "over", "the", "last", "half", "value", "d/d", "plasma.cooling"]
    value, slope = float(found.values["heating_rate"][0]), float(found.slopes["heating_rate"]["plasma.cooling"][0])
    assert row.split() == ["heating_rate", f"{value:.4g}", "erg", "cm-3", "s-1", f"{slope:.4g}"]
    assert note == "reverse derivatives, fokker-planck; 100 steps; damping.linear[k] is in the JSON only"


def test_json(config: Config, program: Program, found: Slopes) -> None:
    """Every average and key has values, derivatives and errors of one shape, with units and axes; strict JSON."""
    told = json.loads(to_json(sensitivity_table.as_dict(program, found)))
    assert (told["replicas"], told["steps"], told["markers"], told["seed"]) == (REPLICAS, 100, 2048, 0)
    assert {key: told["numbers"][key]["value"] for key in KEYS} == {key: value_of(config, key) for key in KEYS}
    shapes = {(): (), ("momentum",): (3,), ("direction", "helicity", "k"): (2, 2, 8)}
    for name in AVERAGES:
        entry = told["quantities"][name]
        shape = shapes[tuple(entry["dimensions"])]
        assert shape == tuple(len(told["axes"][axis]) for axis in entry["dimensions"])
        np.testing.assert_allclose(entry["value"], found.values[name].mean(axis=0), rtol=1e-12)
        for key in KEYS:
            derivative = entry["derivatives"][key]
            assert {np.shape(part) for part in derivative.values()} == {shape}
            np.testing.assert_allclose(derivative["derivative"], found.slopes[name][key].mean(axis=0), rtol=1e-12)
            number = value_of(config, key)
            relative = np.asarray(derivative["derivative"]) * number / np.asarray(entry["value"])
            np.testing.assert_allclose(derivative["logarithmic"], relative, rtol=1e-12)
    assert told["numbers"]["damping.linear"]["unit"] == "s-1"
    assert told["quantities"]["mean_free_path"]["unit"] == "pc"


def test_names_of_entries(config: Config) -> None:
    """Signs of direction and helicity, + first, and wavenumbers or momenta."""
    k = sensitivity_table.grid_of(config)
    assert sensitivity_table.place_name(config, "heating_rate", ()) == "heating_rate"
    assert sensitivity_table.place_name(config, "mean_free_path", (2,)) == "mean_free_path(p=10)"
    assert sensitivity_table.place_name(config, "wave_power", (0, 1, 3)) == f"wave_power(+-,k={k[3]:.3g})"
