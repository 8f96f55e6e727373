"""Draw the figure and format the tables of the numbers that combined.py writes.

python experiments/combined/report.py combined.json combined.png
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from crmc.results import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY

BRANCHES = (("(+, +)", BLUE), ("(+, −)", SKY), ("(−, +)", RED), ("(−, −)", ORANGE))
#: Seconds per unit of time in the figure, and when the gradient vanishes in it.
_UNIT, _SWITCH = 1e10, 2.0
_SMALL: dict[str, Any] = {"fontsize": 8, "frameon": False}


def draw(found: dict[str, Any], path: Path) -> None:
    """Draw plane, flip and bottleneck in one figure."""
    figure = Figure(figsize=(14.5, 8.4), layout="constrained")
    top = figure.subplots(2, 3)
    _plane(figure, top[0, 0], found["plane"])
    _flip_spectra(top[0, 1], found["flip"])
    _flip_line(top[0, 2], found["flip"])
    _bottleneck(top[1], found["bottleneck"])
    for letter, axes in zip("abcdef", top.ravel(), strict=True):
        title = axes.get_title()
        axes.set_title("")
        axes.set_title(f"({letter}) {title}", fontsize=10, loc="left")
        if letter != "a":
            axes.grid(True, alpha=0.25, linewidth=0.6)
    figure.savefig(path, dpi=150, format="png")


def _plane(figure: Figure, axes: Axes, points: list[dict[str, Any]]) -> None:
    """Draw v_D/v_A as grey level, and at each point a pie chart of the energy in the four branches."""
    xs, ys = (np.array(sorted({point[name] for point in points})) for name in "xy")
    drift = np.zeros((len(ys), len(xs)))
    for point in points:
        drift[np.searchsorted(ys, point["y"]), np.searchsorted(xs, point["x"])] = point["drift"]
    drift[drift == 0.0] = np.nan
    places = np.arange(len(xs)), np.arange(len(ys))
    image = axes.pcolormesh(*places, drift, cmap="Greys", vmin=0.0, vmax=2.5)
    figure.colorbar(image, ax=axes, label=r"$v_D/v_A$", shrink=0.85).ax.set_ylim(0.0, 1.6)
    for point in points:
        centre = np.searchsorted(xs, point["x"]), np.searchsorted(ys, point["y"])
        _pie(axes, centre, point["shares"])
    axes.set_xticks(places[0], [f"{x:g}" for x in xs])
    axes.set_yticks(places[1], [f"{y:g}" for y in ys])
    axes.set_aspect("equal")
    axes.set_xlabel(r"expansion $\tau_0/\tau_B$  (negative: compression)")
    axes.set_ylabel(r"gradient $L_0/L$")
    axes.set_title("energy by branch (direction, helicity)")
    handles = [Patch(color=colour, label=name) for name, colour in BRANCHES]
    axes.legend(handles=handles, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.14), columnspacing=1.0, **_SMALL)


def _pie(axes: Axes, centre: tuple[int, int], shares: list[float]) -> None:
    angle = 0.25 + np.concatenate([[0.0], np.cumsum(shares)])
    for start, end, (_, colour) in zip(angle, angle[1:], BRANCHES, strict=False):
        if end - start > 1e-3:
            turn = 2.0 * np.pi * np.linspace(start, end, 60)
            x, y = centre[0] + 0.38 * np.sin(turn), centre[1] + 0.38 * np.cos(turn)
            axes.fill(np.append(x, centre[0]), np.append(y, centre[1]), color=colour, linewidth=0.0)


def _flip_spectra(axes: Axes, points: list[dict[str, Any]]) -> None:
    """Draw the waves that scatter the backward hemisphere at three points of the flip, by mesh and theory."""
    chosen = [points[i] for i in np.linspace(0, len(points) - 1, 5).round().astype(int)[1:4]]
    for point, marker in zip(chosen, "osD", strict=True):
        k = np.array(point["k"])
        for branch in (1, 3):
            name, colour = BRANCHES[branch]
            # The last two bins stand for the gap.
            mesh, exact = (np.array(point[key][branch])[:-2] for key in ("wave_power", "wave_power_theory"))
            shown = mesh > 1e-12
            axes.plot(k[:-2][shown], mesh[shown], marker, color=colour, markersize=4.5, mfc="none")
            axes.plot(k[:-2], np.where(exact > 1e-12, exact, np.nan), color=colour, linewidth=1.2)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(2e-12, None)
    axes.set_xlabel(r"$k\,c/\Omega_0$")
    axes.set_ylabel(r"$8\pi k W_M/B^2$")
    axes.set_title("waves that meet the backward hemisphere, $\\tau_B = \\tau_0$")
    handles = [Line2D([], [], color=BRANCHES[i][1], label=BRANCHES[i][0]) for i in (1, 3)]
    for point, marker in zip(chosen, "osD", strict=True):
        label = rf"$L_0/L = {point['y']:g}$"
        handles.append(Line2D([], [], color=GREY, linestyle="", marker=marker, mfc="none", label=label))
    axes.legend(handles=handles, ncols=2, title="points: mesh, lines: theory", title_fontsize=8, **_SMALL)


def _flip_line(axes: Axes, points: list[dict[str, Any]]) -> None:
    """Draw heating over the two theories, drift and the share of backward waves across the flip."""
    y = np.array([point["y"] for point in points])

    def values(name: str) -> np.ndarray:
        return np.array([point[name] for point in points])

    axes.plot(y, values("heating") / values("heating_theory"), "o-", color=BLACK, label=r"$H/v_A\sum\int|N_h|\,d(1/k)$")
    axes.plot(
        y, values("heating") / values("heating_pointwise"), "s--", color=RED, label=r"$H/v_A\int|F_\mu|\,p^2dp\,d\mu$"
    )
    axes.plot(y, values("drift"), "^", color=GREEN, mfc="none", label=r"$v_D/v_A$, mesh")
    axes.plot(y, values("drift_theory"), color=GREEN, linewidth=1.0, label=r"$v_D/v_A$, theory")
    axes.plot(y, values("shares")[:, 3], "v", color=ORANGE, mfc="none", label="share of (−, −), mesh")
    axes.plot(y, values("shares_theory")[:, 3], color=ORANGE, linewidth=1.0, label="theory")
    axes.set_xlabel(r"$L_0/L = -\mu_*$")
    axes.set_ylim(0.0, 1.75)
    axes.set_title("across the flip, $\\tau_B = \\tau_0$")
    axes.legend(loc="center right", bbox_to_anchor=(1.0, 0.36), **_SMALL)


def _bottleneck(panels: Any, runs: list[dict[str, Any]]) -> None:
    """Draw mean free path, v_D/v_A and heating of runs with and without expansion."""
    names = (
        ("path(3)", "mean free path at 3 $m_p c$ [pc]"),
        ("drift", "$v_D/v_A$"),
        ("heating", r"heating [$10^{-30}\,\mathrm{erg\,cm^{-3}\,s^{-1}}$]"),
    )
    styles = (("with expansion", BLUE, "-"), ("without expansion", RED, "-"), ("with expansion, markers", PURPLE, ":"))
    for axes, (name, words) in zip(panels, names, strict=True):
        for run, (label, colour, style) in zip(runs, styles, strict=False):
            values = np.array(run[name]) * (1e30 if name == "heating" else 1.0)
            axes.plot(np.array(run["time"]) / _UNIT, values, style, color=colour, label=label, linewidth=1.5)
        axes.axvline(_SWITCH, color=GREY, linewidth=1.0, linestyle="--")
        axes.set_xlabel(r"time [$10^{10}$ s]")
        axes.set_ylabel(words)
        axes.set_title("gradient off at the dashed line")
        axes.legend(**_SMALL)
    panels[0].set_yscale("log")


def table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """Return a Markdown table."""

    def cell(value: Any) -> str:
        if isinstance(value, float):
            return f"{value:.3g}"
        return " ".join(cell(float(x)) for x in value) if isinstance(value, list) else str(value)

    lines = [" | ".join(columns), " | ".join("---" for _ in columns)]
    lines += [" | ".join(cell(row[column]) for column in columns) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def summary(pulls: Sequence[dict[str, Any]]) -> str:
    """Return mean, width and largest of the pulls.

    The error of the mean takes points as independent, but not the pulls of one point.
    """
    values = np.array([row["pull"] for row in pulls])
    points = sorted({row["point"] for row in pulls})
    means = [np.mean([row["pull"] for row in pulls if row["point"] == name]) for name in points]
    error = np.std(means, ddof=1) / np.sqrt(len(points)) if len(points) > 1 else np.nan
    worst = max(pulls, key=lambda row: abs(row["pull"]))
    return (
        f"{len(values)} pulls: mean {values.mean():.2f} +- {error:.2f}, width {values.std():.2f}, "
        f"largest {worst['pull']:.2f} ({worst['point']}, {worst['quantity']})"
    )


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2]))
