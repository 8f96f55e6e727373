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


def goal(arguments: argparse.Namespace) -> Goal | None:
    """Return what --accuracy asks for, None without it; ConfigError for a bad one or beside what it excludes."""
    if arguments.accuracy is None:
        return None
    given = {
        "--resume": arguments.resume is not None,
        "--extend": arguments.extend is not None,
        "--distributed": arguments.distributed,
        f"--solver {arguments.solver}": arguments.solver != "monte-carlo",
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
    numbers = {f"run.{key}": run[key] for key in ("markers", "replicas") if key in run}
    return config.with_overrides(numbers)


def run(config: Config, goal: Goal, devices: int | None, options: dict[str, Any]) -> Outcome:
    """Run ``config`` with the markers that ``goal`` asks for; each plan is a line on stderr.

    options: output, summary, wall_time and quiet of `runs.accuracy.run_to_accuracy`
    """
    from crmc.runs.accuracy import run_to_accuracy

    return run_to_accuracy(config, goal, say=lambda text: say("note", text), devices=devices, **options)
