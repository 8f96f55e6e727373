"""Draw the averages of a sweep over its keys: lines over one key, maps over two, with theory beside them.

Seeds are averaged over.  Of more than two keys the first two are drawn, at the middle value of each of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crmc.results.colours import BLACK, BLUE, GREEN, ORANGE, RED
from crmc.results.figures.frame import band, finish, titled_by
from crmc.text import one_line

_SEED = "seed"
_COLOURS = (BLUE, ORANGE, GREEN, RED)


class Shown(NamedTuple):
    """What a panel shows.

    title, unit: of the axis.
    curves: name of an average, names of the prediction beside it, of which the first that is there counts, and label.
    theory: label of the predictions.
    comparable: whether averages are those that theory predicts, so that maps show their ratio, too.
    """

    title: str
    unit: str
    curves: tuple[tuple[str, tuple[str, ...], str], ...]
    theory: str = ""
    comparable: bool = False


#: Panels of the figure of averages.
PANELS = (
    Shown(
        "power into waves",
        r"$\mathrm{erg\,cm^{-3}\,s^{-1}}$",
        (("heating_rate", ("heating_exact_gap", "heating_exact"), "measured"),),
        "theory, steady state",
        True,
    ),
    Shown(r"$\Delta P/P_c$", "", (("pressure_anisotropy", ("threshold",), "measured"),), "threshold (eq. 23)"),
    Shown(
        "mean free path",
        "pc",
        tuple((f"mean_free_path_p{p}", (f"mean_free_path_p{p}",), f"$p = {p}\\ m_p c$") for p in (1, 3, 10)),
        "theory, steady state",
        True,
    ),
    Shown("spectral over kick heating (eq. 37)", "", (("identity_ratio", (), "measured"),)),
)


def swept(data: xr.Dataset) -> tuple[str, ...]:
    """Return the dimensions of the swept keys and seeds; none of a result that is no sweep."""
    return tuple(str(dim) for dim in data["status"].dims) if "status" in data else ()


def drawings(data: xr.Dataset, dims: Sequence[str]) -> dict[str, Figure]:
    """Return the figures of a sweep over ``dims`` by name: averages, and spectra where one key is swept."""
    keys = [dim for dim in dims if dim != _SEED] or [_SEED]
    words = one_line(data.attrs.get("title", ""), 80)
    if _SEED in dims and keys != [_SEED]:
        data = _over_seeds(data)
        words += f", mean of {data.attrs['seeds']} seeds"
    for key in keys[2:]:
        middle = data.sizes[key] // 2
        words += f", {key} = {float(data[key][middle]):.4g}"
        data = data.isel({key: middle})
    panels = [panel for panel in PANELS if any(_values(data, name) is not None for name, *_ in panel.curves)]
    figures: dict[str, Figure] = {}
    if panels:
        draw = _lines if len(keys) == 1 else _maps
        figures["averages"] = draw(data, keys[:2], panels)
    if len(keys) == 1 and (figure := _spectra(data, keys[0])) is not None:
        figures["spectra"] = figure
    for figure in figures.values():
        titled_by(figure, words)
    return figures


def _over_seeds(data: xr.Dataset) -> xr.Dataset:
    """Return the numbers of ``data`` as means over the seeds; errors are those of the mean."""
    numbers = data[[str(name) for name, x in data.data_vars.items() if x.dtype.kind == "f"]]
    found = numbers.mean(_SEED, skipna=True, keep_attrs=True)
    for name in numbers.data_vars:
        if str(name).endswith("_stderr"):
            count = numbers[name].notnull().sum(_SEED)
            found[name] = ((numbers[name] ** 2).sum(_SEED) ** 0.5 / count.where(count > 0)).assign_attrs(
                numbers[name].attrs
            )
    return found.assign_attrs(data.attrs | {"seeds": data.sizes[_SEED]})


def _values(data: xr.Dataset, name: str, kind: str = "average") -> np.ndarray | None:
    """Return an average or a prediction at every point; None where it is absent or nowhere finite."""
    full = f"{kind}_{name}"
    values = np.asarray(data[full].values, float) if full in data else np.array(np.nan)
    return values if np.isfinite(values).any() else None


def _theory(data: xr.Dataset, names: Sequence[str]) -> np.ndarray | None:
    """Return the first prediction of ``names`` that is there at every point; None where none is."""
    found = (_values(data, name, "theory") for name in names)
    return next((values for values in found if values is not None), None)


def _lines(data: xr.Dataset, keys: Sequence[str], panels: Sequence[Shown]) -> Figure:
    """Return a grid of panels with averages over one key, their error bands, and theory dashed."""
    rows = (len(panels) + 1) // 2
    figure = Figure(figsize=(11.0, 0.6 + 3.4 * rows), layout="constrained")
    grid = figure.subplots(rows, 2, squeeze=False).ravel()
    x = np.asarray(data[keys[0]].values, float)
    for axes, panel in zip(grid, panels, strict=False):
        theory = False
        for (name, predicted, label), colour in zip(panel.curves, _COLOURS, strict=False):
            if (values := _values(data, name)) is None:
                continue
            error = _values(data, f"{name}_stderr")
            axes.errorbar(x, values, error, color=colour, marker="o", markersize=4, linewidth=1.2, label=label)
            if (exact := _theory(data, predicted)) is not None:
                axes.plot(x, exact, color=colour if len(panel.curves) > 1 else BLACK, linestyle="--", linewidth=1.0)
                theory = True
        if theory:
            axes.plot([], [], color=BLACK, linestyle="--", label=panel.theory)
        _scale(axes, x, panel.comparable)
        axes.set(xlabel=_label(data, keys[0]), ylabel=panel.title + (f"  [{panel.unit}]" if panel.unit else ""))
        finish(axes)
        axes.legend(fontsize=8)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    return figure


def _maps(data: xr.Dataset, keys: Sequence[str], panels: Sequence[Shown]) -> Figure:
    """Return a grid of maps of averages over two keys; what is beside theory also as its ratio to that."""
    shown: list[tuple[str, np.ndarray]] = []
    for panel in panels:
        name, predicted, label = panel.curves[len(panel.curves) // 2]
        if name not in {x.removeprefix("average_") for x in map(str, data.data_vars)}:
            continue
        average = data[f"average_{name}"].transpose(*reversed(keys))
        more = f", {label}" if len(panel.curves) > 1 else ""
        shown.append((panel.title + more + (f"  [{panel.unit}]" if panel.unit else ""), average.values))
        if panel.comparable and (exact := _theory(data.transpose(*reversed(keys), ...), predicted)) is not None:
            shown.append((panel.title + more + ", over theory", average.values / exact))
    rows = (len(shown) + 1) // 2
    figure = Figure(figsize=(11.0, 0.6 + 3.8 * rows), layout="constrained")
    grid = figure.subplots(rows, 2, squeeze=False).ravel()
    x, y = (np.asarray(data[key].values, float) for key in keys)
    for axes, (title, values) in zip(grid, shown, strict=False):
        picture = axes.pcolormesh(x, y, values, shading="nearest", cmap="viridis")
        figure.colorbar(picture, ax=axes)
        axes.set_title(title, fontsize=10)
        _scale(axes, x)
        if _geometric(y):
            axes.set_yscale("log")
        axes.set(xlabel=_label(data, keys[0]), ylabel=_label(data, keys[1]))
    for axes in grid[len(shown) :]:
        axes.set_axis_off()
    return figure


def _spectra(data: xr.Dataset, key: str) -> Figure | None:
    """Return the average spectra of the four branches, a colour for each value of the key; None without waves."""
    if "average_wave_power" not in data or not np.isfinite(data["average_wave_power"]).any():
        return None
    figure = Figure(figsize=(11.0, 7.4), layout="constrained")
    grid = figure.subplots(2, 2, sharex=True, sharey=True, subplot_kw={"xscale": "log", "yscale": "log"})
    colours = colormaps["viridis"](np.linspace(0.0, 0.9, data.sizes[key]))
    panels = [(grid[i, j], d, h) for i, d in enumerate((1, -1)) for j, h in enumerate((1, -1))]
    for axes, d, h in panels:
        for point, colour in zip(_branches(data, key, d, h), colours, strict=True):
            e = np.where(point["average_wave_power"] > 0.0, point["average_wave_power"], np.nan)
            axes.plot(point["k"], e, color=colour, label=f"{float(point[key]):.3g}")
        axes.set_title(f"direction {d:+d}, helicity {h:+d}", fontsize=10)
        axes.set_xlabel(r"$k$  [$\Omega_0/c$ at $t = 0$]" if d == -1 else "")
        axes.set_ylabel(r"$e(k)$, mean of the last half" if h == 1 else "")
    for axes, d, h in panels:
        for point, colour in zip(_branches(data, key, d, h), colours, strict=True):
            if "average_wave_power_stderr" in point:
                e, error = (np.nan_to_num(point[f"average_wave_power{end}"].values) for end in ("", "_stderr"))
                band(axes, point["k"], e, error, colour)
        finish(axes)
    grid[0, 1].legend(
        title=_label(data, key), fontsize=8, title_fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1.0)
    )
    return figure


def _branches(data: xr.Dataset, key: str, d: int, h: int) -> list[xr.Dataset]:
    """Return one branch of the points of a sweep over one key."""
    branch: dict[str, Any] = {"direction": d, "helicity": h}
    return [data.sel(branch).isel({key: i}) for i in range(data.sizes[key])]


def _scale(axes: Axes, x: np.ndarray, logarithmic: bool = False) -> None:
    """Set logarithmic axes where values span more than a factor of 3."""
    if _geometric(x):
        axes.set_xscale("log")
        axes.tick_params(axis="x", which="minor", labelsize=6)
    low, high = axes.dataLim.intervaly
    if logarithmic and low > 0.0 and high > 3.0 * low:
        axes.set_yscale("log")


def _geometric(x: np.ndarray) -> bool:
    """Return whether values are positive and span more than a factor of 3."""
    return bool(x.min() > 0.0 and x.max() > 3.0 * x.min())


def _label(data: xr.Dataset, key: str) -> str:
    """Return the name of a key with its unit."""
    unit = str(data[key].attrs.get("units", "1"))
    return key if unit == "1" else f"{key}  [{unit}]"
