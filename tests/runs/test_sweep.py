"""Sweeps: every point is the run it stands for, one program serves all, and one bad point spoils no other."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import tomli_w
import xarray as xr
from support.cli_cases import call
from support.run_cases import BOTH, EVERY, compiled_once, driven

import crmc.runs.run
import crmc.runs.sweep
from crmc.config.axes import make_points, read_axes
from crmc.config.files import apply_overrides
from crmc.results.sweep import point_dataset
from crmc.runs.run import run
from crmc.runs.sweep import Sweeper, common_schedule
from crmc.setup.build import build, build_replicas
from crmc.setup.predictions import predict
from crmc.solvers.monte_carlo.solver import MONTE_CARLO

TWO_KEYS = ("--over", "expansion.timescale=3.7e12s:7.4e12s:2", "--over", "plasma.magnetic_field=1 uG,1.1 uG")

#: 50 steps of BOTH with two replicas.
TWICE = BOTH | {"run": BOTH["run"] | {"replicas": 2, "duration": "1e9 s"}}

ROUND_OFF = {"energy_residual", "number_residual", "energy_imbalance", "balancing_correction"}


@pytest.fixture(scope="module", autouse=True)
def compiled() -> Iterator[None]:
    """Sweeps of one batch size share a program."""
    with compiled_once():
        yield


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """TWICE as a file."""
    path = tmp_path_factory.mktemp("config") / "small.toml"
    path.write_text(tomli_w.dumps(TWICE), encoding="utf-8")
    return path


@dataclasses.dataclass
class Counted:
    """A sweep by the command line, and how often its step was traced."""

    data: xr.Dataset
    out: str
    traced: int


def counted(config: Path, output: Path, *argv: object, code: int = 0) -> Counted:
    """Sweep ``config`` with a solver that counts its tracings."""
    traced = []

    def step(*arguments: Any) -> Any:
        traced.append(1)
        return MONTE_CARLO.step(*arguments)

    counting = dataclasses.replace(MONTE_CARLO, step=step)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crmc.runs.sweep, "SOLVERS", {"monte-carlo": counting})
        found, out, err = call("sweep", config, "-o", output, *argv)
    assert found == code, err
    return Counted(xr.load_dataset(output), out, len(traced))


@pytest.fixture(scope="module")
def swept(compiled: None, config: Path, tmp_path_factory: pytest.TempPathFactory) -> Counted:
    """Four points in two batches of three; two of the six places are padding."""
    return counted(config, tmp_path_factory.mktemp("sweep") / "sweep.nc", *TWO_KEYS, "--batch", 3)


def assert_same_numbers(one: xr.Dataset, other: xr.Dataset, tolerance: float) -> None:
    """Every variable of ``other`` within ``tolerance`` of its largest value, NaN in the same places."""
    for name, expected in other.data_vars.items():
        found, values = one[name].values, expected.values
        assert one[name].dims == expected.dims, name
        assert one[name].attrs == expected.attrs, name
        if values.dtype.kind == "f":
            # What is zero but for round-off has no digits to compare.
            scale = 1e-3 if name.removeprefix("average_") in ROUND_OFF else np.nanmax(np.abs(values), initial=0.0)
            np.testing.assert_allclose(found, values, rtol=tolerance, atol=tolerance * scale, err_msg=str(name))
        else:
            assert (found == values).all(), name


# ---- equal to single runs -----------------------------------------------------------------


@pytest.mark.parametrize("place", [pytest.param((0, 0), marks=pytest.mark.full), (1, 1)])
def test_points_are_the_runs_they_stand_for(
    swept: Counted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: tuple[int, int]
) -> None:
    """Oracle: `run` of the point's config by the same schedule, alone.  Round-off over 50 steps: 1e-9."""
    points = make_points(TWICE, read_axes(TWO_KEYS[1::2], None, TWICE))
    schedule = common_schedule(points)
    monkeypatch.setattr(crmc.runs.run, "build_replicas", lambda config, **how: build_replicas(config, schedule, **how))
    output = tmp_path / "run.nc"
    config = next(point.config for point in points if point.place == place)
    assert run(config, output=output, quiet=True).exit_code == 0
    one = point_dataset(swept.data, dict(zip(swept.data["status"].dims, place, strict=True)))
    alone = xr.load_dataset(output)
    assert_same_numbers(one, alone, 1e-9)
    np.testing.assert_allclose(one["time"], alone["time"], rtol=1e-14)
    np.testing.assert_allclose(one["k"], alone["k"], rtol=1e-14)


@pytest.mark.full
def test_fokker_planck_points_are_runs(config: Path, tmp_path: Path) -> None:
    """The other solver, with durations that differ: 10 common steps. Oracle: `run` in as many steps."""
    output, alone = tmp_path / "sweep.nc", tmp_path / "run.nc"
    options = ("--set", "run.time_step=2e8 s", "--set", "run.output_interval=4e8 s", "--solver", "fokker-planck")
    code, _, err = call("sweep", config, "--over", "run.duration=1e9 s,2e9 s", *options, "-o", output, "--quiet")
    assert code == 0, err
    data = xr.load_dataset(output)
    assert data["time"].dims == ("run.duration", "output")
    np.testing.assert_allclose(data["time_step"], [1e8, 2e8], rtol=1e-12)
    np.testing.assert_allclose(data["time"][:, -1], [1e9, 2e9], rtol=1e-12)
    one = driven(run__replicas=2, run__duration="1e9 s", run__time_step="1e8 s", run__output_interval="2e8 s")
    assert run(one, output=alone, quiet=True, solver="fokker-planck").exit_code == 0
    assert_same_numbers(point_dataset(data, {"run.duration": 0}), xr.load_dataset(alone), 1e-9)


@pytest.mark.full
@pytest.mark.slow
def test_side_by_side_as_one_after_the_other(
    swept: Counted, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program of a GPU (vmap) gives the numbers of that of a CPU; round-off over 50 steps: 1e-9."""
    monkeypatch.setattr(crmc.runs.sweep, "_side_by_side", lambda: True)
    found = counted(config, tmp_path / "sweep.nc", *TWO_KEYS, "--batch", 3)
    assert found.traced == 1
    assert_same_numbers(found.data, swept.data, 1e-9)


# ---- one program --------------------------------------------------------------------------


def test_one_tracing_serves_all_batches(swept: Counted) -> None:
    """The compiled program is called ahead-of-time: a second one would need a second tracing."""
    assert swept.traced == 1
    assert swept.data.attrs["batch"] == 3
    assert (swept.data["status"] == "done").all()


def test_building_points_compiles_nothing_more(caplog: pytest.LogCaptureFixture) -> None:
    """After two points, setting up and judging a third one must run compiled code only."""
    axes = read_axes(["expansion.timescale=1e12s:9e12s:3", "damping.linear=1e-11 1/s"], None, BOTH)
    points = make_points(BOTH, axes)
    for point in points[:2]:
        build(point.config, common_schedule(points))
        predict(point.config)
    with jax.log_compiles(), caplog.at_level(logging.DEBUG):
        build(points[2].config, common_schedule(points))
        predict(points[2].config)
    assert not [record for record in caplog.records if "Compiling" in record.getMessage()]


def test_common_schedule() -> None:
    """The most steps that any point needs, rows and coarse-grainings as often as the point that wants most."""
    data = apply_overrides(BOTH, {"run.coarse_grain_interval": "2e8 s"})
    points = make_points(data, read_axes(["run.duration=1e9 s,2e9 s,4e9 s"], None, data))
    schedule = common_schedule(points)
    assert schedule.steps == 200
    assert schedule.output_every == 15  # of the longest: 3e8 s in steps of 2e7 s
    assert schedule.coarse_grain_every == 10
    assert {build(point.config, schedule).steps for point in points} == {200}


# ---- the file -----------------------------------------------------------------------------


def test_dimensions_units_and_attributes(swept: Counted) -> None:
    """The swept keys come first, with values in the units of the config; what `run` writes follows."""
    data, keys = swept.data, ("expansion.timescale", "plasma.magnetic_field")
    assert data["heating_rate"].dims == (*keys, "time")
    assert data["wave_power"].dims == (*keys, "time", "direction", "helicity", "k")
    assert data["mean_free_path"].dims == (*keys, "time", "momentum")
    np.testing.assert_allclose(data[keys[0]], [3.7e12, 7.4e12], rtol=1e-15)
    np.testing.assert_allclose(data[keys[1]], [1e-6, 1.1e-6], rtol=1e-15)
    assert [data[key].attrs["units"] for key in keys] == ["s", "gauss"]
    assert data.sizes["time"] == 1 + -(-50 // EVERY)
    for name, variable in data.variables.items():
        assert "long_name" in variable.attrs, name
        assert "units" in variable.attrs or variable.dtype.kind in "OTU", name
    assert {"config", "versions", "status", "sweep", "solver"} <= set(data.attrs)
    assert data.attrs["status"] == "done"
    # Theory: tau_B, and heating by the gradient, which goes with v_A.
    assert data["theory_expansion_time"].values[1, 0] == pytest.approx(7.4e12, rel=1e-12)
    exact = data["theory_heating_drift"].values
    assert exact[1, 0] == exact[0, 0]
    assert exact[0, 1] / exact[0, 0] == pytest.approx(1.1, rel=1e-12)


def test_table_has_a_line_per_point(swept: Counted) -> None:
    """Swept values in front, measured heating with its error beside the exact one."""
    head, *lines = swept.out.splitlines()
    assert head.startswith("timescale [s]") and "exact" in head and "v/nu" in head
    assert [line.split()[:2] for line in lines[:4]] == [
        ["3.7e+12", "1e-06"],
        ["3.7e+12", "1.1e-06"],
        ["7.4e+12", "1e-06"],
        ["7.4e+12", "1.1e-06"],
    ]
    assert all("+-" in line for line in lines[:4])


# ---- points that fail, interrupts ---------------------------------------------------------


@pytest.mark.full
def test_failing_point(swept: Counted, config: Path, tmp_path: Path) -> None:
    """Cooling that empties the gas half-way, and one that is NaN throughout, leave the third point as it was."""
    output = tmp_path / "sweep.nc"
    over = ("--over", "plasma.cooling=0 erg/(cm3 s),9.6e-22 erg/(cm3 s),1e70 erg/(cm3 s)")
    code, out, err = call("sweep", config, *over, "--batch", 3, "-o", output)
    assert code == 3
    assert "crmc: error: 2 of 3 points failed; the first at plasma.cooling = 9.6e-22 erg cm-3 s-1" in err
    data = xr.load_dataset(output)
    assert list(data["status"].values) == ["done", "failed", "failed"]
    assert "fell to zero" in str(data["status_text"].values[1])
    good = swept.data.isel({"expansion.timescale": 0, "plasma.magnetic_field": 0})
    np.testing.assert_allclose(data["heating_rate"][0], good["heating_rate"], rtol=1e-9, equal_nan=True)
    pressure = data["gas_pressure"].values[1]
    # Records show it at step 26: the rows of steps 0 and 15 are left, P_g falling to zero along a line.
    np.testing.assert_allclose(pressure[:2] / 3.2e-13, 1.0 - np.array([0, 15]) / 25, atol=1e-3)
    assert np.isnan(pressure[2:]).all()
    assert np.isnan(data["average_heating_rate"].values[1:]).all()
    assert [line.split()[-1] for line in out.splitlines()[2:4]] == ["failed", "failed"]


@contextlib.contextmanager
def _one_signal(caught: list[int]) -> Iterator[list[int]]:
    yield caught


@pytest.mark.full
def test_interrupt_keeps_what_is_finished(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal in the second of three batches: the first is saved, the others are NaN and "not run"; exit 130."""
    caught: list[int] = []
    calls: list[Any] = []
    original = Sweeper.run_batch

    def run_batch(self: Sweeper, *arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            caught.append(signal.SIGTERM)
            assert self.stop.wait(60.0)
        return original(self, *arguments)

    monkeypatch.setattr(crmc.runs.sweep, "catching_signals", lambda: _one_signal(caught))
    monkeypatch.setattr(crmc.runs.sweep, "cores", lambda: 1)
    monkeypatch.setattr(Sweeper, "run_batch", run_batch)
    output = tmp_path / "sweep.nc"
    over = ("--over", "damping.linear=1e-11 1/s:3e-11 1/s:7", "--batch", 3)
    code, _, err = call("sweep", config, *over, "-o", output, "--quiet")
    assert code == 130
    assert "interrupted by SIGTERM: 4 of 7 points were not run" in err
    data = xr.load_dataset(output)
    assert list(data["status"].values) == ["done"] * 3 + ["not run"] * 4
    assert data.attrs["status"] == "interrupted"
    assert np.isfinite(data["magnetic_field"].values[:3]).all()
    assert np.isnan(data["magnetic_field"].values[3:]).all()

    calls.clear()
    caught.clear()
    monkeypatch.setattr(Sweeper, "run_batch", lambda self, *one: calls.append(one[0]) or original(self, *one))
    assert call("sweep", config, *over, "-o", output, "--quiet", "--resume", "auto")[0] == 0
    whole = xr.load_dataset(output)
    assert calls == [[3, 4, 5], [6]] and list(whole["status"].values) == ["done"] * 7
    assert np.isfinite(whole["average_heating_rate"].values).all() and whole.attrs["status"] == "done"
    kept = [name for name in data.data_vars if "damping.linear" in data[name].dims]
    assert whole[kept].isel({"damping.linear": slice(3)}).equals(data[kept].isel({"damping.linear": slice(3)}))


@pytest.mark.full
def test_seeds_are_a_dimension(config: Path, tmp_path: Path) -> None:
    """--seeds 2 from run.seed = 5: different noise, the second that of a run with seed 6; and k of each point."""
    found = counted(
        config, tmp_path / "s.nc", "--set", "run.seed=5", "--seeds", 2, "--over", "waves.k_max=5,6", "--batch", 3
    )
    data = found.data
    assert found.traced == 1
    assert data["heating_rate"].dims == ("waves.k_max", "seed", "time")
    assert list(data["seed"].values) == [5, 6]
    assert data["k"].dims == ("waves.k_max", "seed", "bin")
    assert data["k"].values[1, 0, -1] > data["k"].values[0, 0, -1]
    heat = data["average_heating_rate"].values
    assert (heat[:, 0] != heat[:, 1]).all()
    alone = driven(run__seed=6, run__replicas=2, run__duration="1e9 s")
    assert run(alone, output=tmp_path / "run.nc", quiet=True).exit_code == 0
    one = point_dataset(data, {"waves.k_max": 0, "seed": 1})
    assert_same_numbers(one, xr.load_dataset(tmp_path / "run.nc"), 1e-9)


# ---- bad input ----------------------------------------------------------------------------

#: Points that are sound each and no sweep; bad axes and points are refused in config/test_axes.py.
BAD = [
    (("--over", "injection.pressure_rate=0 erg/(cm3 s),1e-25 erg/(cm3 s)"), ("different programs", "inject")),
    (("--over", "waves.k_max=4:5:2", "--batch", "0"), ("--batch 0",)),
]


@pytest.mark.parametrize(("arguments", "words"), BAD, ids=[" ".join(case[0]) for case in BAD])
def test_bad_input(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    """Exit code 2 and one line that names what is wrong, before anything runs."""
    monkeypatch.chdir(tmp_path)
    code, out, err = call("sweep", config, *arguments)
    line = [line for line in err.splitlines() if not line.startswith("crmc: warning: ")]
    assert (code, out, len(line)) == (2, "", 1), err
    assert line[0].startswith("crmc: error: ") and line[0].isprintable()
    assert all(word in line[0] for word in words), line[0]
    assert not list(tmp_path.iterdir())
