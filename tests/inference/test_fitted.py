"""A fit in words and numbers: messages, table and JSON, for fits of known functions."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from support.fit_cases import PAIR, Powers, fitted

from crmc.inference.fitted import INTERRUPTED, Fit, progress
from crmc.inference.minimise import CONVERGED
from crmc.inference.targets import Target
from crmc.text import to_json


def test_unreachable_targets_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A truth far beyond the bounds: not met, the bound is named, in a dozen evaluations or so."""
    found = fitted(monkeypatch, truth=np.array([1e-6, 2e12]))
    assert not found.succeeded and len(found.history) <= 15
    said = found.message
    assert "comes no closer" in said and "damping.linear up against its upper bound" in said


def test_undetermined_numbers_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two averages that depend on the same product of numbers do not give both."""
    found = fitted(monkeypatch, exponents=np.array([[1.0, 1.0], [0.5, 0.5]]))
    assert not found.succeeded
    assert "do not determine damping.linear, expansion.timescale separately" in found.message


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Fit:
    """A fit of two numbers to two averages, with noise of 2 %."""
    return fitted(monkeypatch, scatter=0.02 * np.eye(2), generator=np.random.default_rng(1))


def test_other_messages(found: Fit) -> None:
    """Each way to end has its own words and advice."""
    far = dataclasses.replace(found, met=np.array([True, False]))
    cases = [
        (found, "all targets are met"),
        (dataclasses.replace(found, ended=INTERRUPTED), "interrupted; the numbers are the best so far"),
        (dataclasses.replace(far, ended=CONVERGED), "whatever the free keys; free another key"),
        (
            dataclasses.replace(far, ended="not converged after 9 evaluations"),
            "start closer or allow more --evaluations",
        ),
        (dataclasses.replace(found, needed=200), "made with 100 steps where the fitted numbers need 200"),
    ]
    for fit, words in cases:
        assert words in fit.message
    broken = dataclasses.replace(far, best=found.best._replace(ratio=np.array([1.0, np.nan])), ended="no average")
    assert broken.message == "no average; check the config with 'crmc run'"


def test_text(found: Fit) -> None:
    """A line for each number, with unit, error, start and bounds, and one for each target's entry."""
    targets = (
        Target("heating_rate", np.asarray(2e-30), np.asarray(1e-31)),
        Target("mean_free_path", np.array([np.nan, 4.0, np.nan]), np.zeros(3)),
    )
    lines = repr(dataclasses.replace(found, targets=targets)).splitlines()
    assert len(lines) == 7 and lines[3] == ""
    for line, key, first, unit in zip(lines[1:3], PAIR, ("6e-11", "6.6e+11"), ("s-1", "s"), strict=True):
        number, error = found.best.numbers[key], found.stderr[key]
        ends = [f"{end:.4g}" for end in found.bounds[key]]
        assert line.split() == [key, f"{number:.6g}", unit, f"{error:.2g}", first, ends[0], "..", ends[1]]
    heating, path = found.best.ratio
    assert lines[5].startswith("heating_rate  ") and "2e-30 erg cm-3 s-1 +- 1e-31" in lines[5]
    assert lines[6].startswith("mean_free_path(p=3)  ") and "4 pc  " in lines[6]
    assert f"{2e-30 * heating:.6g}" in lines[5] and f"{path:.5f}" in lines[6]


def test_json(found: Fit) -> None:
    """Numbers, errors, correlation and history as computed; strict JSON."""
    target = Target("mean_free_path", np.array([1.0, 2.0, np.nan]), np.zeros(3))
    told = json.loads(to_json(dataclasses.replace(found, targets=(target,)).as_dict()))
    assert told["met"] and told["message"] == "all targets are met" and told["steps"] == 100
    for key in PAIR:
        free = told["free"][key]
        assert (free["value"], free["bounds"]) == (found.best.numbers[key], list(found.bounds[key]))
        np.testing.assert_allclose(free["stderr"], found.stderr[key], rtol=1e-12)
    # Oracle: A C A^t with A the inverse of the exponents, C the covariance of ln X.
    inverse = np.linalg.inv(Powers.exponents)
    covariance = inverse @ (found.best.noise / np.outer(found.best.ratio, found.best.ratio)) @ inverse.T
    correlation = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
    np.testing.assert_allclose(told["correlation"], [[1.0, correlation], [correlation, 1.0]], rtol=1e-9)
    assert list(told["targets"]) == ["mean_free_path(p=1)", "mean_free_path(p=3)"]
    np.testing.assert_allclose(told["targets"]["mean_free_path(p=3)"]["found"], 2.0 * found.best.ratio[1], rtol=1e-12)
    assert [row["ratio"] for row in told["history"]] == [point.ratio.tolist() for point in found.history]


def test_progress(found: Fit) -> None:
    """The numbers with their units, and the average that is farthest off."""
    point = found.best._replace(numbers=dict(zip(PAIR, (1e-11, 2e12), strict=True)), ratio=np.array([1.02, 0.5]))
    assert progress(point, 100) == (
        "100 steps with damping.linear = 1e-11 s-1, expansion.timescale = 2e+12 s: averages within 0.5 of their targets"
    )
