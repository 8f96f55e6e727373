"""The figure of the numbers: a point for every value, and a mark for every misprint."""

import pytest

from crmc.paper.figures import draw
from crmc.paper.numbers import numbers
from crmc.paper.rows import Number
from crmc.paper.simulation import Measured


def test_figure_without_simulation_has_no_simulated_legend(tmp_path, monkeypatch):
    """Legends of the columns that are there, and three misprints."""
    seen = {}
    monkeypatch.setattr("crmc.paper.figures.Figure.savefig", lambda self, path, dpi, format: seen.update(figure=self))
    draw(numbers(), tmp_path / "x.png")
    figure = seen["figure"]
    texts = [entry.get_text() for entry in figure.legends[0].get_texts()]
    assert texts == ["the paper's formula", "exact coefficients"]
    assert [note.get_text() for note in figure.axes[0].texts].count("misprint") == 3


def test_points_are_ratios_to_the_printed_number(tmp_path, monkeypatch):
    """A made-up row: 3, 5 and 8 +- 1 over a printed 2; a row without a printed number is left out."""
    seen = {}
    monkeypatch.setattr("crmc.paper.figures.Figure.savefig", lambda self, path, dpi, format: seen.update(figure=self))
    row = Number("key", "6", "48", "name", "", 2.0, "=", 3.0, 5.0, Measured(8.0, 1.0), 8.0, "", "")
    unprinted = Number("other", "6", "", "other", "", None, "=", 3.0, None, None, None, "", "")
    draw([row, unprinted], tmp_path / "x.png")
    (axes,) = seen["figure"].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["name  (48)"]
    points = [container.lines[0].get_xdata(orig=False) for container in axes.containers]
    assert [float(x[0]) for x in points] == [1.5, 2.5, 4.0]
    ((ends,),) = (bar.get_segments() for bar in axes.containers[2].lines[2])
    assert [float(x) for x in ends[:, 0]] == pytest.approx([3.5, 4.5])
