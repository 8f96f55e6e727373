"""The cut of the ensemble for devices, processes and caches changes no result but for the rounding of sums."""

from __future__ import annotations

import dataclasses
import functools
import signal
import socket
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.run_cases import SMALL, environment, result_of, small

import crmc.runs.run
from crmc.cli.main import main
from crmc.config.config import Config, ConfigError, parse_config
from crmc.machine import memory
from crmc.machine.devices import choose_layout, collect, compiler_options, place, spread_out
from crmc.physics import noise
from crmc.physics.ensemble import excerpt, joined
from crmc.physics.layout import Layout
from crmc.physics.markers import padded
from crmc.runs.outcome import DONE, INTERRUPTED
from crmc.runs.run import run
from crmc.setup.build import build
from crmc.solvers.monte_carlo.solver import MONTE_CARLO

#: Round-off of float64 sums, carried on by 40 steps.
TOLERANCE = 1e-9
#: No multiple of any number of devices or blocks here, so that some have markers without weight.
COUNT = 1003
LAYOUTS = [Layout(1, 100), Layout(8, 8192)]
MODES = {
    "pressure_balance": {
        "expansion": {"mode": "pressure_balance"},
        "injection": {"pressure_rate": "3e-25 erg/(cm3 s)", "index": 4.2},
        "drift": {"gradient_length": "30 kpc"},
        "scattering": {"gap": "broadened"},
        "waves": SMALL["waves"] | {"start": "seed", "start_level": 1e-8},
        "run": SMALL["run"] | {"markers": COUNT, "coarse_grain_interval": "4e8 s"},
    },
    "co_moving": {
        "scattering": {"model": "constant", "frequency": "1e-8 1/s"},
        "waves": {},
        "damping": {},
        "run": SMALL["run"] | {"markers": COUNT},
    },
}


def config_of(mode: str) -> Config:
    return parse_config(SMALL | MODES[mode])


@functools.cache
def after_forty_steps(mode: str, layout: Layout):
    """State and tally after 40 steps with the ensemble cut as ``layout`` says, on the host."""
    with jax.enable_x64(True):
        setup = build(config_of(mode))
        model = dataclasses.replace(setup.model, layout=layout)
        state, tally = place(setup.state, layout), spread_out(MONTE_CARLO.init(setup.parameters), layout)
        go = jax.jit(MONTE_CARLO.advance, static_argnames="model")
        end = go(state, tally, jax.random.key(3), setup.parameters, jnp.asarray(40), model=model)
        return [np.asarray(x) for x in jax.tree.leaves(collect(end[0], COUNT))], collect(end[1], COUNT)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_the_cut_changes_nothing(mode: str, layout: Layout) -> None:
    """Markers, waves, field, books and tally of 1, 2, 4 and 8 devices and of small blocks agree with those of one."""
    if mode == "co_moving" and layout.devices in (1, 4):
        pytest.skip("the other mode goes through the same code")
    want, want_record = after_forty_steps(mode, Layout())
    state, tally = after_forty_steps(mode, layout)
    for x, y in zip(state, want, strict=True):
        np.testing.assert_allclose(x, y, rtol=TOLERANCE, atol=TOLERANCE * np.abs(y).max())
    for name, x, y in zip(tally._fields, tally, want_record, strict=True):
        if name != "imbalance":  # itself a rounding error
            np.testing.assert_allclose(x, y, rtol=TOLERANCE, atol=TOLERANCE * np.abs(y).max(), err_msg=name)
    if mode == "pressure_balance":
        assert tally.samples == 3.0 and tally.functional.any()


def test_words_are_those_of_the_stream() -> None:
    """Words drawn by number, in any order, are ``jax.random.bits`` of the same key; beyond 2^32 they go on."""
    key = jax.random.key(5)
    index = jnp.asarray(np.random.default_rng(1).permutation(5000)[:777])
    drawn = noise.words(jax.random.key_data(key), index)
    np.testing.assert_array_equal(drawn, jax.random.bits(key, (5000,), "uint64")[index])
    far = noise.words(jax.random.key_data(key), jnp.asarray([7, 7 + 2**32]))
    assert far[0] != far[1]


def test_markers_that_fill_up_weigh_nothing() -> None:
    """`padded` adds copies without volume or excess, of finite momentum."""
    markers = build(small()).state.markers
    more = padded(markers, 520)
    assert more.rise.shape == (520,)
    for x, y in zip(jax.tree.leaves(more), jax.tree.leaves(markers), strict=True):
        np.testing.assert_array_equal(x[:512], y)
    assert not more.volume[512:].any() and not more.excess[512:].any() and (more.birth_momentum[512:] > 0.0).all()


@pytest.mark.parametrize("devices", [1, 2, 8])
def test_excerpt(devices: int) -> None:
    """Entries across the borders of devices arrive in order."""
    layout = Layout(devices)
    x = jax.device_put(jnp.arange(800.0), layout.along_markers)
    for start in (0, 95, 640):
        found = joined(layout, excerpt(layout, x, jnp.asarray(start), 160))
        np.testing.assert_array_equal(found, start + np.arange(160))


def test_layout_of_a_run() -> None:
    """As many devices as have work; a number of the user's that is not there is one line."""
    assert choose_layout(512).devices == 1
    assert choose_layout(3 * 4096).devices == 3
    assert choose_layout(10**7).devices == jax.device_count() == 8
    assert choose_layout(512, 5).devices == 5
    with pytest.raises(ConfigError, match=r"--devices 9: JAX sees 8 here; ask for 1 to 8"):
        choose_layout(512, 9)


@pytest.mark.full
def test_resume_on_another_number_of_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted on four devices and resumed on two, a run ends as on one."""
    config = small(run__markers=COUNT)
    run(config, output=tmp_path / "one.nc", quiet=True, layout=Layout())
    output, take = tmp_path / "two.nc", crmc.runs.run.Runner.take

    def interrupted(runner: crmc.runs.run.Runner, count: int) -> None:
        take(runner, count)
        if runner.step >= 37:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(crmc.runs.run.Runner, "take", interrupted)
        assert run(config, output=output, quiet=True, layout=Layout(4, 100)).exit_code == INTERRUPTED
    assert run(config, output=output, quiet=True, layout=Layout(2), resume=True).exit_code == DONE
    assert_close(output, tmp_path / "one.nc")


def assert_close(one: Path, other: Path) -> None:
    """The same rows, to rounding; those that measure rounding aside."""
    found, want = result_of(one), result_of(other)
    assert found.sizes == want.sizes
    for name in set(want.data_vars) - {
        "energy_imbalance",
        "energy_residual",
        "number_residual",
        "balancing_correction",
    }:
        scale = np.nanmax(np.abs(want[name].values), initial=0.0)
        np.testing.assert_allclose(found[name], want[name], rtol=1e-8, atol=1e-8 * scale, err_msg=name)


def run_two_processes(folder: Path, devices: tuple[int, int]) -> tuple[list[int], list[str]]:
    """Exit codes and errors of `crmc run --distributed` over loopback, processes with so many devices each."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "crmc", "run", "small.toml", "-o", "two.nc", "--quiet", "--distributed"]
    command += ["--coordinator", f"127.0.0.1:{port}", "--processes", "2", "--process-id"]
    jobs = []
    for i, count in enumerate(devices):
        own = environment() | {"JAX_NUM_CPU_DEVICES": str(count)}
        jobs.append(subprocess.Popen([*command, str(i)], cwd=folder, env=own, stderr=subprocess.PIPE, text=True))
    errors = [job.communicate(timeout=240)[1] for job in jobs]
    return [job.returncode for job in jobs], errors


def test_two_processes(tmp_path: Path) -> None:
    """`crmc run --distributed`: the first process writes, and the result is that of one process."""
    config = small()
    (tmp_path / "small.toml").write_text(config.to_toml(), encoding="utf-8")
    run(config, output=tmp_path / "one.nc", quiet=True, layout=Layout())
    codes, errors = run_two_processes(tmp_path, (1, 1))
    assert codes == [DONE, DONE], errors
    assert_close(tmp_path / "two.nc", tmp_path / "one.nc")


def test_processes_with_unequal_numbers_of_devices(tmp_path: Path) -> None:
    """Exit code 2 and one clear line from each process, and no result."""
    (tmp_path / "small.toml").write_text(small().to_toml(), encoding="utf-8")
    codes, errors = run_two_processes(tmp_path, (1, 2))
    assert codes == [2, 2], errors
    for error in errors:
        assert "--distributed: the processes have 1, 2 devices; give each the same number" in error
    assert not (tmp_path / "two.nc").exists()


def test_a_job_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Options of a job without --distributed, and --distributed without a job: exit code 2, one line."""
    assert main(["run", "halo", "-o", str(tmp_path / "x.nc"), "--processes", "2"]) == 2
    assert "belong to --distributed" in capsys.readouterr().err
    for options in (["--solver", "fokker-planck", "--devices", "2"], ["--solver", "fokker-planck", "--distributed"]):
        assert main(["run", "halo", "-o", str(tmp_path / "x.nc"), *options]) == 2
        assert "runs on one device" in capsys.readouterr().err
    assert main(["run", "halo", "-o", str(tmp_path / "x.nc"), "--distributed", "--devices", "2"]) == 2
    assert "leave one of the two out" in capsys.readouterr().err
    command = [sys.executable, "-m", "crmc", "run", "halo", "--distributed", "-o", str(tmp_path / "x.nc")]
    alone = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120)
    assert alone.returncode == 2
    assert alone.stderr.startswith("crmc: error: --distributed: cannot join a job") and alone.stderr.count("\n") == 1


def test_too_many_markers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A run that does not fit says how many markers would, before it starts; that many pass."""
    monkeypatch.setattr(memory, "host_memory", lambda: 8e9)
    assert main(["run", "halo", "--set", "run.markers=1000000000", "-o", str(tmp_path / "x.nc")]) == 2
    error = capsys.readouterr().err
    assert "run.markers = 1000000000" in error and "8 GB are free" in error
    most = int(error.split("at most ")[1].split()[0])
    memory.require_memory(most, "float32", Layout())
    # 40 bytes of the step and 20 of the host's copy.
    assert 0.8 * 8e9 / 60 < most < 8e9 / 60


@pytest.mark.parametrize("precision", ["float32", pytest.param("float64", marks=pytest.mark.full)])
def test_memory_of_a_step(precision: str) -> None:
    """What XLA sets aside for a step beside the markers, by its own account, is what `memory` reckons with."""
    temporary = {}
    # More markers than a sample of the growth functional takes, so that its share is constant.
    for count in (1 << 19, 1 << 21):
        setup = build(small(run__markers=count, run__precision=precision))
        arguments = setup.state, MONTE_CARLO.init(setup.parameters), jax.random.key(0), setup.parameters, jnp.asarray(1)
        compiled = jax.jit(MONTE_CARLO.advance, static_argnames="model", donate_argnums=0).lower(
            *arguments, model=setup.model
        )
        temporary[count] = compiled.compile(compiler_options()).memory_analysis().temp_size_in_bytes
    one, two = sorted(temporary)
    slope = (temporary[two] - temporary[one]) / (two - one)
    state = 5 * np.dtype(precision).itemsize
    assert slope + state <= memory.bytes_per_marker(precision) * 1.01
