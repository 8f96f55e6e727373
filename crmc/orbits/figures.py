"""Draw the figure of the study of quasilinear theory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crmc.orbits.dataset import by_cosine
from crmc.outputs import is_broken, writing


def plot_study(source: Path, folder: Path) -> list[Path]:
    """Draw a result file of the study into a folder and return the figures; none if it is another file."""
    if is_broken(source):
        return []
    try:
        with xr.open_dataset(source, engine="h5netcdf") as file:
            if file.attrs.get("kind") != "qlt":
                return []
            data = file.load()
    except Exception:  # no result at all, as `figures.plot` will say; damaged files raise nearly anything
        return []
    path = folder / f"{source.stem}-breakdown.png"
    draw(data, path)
    return [path]


def draw(data: xr.Dataset, path: Path) -> None:
    """Draw measured scattering against theory and save the figure.

    Above: the ratio against |mu| for every dB/B, of one branch and of four, and the dB/B where it is off by a tenth.
    Below: D_mumu through the gap, the running estimate, and narrow spectra.
    """
    figure = Figure(figsize=(16.0, 8.5), layout="constrained")
    axes = figure.subplots(2, 3)
    folded = by_cosine(data)
    for ax, waves in zip(axes[0, :2], (data.waves.values[0], data.waves.values[-1]), strict=True):
        _ratios(ax, folded, waves)
    _limits(axes[0, 2], folded)
    _gap(axes[1, 0], data)
    _running(axes[1, 1], data)
    if data.sizes["width"]:
        _narrow(axes[1, 2], data)
    with writing(path) as file:
        figure.savefig(file, dpi=150, format=path.suffix[1:].lower())


def _colours(count: int) -> np.ndarray:
    """Return colours from dark to light, (count, 4)."""
    return colormaps["viridis"](np.linspace(0.0, 0.9, count))


def _ratios(ax: Axes, folded: xr.Dataset, waves: str) -> None:
    """Draw the ratio of one set of waves against |mu|, a curve for each dB/B and momentum."""
    for colour, a in zip(_colours(folded.sizes["amplitude"]), folded.amplitude.values, strict=True):
        for p, style in zip(folded.momentum.values, ("o-", "s--", "^:", "v-."), strict=False):
            one = folded.sel(waves=waves, amplitude=a, momentum=p)
            label = f"{a:g}" if p == folded.momentum.values[0] else None
            ax.errorbar(one.cosine, one.ratio, one.stderr, fmt=style, ms=3, lw=1, color=colour, label=label)
    ax.axhspan(0.9, 1.1, color="0.9", zorder=0)
    ax.set(ylim=(0.5, 2.5), yscale="log", xlabel=r"$|\mu|$ at the start")
    ax.set_yticks([0.5, 0.7, 1.0, 1.5, 2.0, 2.5], ["0.5", "0.7", "1", "1.5", "2", "2.5"])
    ax.set_yticks([], minor=True)
    ax.set_ylabel(r"$\langle\Delta\mu^2\rangle$ measured / expected")
    momenta = ", ".join(f"{p:g}" for p in folded.momentum.values)
    ax.set_title(f"{waves}; p = {momenta} $m_p c$ (full, dashed)", fontsize=10)
    ax.legend(title=r"$\delta B/B$", fontsize=8, ncols=3)


def _limits(ax: Axes, folded: xr.Dataset) -> None:
    """Draw the dB/B where theory fails against |mu|, a curve for each set of waves and momentum."""
    for colour, waves in zip(_colours(folded.sizes["waves"]), folded.waves.values, strict=True):
        for p, style in zip(folded.momentum.values, ("o-", "s--", "^:", "v-."), strict=False):
            label = str(waves) if p == folded.momentum.values[0] else None
            limit = folded.threshold.sel(waves=waves, momentum=p)
            ax.plot(folded.cosine, limit, style, ms=4, lw=1, color=colour, label=label)
    ax.set(yscale="log", xlabel=r"$|\mu|$ at the start", ylabel=r"$\delta B/B$", xlim=(0.0, 1.0))
    ax.set_title("where the ratio is first off by 10 %", fontsize=10)
    ax.legend(fontsize=8)


def _running(ax: Axes, data: xr.Dataset) -> None:
    """Draw D_mumu from neighbouring lags over theory against the lag, a curve for each dB/B."""
    one = data.isel(waves=-1, momentum=0).sel(mu=0.5, method="nearest")
    period = 2.0 * np.pi * np.hypot(1.0, float(one.momentum))
    for colour, a in zip(_colours(data.sizes["amplitude"]), data.amplitude.values, strict=True):
        here = one.sel(amplitude=a)
        D, error = (x / here.theory_mu_mu for x in (here.running_D, here.running_D_stderr))
        ax.errorbar(here.lag_time / period, D, error, fmt="o-", ms=3, lw=1, color=colour, label=f"{a:g}")
    ax.axhspan(0.9, 1.1, color="0.9", zorder=0)
    ax.set(xlabel="lag [gyrations]", ylabel=r"$D_{\mu\mu}$ / theory, from neighbouring lags", ylim=(0.0, 1.5))
    ax.set_title(f"{one.waves.item()}, p = {one.momentum.item():g}, mu = {one.mu.item():g}: plateau", fontsize=10)
    ax.legend(title=r"$\delta B/B$", fontsize=8, ncols=2)


def _gap(ax: Axes, data: xr.Dataset) -> None:
    """Draw D_mumu and its theory against mu, a curve for each dB/B."""
    one = data.isel(waves=-1, momentum=0)
    for colour, a in zip(_colours(data.sizes["amplitude"]), data.amplitude.values, strict=True):
        here = one.sel(amplitude=a)
        unit = float((here.theory_mu_mu / (1.0 - here.mu**2)).max())
        ax.errorbar(here.mu, here.D_mu_mu / unit, here.D_mu_mu_stderr / unit, fmt="o-", ms=3, lw=1, color=colour)
        ax.plot(here.mu, here.theory_mu_mu / unit, "k_", ms=9)
    ax.set(xlabel=r"$\mu$", ylabel=r"$D_{\mu\mu}$ / ($\nu/2$), between the lags", ylim=(-0.2, 1.2))
    ax.set_title(
        f"{data.waves.values[-1]}, p = {float(data.momentum[0]):g}: through the gap (dashes: theory)", fontsize=10
    )


def _narrow(ax: Axes, data: xr.Dataset) -> None:
    """Draw <d mu^2> in narrow spectra against the lag, a curve for each width and dB/B."""
    for colour, w in zip(_colours(data.sizes["width"]), data.width.values, strict=True):
        for a, style in zip(data.narrow_amplitude.values, ("o-", "s--", "^:", "v-."), strict=False):
            one = data.sel(width=w, narrow_amplitude=a)
            label = f"{w:g}, {a:g}: {float(one.narrow_trapping):.2g}"
            ax.errorbar(data.narrow_lag, one.narrow_spread, fmt=style, ms=3, lw=1, color=colour, label=label)
    ax.set(xscale="log", yscale="log", xlabel="lag [gyrations]", ylabel=r"$\langle\Delta\mu^2\rangle$")
    ax.set_title("narrow spectra; width in ln k, dB/B: bounce frequency/width", fontsize=10)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high * (high / low) ** 0.4)
    ax.legend(fontsize=8, ncols=2, loc="upper left")
