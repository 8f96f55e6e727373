"""docs/symbols.md: every name in it exists, and every variable of a result is in it."""

from __future__ import annotations

import dataclasses
import importlib
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from crmc.paper.equations import equations
from crmc.results import distribution, variables

VARIABLES = variables.VARIABLES | distribution.DISTRIBUTION
COORDINATES = variables.COORDINATES | distribution.COORDINATES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "symbols.md"
HEAD = ("symbol", "meaning", "in the code", "in the result file", "equation")


class Row(NamedTuple):
    """One row of a table."""

    symbol: str
    meaning: str
    code: str
    result: str
    equation: str


def lines_of(text: str) -> list[list[str]]:
    """The cells of every line of every table."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def rows_of(text: str) -> list[Row]:
    """The rows of every table."""
    return [Row(*cells) for cells in lines_of(text) if cells != list(HEAD) and set("".join(cells)) != {"-"}]


def quoted(cell: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def has_field(owner: object, name: str) -> bool:
    """Whether a class has an attribute, method, or a field of a dataclass, NamedTuple or config section."""
    fields = {field.name for field in dataclasses.fields(owner)} if dataclasses.is_dataclass(owner) else set()
    return hasattr(owner, name) or name in fields | set(getattr(owner, "model_fields", ()))


def exists(name: str) -> bool:
    """Whether a dotted name, relative to crmc, leads from a module to an object or to a field of a class."""
    parts = ["crmc", *name.split(".")]
    for cut in range(len(parts), 1, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:-1]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return cut == len(parts) or has_field(found, parts[-1])
    return False


ROWS = rows_of(PAGE.read_text(encoding="utf-8"))


def test_tables_have_the_same_columns():
    """Every line of every table has the five columns, and every table their heads."""
    lines = lines_of(PAGE.read_text(encoding="utf-8"))
    assert {len(cells) for cells in lines} == {len(HEAD)}
    tables = PAGE.read_text(encoding="utf-8").count("\n## ")
    assert lines.count(list(HEAD)) == tables > 1


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.symbol}: {row.meaning}" for row in ROWS])
def test_names_of_a_row_exist(row):
    """Names in the code lead to something, results are variables or coordinates, equations those of the paper."""
    assert quoted(row.code)
    assert [name for name in quoted(row.code) if not exists(name)] == []
    assert row.result == "-" or quoted(row.result)
    assert [name for name in quoted(row.result) if name not in VARIABLES | COORDINATES] == []
    assert row.equation in {"-", *(entry.label for entry in equations())}


def test_every_variable_is_there():
    """Each variable and coordinate of a result has a row; standard errors are marked in that of their variable."""
    listed = [name for row in ROWS for name in quoted(row.result)]
    values = {name for name in VARIABLES if not name.endswith("_stderr")}
    assert set(listed) == values | set(COORDINATES)
    marked = {name for row in ROWS for name in quoted(row.result) if row.meaning.endswith(" *")}
    assert marked == {name.removesuffix("_stderr") for name in set(VARIABLES) - values}


def test_wrong_names_are_noticed():
    """A module, a class, a field or a method that is not there; each kind that is."""
    wrong = (
        "no.State",
        "physics.state.Stat",
        "physics.state.State.waves",
        "theory.Background.densities",
        "state.State",
    )
    assert not any(exists(name) for name in wrong)
    kinds = (
        "physics.state",
        "physics.state.State.e",
        "physics.moments.Moments.number",
        "config.sections.Plasma.cooling",
    )
    assert all(exists(name) for name in kinds)
    assert exists("units.CodeUnits.time") and exists("theory.distribution.Background.density")
