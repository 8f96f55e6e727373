"""Write and read checkpoints: all that a run needs to continue bit-identically, in one file that is replaced whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.config.config import Config
from crmc.config.errors import ConfigError
from crmc.outputs import CHECKPOINT, writing
from crmc.physics.state import State
from crmc.setup.schedule import Schedule
from crmc.solvers.tally import Tally


class Checkpoint(NamedTuple):
    """States of a run's replicas, and for each series of rows its unfinished row and its rows so far.

    states: of the replicas, stacked.  tallies: of the unfinished rows.  step: number of steps taken.
    schedule: of the run.
    series: steps since the last row, step number of each row, and name of a variable -> its values, (rows, replicas,
        ...) [code], of each series.
    """

    states: State
    tallies: list[Tally]
    step: int
    series: list[tuple[int, list[int], dict[str, np.ndarray]]]
    schedule: Schedule


def checkpoint_path(output: Path) -> Path:
    """Return the path of the checkpoint of the result file ``output``, which lies beside it."""
    return output.with_name(output.name + CHECKPOINT)


def save(path: Path, config: Config, checkpoint: Checkpoint, solver: str = "monte-carlo") -> None:
    """Write ``checkpoint`` to ``path`` in one move: no reader sees an unfinished one; OutputError if it cannot be."""
    leaves = {f"state{i}": np.asarray(x) for i, x in enumerate(jax.tree.leaves(checkpoint.states))}
    rows: dict[str, np.ndarray] = {}
    for n, (tally, (tallied, steps, values)) in enumerate(zip(checkpoint.tallies, checkpoint.series, strict=True)):
        leaves |= {f"series{n}.tally{i}": np.asarray(x) for i, x in enumerate(jax.tree.leaves(tally))}
        rows |= {f"series{n}.tallied": np.array(tallied), f"series{n}.steps": np.array(steps, np.int64)}
        rows |= {f"series{n}.row.{name}": array for name, array in values.items()}
    with writing(path) as file:
        np.savez(
            file,
            config=np.array(config.to_toml()),
            solver=np.array(solver),
            step=checkpoint.step,
            schedule=np.array(checkpoint.schedule, np.int64),
            series=len(checkpoint.series),
            **(leaves | rows),  # type: ignore[arg-type]
        )


def load(path: Path, config: Config, states: State, tally: Tally, solver: str = "monte-carlo") -> Checkpoint:
    """Read the checkpoint at ``path``, which must be of this config and solver.

    states, tally: arrays of the shapes and types that are expected.
    Raises ConfigError where there is no checkpoint, where it is damaged, or belongs to another config or solver.
    """
    if not path.is_file():
        raise ConfigError(f"--resume {path}: there is no such checkpoint; run without --resume")
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
        if str(found["config"]) != config.to_toml():
            raise ConfigError(
                f"--resume {path}: was written with another config ({_difference(str(found['config']), config)}); "
                "resume with the same one or run without --resume"
            )
        if str(found["solver"]) != solver:
            raise ConfigError(
                f"--resume {path}: was written by --solver {found['solver']}, not {solver}; "
                "resume with the same one or run without --resume"
            )
        return Checkpoint(
            _restore(states, found, "state"),
            [_restore(tally, found, f"series{n}.tally") for n in range(int(found["series"]))],
            int(found["step"]),
            [_series(found, f"series{n}.") for n in range(int(found["series"]))],
            Schedule(*(int(x) for x in found["schedule"])),
        )
    except ConfigError:
        raise
    except Exception as error:  # a damaged archive raises almost anything
        raise ConfigError(
            f"--resume {path}: is not a readable checkpoint ({type(error).__name__}); run without --resume"
        ) from error


def _series(found: Mapping[str, np.ndarray], prefix: str) -> tuple[int, list[int], dict[str, np.ndarray]]:
    """Return the steps since the last row, the step of each row, and the rows of a series."""
    rows = {name.removeprefix(f"{prefix}row."): x for name, x in found.items() if name.startswith(f"{prefix}row.")}
    return int(found[f"{prefix}tallied"]), [int(step) for step in found[f"{prefix}steps"]], rows


def _difference(old: str, config: Config) -> str:
    """Return the first line of ``config`` as TOML that the text ``old`` does not have."""
    new = config.to_toml().splitlines()
    changed = [line for line in new if line and line not in old.splitlines()]
    return changed[0] if changed else "a key was removed"


def _restore(example: Any, found: dict[str, np.ndarray], prefix: str) -> Any:
    """Return a tree like ``example`` of the arrays ``prefix``0, ``prefix``1, ...; ValueError where shapes differ."""
    leaves, structure = jax.tree.flatten(example)
    restored = []
    for i, leaf in enumerate(leaves):
        value = found[f"{prefix}{i}"]
        if value.shape != leaf.shape or value.dtype != leaf.dtype:
            raise ValueError(f"{prefix}{i} has shape {value.shape} and type {value.dtype}")
        restored.append(jnp.asarray(value))
    return jax.tree.unflatten(structure, restored)
