"""Runs that go on after their end: where they end then, and that they are what a longer run would have been."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.run_cases import assert_same_bits, checkpoint_of, compiled_once, final_state, result_of, small

from crmc.config.config import Config
from crmc.config.errors import ConfigError
from crmc.runs.outcome import DONE, INTERRUPTED, Outcome
from crmc.runs.resume import Begun, begun, wants_checkpoint
from crmc.runs.run import run
from crmc.setup.schedule import Schedule

#: Ten steps of 2e7 s.
TEN = {"run__duration": "2e8 s", "run__output_interval": "6e7 s"}
SCHEDULE = Schedule(10, 3, 0, 15, 2, 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """What a checkpoint of TEN says of its run."""
    where = tmp_path / "run.nc.checkpoint.npz"
    np.savez(where, config=small(**TEN).to_toml(), schedule=np.array(SCHEDULE))
    return where


@pytest.mark.parametrize(
    ("duration", "extend", "steps"),
    [("2e8 s", None, 10), ("1e8 s", None, 10), ("3e8 s", None, 15), ("3.1e8 s", None, 16), ("2e8 s", 5e7, 13)],
)
def test_where_a_run_ends(path: Path, duration: str, extend: float | None, steps: int) -> None:
    """At the later of both ends or beyond, after whole steps of the same length; records go on as they were."""
    found = begun(path, small(**TEN | {"run__duration": duration}), extend)
    assert found is not None and found.stored == small(**TEN)
    if steps == 10:
        assert found == Begun(small(**TEN), small(**TEN), SCHEDULE)
    else:
        assert found.schedule == SCHEDULE._replace(steps=steps, averaged_steps=10)
        assert found.config == small(**TEN).with_overrides({"run.duration": f"{steps * 2e7!r} s"})


def test_what_is_no_run_of_the_config(path: Path) -> None:
    """Another key than the duration, a damaged file and none are left to what loads them."""
    assert begun(path, small(**TEN, run__seed=1)) is None
    assert begun(path.with_name("none"), small(**TEN)) is None
    path.write_bytes(b"not a checkpoint")
    assert begun(path, small(**TEN)) is None


def test_a_run_that_may_not_be_that_long(path: Path) -> None:
    """The rules of the config hold for what it becomes."""
    with pytest.raises(ConfigError, match="gives more than 1000000 records"):
        begun(path, small(**TEN), 4e14)


def test_wants_checkpoint(tmp_path: Path) -> None:
    """ "auto" asks whether there is one; --extend needs one, and a time."""
    output = tmp_path / "run.nc"
    assert not wants_checkpoint(False, None, None) and not wants_checkpoint("auto", None, output)
    assert wants_checkpoint(True, None, output) and wants_checkpoint(False, 1.0, output)
    (tmp_path / "run.nc.checkpoint.npz").touch()
    assert wants_checkpoint("auto", None, output)
    for resume, extend, where in ((True, None, None), (False, 1.0, None), (False, 0.0, output)):
        with pytest.raises(ConfigError, match="--resume: needs the output|--extend 0 s: must be longer"):
            wants_checkpoint(resume, extend, where)


def mesh(output: Path, config: Config, **options: object) -> Outcome:
    return run(config, output=output, quiet=True, solver="fokker-planck", **options)  # type: ignore[arg-type]


def test_an_extended_run_is_a_longer_run(tmp_path: Path) -> None:
    """Twelve steps, extended by twelve, stopped by the wall time and resumed with the old config: the state and the rows
    of 24 steps at once, to the bit.  B is constant: where it falls, tables reach as far as the run is long."""
    still = {"expansion__mode": "none", "expansion__timescale": None, "waves__start": "seed"}
    config = small(**still, cosmic_rays__anisotropy=0.01, run__duration="2.4e8 s", run__output_interval="8e7 s")
    long, part = tmp_path / "long.nc", tmp_path / "part.nc"
    with compiled_once():
        mesh(long, config.with_overrides({"run.duration": "4.8e8 s"}))
        assert mesh(part, config, resume="auto").exit_code == DONE
        stopped = mesh(part, config, extend=2.4e8, wall_time=0.0)
        assert stopped.exit_code == INTERRUPTED and "the wall time is over, at step 12; --resume" in stopped.message
        assert mesh(part, config, resume="auto").exit_code == DONE
    assert_same_bits(final_state(part), final_state(long))
    whole, found = result_of(long), result_of(part)
    assert checkpoint_of(part)["series0.steps"].tolist() == [*range(0, 25, 4)]
    assert found.drop_attrs().equals(whole.drop_attrs())
    assert found.attrs["config"] == whole.attrs["config"] and 'duration = "4.8e+08 s"' in found.attrs["config"]
