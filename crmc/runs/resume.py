"""Continue a run from its checkpoint, to its end or beyond it."""

from __future__ import annotations

import dataclasses
import math
import tomllib
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.config.config import Config, parse_config
from crmc.config.errors import ConfigError
from crmc.physics.state import State
from crmc.runs.checkpoint import Checkpoint, checkpoint_path, load
from crmc.setup.schedule import Schedule, cadence_of, scheduled
from crmc.setup.setup import Setup
from crmc.solvers.registry import SOLVERS

_DURATION = "run.duration"


class Begun(NamedTuple):
    """A run that has begun: its config, with the duration that it is to have now, and its schedule so far.

    config: that of the checkpoint, to which run.duration may have been added.  stored: as it stands in the checkpoint.
    schedule: to the new end, with the intervals of the run so far.
    """

    config: Config
    stored: Config
    schedule: Schedule


def begun(path: Path, config: Config, extend: float | None = None) -> Begun | None:
    """Return what the checkpoint at ``path`` says of its run, if that is a run of ``config`` but for its duration.

    The run goes on to the later of both ends, or for ``extend`` [s] beyond that of the checkpoint, in whole steps.
    None where there is no readable checkpoint, or another config's, of which `checkpoint.load` says what is wrong.
    Raises ConfigError where the run may not be that long.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            stored = parse_config(tomllib.loads(str(file["config"])))
            schedule = Schedule(*(int(x) for x in file["schedule"]))
    except Exception:  # a damaged archive raises almost anything
        return None
    if config.with_overrides({_DURATION: stored.to_dict()["run"]["duration"]}) != stored:
        return None
    step = stored.run.duration / schedule.steps
    wanted = config.run.duration if extend is None else stored.run.duration + extend
    steps = max(schedule.steps, math.ceil(wanted / step * (1.0 - 1e-12)))
    if steps == schedule.steps:
        return Begun(stored, stored, schedule)
    # Records go on as they were: the averages are then those of one run.
    longer = schedule._replace(steps=steps, averaged_steps=schedule.averaged_steps or schedule.steps)
    duration = wanted if math.isclose(steps * step, wanted, rel_tol=1e-12) else steps * step
    return Begun(stored.with_overrides({_DURATION: f"{duration!r} s"}), stored, longer)


def rescheduled(setup: Setup, schedule: Schedule) -> Setup:
    """Return ``setup`` with ``schedule``, and with the time step that makes it last as long as its config says."""
    if schedule == setup.schedule:
        return setup
    dt = jnp.asarray(setup.config.run.duration * setup.units.gyrofrequency / schedule.steps, jnp.float64)
    parameters = dataclasses.replace(setup.parameters, dt=dt, cadence=cadence_of(schedule))
    return dataclasses.replace(setup, parameters=parameters, model=scheduled(setup.model, schedule), schedule=schedule)


def resumed(output: Path, setup: Setup, states: list[State], config: Config) -> Checkpoint:
    """Read the checkpoint beside ``output``; ConfigError if it does not belong to ``config`` and to ``setup``."""
    one = setup.state, SOLVERS[setup.solver].init(setup.parameters)
    shapes, tally = jax.tree.map(lambda x: jax.ShapeDtypeStruct((len(states), *x.shape), x.dtype), one)
    return load(checkpoint_path(output), config, shapes, tally, setup.solver)


def wants_checkpoint(resume: bool | str, extend: float | None, output: Path | None) -> bool:
    """Return whether a run continues: "auto" does where there is a checkpoint; ConfigError where it has no output."""
    if extend is not None and not extend > 0.0:
        raise ConfigError(f"--extend {extend:g} s: must be longer than 0; give the time to add")
    if not resume and extend is None:
        return False
    if output is None:
        raise ConfigError("--resume: needs the output of the run that it continues; give it")
    return extend is not None or resume != "auto" or checkpoint_path(output).exists()
