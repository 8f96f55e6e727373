"""Draw f(p, mu) of a run: the momentum spectrum, and where f departs from isotropy."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crmc.results.colours import BLACK, BLUE
from crmc.results.drawn import Drawn
from crmc.results.figures.frame import WAVE, curve, finish, titled


def distribution(result: Drawn) -> Figure | None:
    """Draw the momentum spectrum times p^2, and f over its mean over mu, at the end of the run; None without f."""
    spectrum = result.get("momentum_spectrum", ("p",))
    anisotropy = result.get("distribution_anisotropy", ("p", "mu"))
    if spectrum is None or anisotropy is None:
        return None
    figure = Figure(figsize=(9.5, 7.6), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(1.0, 1.4))
    _spectrum(top, result, spectrum)
    _map(figure, bottom, result, anisotropy)
    titled(figure, result)
    return figure


def _spectrum(axes: Axes, result: Drawn, spectrum: np.ndarray) -> None:
    """Draw p^2 dn/dp, flat where all decades of momentum hold as much energy, with its error band."""
    p = result.data["p"].values
    error = result.get("momentum_spectrum_stderr", ("p",))
    axes.set_xscale("log")
    axes.set_yscale("log")
    curve(axes, p, p**2 * spectrum, None if error is None else p**2 * error, color=BLUE)
    axes.set_ylabel(r"$p^2\,\mathrm{d}n/\mathrm{d}p$  [$\mathrm{cm^{-3}}\,m_p c$]")
    finish(axes)


def _map(figure: Figure, axes: Axes, result: Drawn, anisotropy: np.ndarray) -> None:
    """Draw f/<f> - 1 over p and mu, with the 90-degree gap of the waves."""
    p, mu = result.data["p"].values, result.data["mu"].values
    # A few cells of the noisiest momenta would otherwise take all the colours.
    size = float(np.nanquantile(np.abs(anisotropy), 0.98)) or 1.0
    drawn = axes.pcolormesh(p, mu, anisotropy.T, cmap="RdBu_r", vmin=-size, vmax=size, shading="nearest")
    figure.colorbar(drawn, ax=axes, label=r"$f/\langle f\rangle_\mu - 1$", extend="both")
    if result.k_max is not None and result.get("wave_power", WAVE) is not None:
        for side, label in ((1.0, r"$|p_\parallel| = m\Omega_0/k_\mathrm{max}$"), (-1.0, "")):
            axes.plot(p, side / (result.k_max * p), color=BLACK, linestyle=":", linewidth=1.0, label=label)
        axes.legend(loc="lower right", fontsize=9)
    axes.set_ylim(-1.0, 1.0)
    axes.set_xlabel(r"$p$  [$m_p c$]")
    axes.set_ylabel(r"$\mu$")
