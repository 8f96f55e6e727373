"""Run with as many markers as a relative error of an average asks for.

A first run measures the noise, which falls as N^-1/2; the next one takes the markers that follow from it.  Replicas are
not made smaller than ``FEWEST_EACH`` markers: noise that few markers put into the waves lowers the heating,
unseen by the scatter of the replicas.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from crmc.config.config import Config
from crmc.config.errors import ConfigError, did_you_mean, show
from crmc.config.sections import FEWEST_EACH
from crmc.machine.devices import choose_layout
from crmc.runs.outcome import DONE, Outcome
from crmc.runs.run import run

#: Number of replicas.
REPLICAS = 8
#: Error aimed at in units of the one asked for: eight replicas know their error to 26 %.
_AIM = 0.8
#: Runs until the error is taken as it is.
_MOST_RUNS = 3
#: Relative error above which an average is not known from zero.
_UNKNOWN = 0.5


class Goal(NamedTuple):
    """A relative standard error of an average over the last half of a run, between 0 and 1."""

    quantity: str
    error: float

    @classmethod
    def parse(cls, text: str) -> Goal:
        """Return the goal of a text, "1%", "0.01", "heating_rate=1%"; ConfigError for a bad one."""
        name, _, number = text.rpartition("=")
        share = number.strip().removesuffix("%")
        try:
            error = float(share) * (0.01 if share != number.strip() else 1.0)
        except ValueError:
            error = math.nan
        if not 0.0 < error < 1.0:
            raise ConfigError(f"--accuracy {show(text)}: must lie between 0 and 1; give it as in 1% or heating_rate=1%")
        return cls(name.strip() or "heating_rate", error)

    def __str__(self) -> str:
        return f"{self.quantity} to {percent(self.error)}"


def percent(share: float) -> str:
    """Return a share as text in percent."""
    return f"{100.0 * share:.2g} %"


def markers_for(goal: Goal, markers: int, error: float) -> int:
    """Return the markers with which the error of ``goal.quantity`` will be somewhat below that of ``goal``.

    Each replica has a multiple of 64.
    markers, error: those of a run, the error relative (> 0).
    """
    each = markers / REPLICAS * (error / (_AIM * goal.error)) ** 2
    return REPLICAS * 64 * max(math.ceil(each / 64), FEWEST_EACH // 64)


def run_to_accuracy(
    config: Config,
    goal: Goal | str,
    *,
    say: Callable[[str], None] = lambda _: None,
    output: str | Path | None = None,
    summary: str | Path | None = None,
    wall_time: float | None = None,
    quiet: bool = False,
    devices: int | None = None,
    kernel: Literal["plain", "fused"] = "plain",
) -> Outcome:
    """Run ``config`` with the markers that ``goal`` asks for in place of run.markers, and return the last outcome.

    Each run is independent of those before, and writes its result over theirs.  The stated error of the last one may
    exceed ``goal``, which its warnings then say; bias is not part of it.

    goal: also as text, "1%" of heating_rate or "mean_free_path_p1=0.5%".
    say: is told each plan before its run.
    output, summary, wall_time, quiet: as for `run`; wall_time: of all runs together [s].
    devices, kernel: as for `machine.devices.choose_layout`.

    Raises ConfigError for a goal that cannot be read, for a quantity without an error, or one that is zero within it.
    """
    goal = Goal.parse(goal) if isinstance(goal, str) else goal
    over = None if wall_time is None else time.monotonic() + wall_time
    markers = REPLICAS * FEWEST_EACH
    say(f"{goal}: a first run with {REPLICAS} replicas of {FEWEST_EACH} markers measures the noise")
    for number in range(1, _MOST_RUNS + 1):
        asked = config.with_overrides({"run.markers": markers, "run.replicas": REPLICAS})
        outcome = run(
            asked,
            output=output,
            summary=summary,
            wall_time=None if over is None else over - time.monotonic(),
            quiet=quiet,
            layout=choose_layout(markers, REPLICAS, devices, kernel),
        )
        if outcome.exit_code != DONE:
            return outcome
        error = _relative_error(outcome, goal)
        if error <= goal.error or number == _MOST_RUNS:
            break
        markers, before = markers_for(goal, markers, error), markers
        seconds = outcome.summary["wall_seconds"] * markers / before
        say(
            f"error {percent(error)}; next: {REPLICAS} replicas of {markers // REPLICAS} markers, "
            f"{outcome.summary['steps']} steps, up to about {seconds:.0f} s"
        )
    if error > goal.error:
        missed = f"{goal.quantity} is known to {percent(error)}, asked for {percent(goal.error)}"
        outcome = dataclasses.replace(outcome, warnings=(*outcome.warnings, missed))
    say(f"{goal.quantity} has the error {percent(error)} with run.markers = {markers}, run.replicas = {REPLICAS}")
    return outcome


def _relative_error(outcome: Outcome, goal: Goal) -> float:
    """Return the relative error of the quantity of ``goal``; see `run_to_accuracy`."""
    found = outcome.summary["averages"]
    known = [name for name, one in found.items() if one["stderr"]]
    if goal.quantity not in known:
        remedy = did_you_mean(goal.quantity, known)
        raise ConfigError(f"--accuracy {show(goal.quantity)}: no average with an error; {remedy}")
    error = found[goal.quantity]["stderr"] / abs(found[goal.quantity]["value"])
    if not error < _UNKNOWN:
        raise ConfigError(f"--accuracy {goal.quantity}: zero within its error, which cannot be a share of it")
    return float(error)
