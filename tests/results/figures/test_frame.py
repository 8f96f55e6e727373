"""What figures have in common: numbers as labels, levels of theory."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from crmc.results.figures.frame import curve, level, scientific


def test_scientific() -> None:
    """Short numbers plain, others as a mantissa and a power of ten."""
    assert [scientific(x) for x in (0.0, 0.5, 250.0, 2.1e10, -1e-14)] == [
        "0",
        "0.5",
        "2.5e+02",
        r"$2.1\times10^{10}$",
        r"$-1.0\times10^{-14}$",
    ]


@pytest.mark.parametrize(("value", "drawn"), [(2.0, True), (40.0, False), (None, False)])
def test_level(value: float | None, drawn: bool) -> None:
    """Near the axis a line, far from it the value in the legend, without a value nothing."""
    axes = Figure().add_subplot()
    axes.set_ylim(0.0, 3.0)
    level(axes, value, "cooling")
    found = [np.asarray(x.get_ydata()).tolist() for x in axes.lines]
    assert [y for y in found if y] == ([[2.0, 2.0]] if drawn else [])
    labels = axes.get_legend_handles_labels()[1]
    assert labels == ([] if value is None else ["cooling" if drawn else "cooling: 40 (off scale)"])


def test_lone_points_are_seen() -> None:
    """A value between NaN, which no line shows, makes points of all."""
    axes = Figure().add_subplot()
    curve(axes, np.arange(3.0), np.array([np.nan, 1.0, np.nan]), color="k")
    assert axes.lines[0].get_marker() == "o" and axes.lines[0].get_linestyle() == "None"
