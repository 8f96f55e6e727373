"""Draw pressures, heating, ledger and scattering of a run over time.

Each function draws a `Drawn`.  A panel whose quantities are absent, NaN or zero throughout is left out; a figure
without panels is None.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crmc.results.colours import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY
from crmc.results.drawn import Drawn
from crmc.results.figures.frame import WAVE, Panel, band, curve, level, over_time, quantity


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
                quantity(axes, result, name, float(result.data[name][0]), label=label, color=colour, linestyle=style)
        axes.set_ylabel("relative to its value at $t = 0$")

    def anisotropy(axes: Axes) -> None:
        quantity(axes, result, "pressure_anisotropy", unit, color=BLUE, label="measured, ±1 standard error")
        # Without waves there is no gap.
        if result.get("wave_power", WAVE) is not None:
            quantity(axes, result, "gap_pressure_anisotropy", unit, color=ORANGE, label="share of markers in the gap")
        for name, label, colour in (
            ("threshold", "threshold (eq. 23)", RED),
            ("anisotropy_constant_nu", "theory, constant ν", BLACK),
        ):
            value = result.predicted(name)
            level(axes, value and value / unit, label, color=colour, linestyle="--")
        axes.set_ylabel(r"$\Delta P/P_c$" + (r"  [$v_A/c$ at $t = 0$]" if speed else ""))

    shown = any(result.shown(f"{name}_pressure") is not None for name in ("parallel", "perpendicular"))
    panels = [relative] if shown else []
    return over_time(result, panels + ([anisotropy] if result.get("pressure_anisotropy") is not None else []))


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
                quantity(axes, result, name, label=label, color=colour, linewidth=width)
        axes.axhline(0.0, color=BLACK, linewidth=0.6)
        _leave_out_the_start(axes, [result.get(name) for name, *_ in names])
        for name, label, colour, style in (
            ("heating_exact_gap", "theory with the gap", BLACK, "-"),
            ("heating_exact", "theory without gap", BLACK, "--"),
            ("heating_bound", "lower bound (eq. 48)", PURPLE, "-."),
            ("cooling", "radiative cooling", RED, ":"),
        ):
            level(axes, result.predicted(name), label, color=colour, linestyle=style)
        axes.set_ylabel(r"power [$\mathrm{erg\,cm^{-3}\,s^{-1}}$]")

    return over_time(result, [panel] if any(result.shown(name) is not None for name, *_ in names) else [])


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
                    curve(axes, result.time, part, color=colour, linestyle=style, label=label)
                    label = ""  # one entry in the legend
        axes.set_ylabel("|change| × $B_0/B$  [$\\mathrm{erg\\,cm^{-3}}$]")
        axes.set_title("change of each store since $t = 0$: solid +, dashed −", fontsize=9)

    def balance(axes: Axes) -> None:
        quantity(axes, result, "energy_residual", color=BLUE, label="sum of all stores")
        axes.set_ylabel("energy residual\n[cosmic-ray energy at $t = 0$]")

    panels = [changes] if stores else []
    return over_time(result, panels + ([balance] if result.shown("energy_residual") is not None else []))


def scattering(result: Drawn) -> Figure | None:
    """Draw scattering frequency and mean free path at the momenta of the result, with theory's values."""

    def draw(axes: Axes, name: str, ylabel: str, values: np.ndarray) -> None:
        axes.set_yscale("log")
        errors = result.get(f"{name}_stderr", ("time", "momentum"))
        errors = np.zeros(values.shape) if errors is None else np.nan_to_num(errors)
        colours = (BLUE, ORANGE, GREEN, PURPLE, RED)
        momenta = result.data["momentum"].values
        for p, column, colour in zip(momenta, values.T, colours, strict=False):
            positive = np.where(column > 0.0, column, np.nan)
            curve(axes, result.time, positive, color=colour, label=f"$p = {p:g}\\ m_p c$")
        for p, column, error, colour in zip(momenta, values.T, errors.T, colours, strict=False):
            band(axes, result.time, np.nan_to_num(column), error, colour)
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
    return over_time(result, panels)
