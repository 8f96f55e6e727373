"""The host loop: chunks, schedules, signals, resumption, failures. Equal means equal to the bit."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from support.cli_cases import call
from support.run_cases import (
    STEPS,
    assert_same_bits,
    assert_same_run,
    checkpoint_of,
    compiled_once,
    driven,
    environment,
    final_state,
    result_of,
)

import crmc.runs.run
from crmc.config.config import Config
from crmc.physics.state import State
from crmc.results.health import FAR_TOO_COARSE
from crmc.runs.outcome import DONE, FAILED, INTERRUPTED, Outcome
from crmc.runs.run import run
from crmc.runs.stepper import Stepper
from crmc.setup.build import build_replicas
from crmc.setup.setup import Setup
from crmc.solvers.monte_carlo.solver import MONTE_CARLO

#: Long enough (1 s or more of stepping, after the first progress bar) to be interrupted half-way.
LONG = {"run__duration": "8e9 s"}
LONG_STEPS = 4 * STEPS
#: P_g falls from 3.2e-13 erg cm-3 to zero at half of SMALL's duration.
HUNGRY = {"plasma__cooling": "4.8e-22 erg/(cm3 s)"}
DEADLINE = 240.0  # s, for a process on a busy machine
SIGNALS = [
    pytest.param(signal.SIGTERM, id="SIGTERM"),
    pytest.param(signal.SIGINT, id="SIGINT", marks=pytest.mark.full),
]

DRIVER = """
import sys
from crmc.config.config import load_config
from crmc.runs.run import run
run(load_config(sys.argv[1]), output=sys.argv[2], quiet=True, save_seconds=0.0, chunk_steps=4)
"""


@pytest.fixture(scope="module", autouse=True)
def compiled() -> Iterator[None]:
    """What this process compiles serves those it starts."""
    with compiled_once():
        yield


def run_into(folder: Path, config: Config, **options: object) -> tuple[Path, Outcome]:
    output = folder / "run.nc"
    return output, run(config, output=output, quiet=True, **options)


@pytest.fixture(scope="module")
def reference(compiled: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """BOTH, uninterrupted."""
    output, outcome = run_into(tmp_path_factory.mktemp("reference"), driven())
    assert outcome.exit_code == DONE
    return output


@pytest.fixture(scope="module")
def long_reference(compiled: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The long run, uninterrupted."""
    output, outcome = run_into(tmp_path_factory.mktemp("long"), driven(**LONG))
    assert outcome.exit_code == DONE
    return output


@pytest.fixture
def long_config(tmp_path: Path) -> Path:
    """The long run as a file."""
    path = tmp_path / "small.toml"
    path.write_text(driven(**LONG).to_toml(), encoding="utf-8")
    return path


@contextlib.contextmanager
def started(*argv: object, **options: object) -> Iterator[subprocess.Popen]:
    """A Python process that is gone at the end whatever happens."""
    process = subprocess.Popen(
        [sys.executable, *(str(word) for word in argv)], env=environment(), stderr=subprocess.PIPE, **options
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(condition: Callable[[], bool], process: subprocess.Popen) -> None:
    """Until ``condition`` holds; the process must not end before."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def read_until(stream: io.BufferedReader, word: bytes) -> bytes:
    """What a process says up to and including ``word``."""
    said = b""
    while word not in said:
        byte = stream.read(1)
        assert byte, said
        said += byte
    return said


def steps_of(output: Path) -> list[int]:
    """Step number of each row in the checkpoint of a result file."""
    return checkpoint_of(output)["series0.steps"].tolist()


def assert_same_rows(part: xr.Dataset, whole: xr.Dataset) -> None:
    """Require the rows of ``part`` to be the first of ``whole``; averages, of different times, are left out."""
    part, whole = (data.drop_attrs() for data in (part, whole))
    rows = [name for name, array in part.data_vars.items() if "time" in array.dims]
    assert rows
    assert part[rows].equals(whole[rows].isel(time=slice(part.sizes["time"])))


# -- the schedule does not matter -------------------------------------------------------------


@pytest.mark.parametrize("chunk_steps", [1, 7])
def test_chunks_do_not_change_a_bit(reference: Path, tmp_path: Path, chunk_steps: int) -> None:
    """Chunks of fixed length give the checkpoint and the result of chunks chosen by speed."""
    output, outcome = run_into(tmp_path, driven(), chunk_steps=chunk_steps)
    assert outcome.exit_code == DONE
    assert_same_run(output, reference)


@pytest.mark.parametrize("interval", [pytest.param("2e7 s", marks=pytest.mark.full), "1.1e9 s", "2e9 s"])
def test_output_interval_does_not_change_the_state(reference: Path, tmp_path: Path, interval: str) -> None:
    """Rows every step, twice and once lead to the same final state."""
    output, _ = run_into(tmp_path, driven(run__output_interval=interval))
    assert_same_bits(final_state(output), final_state(reference))
    assert result_of(output).sizes["time"] == 1 + int(np.ceil(2e9 / float(interval.split()[0])))


def test_rows_fall_on_the_schedule(reference: Path) -> None:
    """A row at t = 0, every 15 steps and at the end, which is no multiple of 15."""
    steps = [*range(0, STEPS, 15), STEPS]
    assert steps_of(reference) == steps
    np.testing.assert_allclose(result_of(reference).time, np.array(steps) * 2e7, rtol=1e-14)


def test_saving_does_not_change_a_bit(reference: Path, tmp_path: Path) -> None:
    """A checkpoint after every chunk leaves the run as it is."""
    output, _ = run_into(tmp_path, driven(), save_seconds=0.0, chunk_steps=20)
    assert_same_run(output, reference)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.nc", "run.nc.checkpoint.npz"]


def test_the_seed_matters(reference: Path, tmp_path: Path) -> None:
    """Another seed gives other bits, so the comparisons above can fail."""
    output, _ = run_into(tmp_path, driven(run__seed=1))
    with pytest.raises(AssertionError):
        assert_same_bits(final_state(output), final_state(reference))


# -- interruption and resumption --------------------------------------------------------------


@pytest.mark.parametrize("number", SIGNALS)
def test_signal_and_resume(long_reference: Path, long_config: Path, tmp_path: Path, number: signal.Signals) -> None:
    """A signal ends `crmc run` with 130 and a readable part; --resume ends at the bits of an undisturbed run."""
    output = tmp_path / "run.nc"
    command = ("-m", "crmc", "run", long_config, "--output", output, "--summary", tmp_path / "summary.json")
    with started(*command, stdout=subprocess.PIPE) as process:
        said = read_until(process.stderr, b" 0 of 400 steps")  # the loop has begun
        process.send_signal(number)
        table, rest = process.communicate(timeout=DEADLINE)
        assert process.returncode == INTERRUPTED, said + rest
    last = rest.decode().splitlines()[-1]
    assert last.startswith(f"crmc: error: interrupted by {number.name} at step ")
    assert "--resume" in last and b"Traceback" not in rest
    assert b"interrupted" in table

    part, whole = xr.load_dataset(output), result_of(long_reference)
    step = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))["steps"]
    assert part.attrs["status"] == "interrupted"
    assert 0 <= step < LONG_STEPS and f"at step {step};" in last
    assert 1 <= part.sizes["time"] < whole.sizes["time"]
    assert_same_rows(part, whole)

    code, table, _ = call("run", long_config, "--output", output, "--resume")
    assert code == DONE and "done" in table
    assert xr.load_dataset(output).attrs["status"] == "done"
    assert_same_run(output, long_reference)


@pytest.mark.full
def test_kill_and_resume(long_reference: Path, long_config: Path, tmp_path: Path) -> None:
    """kill -9 at any moment leaves a whole checkpoint and result; --resume ends at the bits of an undisturbed run."""
    output = tmp_path / "run.nc"
    path = output.with_name("run.nc.checkpoint.npz")

    def third_checkpoint() -> bool:
        with contextlib.suppress(FileNotFoundError):
            versions.add(path.stat().st_mtime_ns)
        return len(versions) >= 3

    versions: set[int] = set()
    with started("-c", DRIVER, long_config, output) as process:
        wait_for(third_checkpoint, process)
        process.kill()
        process.wait(timeout=DEADLINE)
    assert xr.load_dataset(output).attrs["status"] == "running"
    assert 0 < int(checkpoint_of(output)["step"]) < LONG_STEPS
    assert call("run", long_config, "--output", output, "--resume", "--quiet")[0] == DONE
    assert_same_run(output, long_reference)


@pytest.mark.parametrize("number", SIGNALS)
def test_signal_while_compiling(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """A signal before the first step, too, ends with 130 and a result, and can be resumed."""

    def build(config: Config, **how: Any) -> tuple[Setup, list[State]]:
        signal.raise_signal(number)
        return build_replicas(config, **how)

    with monkeypatch.context() as patch:
        patch.setattr(crmc.runs.run, "build_replicas", build)
        output, outcome = run_into(tmp_path, driven())
    assert outcome.exit_code == INTERRUPTED and number.name in outcome.message
    assert result_of(output).attrs["status"] == "interrupted" and result_of(output).sizes["time"] == 1
    _, outcome = run_into(tmp_path, driven(), resume=True)
    assert outcome.exit_code == DONE
    assert_same_run(output, reference)


def test_resume_inside_an_interval(reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interval interrupted at step 37 of 30..45, and of 36..40, has the same averages as an undisturbed one."""

    def take(stepper: Stepper, count: int) -> None:
        original(stepper, count)
        if stepper.step == 37:
            signal.raise_signal(signal.SIGTERM)

    original = Stepper.take
    with monkeypatch.context() as patch:
        patch.setattr(Stepper, "take", take)
        output, outcome = run_into(tmp_path, driven(), chunk_steps=1)
    assert outcome.exit_code == INTERRUPTED
    # Rows of the result, records at every step, blocks of four records.
    assert [int(checkpoint_of(output)[f"series{n}.tallied"]) for n in range(3)] == [7, 0, 1]
    assert run_into(tmp_path, driven(), resume=True)[1].exit_code == DONE
    assert_same_run(output, reference)


def test_signal_handlers_are_restored(reference: Path, tmp_path: Path) -> None:
    """After a run, Ctrl-C and SIGTERM do what they did before."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    run_into(tmp_path, driven())
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_resume_of_a_finished_run(reference: Path, tmp_path: Path) -> None:
    """Nothing is left to do, and nothing changes."""
    output, _ = run_into(tmp_path, driven())
    assert run_into(tmp_path, driven(), resume=True)[1].exit_code == DONE
    assert_same_run(output, reference)


# -- failures ---------------------------------------------------------------------------------


def test_gas_that_cools_to_nothing(reference: Path, tmp_path: Path) -> None:
    """Exit 3 with the reason and a table, the part up to the failure saved; --resume fails likewise."""
    config, output = tmp_path / "small.toml", tmp_path / "run.nc"
    config.write_text(driven(**HUNGRY).to_toml(), encoding="utf-8")
    for more in ([], ["--resume"]):
        code, out, err = call("run", config, "--output", output, "--summary", tmp_path / "s.json", *more)
        last = err.splitlines()[-1]
        assert code == FAILED and "Traceback" not in err
        assert last.startswith("crmc: error: the gas pressure fell to zero by step 51; ")
        assert "plasma.cooling" in last
        assert "failed" in out and "Heating of waves" in out
        data = xr.load_dataset(output)
        assert data.attrs["status"] == "failed" and "gas pressure" in data.attrs["status_text"]
        # Records at every step show it; the last row of the result is that of step 45.
        assert (data.gas_pressure > 0).all()
        assert steps_of(output) == [0, 15, 30, 45]
        found = checkpoint_of(output)
        assert found["series1.steps"].tolist() == list(range(52)) and int(found["step"]) == 51
        assert found["series1.row.gas_pressure"][50, 0] > 0 >= found["series1.row.gas_pressure"][51, 0]
        assert json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))["status"] == "failed"


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda s: {"gas_pressure": s.gas_pressure * jnp.nan}, "gas_pressure"),
        (lambda s: {"e": s.e.at[0, 0, 0, 3].set(jnp.inf)}, "wave_power"),
        (
            lambda s: {"markers": dataclasses.replace(s.markers, rise=s.markers.rise.at[0, 5].set(jnp.nan))},
            "perpendicular_pressure",
        ),
    ],
    ids=["gas", "waves", "markers"],
)
def test_what_is_not_finite_fails(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable, named: str
) -> None:
    """Exit 3 names what is not finite in the row at step 30; the rows before it are saved."""

    def take(stepper: Stepper, count: int) -> None:
        original(stepper, count)
        if stepper.step == 30:
            stepper.states = dataclasses.replace(stepper.states, **spoil(stepper.states))

    original = Stepper.take
    monkeypatch.setattr(Stepper, "take", take)
    output, outcome = run_into(tmp_path, driven(), chunk_steps=5, summary=tmp_path / "s.json")
    assert outcome.exit_code == FAILED
    assert f"{named} is not finite at step 30" in outcome.message
    assert result_of(output).attrs["status"] == "failed"
    assert steps_of(output) == [0, 15, 30]
    assert_same_rows(result_of(output).isel(time=slice(2)), result_of(reference))
    json.loads((tmp_path / "s.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)


def test_failure_in_the_last_interval_stays_a_failure(reference: Path, tmp_path: Path) -> None:
    """A run that fails at its very end is not called done when resumed."""
    config = driven(plasma__cooling="2.41e-22 erg/(cm3 s)")
    output, outcome = run_into(tmp_path, config)
    assert outcome.exit_code == FAILED and "by step 100;" in outcome.message
    assert run_into(tmp_path, config, resume=True)[1].exit_code == FAILED
    assert result_of(output).attrs["status"] == "failed"


def test_coarse_steps_are_told(reference: Path, tmp_path: Path) -> None:
    """A run whose kicks were too coarse to trust says so and what to do."""
    coarse = {"run__duration": "8e9 s", "run__time_step": "1e8 s", "run__output_interval": "8e9 s"}
    _, outcome = run_into(tmp_path, driven(**coarse))
    assert outcome.exit_code == DONE
    largest = outcome.summary["max_scattering_per_step"]
    assert MONTE_CARLO.coarsest < largest < FAR_TOO_COARSE * MONTE_CARLO.coarsest
    advice = f"nu_max dt reached {largest:.2g}; lower run.scattering_per_step or set run.time_step"
    assert outcome.warnings == (advice,) and advice in outcome.summary["notes"]
    assert outcome.summary["status_text"].startswith(advice)


def test_steps_far_too_coarse_fail(reference: Path, tmp_path: Path) -> None:
    """Ten times coarser still, a run fails at its first step instead of giving numbers that mean nothing."""
    coarse = {"run__duration": "8e10 s", "run__time_step": "8e8 s", "run__output_interval": "8e10 s"}
    output, outcome = run_into(tmp_path, driven(**coarse))
    assert outcome.exit_code == FAILED and "by step 1, too coarse for any use" in outcome.message
    assert "lower run.scattering_per_step" in outcome.message
    assert int(checkpoint_of(output)["step"]) == 1


def test_process_without_main_thread(reference: Path, tmp_path: Path) -> None:
    """A run in another thread leaves signals alone and gives the same bits."""
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(run_into(tmp_path, driven())[1]))
    thread.start()
    thread.join(DEADLINE)
    assert [outcome.exit_code for outcome in outcomes] == [DONE]
    assert_same_run(tmp_path / "run.nc", reference)
