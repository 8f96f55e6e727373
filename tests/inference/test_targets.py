"""Averages compared with their targets: ratios, slopes and noise of made-up replicas put together by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.inference_cases import Program, made_up, quiet_waves

import crmc.inference.targets
from crmc.inference.derivatives import Slopes
from crmc.inference.targets import Comparison, Interrupted, Target

KEYS = ("damping.linear", "expansion.timescale")
NUMBERS = {"damping.linear": 2e-11, "expansion.timescale": 4e12}
#: Heating, and the mean free path at two of three momenta.
TARGETS = (
    Target("heating_rate", np.asarray(-3.0), np.asarray(0.1)),
    Target("mean_free_path", np.array([2.0, np.nan, 5.0]), np.zeros(3)),
)


def compared(monkeypatch: pytest.MonkeyPatch, replicas: int, solver: str, ready: int | None = None) -> Any:
    """A comparison whose runs are made up, of which ``ready`` end, and these."""
    monkeypatch.setattr(crmc.inference.targets, "Differentiation", Program)
    comparison = Comparison(quiet_waves(), TARGETS, KEYS, replicas, solver)
    runs = made_up(comparison.program, comparison.replicas if ready is None else ready)

    def differentiate(program: Any, count: int, *, numbers: Any, stop: Any) -> Slopes:
        assert (program, count, numbers) == (comparison.program, comparison.replicas, NUMBERS)
        return runs if ready != 0 else Slopes({}, {})

    monkeypatch.setattr(crmc.inference.targets, "differentiate", differentiate)
    return comparison, runs


def test_point_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ratio, slopes by ln x and noise of the mean over eight replicas; entries without target are left out."""
    comparison, runs = compared(monkeypatch, 8, "monte-carlo")
    point = comparison(NUMBERS)
    assert point.numbers == NUMBERS
    heating, path = runs.values["heating_rate"], runs.values["mean_free_path"]
    each = np.stack([heating / -3.0, path[:, 0] / 2.0, path[:, 2] / 5.0])
    np.testing.assert_allclose(point.ratio, each.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(point.noise, np.cov(each) / 8, rtol=1e-12)
    assert point.slopes.shape == (3, 2)
    for place, key in enumerate(KEYS):
        heating, path = runs.slopes["heating_rate"][key], runs.slopes["mean_free_path"][key]
        by_hand = np.array([heating.mean() / -3.0, path[:, 0].mean() / 2.0, path[:, 2].mean() / 5.0]) * NUMBERS[key]
        np.testing.assert_allclose(point.slopes[:, place], by_hand, rtol=1e-12)


@pytest.mark.parametrize(("solver", "noise"), [("fokker-planck", 0.0), ("monte-carlo", np.nan)])
def test_noise_of_one_replica(monkeypatch: pytest.MonkeyPatch, solver: str, noise: float) -> None:
    """None on the mesh; not known of markers."""
    comparison, _ = compared(monkeypatch, 1, solver)
    np.testing.assert_array_equal(comparison(NUMBERS).noise, np.full((3, 3), noise))


@pytest.mark.parametrize(("solver", "runs"), [("fokker-planck", 1), ("monte-carlo", 8)])
def test_replicas_of_a_point(monkeypatch: pytest.MonkeyPatch, solver: str, runs: int) -> None:
    """Those on the mesh would all be the same: it takes one, whatever is asked for."""
    comparison, _ = compared(monkeypatch, 8, solver)
    assert comparison.replicas == runs
    assert np.all(np.isfinite(comparison(NUMBERS).noise))


@pytest.mark.parametrize("ready", [0, 7])
def test_interrupted(monkeypatch: pytest.MonkeyPatch, ready: int) -> None:
    """Fewer replicas than were asked for would be another point: none is told."""
    comparison, _ = compared(monkeypatch, 8, "monte-carlo", ready)
    with pytest.raises(Interrupted):
        comparison(NUMBERS)


def test_places() -> None:
    """Entries with a target: all that are not NaN, also of a single value."""
    assert TARGETS[1].places.tolist() == [True, False, True]
    assert TARGETS[0].places.shape == () and bool(TARGETS[0].places)
