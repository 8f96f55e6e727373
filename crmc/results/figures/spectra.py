"""Draw the wave power of the four branches at several times, and their rates of growth and damping, theory beside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from crmc.results.colours import BLACK, BLUE, GREY, ORANGE, RED
from crmc.results.drawn import Drawn
from crmc.results.figures.frame import BESIDE, WAVE, band, entry, finish, scientific, titled

#: Columns of panels: title, and the sign of d h of their branches.
_COLUMNS = (("co-moving branches ($d\\,h > 0$)", 1), ("counter-moving branches ($d\\,h < 0$)", -1))
#: Direction of a branch, and its line style, colour and symbol.
_DIRECTIONS = ((1, "-", BLUE, "o"), (-1, "--", ORANGE, "s"))


def spectra(result: Drawn) -> Figure | None:
    """Draw the wave power e(k) of the four branches at several times, and their growth and damping rates."""
    rows: list[Callable[[Axes, int], list[Line2D]]] = []
    if (power := result.shown("wave_power", WAVE)) is not None:
        rows.append(lambda axes, sign: _spectrum(axes, result, power, sign))
    rates = {name: _last_half(result, name) for name in ("growth_rate", "damping_rate")}
    if result.growth is not None or any(rate is not None for rate in rates.values()):
        error = result.get("average_growth_rate_stderr", WAVE[1:])
        rows.append(lambda axes, sign: _rates(axes, result, sign, **rates, error=error))
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
            finish(axes)
        axes.legend(handles=handles, **BESIDE)
    titled(figure, result)
    return figure


def _last_half(result: Drawn, name: str) -> np.ndarray | None:
    """Return the mean of a variable over the last half of the run, (2, 2, bins); None where it is absent."""
    if (values := result.shown(name, WAVE)) is None:
        return None
    part = values[result.time >= 0.5 * result.time[-1]]
    count = np.isfinite(part).sum(axis=0)
    return np.nansum(part, axis=0) / np.where(count > 0, count, np.nan)


def _branch(result: Drawn, values: np.ndarray, direction: int, helicity: int) -> np.ndarray:
    """Return one branch, (bins,), of ``values``, (2, 2, bins)."""
    chosen = values[result.data["direction"].values == direction][0]
    return chosen[result.data["helicity"].values == helicity][0]


def _spectrum(axes: Axes, result: Drawn, power: np.ndarray, sign: int) -> list[Line2D]:
    """Draw e(k) at several times with error bands, and the balance of theory; return the entries of the legend.

    power: wave power, (rows, 2, 2, bins).  Colour tells the time, line style the direction.
    """
    error = result.get("wave_power_stderr", WAVE)
    chosen = np.unique(np.linspace(0, len(power) - 1, 5).round().astype(int))
    handles, bands = [], []
    for i, colour in zip(chosen, colormaps["viridis"](np.linspace(0.0, 0.9, len(chosen))), strict=True):
        for d, style, *_ in _DIRECTIONS:
            e = _branch(result, power[i], d, sign * d)
            axes.plot(result.data["k"], np.where(e > 0.0, e, np.nan), color=colour, linestyle=style)
            if error is not None:
                bands.append((e, _branch(result, error[i], d, sign * d), colour))
        handles.append(entry([], [], label=f"$t$ = {scientific(result.time[i])} s", color=colour))
    handles += [entry([], [], label=f"direction {d:+d}", color=GREY, linestyle=style) for d, style, *_ in _DIRECTIONS]
    handles += _balance(axes, result, sign)
    for e, spread, colour in bands:
        band(axes, result.data["k"], e, spread, colour)
    if result.seed:
        low, high = axes.get_ylim()
        # Far below the spectrum, the seed would leave it no room.
        if low / 1e3 <= result.seed <= high:
            axes.axhline(result.seed, color=RED, linestyle=":", linewidth=1.2)
        handles.append(entry([], [], label=f"seed, {scientific(result.seed)}", color=RED, linestyle=":"))
    axes.set_ylabel(r"$e(k) = 8\pi k W_M/B^2$")
    return handles


def _balance(axes: Axes, result: Drawn, sign: int) -> list[Line2D]:
    """Draw the spectrum in which growth balances damping, where it is above the seed; return its entry."""
    if result.balance is None:
        return []
    look: dict[str, Any] = {"color": BLACK, "linestyle": ":", "linewidth": 1.6}
    for d, *_ in _DIRECTIONS:
        e = _branch(result, result.balance, d, sign * d)
        e = np.where(e > 1.001 * (result.seed or 0.0), e, np.nan)
        if np.isfinite(e).any():
            axes.plot(result.data["k"], e, **look)
    return [entry([], [], label="theory, steady state", **look)]


def _rates(
    axes: Axes,
    result: Drawn,
    sign: int,
    growth_rate: np.ndarray | None,
    damping_rate: np.ndarray | None,
    error: np.ndarray | None = None,
) -> list[Line2D]:
    """Draw rates of growth and damping and return the entries of the legend.

    growth_rate, damping_rate: (2, 2, bins) [1/s].  Symbols are filled where waves grow, open where they are absorbed.
    error: standard error of the mean growth rate, (2, 2, bins) [1/s].
    """
    k, handles, bands = result.data["k"], [], []
    for d, style, colour, symbol in _DIRECTIONS:
        if growth_rate is not None:
            rate = _branch(result, growth_rate, d, sign * d)
            size = np.where(rate == 0.0, np.nan, np.abs(rate))
            axes.plot(k, size, color=colour, linestyle=style, linewidth=0.8)
            if error is not None:
                bands.append((np.nan_to_num(size), _branch(result, error, d, sign * d), colour))
            for fill, side, word in ((colour, rate > 0.0, "growth"), ("white", rate < 0.0, "absorption")):
                look: dict[str, Any] = {"color": colour, "linestyle": "", "marker": symbol, "mfc": fill}
                axes.plot(k, np.where(side, size, np.nan), **look)
                handles.append(entry([], [], label=f"{word}, direction {d:+d}", **look))
        if damping_rate is not None:
            rate = _branch(result, damping_rate, d, sign * d)
            axes.plot(k, np.where(rate > 0.0, rate, np.nan), color=BLACK, linestyle=style, linewidth=1.2)
            handles.append(entry([], [], label=f"damping, direction {d:+d}", color=BLACK, linestyle=style))
    handles += _at_start(axes, result, sign)
    for size, spread, colour in bands:
        band(axes, k, size, spread, colour)
    axes.set_ylabel(r"amplitude rate $|\Gamma|$, mean of last half  [$\mathrm{s^{-1}}$]")
    return handles


def _at_start(axes: Axes, result: Drawn, sign: int) -> list[Line2D]:
    """Draw the growth rate by f at t = 0, dotted where waves grow, sparsely where they are absorbed; return entries."""
    if result.growth is None:
        return []
    handles = []
    for d, _, colour, _ in _DIRECTIONS:
        rate = _branch(result, result.growth, d, sign * d)
        for side, style, word in ((rate > 0.0, ":", "growth"), (rate < 0.0, (0, (1, 5)), "absorption")):
            look: dict[str, Any] = {"color": colour, "linestyle": style, "linewidth": 2.0}
            axes.plot(result.data["k"], np.where(side, np.abs(rate), np.nan), **look)
            if side.any():
                handles.append(entry([], [], label=f"theory at $t$ = 0, {word}, direction {d:+d}", **look))
    return handles
