"""Checkpoints: written and read to the bit, and refused in one line where they do not belong to the run."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest
from support.cli_cases import call
from support.run_cases import assert_same_bits, checkpoint_of, driven

import crmc.runs.checkpoint
from crmc.config.errors import ConfigError
from crmc.physics.state import State
from crmc.runs.checkpoint import Checkpoint, checkpoint_path, load, save
from crmc.runs.run import run
from crmc.setup.build import build_replicas
from crmc.setup.setup import Setup
from crmc.solvers.monte_carlo.solver import MONTE_CARLO
from crmc.solvers.tally import Tally


@pytest.fixture(scope="module")
def setup() -> Setup:
    """BOTH before its first step."""
    return build_replicas(driven())[0]


@pytest.fixture(scope="module")
def written(setup: Setup, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Result file, which is not there, whose checkpoint is: seven steps into the third interval, all numbers made up."""
    output = tmp_path_factory.mktemp("written") / "run.nc"
    save(checkpoint_path(output), setup.config, made_up(setup))
    return output


def shapes(setup: Setup) -> tuple[State, Tally]:
    """State and tally of one replica with a new first axis for it."""
    one = setup.state, MONTE_CARLO.init(setup.parameters)
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct((1, *x.shape), x.dtype), one)


def made_up(setup: Setup) -> Checkpoint:
    """A checkpoint of one replica with other numbers than those of the start; NaN and -0.0 among them."""
    generator = np.random.default_rng(0)

    def other(x: jax.ShapeDtypeStruct) -> np.ndarray:
        return (generator.integers(1, 9, x.shape) * 0.1).astype(x.dtype)

    with jax.enable_x64(True):
        states, tally = shapes(setup)
        states, tallies = jax.tree.map(other, (states, [tally] * 3))
    output = {"heating_rate": np.array([[np.nan], [-0.0], [1e-300]]), "wave_power": generator.random((3, 1, 2, 2, 8))}
    records = {"heating_rate": generator.random((2, 1)), "wave_power": generator.random((2, 1, 2, 2, 8))}
    blocks = {name: array[:1] for name, array in records.items()}
    return Checkpoint(
        states, tallies, 37, [(7, [0, 15, 30], output), (5, [0, 32], records), (37, [0], blocks)], setup.schedule
    )


def read_again(output: Path, setup: Setup, solver: str = "monte-carlo") -> Checkpoint:
    return load(checkpoint_path(output), setup.config, *shapes(setup), solver)


def leaves(checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """States and tallies by number, and the rows of each series by number and name."""
    found = jax.tree.leaves((checkpoint.states, checkpoint.tallies))
    rows = {f"{n} {name}": x for n, (_, _, rows) in enumerate(checkpoint.series) for name, x in rows.items()}
    return {str(place): np.asarray(leaf) for place, leaf in enumerate(found)} | rows


def test_what_is_written_is_read(setup: Setup, written: Path) -> None:
    """Oracle: the checkpoint itself, every bit of it."""
    found, want = read_again(written, setup), made_up(setup)
    assert_same_bits(leaves(found), leaves(want))
    assert jax.tree.structure(found.tallies) == jax.tree.structure(want.tallies)
    assert (found.step, found.schedule) == (37, setup.schedule)
    assert [(tallied, steps) for tallied, steps, _ in found.series] == [(7, [0, 15, 30]), (5, [0, 32]), (37, [0])]


def test_a_write_that_fails_leaves_the_old_checkpoint(
    setup: Setup, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full half-way through: the file that is there is read as before."""
    path = checkpoint_path(tmp_path / "run.nc")
    before = checkpoint_bytes(written)
    path.write_bytes(before)

    def savez(file: object, **arrays: np.ndarray) -> None:
        file.write(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(crmc.runs.checkpoint.np, "savez", savez)
    with pytest.raises(OSError, match="no space"):
        save(path, setup.config, made_up(setup))
    assert path.read_bytes() == before


def test_resume_with_another_solver(setup: Setup, written: Path) -> None:
    """The line names both solvers."""
    with pytest.raises(ConfigError, match="written by --solver monte-carlo, not fokker-planck"):
        read_again(written, setup, "fokker-planck")


def test_resume_without_a_key_that_was_set(written: Path, setup: Setup) -> None:
    """A config whose lines are all in the checkpoint's, which has one more, is another one, too."""
    fewer = setup.config.with_overrides({"drift.gradient_length": None})
    with pytest.raises(ConfigError, match=r"another config \(a key was removed\)"):
        load(checkpoint_path(written), fewer, *shapes(setup))


def refused(folder: Path, *more: str) -> str:
    """The one line with which `crmc run --resume` refuses."""
    config = folder / "small.toml"
    config.write_text(driven().to_toml(), encoding="utf-8")
    code, out, err = call("run", config, "--output", folder / "run.nc", "--resume", "--quiet", *more)
    lines = [line for line in err.splitlines() if not line.startswith("crmc: warning: ")]
    assert (code, out, len(lines)) == (2, "", 1), err
    assert lines[0].startswith("crmc: error: --resume ") and "run without --resume" in lines[0]
    return lines[0]


def test_resume_without_checkpoint(tmp_path: Path) -> None:
    """No checkpoint: exit 2, one line, and no file is made."""
    assert "no such checkpoint" in refused(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.toml"]


def damaged(whole: bytes) -> dict[str, bytes]:
    """A checkpoint spoilt in several ways."""
    name = whole.rindex(b"state3.npy")  # in the directory at the end
    compressed, encrypted, flipped = bytearray(whole), bytearray(whole), bytearray(whole)
    compressed[name - 36] = 9
    encrypted[name - 38] |= 1
    flipped[whole.index(b"state3.npy") + 400] ^= 1  # in its array
    return {
        "empty": b"",
        "text": b"not a checkpoint",
        "pickle": b"\x80\x04N.",
        "half": whole[: len(whole) // 2],
        "end cut off": whole[:-30],
        "bit flipped": bytes(flipped),
        "odd compression": bytes(compressed),
        "encrypted": bytes(encrypted),
    }


@pytest.mark.parametrize("how", list(damaged(b"state3.npy".center(6000))))
def test_resume_from_damaged_checkpoint(written: Path, tmp_path: Path, how: str) -> None:
    """A damaged checkpoint: exit 2 and one line, and the file is left as it is."""
    path = tmp_path / "run.nc.checkpoint.npz"
    spoilt = damaged(checkpoint_bytes(written))[how]
    path.write_bytes(spoilt)
    assert "not a readable checkpoint" in refused(tmp_path)
    assert path.read_bytes() == spoilt


def test_resume_from_checkpoint_of_another_shape(written: Path, tmp_path: Path) -> None:
    """Arrays that do not fit the config are refused, not broadcast."""
    arrays = checkpoint_of(written)
    name = next(name for name in arrays if name.startswith("state") and arrays[name].shape == (1, 512))
    np.savez(tmp_path / "run.nc.checkpoint.npz", **arrays | {name: arrays[name][:, :1]})
    assert "not a readable checkpoint (ValueError)" in refused(tmp_path)


def test_resume_with_another_config(written: Path, tmp_path: Path) -> None:
    """Another config is refused, and the line names the key that differs."""
    (tmp_path / "run.nc.checkpoint.npz").write_bytes(checkpoint_bytes(written))
    line = refused(tmp_path, "--set", "run.seed=7")
    assert "another config" in line and "seed = 7" in line
    with pytest.raises(ConfigError, match="another config.*linear"):
        run(driven(damping__linear="2e-11 1/s"), output=tmp_path / "run.nc", quiet=True, resume=True)


def checkpoint_bytes(output: Path) -> bytes:
    return checkpoint_path(output).read_bytes()
