"""Axes of a sweep: texts read, bad ones refused, and the outer product."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tomli_w
from support.cli_cases import call
from support.run_cases import BOTH

from crmc.config.axes import make_points, read_axes
from crmc.config.files import apply_overrides


def test_required_key_may_come_from_the_sweep() -> None:
    """A config that lacks what is swept is complete at every point."""
    data = apply_overrides(BOTH, {"expansion.timescale": None})
    points = make_points(data, read_axes(["expansion.timescale=-1e13s:-1e12s:3:log"], None, data))
    assert [point.config.expansion.timescale for point in points] == pytest.approx([-1e13, -(10**12.5), -1e12])


BAD = [
    (("--over", "waves.bins=8:16:2"), ("waves.bins", "cannot be swept", "k_max")),
    (("--over", "run.markers=64,128"), ("run.markers", "cannot be swept")),
    (("--over", "run.scattering_per_step=0.1,0.2"), ("run.scattering_per_step", "cannot be swept")),
    (("--over", "waves.evolve=true,false"), ("waves.evolve", "cannot be swept")),
    (("--over", "run.seed=1,2"), ("run.seed", "--seeds n")),
    (("--over", "plasma.magnetic_feild=1uG:2uG:2"), ("did you mean 'plasma.magnetic_field'",)),
    (("--over", "plasma.magnetic_field"), ("has no values", "key=start:stop:n")),
    (("--over", "plasma.magnetic_field=1:2:2"), ('"1"', "has no unit", "[G]")),
    (("--over", "plasma.magnetic_field=1 s:2 s:2"), ("convertible to [G]",)),
    (("--over", "waves.k_max=4:5 uG:2"), ('"5 uG"', "plain number")),
    (("--over", "waves.k_max=4:nan:2"), ("finite",)),
    (("--over", "waves.k_max=4:5"), ("is not of the form",)),
    (("--over", "waves.k_max=4:5:2:exp"), ("is not of the form",)),
    (("--over", "waves.k_max=4:5:1"), ("n = 1",)),
    (("--over", "waves.k_max=4:5:1e3"), ("n = 1e3",)),
    (("--over", "waves.k_max=4:4:3"), ("the same value twice",)),
    (("--over", "cosmic_rays.drift_velocity=-1:1:3:log"), ("one sign",)),
    (("--over", "waves.k_max=4:5:2", "--over", "waves.k_max=6,7"), ("waves.k_max", "twice")),
    (("--over", "waves.k_max=4:5:1000", "--over", "waves.k_min=0.01:0.1:1000"), ("points are more than",)),
    (("--over", "waves.k_max=5:6000:3"), ("sweep point 3 (waves.k_max = 6000", "cyclotron")),
    (("--over", "scattering.frequency=1e-9 1/s,2e-9 1/s"), ("sweep point 1", "only used with")),
    ((), ("nothing to sweep over",)),
    (("--seeds", "0"), ("--seeds 0",)),
    (("--seeds", "2", "--set", "run.seed=x"), ("run.seed", "whole number")),
]


@pytest.mark.parametrize(("arguments", "words"), BAD, ids=[" ".join(case[0]) for case in BAD])
def test_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    """Exit code 2 and one line that names what is wrong, before anything runs."""
    config = tmp_path / "small.toml"
    config.write_text(tomli_w.dumps(BOTH), encoding="utf-8")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    reply = call("sweep", config, *arguments)
    line = [line for line in reply.err.splitlines() if not line.startswith("crmc: warning: ")]
    assert (reply.code, reply.out, len(line)) == (2, "", 1), reply
    assert line[0].startswith("crmc: error: ") and line[0].isprintable()
    assert all(word in line[0] for word in words), line[0]
    assert not list((tmp_path / "empty").iterdir())


@pytest.mark.parametrize(
    ("text", "values", "entries"),
    [
        ("waves.k_max=4:6:3", [4.0, 5.0, 6.0], (4.0, 5.0, 6.0)),
        ("waves.k_min=0.01:1:3:log", [0.01, 0.1, 1.0], None),
        ("plasma.magnetic_field=0.1 nT, 2 uG", [1e-6, 2e-6], None),
        ("plasma.temperature=2 K, 5e6 K", [2.0, 5e6], ("2 K", "5e+06 K")),
        ("drift.gradient_length=-1 pc:-100 pc:3:log", [-3.0856775814913674e18 * x for x in (1, 10, 100)], None),
    ],
)
def test_values_of_an_axis(text: str, values: list[float], entries: tuple[object, ...] | None) -> None:
    """Even spacing in the number or its logarithm, by hand, in cgs; entries are what a config file would hold."""
    (axis,) = read_axes([text], None, BOTH)
    np.testing.assert_allclose(axis.values, values, rtol=1e-13)
    assert axis.dimension == axis.key == text.split("=")[0]
    assert entries is None or axis.entries == entries


def test_labels() -> None:
    """Key, value and unit; a plain number without unit has none."""
    field, index = read_axes(["plasma.magnetic_field=1uG,2uG", "cosmic_rays.index=4.5,4.7"], None, BOTH)
    assert field.label(1) == "plasma.magnetic_field = 2e-06 G" and index.label(0) == "cosmic_rays.index = 4.5"


def test_points_are_the_outer_product() -> None:
    """Two by three points, the last axis fastest, each with its own numbers; seeds count from the config's."""
    data = apply_overrides(BOTH, {"run.seed": 7})
    axes = read_axes(["cosmic_rays.index=4.5,4.7"], 3, data)
    points = make_points(data, axes)
    assert [point.place for point in points] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    found = [(point.config.cosmic_rays.index, point.config.run.seed) for point in points]
    assert found == [(4.5, 7), (4.5, 8), (4.5, 9), (4.7, 7), (4.7, 8), (4.7, 9)]
    assert points[4].label == "cosmic_rays.index = 4.7, seed = 8"
