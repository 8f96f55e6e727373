"""Draw the paper's numbers: recomputed, exact and simulated over printed, on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crmc.outputs import writing
from crmc.paper.rows import Number
from crmc.results.colours import BLUE, GREEN, GREY, ORANGE, RED

#: Column -> (legend, marker, colour, vertical offset in rows, size).
_STYLES = {
    "recomputed": ("the paper's formula", "o", BLUE, -0.27, 5.5),
    "exact": ("exact coefficients", "s", ORANGE, 0.0, 5.0),
    "simulated": ("simulated", "D", GREEN, 0.27, 4.5),
}


def draw(numbers: Sequence[Number], path: Path) -> Path:
    """Draw the numbers and write the figure to ``path``, in the format of its suffix.

    Raises OutputError if it cannot be written.
    """
    rows = [row for row in numbers if row.printed and any(getattr(row, column) is not None for column in _STYLES)]
    figure = Figure(figsize=(9.5, 1.3 + 0.28 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    for place, row in enumerate(rows):
        _draw_row(axes, place, row)
    axes.axvline(1.0, color="black", linewidth=0.8, zorder=1)
    axes.set_xscale("log")
    axes.set_xlabel("ratio to the printed number")
    axes.set_yticks(range(len(rows)), [_label(row) for row in rows], fontsize=8.5)
    for tick, row in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_color(RED if row.misprint else "black")
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="x", color="0.9", zorder=0)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    handles = [
        axes.plot([], [], marker, color=colour, markersize=size, label=legend)[0]
        for column, (legend, marker, colour, _, size) in _STYLES.items()
        if any(getattr(row, column) is not None for row in rows)
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False, fontsize=9)
    with writing(path) as file:
        figure.savefig(file, dpi=150, format=path.suffix[1:].lower())
    return path


def _draw_row(axes: Axes, place: int, row: Number) -> None:
    """Draw the points and the flag of one number; misprints on a red band."""
    assert row.printed
    if row.misprint:
        axes.axhspan(place - 0.5, place + 0.5, color=RED, alpha=0.12, linewidth=0, zorder=0)
    axes.annotate(
        row.flag,
        (1.0, place),
        xycoords=("axes fraction", "data"),
        xytext=(6, 0),
        textcoords="offset points",
        color=RED if row.misprint else GREY,
        fontsize=8.5,
        va="center",
    )
    for column, (_, marker, colour, offset, size) in _STYLES.items():
        value = getattr(row, column)
        if value is None:
            continue
        error = None
        if column == "simulated":
            value, stderr = value.value, value.stderr
            error = None if stderr is None else abs(stderr / row.printed)
        style: dict[str, Any] = {"color": colour, "markersize": size, "elinewidth": 1.2, "zorder": 3}
        axes.errorbar(value / row.printed, place + offset, xerr=error, fmt=marker, **style)


def _label(row: Number) -> str:
    """Return the label of a number, with its equation if it has one."""
    return f"{row.name}  ({row.equation})" if row.equation else row.name
