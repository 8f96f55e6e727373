"""Verdicts on the checks of a run: each word at its limits."""

from __future__ import annotations

from typing import Any

import pytest

from crmc.results.verdicts import DOUBTFUL, FAILED, PASSED, UNKNOWN, verdicts


def summary(**changes: Any) -> dict[str, Any]:
    """The summary of a sound run, changed: averages by name, all else by key."""
    averages = {
        "identity_ratio": {"value": 1.01, "stderr": 0.02, "unit": "1"},
        "energy_residual": {"value": 1e-9, "stderr": None, "unit": "1"},
        "number_residual": {"value": 1e-11, "stderr": None, "unit": "1"},
        "heating_rate": {"value": 2e-30, "stderr": 1e-32, "unit": "erg cm-3 s-1"},
    }
    found = {
        "status": "done",
        "solver": "monte-carlo",
        "replicas": 8,
        "max_scattering_per_step": 0.4,
        "averages": averages,
    }
    for name, value in changes.items():
        (averages if name in averages else found)[name] = value
    return found


#: Theory of a run down a gradient.
GRADIENT = {"diffusivity": {"value": 3.8e28, "unit": "cm2 s-1"}}


def words(**changes: Any) -> list[str]:
    """The words of all verdicts, in order."""
    return [one.word for one in verdicts(summary(**changes))]


def test_a_sound_run_passes() -> None:
    """Six checks, each with its reason."""
    found = verdicts(summary())
    assert [one.word for one in found] == [PASSED] * 6 and all(one.reason for one in found)


def ratio(value: float, error: float | None) -> dict[str, Any]:
    """An entry of eq. 37."""
    return {"value": value, "stderr": error, "unit": "1"}


@pytest.mark.parametrize(
    ("place", "change", "word"),
    [
        (0, {"status": "failed", "status_text": "the gas pressure fell to zero"}, FAILED),
        (0, {"status": "interrupted"}, DOUBTFUL),
        (1, {"identity_ratio": ratio(1.059, 0.02)}, PASSED),
        (1, {"identity_ratio": ratio(0.93, 0.02)}, DOUBTFUL),
        (1, {"identity_ratio": ratio(0.636, 0.048)}, FAILED),  # full_f_vs_delta_f, experiments/errors
        (1, {"identity_ratio": ratio(1.01, 1e-4)}, PASSED),  # below what few replicas can judge
        (1, {"identity_ratio": ratio(1.03, None)}, DOUBTFUL),
        (1, {"identity_ratio": {}}, UNKNOWN),
        (2, {"energy_residual": {"value": -2e-4}}, DOUBTFUL),
        (2, {"energy_residual": {"value": 2e-3}}, FAILED),
        (3, {"number_residual": {"value": 2e-3}}, FAILED),
        (4, {"max_scattering_per_step": 0.9}, PASSED),
        (4, {"max_scattering_per_step": 1.1}, DOUBTFUL),
        (4, {"theory": GRADIENT}, DOUBTFUL),  # v_D of drift is 2.5 % too low at 0.4
        (4, {"theory": GRADIENT, "max_scattering_per_step": 0.1}, PASSED),
        (5, {"heating_rate": {"value": 2e-30, "stderr": 3e-31}}, DOUBTFUL),
        (5, {"replicas": 1}, UNKNOWN),
    ],
)
def test_what_is_not_sound(place: int, change: dict[str, Any], word: str) -> None:
    """The check that the change concerns has the word, all others pass."""
    expected = [PASSED] * 6
    expected[place] = word
    assert words(**change) == expected


def test_steps_say_what_they_do() -> None:
    """Measured: Delta P/P_c 0.9(1) % too high per nu_max dt; v_D of drift 4.7, 2.5 and 1.4 % too low at 0.8, 0.4, 0.2."""
    told = "largest nu_max dt 0.80: Delta P/P_c is some 0.72 % too high"
    assert verdicts(summary(max_scattering_per_step=0.8))[4].reason == told
    for peak, low in ((0.8, 4.7), (0.4, 2.5), (0.2, 1.4)):
        reason = verdicts(summary(max_scattering_per_step=peak, theory=GRADIENT))[4].reason
        found = float(reason.split("v_D some ")[1].split(" %")[0])
        assert found == pytest.approx(low, rel=0.3) and ("lower run.scattering_per_step" in reason) == (peak > 0.3)


def test_without_a_summary() -> None:
    """A run under way: nothing but its status is known."""
    assert [one.word for one in verdicts({"status": "running"})] == [DOUBTFUL, *[UNKNOWN] * 4, PASSED]


def test_the_mesh_has_no_noise() -> None:
    """Long steps and errors do not count against the Fokker-Planck solver."""
    change = {"solver": "fokker-planck", "max_scattering_per_step": 50.0, "identity_ratio": ratio(0.999, None)}
    assert words(**change) == [PASSED] * 6


def test_printed_coefficients_are_not_judged() -> None:
    """They conserve no energy: neither eq. 37 nor the ledger is called violated."""
    found = verdicts(summary(identity_ratio=ratio(1.57, 0.01)), conserves=False)
    assert [one.word for one in found][1:3] == [UNKNOWN, UNKNOWN]
