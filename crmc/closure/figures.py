"""Draw the closure of one cell over momentum."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from crmc.closure.balance import NonlinearLandau
from crmc.closure.cell import Cell
from crmc.closure.solve import closure

#: Momenta drawn, per decade.
_PER_DECADE = 12
_FORMS: tuple[tuple[NonlinearLandau, str], ...] = (
    ("local", "#0072B2"),
    ("paper", "#D55E00"),
    ("cumulative", "#009E73"),
)


def plot(cell: Cell, form: NonlinearLandau, path: str | Path) -> Path:
    """Draw kappa, drift and scattering frequencies of a cell over momentum into a file, and return its path.

    cell: numbers, not arrays; form: of nonlinear Landau damping; unless it is "none", kappa by the other forms is drawn
    as well.
    """
    low, high = max(float(cell.momentum_min), 1e-2), min(float(cell.momentum_max), 1e6)
    count = int(np.ceil(np.log10(high / low) * _PER_DECADE)) + 1
    p = np.geomspace(low, 0.98 * high, count)
    found = closure(cell, p, nonlinear_landau=form)
    figure = Figure(figsize=(12.0, 4.0), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    if form == "none":
        left.loglog(p, found.kappa, color="black")
    for other, colour in _FORMS if form != "none" else ():
        kappa = found.kappa if other == form else closure(cell, p, nonlinear_landau=other).kappa
        left.loglog(p, kappa, color=colour, lw=2.0 if other == form else 1.0, label=f"{other} Landau damping")
    free = closure(dataclasses.replace(cell, gap=0.0), p, nonlinear_landau=form)
    left.loglog(p, free.kappa, color="black", ls=":", label="gap crossed freely")
    left.set_ylabel(r"$\kappa$ [cm$^2$ s$^{-1}$]")
    left.legend(fontsize=8, frameon=False)
    for name, style in (("v_streaming", "--"), ("v_expansion", ":"), ("v_drift", "-")):
        middle.semilogx(p, getattr(found, name), style, color="black", label=name)
    middle.set_yscale("symlog", linthresh=1.0)
    middle.set_ylabel(r"drift [$v_A$]")
    middle.legend(fontsize=8, frameon=False)
    right.loglog(p, found.nu_forward, color=_FORMS[0][1], label=r"$\mu = 0.5$")
    right.loglog(p, found.nu_backward, "--", color=_FORMS[1][1], label=r"$\mu = -0.5$")
    right.set_ylabel(r"$\nu$ [s$^{-1}$]")
    right.legend(fontsize=8, frameon=False)
    for axes in (left, middle, right):
        axes.set_xlabel(r"$p$ [$m_p c$]")
    target = Path(path)
    figure.savefig(target, dpi=150)
    return target
