"""The table of equations: complete and in order, and every name and test that it gives exists."""

import ast
import dataclasses
import importlib
from functools import reduce
from pathlib import Path

import pytest
from support.paper_cases import LABELS

from crmc.paper import table
from crmc.paper.equations import VERDICTS, Equation, equations

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def test_functions() -> set[str]:
    """ "tests/FILE::FUNCTION" of every test function."""
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.add(f"{path.relative_to(ROOT)}::{node.name}")
    return found


def resolve(name: str) -> object:
    """Import the longest module of a dotted name and follow the rest.  Raises AttributeError or ImportError."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            module = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        return reduce(getattr, parts[cut:], module)
    raise ImportError(name)


def problems(entry: Equation, known: set[str]) -> list[str]:
    """What is wrong with an entry."""
    found = []
    if entry.verdict not in VERDICTS:
        found.append(f"verdict {entry.verdict!r}")
    if not entry.tests and not entry.reason:
        found.append("neither a test nor a reason")
    if entry.verdict in ("corrected", "derived from", "not used") and not entry.reason:
        found.append("no reason")
    if entry.verdict != "not used" and not (entry.where and entry.tests):
        found.append("used, but nowhere or untested")
    found += [f"no test {name}" for name in entry.tests if name not in known]
    for name in entry.where:
        try:
            resolve(name)
        except (ImportError, AttributeError):
            found.append(f"no object {name}")
    return found


def test_there_are_seventy_equations_in_order():
    """1 to 60 and A1 to A10, in sections that the table knows."""
    assert [entry.label for entry in equations()] == LABELS and len(LABELS) == 70
    assert {entry.section for entry in equations()} <= set(table.SECTIONS)
    assert len({entry.says for entry in equations()}) == 69  # eqs. 28 and 40 alone are the same


@pytest.mark.parametrize("label", LABELS)
def test_equation(label, test_functions):
    """The entry has a verdict with what it requires; all its tests and objects exist; it is written in ASCII."""
    entry = next(entry for entry in equations() if entry.label == label)
    assert problems(entry, test_functions) == []
    assert entry.name and entry.says and (entry.says + entry.reason).isascii()


def test_the_check_of_an_entry_can_fail(test_functions):
    """Each change of a good entry is found."""
    good = equations()[0]
    assert not problems(good, test_functions)
    for change, words in (
        ({"tests": ()}, "neither"),
        ({"tests": ("tests/paper/test_equations.py::test_nothing",)}, "no test"),
        ({"where": ("crmc.theory.nothing",)}, "no object"),
        ({"where": ()}, "nowhere"),
        ({"verdict": "fine"}, "verdict"),
        ({"verdict": "corrected"}, "no reason"),
    ):
        assert any(words in found for found in problems(dataclasses.replace(good, **change), test_functions))


def test_what_is_corrected():
    """Misprints: 51 (dimension), 56, A6, A7 (sign), 57 (number), A3 (charge twice); coefficients: 13, 15, 19, 23, 30."""
    corrected = {entry.label for entry in equations() if entry.verdict == "corrected"}
    misprints = {entry.label for entry in equations() if entry.misprint}
    assert misprints == {"51", "56", "57", "A3", "A6", "A7"}
    assert corrected == misprints | {"13", "15", "19", "23", "30"}
