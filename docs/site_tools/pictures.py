"""Draw the pictures of README and documentation, each of runs of crmc.

python docs/site_tools/pictures.py [--result halo_from_seed.nc]      some three minutes on two cores without --result
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import crmc
from crmc.results import BLACK, BLUE, GREY, ORANGE, RED

IMAGES = Path(__file__).resolve().parents[1] / "images"


def from_seed(run: crmc.Outcome) -> Figure:
    """Draw how anisotropy, waves and heating rise and settle in a tube that begins to expand."""
    data, theory = run.data, run.summary["theory"]
    time, speed = data.time / 1e9, theory["alfven_speed"]["value"]
    figure = Figure(figsize=(12.0, 3.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for name, colour, label in (
        ("pressure_anisotropy", BLUE, "all cosmic rays"),
        ("gap_pressure_anisotropy", ORANGE, "of these, in the 90° gap"),
    ):
        value, error = data[name] / speed, data[f"{name}_stderr"] / speed
        left.plot(time, value, color=colour, label=label)
        left.fill_between(time, value - error, value + error, color=colour, alpha=0.3, linewidth=0.0)
    left.axhline(theory["threshold"]["value"] / speed, color=RED, linestyle="--", label="threshold (eq. 23)")
    left.set(ylabel=r"$\Delta P/P_c$  [$v_A/c$]", title="anisotropy")
    for place, shade in zip(
        np.linspace(0, data.sizes["time"] - 1, 6).astype(int), np.linspace(0.85, 0.0, 6), strict=True
    ):
        e = data.wave_power.isel(time=place).sel(direction=1, helicity=1)
        middle.loglog(data.k, e, color=str(shade), label=f"{float(time[place]):.0f}")
    middle.set(xlabel=r"$k\,c/\Omega_0$", ylabel=r"$e(k) = 8\pi k W_M/B^2$", title="waves of one co-moving branch")
    middle.legend(fontsize=8, title="t [1e9 s]", title_fontsize=8)
    value, error = data.heating_rate * 1e30, data.heating_rate_stderr * 1e30
    right.plot(time, value, color=BLUE, label="measured")
    right.fill_between(time, value - error, value + error, color=BLUE, alpha=0.3, linewidth=0.0)
    right.axhline(1e30 * theory["heating_exact_gap"]["value"], color=BLACK, label="theory, steady state")
    right.axhline(1e30 * theory["heating_bound"]["value"], color=GREY, linestyle=":", label="bound of eq. 48")
    late = value[len(value) // 20 :]
    right.set(
        ylabel=r"heating  [$10^{-30}$ erg cm$^{-3}$ s$^{-1}$]",
        title="power into waves",
        ylim=(-0.2, 1.1 * float(late.max())),
    )
    for axes in (left, right):
        axes.set_xlabel("time  [1e9 s]")
        axes.legend(fontsize=8)
    return figure


def main() -> None:
    """Run what is needed and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--result", help="result of 'crmc run halo_from_seed', instead of a run")
    result = parser.parse_args().result
    run = crmc.open_result(result) if result else crmc.run(crmc.load_config("halo_from_seed"))
    from_seed(run).savefig(IMAGES / "from_seed.png", dpi=100)


if __name__ == "__main__":
    main()
