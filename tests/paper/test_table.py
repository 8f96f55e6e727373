"""The tables of equations and numbers as text and as strict JSON."""

import json
import math

from support.paper_cases import refuse

from crmc.paper import table
from crmc.paper.rows import Number
from crmc.paper.simulation import Measured, Simulation


def test_json_turns_what_is_not_finite_into_null():
    """Values, errors and predictions that are NaN or infinite."""
    run = Simulation({"x": Measured(math.nan, math.inf)}, {"y": -math.inf}, "broken")
    document = json.loads(table.as_json((), (), run), parse_constant=refuse)
    assert document["simulation"]["averages"]["x"] == {"value": None, "stderr": None}
    assert document["simulation"]["theory"] == {"y": None}


def test_a_row_of_numbers():
    """Mark, equation, name with unit, relation and printed number, three digits each, and a note below."""
    row = Number(
        "key", "6", "57", "nu", "s-1", 6e-9, ">", 6.006e-11, None, Measured(7e-9, 2e-10), 7.1e-9, "misprint", "why"
    )
    bare = Number("other", "6", "", "ratio", "", None, "=", 2.0, None, None, None, "unstated input", "")
    lines = table.text((), (row, bare), None).splitlines()
    (one,) = (line for line in lines if line.startswith("! 57"))
    assert one.split() == ["!", "57", "nu", "[s-1]", ">6.00e-09", "6.01e-11", "7.00e-09", "+-", "2.0e-10", "7.10e-09"]
    (other,) = (line for line in lines if line.startswith("?  "))
    assert other.split() == ["?", "ratio", "not", "stated", "2.00"]
    assert lines[-1] == "    - nu: why"
    # Columns begin at the same places.
    assert one.index(">6.00e-09") == other.index("not stated")
