"""``crmc run --accuracy``: as many markers as an error asks for."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crmc.cli.common import say
from crmc.config.errors import ConfigError

if TYPE_CHECKING:
    from crmc.config.config import Config
    from crmc.runs.accuracy import Goal
    from crmc.runs.outcome import Outcome

#: Keys of a config that follow from the error.
_PLANNED = ("run.markers", "run.replicas")


def goal(arguments: argparse.Namespace) -> Goal | None:
    """Return what --accuracy asks for, None without it; ConfigError for a bad one or beside what it excludes."""
    if arguments.accuracy is None:
        return None
    given = {
        "--resume": arguments.resume is not None,
        "--extend": arguments.extend is not None,
        "--distributed": arguments.distributed,
        f"--solver {arguments.solver}": arguments.solver != "monte-carlo",
        **{f"--set {key}": any(text.split("=")[0].strip() == key for text in arguments.overrides) for key in _PLANNED},
    }
    if clash := [name for name, is_given in given.items() if is_given]:
        raise ConfigError(f"--accuracy: cannot be combined with {clash[0]}; leave one of the two out")
    from crmc.runs.accuracy import Goal

    return Goal.parse(arguments.accuracy)


def as_written(config: Config, output: Path) -> Config:
    """Return ``config`` with the markers and replicas of the result in ``output``, if there is one."""
    if not output.exists():
        return config
    from crmc.results.dataset import attributes

    run = tomllib.loads(str(attributes(output).get("config", ""))).get("run", {})
    found = {key: run.get(key.removeprefix("run.")) for key in _PLANNED}
    return config.with_overrides({key: value for key, value in found.items() if value is not None})


def run(arguments: argparse.Namespace, config: Config, goal: Goal, options: dict[str, Any]) -> Outcome:
    """Run ``config`` with the markers that ``goal`` asks for; each plan is a line on stderr.

    options: output, summary, wall_time and quiet of `runs.accuracy.run_to_accuracy`
    """
    from crmc.runs.accuracy import run_to_accuracy

    chosen = {"devices": arguments.devices, "kernel": arguments.kernel}
    return run_to_accuracy(config, goal, say=lambda text: say("note", text), **chosen, **options)
