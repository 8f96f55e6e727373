"""Write equations and numbers as text of 120 columns and as strict JSON."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from crmc.paper.equations import VERDICTS, Equation
from crmc.paper.rows import Number
from crmc.paper.simulation import Measured, Simulation
from crmc.text import number, to_json, with_error

WIDTH = 118
REFERENCE = "Zweibel (2020), ApJ 890, 67: The Role of Pressure Anisotropy in Cosmic Ray Hydrodynamics"
SECTIONS = {
    "1": "1 Introduction",
    "2.1": "2.1 Macroscopic dynamics",
    "2.2": "2.2 Microscale response",
    "3": "3 Pressure anisotropy instability",
    "4.1": "4.1 Heating due to drift anisotropy",
    "4.2": "4.2 Heating due to pressure anisotropy",
    "4.3": "4.3 Comparison of the two",
    "5": "5 Implications for self confinement",
    "6": "6 Bottlenecks in galactic halos",
    "Appendix": "Appendix",
}
#: Marks of the first column of the numbers.
MARKS = {"misprint": "!", "coefficient": "*", "unstated input": "?"}
#: Remark on the errors of the simulated column.
ERRORS = (
    "Errors are those of the average over the last half of the run.  Damping takes far longer than the run, so that nu "
    "and the mean free path keep the predicted equilibrium from which it starts, less the one or two per cent that the "
    "waves lose while the anisotropy builds up; their errors do not cover that.  The heating has no such memory."
)
_HEAD = ("eq.", "", "printed", "recomputed", "exact", "simulated", "expected")
_COLUMNS = (7, 44, 11, 11, 10, 23, 9)


def text(equations: Sequence[Equation], numbers: Sequence[Number], simulation: Simulation | None) -> str:
    """Return both tables as text, grouped by section of the paper."""
    return "\n\n".join([REFERENCE, _equations_text(equations), _numbers_text(numbers, simulation)])


def _wrap(words: str, indent: int) -> list[str]:
    """Return the words as indented lines of at most `WIDTH` columns."""
    space = " " * indent
    return textwrap.wrap(
        words, WIDTH, initial_indent=space, subsequent_indent=space, break_long_words=False, break_on_hyphens=False
    )


def _equations_text(equations: Sequence[Equation]) -> str:
    """Return the table of equations: formula, place, tests and reason of each."""
    lines = ["EQUATIONS"]
    lines += [f"  {name:<13} {meaning}" for name, meaning in VERDICTS.items()]
    section = ""
    for equation in equations:
        if equation.section != section:
            section = equation.section
            lines += ["", SECTIONS[section]]
        mark = "!" if equation.misprint else " "
        lines.append(f"{mark} ({equation.label})".ljust(9) + f"{equation.verdict:<14}{equation.name}")
        lines += _wrap(equation.says, 23)
        if equation.where:
            lines += _wrap("in " + ", ".join(place.removeprefix("crmc.") for place in equation.where), 23)
        if equation.tests:
            lines += _wrap("by " + ", ".join(test.removeprefix("tests/") for test in equation.tests), 23)
        lines += _wrap(equation.reason, 23)
    return "\n".join(lines)


def _numbers_text(numbers: Sequence[Number], simulation: Simulation | None) -> str:
    """Return the table of numbers, with notes below each section."""
    lines = ["NUMBERS"]
    lines += _wrap(
        "recomputed: the paper's formula with its inputs; exact: with the coefficients that close; simulated: crmc; "
        "expected: theory for the parameters of the run", 2)  # fmt: skip
    if simulation is not None:
        lines += _wrap(f"simulation: {simulation.description}.  {ERRORS}", 2)
    lines += ["  ! misprint   * coefficient that does not close   ? needs an input the paper does not state"]
    for section, title in SECTIONS.items():
        rows = [row for row in numbers if row.section == section]
        if rows:
            lines += ["", title, _line(("", *_HEAD))] + [_line(_cells(row)) for row in rows]
            for row in rows:
                lines += _wrap(f"- {row.name}: {row.note}", 4) if row.note else []
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    """Return a mark and the cells of a row in columns."""
    mark, *rest = cells
    return (f"{mark:<2}" + "".join(f"{cell:<{width}}" for cell, width in zip(rest, _COLUMNS, strict=True))).rstrip()


def _cells(row: Number) -> tuple[str, ...]:
    """Return the mark and the cells of a number."""
    stated = (
        "not stated" if row.printed is None else ("" if row.relation == "=" else row.relation) + _short(row.printed)
    )
    measured = "" if row.simulated is None else _measured(row.simulated)
    formula = "(input)" if row.flag == "input" else _short(row.recomputed)
    mark = MARKS.get(row.flag, "")
    name = f"{row.name} [{row.unit}]" if row.unit else row.name
    return mark, row.equation, name, stated, formula, _short(row.exact), measured, _short(row.expected)


def _measured(found: Measured) -> str:
    """Return value and error with at most four digits of the value, for which the column has room."""
    if found.stderr is not None and found.stderr < 1e-3 * abs(found.value):
        return f"{number(found.value, 4)} +- {number(found.stderr, 2)}"
    return with_error(found.value, found.stderr)


def _short(value: float | None) -> str:
    """Return a number in three digits; "" for None."""
    return "" if value is None else number(value, 3)


def as_json(equations: Sequence[Equation], numbers: Sequence[Number], simulation: Simulation | None) -> str:
    """Return strict JSON with the keys reference, verdicts, equations, numbers and simulation (null without one)."""
    run = None
    if simulation is not None:
        averages = {name: dataclasses.asdict(value) for name, value in simulation.averages.items()}
        run = {
            "description": simulation.description,
            "errors": ERRORS,
            "averages": averages,
            "theory": dict(simulation.theory),
        }
    document = {
        "reference": REFERENCE,
        "verdicts": VERDICTS,
        "equations": [dataclasses.asdict(entry) | {"misprint": entry.misprint} for entry in equations],
        "numbers": [_number_json(row) for row in numbers],
        "simulation": run,
    }
    return to_json(document)


def _number_json(row: Number) -> dict[str, Any]:
    """Return the fields of a number, with the simulated value and its error apart."""
    entry = {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    entry["simulated"] = None if row.simulated is None else row.simulated.value
    entry["simulated_stderr"] = None if row.simulated is None else row.simulated.stderr
    return entry | {"misprint": row.misprint}
