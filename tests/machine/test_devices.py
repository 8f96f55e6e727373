"""Runs on several devices and by several processes: the choice of a layout, equal results, and messages."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from support.run_cases import environment, result_of, small

from crmc.cli.main import main
from crmc.config.config import ConfigError
from crmc.machine.devices import choose_layout
from crmc.physics.layout import Layout
from crmc.runs.outcome import DONE, INTERRUPTED
from crmc.runs.run import run
from crmc.runs.stepper import Stepper

#: No multiple of any number of devices or blocks here, so that some have markers without weight.
COUNT = 1003


def test_layout_of_a_run() -> None:
    """As many devices as have work; a number of the user's that is not there is one line."""
    assert choose_layout(512).devices == 1
    assert choose_layout(3 * 4096).devices == 3
    assert choose_layout(10**7).devices == jax.device_count() == 8
    assert choose_layout(512, devices=5).devices == 5
    with pytest.raises(ConfigError, match=r"--devices 9: JAX sees 8 here; ask for 1 to 8"):
        choose_layout(512, devices=9)


@pytest.mark.parametrize(
    ("markers", "replicas", "devices", "across", "along"),
    [
        (10**7, 8, None, 8, 1),
        (10**7, 7, None, 7, 1),
        (10**7, 6, None, 6, 1),
        (7 * 4096, 6, None, 6, 1),  # work for seven devices; six share six replicas
        (5 * 4096, 6, None, 3, 1),
        (10**7, 16, None, 8, 1),
        (10**7, 8, 4, 4, 1),
        (10**7, 8, 3, 1, 3),  # as the user says: three share the markers of one replica after another
        (512, 8, None, 1, 1),
    ],
)
def test_layout_of_replicas(markers: int, replicas: int, devices: int | None, across: int, along: int) -> None:
    """Devices share replicas where their number is a multiple of the devices', and markers where it is not."""
    found = choose_layout(markers, replicas, devices)
    assert (found.across, found.devices) == (across, along)


@pytest.mark.full
def test_resume_on_another_number_of_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted on four devices and resumed on two, a run ends as on one."""
    config = small(run__markers=COUNT)
    run(config, output=tmp_path / "one.nc", quiet=True, layout=Layout())
    output, take = tmp_path / "two.nc", Stepper.take

    def interrupted(stepper: Stepper, count: int) -> None:
        take(stepper, count)
        if stepper.step >= 37:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Stepper, "take", interrupted)
        assert run(config, output=output, quiet=True, layout=Layout(4, 100)).exit_code == INTERRUPTED
    assert run(config, output=output, quiet=True, layout=Layout(2), resume=True).exit_code == DONE
    assert_close(output, tmp_path / "one.nc")


def assert_close(one: Path, other: Path) -> None:
    """Require equal rows of two results to rounding, except those that measure rounding."""
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
    """Return exit codes and errors of `crmc run --distributed` by two processes with given numbers of devices."""
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


@pytest.mark.full
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
