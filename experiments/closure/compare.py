"""Draw and print kappa(p) of a warm ionised medium by crmc, by the formula of GIZMO, and as observed.

python experiments/closure/compare.py [--figure FILE.png]

GIZMO: `diffusion_coefficient_self_confinement` in eos/cosmic_ray_fluid/cosmic_ray_utilities.c of
pfhopkins/gizmo-public (commit 8cdfb793).  With its S_ext = v_A |grad P|/e_B, Gamma_LIN = the damping rate and
Gamma_NLL = sqrt(pi) c_s/(8 r_L),

    kappa = (16/(9 pi)) r_L v/X,    X = e_A/e_B with Gamma_NLL X^2 + Gamma_LIN X = S_ext,

P the pressure per ln p where it follows a spectrum.  Its Gamma_LIN multiplies an energy, so an amplitude rate Gamma_d
of crmc is Gamma_LIN = 2 Gamma_d; taken as Gamma_d its kappa halves.

Observed: boron over carbon by AMS-02 in a halo of uniform kappa, Genolini et al. 2019 (arXiv:1904.08917), one sigma:
0.26 to 0.36 kpc^2/Myr at 10 GV, rising with rigidity to the power 0.43 to 0.53 up to a break at some 200 GV.  kappa is
proportional to the height of the halo, which is less known than that.
"""

from __future__ import annotations

import argparse

import matplotlib
import matplotlib.pyplot as plt
import numpy as np

import crmc
from crmc.closure import Cell
from crmc.units import BOLTZMANN, ELEMENTARY_CHARGE, PARSEC, PROTON_MASS, SPEED_OF_LIGHT

EV = 1.602176634e-12
LENGTH = 2e3 * PARSEC
WIM = Cell(
    magnetic_field=3e-6,
    ion_density=0.1,
    temperature=8e3,
    cr_pressure=0.4 * EV,
    pressure_gradient=-0.4 * EV / LENGTH,
    turbulent_dissipation=1e-3,
    index=4.6,
    turnover_momentum=1.0,
    momentum_min=1e-2,
    momentum_max=1e4,
    k_max=20.0,
)
P = np.geomspace(0.1, 1e3, 41)
#: Observed kappa at 10 GV [cm^2 s^-1] and powers of rigidity, least and most; GV of a proton of 1 m_p c; last GV.
OBSERVED = np.array([0.26, 0.36]) * (1e3 * PARSEC) ** 2 / (1e6 * 3.15576e7)
POWERS, GV, BREAK = np.array([0.43, 0.53]), 0.938272, 200.0


def pressure_per_log(cell: Cell, p: np.ndarray) -> np.ndarray:
    """Return dP_c/dln p [erg cm^-3]."""

    def shape(p: np.ndarray) -> np.ndarray:
        return (p**2 + cell.turnover_momentum**2) ** (-cell.index / 2.0) * p**5 / np.hypot(1.0, p)

    every = np.linspace(np.log(cell.momentum_min), np.log(cell.momentum_max), 20001)
    return cell.cr_pressure * shape(p) / np.trapezoid(shape(np.exp(every)), every)


def gizmo(cell: Cell, p: np.ndarray, landau: bool, energy_rate: bool = True) -> np.ndarray:
    """Return kappa by GIZMO's formula with the damping of the cell [cm^2 s^-1]."""
    v = p / np.hypot(1.0, p) * SPEED_OF_LIGHT
    larmor = p * PROTON_MASS * SPEED_OF_LIGHT**2 / (ELEMENTARY_CHARGE * cell.magnetic_field)
    v_alfven = cell.magnetic_field / np.sqrt(4.0 * np.pi * cell.ion_density * PROTON_MASS)
    amplitude = cell.linear_damping + np.sqrt(cell.turbulent_dissipation / larmor / v_alfven)
    gamma = (2.0 if energy_rate else 1.0) * amplitude
    source = v_alfven * pressure_per_log(cell, p) / LENGTH / (cell.magnetic_field**2 / (8.0 * np.pi))
    nonlinear = np.sqrt(np.pi) / 8.0 * np.sqrt(5 / 3 * BOLTZMANN * cell.temperature / PROTON_MASS) / larmor * landau
    power = 2.0 * source / (gamma + np.sqrt(gamma**2 + 4.0 * nonlinear * source))
    return 16.0 / (9.0 * np.pi) * larmor * v / power


def observed(p: np.ndarray) -> np.ndarray:
    """Return the least and the most that kappa is as observed [cm^2 s^-1], (2, ...), for protons beyond 10 GV."""
    return np.stack([k10 * (GV * p / 10.0) ** power for k10, power in zip(OBSERVED, POWERS, strict=True)])


def main() -> None:
    """Print the table and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figure", default="closure-kappa.png", metavar="FILE.png")
    arguments = parser.parse_args()
    matplotlib.use("Agg")
    turbulent = crmc.closure(WIM, P, nonlinear_landau="none").kappa
    free = crmc.closure(WIM, P, nonlinear_landau="none", gap=0.0).kappa
    alone = {
        form: np.asarray(crmc.closure(WIM, P, nonlinear_landau=form, turbulent_dissipation=0.0).kappa)
        for form in ("local", "paper", "cumulative")
    }
    theirs = gizmo(WIM, P, landau=False), gizmo(WIM, P, landau=False, energy_rate=False)
    quiet = Cell(**{**vars(WIM), "turbulent_dissipation": 0.0})
    landau = gizmo(quiet, P, landau=True)
    print("p [m_p c]   kappa by turbulent damping: crmc, gap crossed freely, GIZMO (2 Gamma_d), (Gamma_d)")
    for i in range(0, len(P), 5):
        print(f"{P[i]:9.3g}   {turbulent[i]:.2e}  {free[i]:.2e}  {theirs[0][i]:.2e}  {theirs[1][i]:.2e}")
    for p in (10.0 / GV, 100.0):
        print(f"{p:9.3g}   observed {' to '.join(f'{kappa:.2e}' for kappa in observed(p))}")
    print("p [m_p c]   kappa by nonlinear Landau damping: crmc local, paper, cumulative, GIZMO")
    for i in range(0, len(P), 5):
        print(f"{P[i]:9.3g}   {'  '.join(f'{kappa[i]:.2e}' for kappa in (*alone.values(), landau))}")
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.0, 4.5), layout="constrained", sharey=True)
    left.loglog(P, turbulent, color="black", label="crmc")
    left.loglog(P, free, color="black", ls=":", label="crmc, gap crossed freely")
    left.fill_between(
        P, theirs[1], theirs[0], color="#0072B2", alpha=0.4, label="GIZMO: rate of amplitude .. of energy"
    )
    left.set_title(r"turbulent damping, $\epsilon = 10^{-3}$ cm$^2$ s$^{-3}$", fontsize=10)
    for (form, kappa), colour in zip(alone.items(), ("#009E73", "#D55E00", "#CC79A7"), strict=True):
        right.loglog(P, kappa, color=colour, label=f"crmc, {form}")
    right.loglog(P, landau, color="#0072B2", label="GIZMO")
    right.set_title("nonlinear Landau damping alone", fontsize=10)
    beyond = np.geomspace(10.0 / GV, BREAK / GV, 20)
    for axis in (left, right):
        axis.fill_between(beyond, *observed(beyond), color="#E69F00", alpha=0.5, label="observed, B/C (AMS-02)")
        axis.set_xlabel(r"$p$ [$m_p c$]")
        axis.legend(fontsize=8, frameon=False)
    left.set_ylabel(r"$\kappa$ [cm$^2$ s$^{-1}$]")
    figure.savefig(arguments.figure, dpi=150)
    print(arguments.figure)


if __name__ == "__main__":
    main()
