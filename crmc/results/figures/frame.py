"""Draw what figures have in common: a column of panels over time, titles, lines with error bands, levels of theory.

Pyplot is not used, so no window opens and no global state changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from crmc.results.drawn import Drawn
from crmc.text import one_line

#: Dimensions of variables of the waves.
WAVE = ("time", "direction", "helicity", "k")
#: Place of a legend beside its panel.
BESIDE: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "fontsize": 9, "frameon": False}

Panel = Callable[[Axes], None]
#: Makes an entry of a legend.
entry: Callable[..., Line2D] = Line2D


def over_time(result: Drawn, panels: Sequence[Panel]) -> Figure | None:
    """Return a figure with a column of panels over time; None without panels."""
    if not panels:
        return None
    figure = Figure(figsize=(9.5, 0.6 + 3.2 * len(panels)), layout="constrained")
    column = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for panel, axes in zip(panels, column, strict=True):
        panel(axes)
        finish(axes)
        axes.legend(**BESIDE)
    column[-1].set_xlabel("time [s]")
    titled(figure, result)
    return figure


def finish(axes: Axes) -> None:
    """Add a grid, and widen a logarithmic axis about a constant line."""
    axes.grid(True, alpha=0.25, linewidth=0.6)
    widen(axes)


def widen(axes: Axes) -> None:
    """Widen a logarithmic axis about a constant line, about which matplotlib leaves no room."""
    low, high = axes.dataLim.intervaly
    alone = len(axes.get_shared_y_axes().get_siblings(axes)) == 1
    if alone and axes.get_yscale() == "log" and 0.0 < low <= high < 1.01 * low:
        axes.autoscale(False, axis="y")
        axes.set_ylim(low / 3.0, high * 3.0)


def titled(figure: Figure, result: Drawn) -> None:
    """Write the name of the run above a figure, and its status unless it is done."""
    words = one_line(result.data.attrs.get("title", ""), 80)
    if (status := result.data.attrs.get("status", "done")) != "done":
        words += f" ({one_line(status, 40)})"
    titled_by(figure, words)


def titled_by(figure: Figure, words: str) -> None:
    """Write ``words`` above a figure."""
    # The name of a run may hold any text, such as "$" that opens no formula.
    figure.suptitle(words, fontsize=10, parse_math=False)


def curve(axes: Axes, time: np.ndarray, values: np.ndarray, error: np.ndarray | None = None, **style: Any) -> None:
    """Draw values over time as a line with an error band, or as points with bars where a value stands between NaN."""
    finite = np.concatenate([[False], np.isfinite(values), [False]])
    lone = np.any(finite[1:-1] & ~finite[:-2] & ~finite[2:])
    style = {"linewidth": 1.4, **style}
    if lone:
        axes.errorbar(time, values, error, **style | {"linestyle": "", "marker": "o", "markersize": 3.5})
        return
    axes.plot(time, values, **style)
    if error is not None:
        axes.fill_between(time, values - error, values + error, color=style["color"], alpha=0.25, linewidth=0.0)


def quantity(axes: Axes, result: Drawn, name: str, unit: float = 1.0, **style: Any) -> None:
    """Draw a variable over time with its standard error, in units of ``unit``; draw nothing where it is absent."""
    values, error = result.get(name), result.get(f"{name}_stderr")
    if values is not None and unit:
        curve(axes, result.time, values / unit, None if error is None else error / unit, **style)


def level(axes: Axes, value: float | None, label: str, **style: Any) -> None:
    """Draw a horizontal line; far beyond the axis, write its value into the legend instead."""
    if value is None:
        return
    low, high = axes.get_ylim()
    if abs(value - 0.5 * (low + high)) <= 2.0 * (high - low):
        axes.axhline(value, linewidth=1.2, label=label, **style)
    else:
        axes.plot([], [], label=f"{label}: {scientific(value)} (off scale)", **style)


def scientific(value: float, digits: int = 2) -> str:
    """Return a number as text of a label, such as 2.1 x 10^10; plain where that is short."""
    if value == 0.0 or 0.01 <= abs(value) < 1e4:
        return f"{value:.{digits}g}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return rf"${mantissa}\times10^{{{int(exponent)}}}$"


def band(axes: Axes, x: Any, values: np.ndarray, error: np.ndarray, colour: Any) -> None:
    """Draw the band of one standard error about positive values on a logarithmic axis, which has its lines already."""
    widen(axes)
    low = np.maximum(values - error, 0.25 * values)  # the axis has no zero, and should not show much of the way there
    axes.fill_between(x, low, values + error, where=values > 0.0, color=colour, alpha=0.25, linewidth=0.0)
