"""Text and JSON of a closure."""

from __future__ import annotations

import json

import pytest
from support.closure_cases import WIM

from crmc.closure import report, spread
from crmc.closure.variables import NUMBERS


@pytest.fixture(scope="module")
def solved():
    """The closure of a cell."""
    return spread(WIM, (1.0, 3.0, 10.0), "none")


def test_json(solved) -> None:
    """The keys of the contract, lists over momentum, null where waves do not change direction."""
    found = json.loads(report.as_json(*solved, "none"))
    assert list(found) == ["momentum", *NUMBERS, "flags", "flag_names", "nonlinear_landau", "spread"]
    assert found["momentum"] == [1.0, 3.0, 10.0] and len(found["kappa"]) == 3 and found["flip_wavenumber"] is None
    assert found["flags"] == 8 and found["flag_names"] == ["gap_matters"]
    low, high = (found["spread"]["k_max"]["kappa"][end][1] for end in ("least", "largest"))
    assert low <= found["kappa"][1] <= high


def test_text(solved) -> None:
    """Each number with its unit and spread; flags in words."""
    text = report.text(*solved, "none")
    (line,) = [
        line for line in text.split("at p = 3 m_p c")[1].split("at p =")[0].splitlines() if line.startswith("  kappa")
    ]
    assert "cm2 s-1" in line and " .. " in line
    assert "gap_matters: the 90-degree gap" in text and "here: nonlinear Landau damping none" in text
