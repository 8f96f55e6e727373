"""Runs with as many markers as an error asks for: plans by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
from support.run_cases import small

import crmc.runs.accuracy
from crmc.config.config import Config
from crmc.config.errors import ConfigError
from crmc.runs.accuracy import FEWEST_EACH, REPLICAS, Goal, markers_for, run_to_accuracy
from crmc.runs.outcome import DONE, INTERRUPTED, Outcome


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("1%", Goal("heating_rate", 0.01)),
        ("0.02", Goal("heating_rate", 0.02)),
        ("mean_free_path_p1 = 0.5 %", Goal("mean_free_path_p1", 0.005)),
    ],
)
def test_goals_are_read(text: str, goal: Goal) -> None:
    """A share, or percent of an average."""
    name, error = Goal.parse(text)
    assert name == goal.quantity and error == pytest.approx(goal.error, rel=1e-15)


@pytest.mark.parametrize("text", ["", "x", "0", "1", "-1%", "100%", "nan", "heating_rate", "heating_rate=", "1%%"])
def test_bad_goals_are_one_line(text: str) -> None:
    """Each says what to write."""
    with pytest.raises(ConfigError, match="1% or heating_rate=1%") as problem:
        Goal.parse(text)
    assert "\n" not in str(problem.value)


def test_markers_follow_from_the_law_of_noise() -> None:
    """Error ~ N^-1/2, aimed at 0.8 of the goal: twice that error takes four times the markers, rounded up to 64 each."""
    goal = Goal("heating_rate", 0.01)
    assert markers_for(goal, REPLICAS * 2048, 0.016) == REPLICAS * 8192
    assert markers_for(goal, REPLICAS * 2048, 0.01605) == REPLICAS * 8256  # 8243.3
    assert markers_for(goal, REPLICAS * 2048, 1e-6) == REPLICAS * FEWEST_EACH


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """The configs that were run, by a stand-in whose stated error of heating is 1.28/sqrt(N), twice that at first."""
    configs: list[Config] = []

    def stand_in(config: Config, **options: Any) -> Outcome:
        error = (2.0 if not configs else 1.0) * 1.28 / math.sqrt(config.run.markers)
        configs.append(config)
        averages = {
            "heating_rate": {"value": 2.0, "stderr": 2.0 * error},
            "drift_velocity": {"value": 0.1, "stderr": 0.2},
            "energy_residual": {"value": 1e-9, "stderr": None},
        }
        summary = {"averages": averages, "wall_seconds": 4.0, "steps": 100}
        return Outcome(DONE if options["wall_time"] is None else INTERRUPTED, "", "", summary)

    monkeypatch.setattr(crmc.runs.accuracy, "run", stand_in)
    return configs


def test_runs_go_on_until_the_error_is_that_of_the_goal(ran: list[Config]) -> None:
    """16384 markers with 2 %, so (0.02/0.008)^2 as many for 1 %, which then have 0.4 %; each plan is said."""
    said: list[str] = []
    outcome = run_to_accuracy(small(), Goal("heating_rate", 0.01), say=said.append)
    assert [(c.run.markers, c.run.replicas) for c in ran] == [(16384, 8), (8 * 12800, 8)]
    assert ran[1].with_overrides({"run.markers": 512, "run.replicas": "auto"}) == small()
    assert said[1] == "error 2 %; next: 8 replicas of 12800 markers, 100 steps, up to about 25 s"
    assert said[2] == "heating_rate has the error 0.4 % with run.markers = 102400, run.replicas = 8"
    assert len(said) == 3 and not outcome.warnings


def test_a_goal_that_is_met_at_first_needs_no_second_run(ran: list[Config]) -> None:
    """Its own margin is not asked for again."""
    run_to_accuracy(small(), Goal("heating_rate", 0.0201))
    assert len(ran) == 1


def test_a_goal_that_was_missed_is_said(ran: list[Config], monkeypatch: pytest.MonkeyPatch) -> None:
    """With one run only the outcome warns with both numbers."""
    monkeypatch.setattr(crmc.runs.accuracy, "_MOST_RUNS", 1)
    outcome = run_to_accuracy(small(), Goal("heating_rate", 0.001))
    assert outcome.warnings == ("heating_rate is known to 2 %, asked for 0.1 %",)


def test_a_run_that_ends_early_is_the_last(ran: list[Config]) -> None:
    """What is left of the wall time goes to the run, whose outcome is returned as it is."""
    outcome = run_to_accuracy(small(), Goal("heating_rate", 0.001), wall_time=10.0)
    assert outcome.exit_code == INTERRUPTED and len(ran) == 1 and not outcome.warnings


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("heating_rates", "did you mean 'heating_rate'"),
        ("energy_residual", "no average with an error"),
        ("drift_velocity", "zero within its error"),
    ],
)
def test_what_has_no_error_cannot_be_asked_for(ran: list[Config], name: str, words: str) -> None:
    """A name that does not exist, one without an error, and an average that is not known from zero."""
    with pytest.raises(ConfigError, match=words):
        run_to_accuracy(small(), Goal(name, 0.01))
