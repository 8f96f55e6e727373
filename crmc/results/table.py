"""Print the summary of a run as a table: measured values with theory's numbers beside them.

The table needs the summary alone, of a run that has just ended or from a result file.  Entries that the summary lacks
have no row; a value that is null, NaN or infinite prints as "-".
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crmc.physics.waves import MOMENTA
from crmc.text import finite, number, one_line, with_error
from crmc.units import SPEED_OF_LIGHT, YEAR

#: Width of the table [characters], and of the column of row titles.
WIDTH, TITLE = 96, 30

#: What measured numbers and their errors are.
EXPLAINED = (
    "Measured: mean over the last half of the run +- the standard deviation of this number over\n"
    "independent repetitions of the whole run."
)

#: Title of a row, and its cells.
Row = tuple[str, list[str]]


def table(summary: Mapping[str, Any]) -> str:
    """Return the summary as text in sections, at most ``WIDTH`` characters wide; ASCII but for the run's name."""
    averages, theory = summary.get("averages") or {}, summary.get("theory") or {}
    sections = [
        _section("Run", _run_rows(summary)),
        _section("Plasma (t = 0)", _plasma_rows(theory)),
        _section(
            "Anisotropy",
            _anisotropy_rows(averages, theory),
            ["Delta P/P_c", "in v_A/c (t = 0)"],
        ),
        _section("Drift", _drift_rows(averages, theory), ["v_D [cm s-1]", "in v_A (t = 0)"]),
        _scattering(averages, theory),
        _section("Heating of waves", _heating_rows(averages, theory), ["[erg cm-3 s-1]", "measured/this row"]),
        _section("Checks", _check_rows(averages)),
    ]
    notes = []
    if averages:
        notes.append(EXPLAINED)
    return "\n\n".join([section for section in sections if section] + notes)


# -- numbers ----------------------------------------------------------------------------------


def _count(value: object) -> str:
    """Return a number as a whole one with its thousands apart, or "-"."""
    found = finite(value)
    return "-" if found is None else f"{round(found):,}"


def _value(entries: Mapping[str, Any], name: str, part: str = "value") -> Any:
    """Return one part of an entry of the averages or of theory; None where there is no such entry."""
    entry = entries.get(name)
    return entry.get(part) if isinstance(entry, Mapping) else None


def _ratio(value: object, reference: object, error: object = None) -> str:
    """Return value/reference with its error, or "-"."""
    top, bottom, spread = finite(value), finite(reference), finite(error)
    if top is None or not bottom:
        return "-"
    return with_error(top / bottom, None if spread is None else abs(spread / bottom))


# -- sections ---------------------------------------------------------------------------------


def _section(title: str, rows: Iterable[Row], head: Sequence[str] = (), widths: Sequence[int] = (28,)) -> str:
    """Return a section, its title with column heads above indented rows; "" without rows."""
    rows = list(rows)
    if not rows:
        return ""
    lines = [_line(title, head, widths)] + [_line(f"  {name}", cells, widths) for name, cells in rows]
    return "\n".join(lines)


def _line(title: str, cells: Sequence[str], widths: Sequence[int]) -> str:
    """Return one row; a long text in its only cell is folded below itself."""
    first = textwrap.wrap(cells[0], WIDTH - TITLE) if len(cells) == 1 else list(cells[:1])
    widths = [*widths, *[widths[-1]] * len(cells)]
    rest = "".join(f"{cell:<{width}}" for cell, width in zip(cells[1:], widths[1:], strict=False))
    start = f"{title:<{TITLE}}{(first or [''])[0]:<{widths[0]}}{rest}".rstrip()
    return "\n".join([start, *(" " * TITLE + line for line in first[1:])])


def _run_rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return the rows on the run itself: its status, size and speed."""
    rows: list[Row] = []
    if summary.get("name"):
        rows.append(("name", [one_line(summary["name"], 200)]))
    if "status" in summary:
        notes = summary.get("notes") or []
        # Notes have rows of their own; what is left is the reason of a failure.
        reason = "" if notes and summary.get("status") == "done" else summary.get("status_text")
        words = [str(word) for word in (summary["status"], reason) if word]
        rows.append(("status", [one_line(": ".join(words)) or "-"]))
        rows += [("note", [one_line(note)]) for note in notes]
    cached = " (cached)" if summary.get("compiled_before") is True else ""
    formats = (
        ("solver", "solver", lambda x: one_line(x or "-"), ""),
        ("markers", "markers", _count, ""),
        ("replicas", "replicas", _count, ""),
        ("cells", "cells", _count, ""),
        ("steps", "steps", _count, ""),
        ("time step", "time_step_s", number, " s"),
        ("largest nu_max dt", "max_scattering_per_step", lambda x: number(x, 3), ""),
        ("precision", "precision", lambda x: one_line(x or "-"), ""),
        ("speed", "marker_steps_per_second", lambda x: number(x, 3), " marker-steps/s"),
        ("wall time, stepping", "wall_seconds", lambda x: number(x, 3), " s"),
        ("wall time, compiling", "compile_seconds", lambda x: number(x, 3), f" s{cached}"),
    )
    for title, key, form, unit in formats:
        if key in summary:
            text = form(summary[key])
            rows.append((title, [text if text == "-" else text + unit]))
    return rows


def _plasma_rows(theory: Mapping[str, Any]) -> list[Row]:
    """Return the rows on the plasma at t = 0."""
    rows: list[Row] = []
    for title, name in (("v_A/c", "alfven_speed"), ("Omega0", "gyrofrequency"), ("tau_B", "expansion_time")):
        if name in theory:
            text, unit = number(_value(theory, name)), str(_value(theory, name, "unit") or "")
            unit = "" if name == "alfven_speed" or text == "-" else f" {unit}"
            years = finite(_value(theory, name)) if name == "expansion_time" else None
            extra = "" if years is None else f"  ({number(years / YEAR, 3)} yr)"
            rows.append((title, [text + unit + extra]))
    return rows


def _anisotropy_rows(averages: Mapping[str, Any], theory: Mapping[str, Any]) -> list[Row]:
    """Return the rows on Delta P/P_c, each also in units of v_A/c."""
    speed, rows = _value(theory, "alfven_speed"), []
    measured = _value(averages, "pressure_anisotropy")
    for title, source, name in (
        ("measured", averages, "pressure_anisotropy"),
        ("threshold (eq. 23)", theory, "threshold"),
        ("theory, constant nu", theory, "anisotropy_constant_nu"),
        ("share of the gap's markers", averages, "gap_pressure_anisotropy"),
    ):
        if name not in source:
            continue
        value, error = _value(source, name), _value(source, name, "stderr")
        cells = [with_error(value, error), _ratio(value, speed, error)]
        share = finite(value), finite(measured)
        if name.startswith("gap") and share[0] is not None and share[1]:
            cells[1] += f"  ({100.0 * share[0] / share[1]:.0f} % of measured)"
        rows.append((title, cells))
    return rows


def _drift_rows(averages: Mapping[str, Any], theory: Mapping[str, Any]) -> list[Row]:
    """Return the rows on v_D of a run with an imposed gradient; none of other runs."""
    # Without a gradient the drift is noise.
    if "heating_drift" not in theory:
        return []
    speed, rows = finite(_value(theory, "alfven_speed")), []
    unit = None if speed is None else speed * SPEED_OF_LIGHT
    for title, source in (("measured", averages), ("theory", theory)):
        if "drift_velocity" in source:
            value, error = _value(source, "drift_velocity"), _value(source, "drift_velocity", "stderr")
            rows.append((title, [with_error(value, error), _ratio(value, unit, error)]))
    if "diffusivity" in theory:
        rows.append(("theory's diffusivity (eq. 52)", [number(_value(theory, "diffusivity"), 3) + " cm2 s-1"]))
    return rows


def _scattering(averages: Mapping[str, Any], theory: Mapping[str, Any]) -> str:
    """Return the section on nu and mean free path, measured and by theory, one row per momentum."""
    names = ("scattering_frequency", "mean_free_path")
    rows: list[Row] = []
    for p in MOMENTA:
        keys = [f"{name}_p{p:g}" for name in names]
        if not any(key in averages or key in theory for key in keys):
            continue
        cells = []
        for key in keys:
            cells.append(with_error(_value(averages, key), _value(averages, key, "stderr")))
            cells.append(number(_value(theory, key), 3))
        rows.append((f"p = {p:g} m_p c", cells))
    head = ["nu [s-1]", "theory", "v/nu [pc]", "theory"]
    return _section("Scattering, mean over mu", rows, head, widths=(24, 12, 20, 10))


def _heating_rows(averages: Mapping[str, Any], theory: Mapping[str, Any]) -> list[Row]:
    """Return the rows on the power into waves: measured, and theory's with the ratio of the measured one to it."""
    measured, error = _value(averages, "heating_rate"), _value(averages, "heating_rate", "stderr")
    rows: list[Row] = []
    if "heating_rate" in averages:
        rows.append(("particles into waves", [with_error(measured, error)]))
    for title, name in (
        ("-v_A dP_c/ds (eq. 38)", "heating_drift"),
        ("theory, with the gap", "heating_exact_gap"),
        ("theory, no gap", "heating_exact"),
        ("lower bound (eq. 48)", "heating_bound"),
        ("radiative cooling", "cooling"),
    ):
        value = _value(theory, name)
        # No cooling is nothing to compare with; theory gives it as 0.
        if name in theory and not (name == "cooling" and value == 0.0):
            rows.append((title, [number(value), _ratio(measured, value, error)]))
    return rows


def _check_rows(averages: Mapping[str, Any]) -> list[Row]:
    """Return the rows on the identity of both heating rates and on conservation."""
    rows: list[Row] = []
    for title, name in (
        ("spectral/kick heat (eq. 37)", "identity_ratio"),
        ("largest energy residual", "energy_residual"),
        ("largest number residual", "number_residual"),
        ("largest imbalance of a step", "energy_imbalance"),
    ):
        if name in averages:
            value, error = _value(averages, name), _value(averages, name, "stderr")
            digits = number(value, 2) if finite(error) is None and name != "identity_ratio" else None
            rows.append((title, [digits or with_error(value, error)]))
    return rows
