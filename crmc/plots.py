"""Figures of a result file.

``plot_file`` reads the netCDF with xarray alone and writes one PNG per figure.  Each function in
``FIGURES`` takes a ``Result`` and returns a matplotlib Figure, or None where it has nothing to show:
a panel whose quantities are absent, NaN or zero throughout is left out.  Pyplot is not used, so no
window opens and no global state changes.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from crmc.config_errors import ConfigError, one_line

# Okabe & Ito (2008): told apart by colour-blind readers too.
BLACK, ORANGE, SKY, GREEN, BLUE, RED, PURPLE = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
GREY = "#888888"
POWER = r"$\mathrm{erg\,cm^{-3}\,s^{-1}}$"
#: Spectra drawn, from the first to the last.
SPECTRA = 5
_WAVE = ("time", "direction", "helicity", "k")

Panel = Callable[[Axes], None]


class Result(NamedTuple):
    """A result file: its data, theory's predictions, and the level of the seed waves (None: unknown)."""

    data: xr.Dataset
    theory: dict[str, Any]
    seed: float | None

    def get(self, name: str, dims: tuple[str, ...] = ("time",)) -> np.ndarray | None:
        """Values of ``name``; None where it is absent, has other dimensions, or is nowhere finite."""
        if name not in self.data or set(self.data[name].dims) != set(dims):
            return None
        values = np.asarray(self.data[name].transpose(*dims).values, float)
        return values if np.isfinite(values).any() else None

    def shown(self, name: str, dims: tuple[str, ...] = ("time",)) -> np.ndarray | None:
        """Like ``get``, and None for a quantity that is zero throughout."""
        values = self.get(name, dims)
        return None if values is None or not np.nan_to_num(values).any() else values

    def predicted(self, name: str) -> float | None:
        """Theory's value of ``name``; None where theory is silent or says 0."""
        entry = self.theory.get(name)
        value = entry.get("value") if isinstance(entry, dict) else None
        return float(value) if isinstance(value, (int, float)) and np.isfinite(value) and value else None

    @property
    def time(self) -> np.ndarray:
        """Times of the records [s]."""
        return np.asarray(self.data["time"].values, float)


def plot_file(nc_path: str | Path, out_dir: str | Path) -> list[Path]:
    """Draw the result ``nc_path`` into ``out_dir`` and return the paths of the PNG files.

    Raises ConfigError where ``nc_path`` is no result of a run.
    """
    source, folder = Path(nc_path), Path(out_dir)
    result = read(source)
    figures = {name: draw(result) for name, draw in FIGURES.items()}
    if not any(figures.values()):
        raise ConfigError(f"{source}: holds nothing to draw; give a result of 'crmc run'")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, figure in figures.items():
        if figure is not None:
            # The file's own name first: results of several runs may go to one folder.
            paths.append(folder / f"{source.stem}-{name}.png")
            figure.savefig(paths[-1], dpi=150, format="png")
    return paths


def read(path: Path) -> Result:
    """The result stored in ``path``; ConfigError where there is none."""
    try:
        with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as file:
            data = file.load()
        if data.sizes.get("time", 0) == 0 or "time" not in data.coords:
            raise ValueError("it has no times")
        np.asarray(data["time"].values, float)
    except Exception as error:  # a damaged HDF5 file raises nearly anything
        what = one_line(error, 200) or type(error).__name__
        raise ConfigError(
            f"{path}: cannot be read as a result ({what}); give a result of 'crmc run'"
        ) from error
    try:
        seed = float(tomllib.loads(str(data.attrs["config"]))["waves"]["seed_level"])
    except (KeyError, TypeError, ValueError):
        seed = None
    return Result(data, _theory(data.attrs), seed)


def _theory(attributes: dict[str, Any]) -> dict[str, Any]:
    """Predictions stored in the summary; computed from the config in a file of a run under way."""
    try:
        found = json.loads(str(attributes["summary"]))["theory"]
    except (KeyError, TypeError, ValueError):
        found = None
    if isinstance(found, dict):
        return found
    if "config" not in attributes:
        return {}
    # Imported here because they bring in JAX.
    from crmc.config import parse_config
    from crmc.theory import predictions

    try:
        return predictions(parse_config(tomllib.loads(str(attributes["config"]))))
    except ValueError:  # of another version; ConfigError and TOMLDecodeError are ValueErrors
        return {}


# -- parts of figures -------------------------------------------------------------------------


def _figure(result: Result, panels: Sequence[Panel | None]) -> Figure | None:
    """A column of panels over time; None without any."""
    present = [panel for panel in panels if panel is not None]
    if not present:
        return None
    figure = Figure(figsize=(9.5, 0.6 + 3.2 * len(present)), layout="constrained")
    for panel, axes in zip(
        present, figure.subplots(len(present), 1, sharex=True, squeeze=False)[:, 0], strict=True
    ):
        panel(axes)
        _finish(axes)
    axes.set_xlabel("time [s]")
    _title(figure, result)
    return figure


def _finish(axes: Axes) -> None:
    """Grid, and a legend beside the panel, where it hides no line."""
    axes.grid(True, alpha=0.25, linewidth=0.6)
    if axes.get_legend_handles_labels()[0] and axes.get_legend() is None:
        axes.legend(
            loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8.5, frameon=False, borderaxespad=0.0
        )


def _title(figure: Figure, result: Result) -> None:
    attributes = result.data.attrs
    words = one_line(attributes.get("title", ""), 80)
    if (status := attributes.get("status", "done")) != "done":
        words += f" ({one_line(status, 40)})"
    # Any text may be a run's name, also such as is no formula.
    figure.suptitle(words, fontsize=10, parse_math=False)


def _curve(
    axes: Axes,
    result: Result,
    values: np.ndarray,
    label: str,
    colour: str,
    error: np.ndarray | None = None,
    **style,
) -> None:
    """A line over time with its error band; markers where a line through so few points would not show."""
    few = "o" if np.isfinite(values).sum() < 3 else ""
    axes.plot(
        result.time,
        values,
        color=colour,
        label=label,
        marker=few,
        markersize=4,
        **{"linewidth": 1.4, **style},
    )
    if error is not None:
        axes.fill_between(
            result.time, values - error, values + error, color=colour, alpha=0.25, linewidth=0.0
        )


def _level(axes: Axes, value: float | None, label: str, colour: str, style: str = "--") -> None:
    """A horizontal line that does not stretch the axis to many times the data's range; then the legend tells."""
    if value is None:
        return
    low, high = axes.get_ylim()
    reach = 1.5 * (high - low)
    if not low - reach <= value <= high + reach:
        axes.plot([], [], color=colour, linestyle=style, label=f"{label}: {scientific(value)} (off scale)")
        return
    axes.axhline(value, color=colour, linestyle=style, linewidth=1.2, label=label)


def scientific(value: float, digits: int = 2) -> str:
    """Text such as 2.1 x 10^10 for labels, plain where that is short."""
    if value == 0.0 or 0.01 <= abs(value) < 1e4:
        return f"{value:.{digits}g}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return rf"${mantissa}\times10^{{{int(exponent)}}}$"


# -- the figures ------------------------------------------------------------------------------


def pressures(result: Result) -> Figure | None:
    """Parallel and perpendicular pressure relative to t = 0, and the anisotropy in units of v_A/c."""

    def relative(axes: Axes) -> None:
        for name, label, colour in parts:
            values = result.data[name].values
            error = result.get(f"{name}_stderr")
            _curve(
                axes, result, values / values[0], label, colour, None if error is None else error / values[0]
            )
        if (field := result.get("magnetic_field")) is not None and field[0]:
            _curve(axes, result, field / field[0], "$B$", GREY, linestyle=":")
        axes.set_ylabel("relative to its value at $t = 0$")

    def anisotropy(axes: Axes) -> None:
        assert measured is not None
        error = result.get("pressure_anisotropy_stderr")
        error = None if error is None else error / unit
        _curve(axes, result, measured / unit, "measured, ±1 standard error", BLUE, error)
        gap = result.shown("gap_pressure_anisotropy")
        if gap is not None and result.get("wave_power", _WAVE) is not None:
            _curve(axes, result, gap / unit, "share of markers in the gap", ORANGE, linestyle="-.")
        levels = (
            ("threshold", "threshold (eq. 23)", RED),
            ("anisotropy_constant_nu", "theory, constant ν", BLACK),
        )
        for name, label, colour in levels:
            value = result.predicted(name)
            _level(axes, None if value is None else value / unit, label, colour)
        axes.set_ylabel(r"$\Delta P/P_c$" + (r"  [$v_A/c$ at $t = 0$]" if speed else ""))

    speed = result.predicted("alfven_speed")
    unit = speed or 1.0
    names = (
        ("parallel_pressure", r"$P_\parallel$, ±1 standard error", BLUE),
        ("perpendicular_pressure", r"$P_\perp$, ±1 standard error", ORANGE),
    )
    parts = [entry for entry in names if (p := result.shown(entry[0])) is not None and p[0] > 0.0]
    measured = result.get("pressure_anisotropy")
    return _figure(result, [relative if parts else None, None if measured is None else anisotropy])


def heating(result: Result) -> Figure | None:
    """Power that the waves take from the cosmic rays, by both estimates, beside theory."""

    def panel(axes: Axes) -> None:
        for name, label, colour, width in measured:
            error = result.get(f"{name}_stderr")
            _curve(axes, result, result.data[name].values, label, colour, error, linewidth=width)
        axes.axhline(0.0, color=BLACK, linewidth=0.6)
        for name, label, colour, style in (
            ("heating_exact_gap", "theory with the gap", BLACK, "-"),
            ("heating_exact", "theory without gap", BLACK, "--"),
            ("heating_bound", "lower bound (eq. 48)", PURPLE, "-."),
            ("cooling", "radiative cooling", RED, ":"),
        ):
            _level(axes, result.predicted(name), label, colour, style)
        axes.set_ylabel(f"power [{POWER}]")

    names = (
        ("spectral_heating_rate", r"$2\sum\Gamma W\,dk$, Γ of the functional", SKY, 1.0),
        ("gas_heating_rate", "damped into the gas", GREEN, 1.2),
        ("heating_rate", "kicks, ±1 standard error", BLUE, 1.6),
    )
    measured = [entry for entry in names if result.shown(entry[0]) is not None]
    return _figure(result, [panel if measured else None])


def ledger(result: Result) -> Figure | None:
    """Change of every store of energy, and how far the sum is from constant."""

    def changes(axes: Axes) -> None:
        axes.set_yscale("log")
        for (_, label, colour), change in stores:
            # Stores differ by many decades: logarithmic, with the sign in the line style.
            for sign, style in ((1.0, "-"), (-1.0, "--")):
                part = np.where(sign * change > 0.0, sign * change, np.nan)
                if np.isfinite(part).any():
                    _curve(
                        axes, result, part, f"{label}, {'+' if sign > 0 else '−'}", colour, linestyle=style
                    )
        axes.set_ylabel("|change| × $B_0/B$  [$\\mathrm{erg\\,cm^{-3}}$]")
        axes.set_title("change of each store since $t = 0$: solid +, dashed −", fontsize=9)

    def balance(axes: Axes) -> None:
        residual = result.data["energy_residual"].values
        _curve(axes, result, residual, "sum of all stores", BLUE)
        axes.set_ylabel("energy residual\n[cosmic-ray energy at $t = 0$]")

    names = (
        ("energy_cosmic_rays", "cosmic rays", BLUE),
        ("energy_waves", "waves", GREEN),
        ("energy_gas", "gas", RED),
        ("energy_field", "mean field", PURPLE),
        ("work_external", "work done outside", ORANGE),
        ("energy_injected", "injected", SKY),
        ("energy_radiated", "radiated", BLACK),
    )
    found = [(entry, result.get(entry[0])) for entry in names]
    stores = [(entry, v - v[0]) for entry, v in found if v is not None and np.nan_to_num(v - v[0]).any()]
    residual = result.shown("energy_residual")
    return _figure(result, [changes if stores else None, None if residual is None else balance])


def scattering(result: Result) -> Figure | None:
    """Scattering frequency and mean free path at the momenta of the file, beside theory."""

    def panel(name: str, ylabel: str) -> Panel | None:
        values = result.shown(name, ("time", "momentum"))
        if values is None:
            return None

        def draw(axes: Axes) -> None:
            axes.set_yscale("log")
            momenta = np.asarray(result.data["momentum"].values, float)
            for p, column, colour in zip(momenta, values.T, (BLUE, ORANGE, GREEN, PURPLE, RED), strict=False):
                positive = np.where(column > 0.0, column, np.nan)
                _curve(axes, result, positive, f"$p = {p:g}\\ m_p c$", colour)
                if (theory := result.predicted(f"{name}_p{p:g}")) is not None:
                    axes.axhline(
                        theory, color=colour, linestyle="--", linewidth=1.0, label="theory, steady state"
                    )
            axes.set_ylabel(ylabel)

        return draw

    frequency = panel("scattering_frequency", r"$\nu$, mean over $\mu$  [$\mathrm{s^{-1}}$]")
    path = panel("mean_free_path", r"mean free path $v/\nu$  [pc]")
    return _figure(result, [frequency, path])


# -- spectra ----------------------------------------------------------------------------------

#: Column of panels -> its branches (direction, helicity) with colour, line style and marker.
_COLUMNS = {
    "co-moving branches ($d\\,h > 0$)": (((1, 1), BLUE, "-", "o"), ((-1, -1), ORANGE, "--", "s")),
    "counter-moving branches ($d\\,h < 0$)": (((1, -1), BLUE, "-", "o"), ((-1, 1), ORANGE, "--", "s")),
}


def spectra(result: Result) -> Figure | None:
    """e(k) of the four branches at several times, and their growth and damping rates."""
    rows: list[Callable[[Axes, Sequence], None]] = []
    if (power := result.shown("wave_power", _WAVE)) is not None:
        rows.append(lambda axes, branches: _spectrum(axes, result, power, branches))
    rates = [_last_half(result, name) for name in ("growth_rate", "damping_rate")]
    if any(rate is not None for rate in rates):
        rows.append(lambda axes, branches: _rates(axes, result, rates, branches))
    if not rows:
        return None
    figure = Figure(figsize=(12.0, 0.6 + 4.2 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), len(_COLUMNS), sharex=True, squeeze=False)
    for draw, line in zip(rows, grid, strict=True):
        for axes, branches in zip(line, _COLUMNS.values(), strict=True):
            axes.set_xscale("log")
            axes.set_yscale("log")
            draw(axes, branches)
            _finish(axes)
    for axes, title in zip(grid[0], _COLUMNS, strict=True):
        axes.set_title(title, fontsize=10)
    for axes in grid[-1]:
        axes.set_xlabel(r"$k$  [$\Omega_0/c$ at $t = 0$]")
    _title(figure, result)
    return figure


def _branch(result: Result, values: np.ndarray, branch: tuple[int, int]) -> np.ndarray:
    """Values (..., direction, helicity, k) of one branch, (..., k)."""
    place = [
        int(np.flatnonzero(result.data[name].values == sign)[0])
        for name, sign in zip(("direction", "helicity"), branch, strict=True)
    ]
    return values[..., place[0], place[1], :]


def _last_half(result: Result, name: str) -> np.ndarray | None:
    """Mean over the last half of the run, NaN left out; (direction, helicity, k)."""
    values = result.shown(name, _WAVE)
    if values is None:
        return None
    part = values[result.time >= 0.5 * result.time[-1]]
    count = np.isfinite(part).sum(axis=0)
    mean = np.nansum(part, axis=0) / np.where(count > 0, count, np.nan)
    return mean if np.isfinite(mean).any() else None


def _spectrum(axes: Axes, result: Result, power: np.ndarray, branches: Sequence) -> None:
    """e(k): colour tells the time, line style the direction."""
    k = np.asarray(result.data["k"].values, float)
    chosen = np.unique(np.linspace(0, len(power) - 1, SPECTRA).round().astype(int))
    colours = colormaps["viridis"](np.linspace(0.0, 0.9, len(chosen)))
    handles = []
    for i, colour in zip(chosen, colours, strict=True):
        for branch, _, style, _ in branches:
            e = _branch(result, power[i], branch)
            axes.plot(k, np.where(e > 0.0, e, np.nan), color=colour, linestyle=style, linewidth=1.4)
        handles.append(Line2D([], [], color=colour, label=f"$t$ = {scientific(result.time[i])} s"))
    for (direction, _), _, style, _ in branches:
        handles.append(Line2D([], [], color=GREY, linestyle=style, label=f"direction {direction:+d}"))
    if result.seed:
        low, high = axes.get_ylim()
        label = f"seed {scientific(result.seed)}"
        near = low / 1e3 <= result.seed <= high
        if near:
            axes.axhline(result.seed, color=RED, linestyle=":", linewidth=1.2)
        handles.append(
            Line2D([], [], color=RED, linestyle=":", label=label if near else f"{label} (off scale)")
        )
    axes.legend(handles=handles, fontsize=8, framealpha=0.85)
    axes.set_ylabel(r"$e(k) = 8\pi k W_M/B^2$")


def _rates(axes: Axes, result: Result, rates: Sequence[np.ndarray | None], branches: Sequence) -> None:
    """|Gamma| on a logarithmic axis: filled symbols where waves grow, open ones where they are absorbed."""
    growth, damping = rates
    k = np.asarray(result.data["k"].values, float)
    for branch, colour, style, marker in branches:
        direction = f"direction {branch[0]:+d}"
        if growth is not None:
            rate = _branch(result, growth, branch)
            axes.plot(
                k, np.where(rate != 0.0, np.abs(rate), np.nan), color=colour, linestyle=style, linewidth=0.8
            )
            for sign, fill, word in ((1.0, colour, "growth"), (-1.0, "white", "absorption")):
                part = np.where(sign * rate > 0.0, sign * rate, np.nan)
                if np.isfinite(part).any():
                    label = f"{word}, {direction}"
                    axes.plot(
                        k,
                        part,
                        color=colour,
                        linestyle="",
                        marker=marker,
                        markersize=6,
                        mfc=fill,
                        label=label,
                    )
        if damping is not None and (rate := _branch(result, damping, branch)).any():
            label = f"damping, {direction}"
            axes.plot(
                k,
                np.where(rate > 0.0, rate, np.nan),
                color=BLACK,
                linestyle=style,
                linewidth=1.2,
                label=label,
            )
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, framealpha=0.85)
    axes.set_ylabel("amplitude rate |Γ|, mean of last half  [$\\mathrm{s^{-1}}$]")


FIGURES: dict[str, Callable[[Result], Figure | None]] = {
    "pressures": pressures,
    "spectra": spectra,
    "heating": heating,
    "ledger": ledger,
    "scattering": scattering,
}
