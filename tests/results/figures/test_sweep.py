"""The figures of a sweep: lines and maps equal the averages, seeds are averaged over, theory stands beside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from support.figure_cases import line
from support.sweep_cases import KEYS, swept_data

from crmc.results.figures.sweep import drawings, swept


def test_what_is_a_sweep() -> None:
    """The dimensions of the status of its points; a run has none."""
    data = swept_data("a", "b")
    assert swept(data) == ("a", "b") and swept(data.drop_vars("status")) == ()


def test_lines_over_one_key() -> None:
    """Points are the averages, the dashed line is theory, to the bit; axes are logarithmic where the key is."""
    axes: Any = drawings(swept_data("a"), ["a"])["averages"].axes[0]
    x, y = line(axes, "measured")
    np.testing.assert_array_equal(x, KEYS["a"])
    np.testing.assert_array_equal(y, 2e-30 / KEYS["a"])
    (dashed,) = [curve for curve in axes.lines if curve.get_linestyle() == "--" and len(curve.get_xdata())]
    np.testing.assert_array_equal(dashed.get_ydata(), 2.5e-30 / KEYS["a"])
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log") and axes.get_xlabel() == "a  [s]"


def test_spectra_over_one_key() -> None:
    """A line for each value in each of the four branches, with bands that end at +1 error."""
    panels: list[Any] = drawings(swept_data("a"), ["a"])["spectra"].axes
    assert len(panels) == 4
    for axes in panels:
        found = [float(np.asarray(curve.get_ydata())[0]) for curve in axes.lines]
        np.testing.assert_allclose(found, 1e-7 / KEYS["a"], rtol=1e-14)
        tops = [np.asarray(x.get_paths()[0].vertices)[:, 1].max() for x in axes.collections]
        np.testing.assert_allclose(tops, 1.1e-7 / KEYS["a"], rtol=1e-12)


def test_seeds_are_averaged_over() -> None:
    """Heating is 2e-30/a + 1e-31 times the mean of 0..3, with an error of 1e-33/sqrt(4), to 1e-12."""
    figure = drawings(swept_data("a", "seed"), ["a", "seed"])["averages"]
    axes: Any = figure.axes[0]
    np.testing.assert_allclose(line(axes, "measured")[1], 2e-30 / KEYS["a"] + 1.5e-31, rtol=1e-12)
    (bars,) = axes.collections
    np.testing.assert_allclose([np.ptp(segment[:, 1]) for segment in bars.get_segments()], 1e-33, rtol=1e-10)
    assert "mean of 4 seeds" in figure.get_suptitle()


def test_seeds_alone() -> None:
    """They are the axis where nothing else is swept."""
    axes = drawings(swept_data("seed"), ["seed"])["averages"].axes[0]
    np.testing.assert_array_equal(line(axes, "measured")[0], KEYS["seed"])


@pytest.mark.parametrize("keys", [("a", "b"), ("a", "b", "c")])
def test_maps_over_two_keys(keys: tuple[str, ...]) -> None:
    """Heating and its ratio to theory, 0.8, first key to the right; a third key stands at its middle, in the title."""
    figures = drawings(swept_data(*keys), keys)
    assert set(figures) == {"averages"}
    panels: dict[str, Any] = {axes.get_title(): axes for axes in figures["averages"].axes}
    (title,) = [x for x in panels if x.startswith("power into waves  [")]
    np.testing.assert_allclose(_map(panels[title]), np.tile(2e-30 / KEYS["a"], (2, 1)), rtol=1e-14)
    np.testing.assert_allclose(_map(panels["power into waves, over theory"]), np.full((2, 3), 0.8), rtol=1e-12)
    assert panels[title].get_xlabel() == "a  [s]" and panels[title].get_xscale() == "log"
    assert ("c = 2" in figures["averages"].get_suptitle()) == (len(keys) == 3)


def _map(axes: Any) -> np.ndarray:
    """The values of the only map of a panel."""
    (found,) = [x for x in axes.collections if isinstance(x, QuadMesh)]
    return np.asarray(found.get_array())
