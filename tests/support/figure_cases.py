"""What figures draw, read back from their panels."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from support.result_cases import synthetic

from crmc.results.drawn import Drawn, drawn_from


def synthetic_drawn() -> Drawn:
    """The synthetic result as figures draw it, without the spectrum of theory."""
    return drawn_from(synthetic(), "run.nc")._replace(balance=None)


def changed(result: Drawn, **values: Any) -> Drawn:
    """The result with some variables replaced (None: left out)."""
    gone = [name for name, value in values.items() if value is None]
    data = result.data.drop_vars(gone).assign({n: v for n, v in values.items() if v is not None})
    return result._replace(data=data)


def drawn(figure: Figure | None) -> list[Axes]:
    """The panels of a figure that must be there."""
    assert figure is not None
    return figure.axes


def line(axes: Axes, label: str) -> tuple[np.ndarray, np.ndarray]:
    """The points of the only line whose label starts so, be it a curve or the points of an errorbar."""
    handles, labels = axes.get_legend_handles_labels()
    (found,) = [handle for handle, name in zip(handles, labels, strict=True) if name.startswith(label)]
    curve: Any = found[0] if isinstance(found, ErrorbarContainer) else found
    return np.asarray(curve.get_xdata(), float), np.asarray(curve.get_ydata(), float)


def spectra_in(axes: Axes) -> list[np.ndarray]:
    """Every line over k, without the horizontal one of the seed."""
    curves = [np.asarray(curve.get_ydata(), float) for curve in axes.lines]
    return [curve for curve in curves if len(curve) > 2]


def labels(axes: Axes) -> list[str]:
    return axes.get_legend_handles_labels()[1]


def band(axes: Axes, number: int = 0) -> np.ndarray:
    """Corners of an error band."""
    return np.asarray(axes.collections[number].get_paths()[0].vertices)
