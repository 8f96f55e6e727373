"""Draw the figures of a result.

Each function in `FIGURES` draws a `Drawn`.  A panel whose quantities are absent, NaN or zero throughout is left out;
a figure without panels is None.  Pyplot is not used, so no window opens and no global state changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from crmc.config.errors import ConfigError
from crmc.outputs import writing
from crmc.results.colours import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY
from crmc.results.dataset import ADVICE, read
from crmc.results.drawn import Drawn, drawn_from
from crmc.text import one_line

_WAVE = ("time", "direction", "helicity", "k")
_BESIDE: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "fontsize": 9, "frameon": False}

Panel = Callable[[Axes], None]
_entry: Callable[..., Line2D] = Line2D  # of a legend


def plot(result: str | Path | xr.Dataset, folder: str | Path = ".") -> list[Path]:
    """Draw every figure of a result into ``folder`` and return the PNG files.

    result: dataset or path of a result file.  Raises ConfigError where it is no result, or holds nothing to draw.
    """
    folder = Path(folder)
    if isinstance(result, xr.Dataset):
        source, data = Path(str(result.attrs.get("title", "crmc")).replace("/", "_")), result
    else:
        source = Path(result)
        data = read(source)
    shown = drawn_from(data, str(source))
    try:
        figures = {name: figure for name, draw in FIGURES.items() if (figure := draw(shown)) is not None}
    except (LookupError, TypeError, ValueError) as error:
        raise ConfigError(f"{source}: does not have the form of a result ({error}); {ADVICE}") from error
    if not figures:
        raise ConfigError(f"{source}: holds nothing to draw; {ADVICE}")
    folder.mkdir(parents=True, exist_ok=True)
    # The file's own name first: results of several runs may go to one folder.
    paths = {name: folder / f"{source.stem}-{name}.png" for name in figures}
    for name, figure in figures.items():
        with writing(paths[name]) as file:
            figure.savefig(file, dpi=150, format="png")
    return list(paths.values())


def _figure(result: Drawn, panels: Sequence[Panel]) -> Figure | None:
    """Return a figure with a column of panels over time; None without panels."""
    if not panels:
        return None
    figure = Figure(figsize=(9.5, 0.6 + 3.2 * len(panels)), layout="constrained")
    column = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for panel, axes in zip(panels, column, strict=True):
        panel(axes)
        _finish(axes)
        axes.legend(**_BESIDE)
    column[-1].set_xlabel("time [s]")
    _title(figure, result)
    return figure


def _finish(axes: Axes) -> None:
    """Add a grid, and widen a logarithmic axis about a constant line."""
    axes.grid(True, alpha=0.25, linewidth=0.6)
    # Matplotlib leaves no room about a line that is constant.
    low, high = axes.dataLim.intervaly
    if axes.get_yscale() == "log" and 0.0 < low <= high < 1.01 * low:
        axes.autoscale(False, axis="y")
        axes.set_ylim(low / 3.0, high * 3.0)


def _title(figure: Figure, result: Drawn) -> None:
    """Write the name of the run above a figure, and its status unless it is done."""
    words = one_line(result.data.attrs.get("title", ""), 80)
    if (status := result.data.attrs.get("status", "done")) != "done":
        words += f" ({one_line(status, 40)})"
    # The name of a run may hold any text, such as "$" that opens no formula.
    figure.suptitle(words, fontsize=10, parse_math=False)


def _curve(axes: Axes, time: np.ndarray, values: np.ndarray, error: np.ndarray | None = None, **style: Any) -> None:
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


def _quantity(axes: Axes, result: Drawn, name: str, unit: float = 1.0, **style: Any) -> None:
    """Draw a variable over time with its standard error, in units of ``unit``; draw nothing where it is absent."""
    values, error = result.get(name), result.get(f"{name}_stderr")
    if values is not None and unit:
        _curve(axes, result.time, values / unit, None if error is None else error / unit, **style)


def _level(axes: Axes, value: float | None, label: str, **style: Any) -> None:
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


def pressures(result: Drawn) -> Figure | None:
    """Draw parallel and perpendicular pressure relative to t = 0, and the anisotropy in units of v_A/c."""
    speed = result.predicted("alfven_speed")
    unit = speed or 1.0

    def relative(axes: Axes) -> None:
        for name, label, colour, style in (
            ("parallel_pressure", r"$P_\parallel$, ±1 standard error", BLUE, "-"),
            ("perpendicular_pressure", r"$P_\perp$, ±1 standard error", ORANGE, "-"),
            ("magnetic_field", "$B$", GREY, ":"),
        ):
            if result.get(name) is not None:
                _quantity(axes, result, name, float(result.data[name][0]), label=label, color=colour, linestyle=style)
        axes.set_ylabel("relative to its value at $t = 0$")

    def anisotropy(axes: Axes) -> None:
        _quantity(axes, result, "pressure_anisotropy", unit, color=BLUE, label="measured, ±1 standard error")
        # Without waves there is no gap.
        if result.get("wave_power", _WAVE) is not None:
            _quantity(axes, result, "gap_pressure_anisotropy", unit, color=ORANGE, label="share of markers in the gap")
        for name, label, colour in (
            ("threshold", "threshold (eq. 23)", RED),
            ("anisotropy_constant_nu", "theory, constant ν", BLACK),
        ):
            value = result.predicted(name)
            _level(axes, value and value / unit, label, color=colour, linestyle="--")
        axes.set_ylabel(r"$\Delta P/P_c$" + (r"  [$v_A/c$ at $t = 0$]" if speed else ""))

    shown = any(result.shown(f"{name}_pressure") is not None for name in ("parallel", "perpendicular"))
    panels = [relative] if shown else []
    return _figure(result, panels + ([anisotropy] if result.get("pressure_anisotropy") is not None else []))


def heating(result: Drawn) -> Figure | None:
    """Draw the power from cosmic rays into waves by both estimates, with theory's values."""
    names = (
        ("spectral_heating_rate", r"$2\sum\Gamma W\,dk$, Γ of the functional", SKY, 1.0),
        ("gas_heating_rate", "damped into the gas", GREEN, 1.2),
        ("heating_rate", "kicks, ±1 standard error", BLUE, 1.6),
    )

    def panel(axes: Axes) -> None:
        for name, label, colour, width in names:
            if result.shown(name) is not None:
                _quantity(axes, result, name, label=label, color=colour, linewidth=width)
        axes.axhline(0.0, color=BLACK, linewidth=0.6)
        _leave_out_the_start(axes, [result.get(name) for name, *_ in names])
        for name, label, colour, style in (
            ("heating_exact_gap", "theory with the gap", BLACK, "-"),
            ("heating_exact", "theory without gap", BLACK, "--"),
            ("heating_bound", "lower bound (eq. 48)", PURPLE, "-."),
            ("cooling", "radiative cooling", RED, ":"),
        ):
            _level(axes, result.predicted(name), label, color=colour, linestyle=style)
        axes.set_ylabel(r"power [$\mathrm{erg\,cm^{-3}\,s^{-1}}$]")

    return _figure(result, [panel] if any(result.shown(name) is not None for name, *_ in names) else [])


def _leave_out_the_start(axes: Axes, series: list[np.ndarray | None]) -> None:
    """Set the vertical range to that of ``series`` without the first tenth of the run, and of 0."""
    # There an isotropic start absorbs waves strongly.
    late = [values[len(values) // 10 :] for values in series if values is not None and len(values) >= 20]
    values = np.concatenate(late) if late else np.array([])
    values = values[np.isfinite(values)]
    if len(values) and np.ptp(values) > 0.0:
        low, high = min(values.min(), 0.0), max(values.max(), 0.0)
        axes.set_ylim(low - 0.1 * (high - low), high + 0.1 * (high - low))


#: Variable, label and colour of each store of energy.
_STORES = (
    ("energy_cosmic_rays", "cosmic rays", BLUE),
    ("energy_waves", "waves", GREEN),
    ("energy_gas", "gas", RED),
    ("energy_field", "mean field", PURPLE),
    ("work_external", "work done outside", ORANGE),
    ("energy_injected", "injected", SKY),
    ("energy_radiated", "radiated", BLACK),
)


def ledger(result: Drawn) -> Figure | None:
    """Draw the change of every store of energy, and that of their sum, which should be constant."""
    found = [(entry, v - v[0]) for entry in _STORES if (v := result.get(entry[0])) is not None]
    sizes = [float(np.max(np.nan_to_num(np.abs(change)))) for _, change in found]
    # Stores below the round-off of the sum, such as the seed of the waves, would only stretch the axis.
    stores = [entry for entry, size in zip(found, sizes, strict=True) if size > 1e-12 * max(sizes)]

    def changes(axes: Axes) -> None:
        axes.set_yscale("log")
        for (_, label, colour), change in stores:
            # Stores differ by many decades: logarithmic, with the sign in the line style.
            for sign, style in ((1.0, "-"), (-1.0, "--")):
                part = np.where(sign * change > 0.0, sign * change, np.nan)
                if np.isfinite(part).any():
                    _curve(axes, result.time, part, color=colour, linestyle=style, label=label)
                    label = ""  # one entry in the legend
        axes.set_ylabel("|change| × $B_0/B$  [$\\mathrm{erg\\,cm^{-3}}$]")
        axes.set_title("change of each store since $t = 0$: solid +, dashed −", fontsize=9)

    def balance(axes: Axes) -> None:
        _quantity(axes, result, "energy_residual", color=BLUE, label="sum of all stores")
        axes.set_ylabel("energy residual\n[cosmic-ray energy at $t = 0$]")

    panels = [changes] if stores else []
    return _figure(result, panels + ([balance] if result.shown("energy_residual") is not None else []))


def scattering(result: Drawn) -> Figure | None:
    """Draw scattering frequency and mean free path at the momenta of the result, with theory's values."""

    def draw(axes: Axes, name: str, ylabel: str, values: np.ndarray) -> None:
        axes.set_yscale("log")
        colours = (BLUE, ORANGE, GREEN, PURPLE, RED)
        for p, column, colour in zip(result.data["momentum"].values, values.T, colours, strict=False):
            positive = np.where(column > 0.0, column, np.nan)
            _curve(axes, result.time, positive, color=colour, label=f"$p = {p:g}\\ m_p c$")
            if (level := result.predicted(f"{name}_p{p:g}")) is not None:
                axes.axhline(level, color=colour, linestyle="--", linewidth=1.0)
        if f"{name}_p1" in result.theory:
            axes.plot([], [], color=GREY, linestyle="--", label="theory, steady state")
        axes.set_ylabel(ylabel)

    panels: list[Panel] = []
    for name, ylabel in (
        ("scattering_frequency", r"$\nu$, mean over $\mu$  [$\mathrm{s^{-1}}$]"),
        ("mean_free_path", r"mean free path $v/\nu$  [pc]"),
    ):
        if (values := result.shown(name, ("time", "momentum"))) is not None:
            panels.append(partial(draw, name=name, ylabel=ylabel, values=values))
    return _figure(result, panels)


#: Columns of panels: title, and the sign of d h of their branches.
_COLUMNS = (("co-moving branches ($d\\,h > 0$)", 1), ("counter-moving branches ($d\\,h < 0$)", -1))
#: Direction of a branch, and its line style, colour and symbol.
_DIRECTIONS = ((1, "-", BLUE, "o"), (-1, "--", ORANGE, "s"))


def spectra(result: Drawn) -> Figure | None:
    """Draw the wave power e(k) of the four branches at several times, and their growth and damping rates."""
    rows: list[Callable[[Axes, int], list[Line2D]]] = []
    if (power := result.shown("wave_power", _WAVE)) is not None:
        rows.append(lambda axes, sign: _spectrum(axes, result, power, sign))
    rates = {name: _last_half(result, name) for name in ("growth_rate", "damping_rate")}
    if any(rate is not None for rate in rates.values()):
        rows.append(lambda axes, sign: _rates(axes, result, sign, **rates))
    if not rows:
        return None
    figure = Figure(figsize=(13.0, 0.6 + 4.0 * len(rows)), layout="constrained")
    scales = {"xscale": "log", "yscale": "log"}
    grid = figure.subplots(len(rows), len(_COLUMNS), sharex=True, squeeze=False, subplot_kw=scales)
    for draw, line in zip(rows, grid, strict=True):
        for axes, (title, sign) in zip(line, _COLUMNS, strict=True):
            axes.set_title(title if draw is rows[0] else "", fontsize=10)
            axes.set_xlabel(r"$k$  [$\Omega_0/c$ at $t = 0$]" if draw is rows[-1] else "")
            handles = draw(axes, sign)
            _finish(axes)
        axes.legend(handles=handles, **_BESIDE)
    _title(figure, result)
    return figure


def _last_half(result: Drawn, name: str) -> np.ndarray | None:
    """Return the mean of a variable over the last half of the run, (2, 2, bins); None where it is absent."""
    if (values := result.shown(name, _WAVE)) is None:
        return None
    part = values[result.time >= 0.5 * result.time[-1]]
    count = np.isfinite(part).sum(axis=0)
    return np.nansum(part, axis=0) / np.where(count > 0, count, np.nan)


def _branch(result: Drawn, values: np.ndarray, direction: int, helicity: int) -> np.ndarray:
    """Return one branch, (bins,), of ``values``, (2, 2, bins)."""
    chosen = values[result.data["direction"].values == direction][0]
    return chosen[result.data["helicity"].values == helicity][0]


def _spectrum(axes: Axes, result: Drawn, power: np.ndarray, sign: int) -> list[Line2D]:
    """Draw e(k) at several times and return the entries of the legend.

    power: wave power, (rows, 2, 2, bins).  Colour tells the time, line style the direction.
    """
    chosen = np.unique(np.linspace(0, len(power) - 1, 5).round().astype(int))
    handles = []
    for i, colour in zip(chosen, colormaps["viridis"](np.linspace(0.0, 0.9, len(chosen))), strict=True):
        for d, style, *_ in _DIRECTIONS:
            e = _branch(result, power[i], d, sign * d)
            axes.plot(result.data["k"], np.where(e > 0.0, e, np.nan), color=colour, linestyle=style)
        handles.append(_entry([], [], label=f"$t$ = {scientific(result.time[i])} s", color=colour))
    handles += [_entry([], [], label=f"direction {d:+d}", color=GREY, linestyle=style) for d, style, *_ in _DIRECTIONS]
    if result.seed:
        low, high = axes.get_ylim()
        # Far below the spectrum, the seed would leave it no room.
        if low / 1e3 <= result.seed <= high:
            axes.axhline(result.seed, color=RED, linestyle=":", linewidth=1.2)
        handles.append(_entry([], [], label=f"seed, {scientific(result.seed)}", color=RED, linestyle=":"))
    axes.set_ylabel(r"$e(k) = 8\pi k W_M/B^2$")
    return handles


def _rates(
    axes: Axes, result: Drawn, sign: int, growth_rate: np.ndarray | None, damping_rate: np.ndarray | None
) -> list[Line2D]:
    """Draw rates of growth and damping and return the entries of the legend.

    growth_rate, damping_rate: (2, 2, bins) [1/s].  Symbols are filled where waves grow, open where they are absorbed.
    """
    k, handles = result.data["k"], []
    for d, style, colour, symbol in _DIRECTIONS:
        if growth_rate is not None:
            rate = _branch(result, growth_rate, d, sign * d)
            size = np.where(rate == 0.0, np.nan, np.abs(rate))
            axes.plot(k, size, color=colour, linestyle=style, linewidth=0.8)
            for fill, side, word in ((colour, rate > 0.0, "growth"), ("white", rate < 0.0, "absorption")):
                look: dict[str, Any] = {"color": colour, "linestyle": "", "marker": symbol, "mfc": fill}
                axes.plot(k, np.where(side, size, np.nan), **look)
                handles.append(_entry([], [], label=f"{word}, direction {d:+d}", **look))
        if damping_rate is not None:
            rate = _branch(result, damping_rate, d, sign * d)
            axes.plot(k, np.where(rate > 0.0, rate, np.nan), color=BLACK, linestyle=style, linewidth=1.2)
            handles.append(_entry([], [], label=f"damping, direction {d:+d}", color=BLACK, linestyle=style))
    axes.set_ylabel(r"amplitude rate $|\Gamma|$, mean of last half  [$\mathrm{s^{-1}}$]")
    return handles


#: Name -> function that draws the figure.
FIGURES: dict[str, Callable[[Drawn], Figure | None]] = {
    draw.__name__: draw for draw in (pressures, spectra, heating, ledger, scattering)
}
