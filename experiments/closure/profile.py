"""Compile the small fluid code with the header, run it, and compare its steady profiles with an integration of its own.

python experiments/closure/profile.py [--figure FILE.png] [--until 6e15]

In a steady state dF/dx = v_A dP/dx and F = v_s (E + P) + kappa_E U/L.  The last term depends on dP/dx alone where waves
damp as they do here, so that dP/dx follows from F and P: an ordinary differential equation, solved with kappa_E of
`crmc.closure`.  F and P at the right end and the streaming speed v_s are those of the fluid code.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np

import crmc
from crmc.closure import Cell
from crmc.setup import cell_of
from crmc.units import PARSEC, PROTON_MASS

HERE = Path(__file__).resolve().parent
KPC = 1e3 * PARSEC


def run(folder: Path, case: str, until: float) -> np.ndarray:
    """Return the table that the fluid code prints, compiled with the header of `fluid.toml`."""
    header = ["closure", str(HERE / "fluid.toml"), "--header", "crmc_closure.h"]
    subprocess.run([sys.executable, "-m", "crmc", *header], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    compiler = ["cc", "-std=c99", "-O2", f"-I{folder}", str(HERE / "fluid.c"), "-o", "fluid", "-lm"]
    subprocess.run(compiler, cwd=folder, check=True)
    shown = subprocess.run(["./fluid", case, str(until)], cwd=folder, check=True, capture_output=True, text=True)
    return np.array([[float(word) for word in line.split()] for line in shown.stdout.splitlines()[1:]])


def diffusive(cell: Cell, v_alfven: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return |dP/dx|, (n,), and the flux kappa_E U/L that it drives at each Alfven speed, (places, n)."""
    gradient = np.geomspace(1e-40, 1e-31, 300)
    density = (cell.magnetic_field / v_alfven) ** 2 / (4.0 * np.pi * PROTON_MASS)
    found = crmc.closure(
        cell,
        nonlinear_landau="local",
        ion_density=density[:, None],
        pressure_gradient=-gradient,
        cr_pressure=1e-12,
    )
    return gradient, gradient / np.asarray(found.sigma)


def steady(cell: Cell, table: np.ndarray) -> np.ndarray:
    """Return P on the places of a table, from the last one back: the other way small errors grow.

    The midpoint rule with 20 steps between places.
    """
    x, pressure, flux, _, stream, v_alfven = table.T
    gradient, driven = diffusive(cell, v_alfven)
    logs = np.log(driven)
    p, f = pressure[-1], flux[-1]
    found = [p]

    def slope(i: int, p: float, f: float, part: float) -> tuple[float, float]:
        speed, v = ((1.0 - part) * y[i] + part * y[i - 1] for y in (stream, v_alfven))
        curve = np.exp((1.0 - part) * logs[i] + part * logs[i - 1])
        drop = np.interp(f - speed * p, curve, gradient, left=0.0)
        return drop, v * drop

    for i in range(len(x) - 1, 0, -1):
        h = (x[i] - x[i - 1]) * KPC / 20.0
        for step in range(20):
            one = slope(i, p, f, step / 20.0)
            two = slope(i, p + 0.5 * h * one[0], f + 0.5 * h * one[1], (step + 0.5) / 20.0)
            p, f = p + h * two[0], f + h * two[1]
        found.append(p)
    return np.array(found[::-1])


def main() -> None:
    """Print the largest differences, and draw the profiles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figure", default="closure-fluid.png", metavar="FILE.png")
    parser.add_argument("--until", type=float, default=6e15, metavar="SECONDS")
    arguments = parser.parse_args()
    matplotlib.use("Agg")
    cell = cell_of(crmc.load_config(HERE / "fluid.toml"))
    figure, axes = plt.subplots(1, 2, figsize=(10.0, 4.0), layout="constrained")
    for axis, case in zip(axes, ("uniform", "bottleneck"), strict=True):
        with tempfile.TemporaryDirectory() as folder:
            table = run(Path(folder), case, arguments.until)
        x, pressure, _, _, _, v_alfven = table.T
        # From behind the narrowest place to the last layer, which is steeper than the cells.
        inside = slice(0 if case == "uniform" else int(np.argmin(v_alfven)), int(0.92 * len(x)))
        exact = steady(cell, table[inside])
        error = np.max(np.abs(pressure[inside] / exact - 1.0))
        print(f"{case}: P differs by at most {error:.2%} from the integration")
        if case == "bottleneck":
            flat = pressure[: int(0.3 * len(x))]
            print(f"bottleneck: P varies by {flat.max() / flat.min() - 1.0:.1e} upstream of the cloud")
        axis.plot(x, pressure, color="black", label="fluid code with the header")
        axis.plot(x[inside], exact, "--", color="#D55E00", label="integration, kappa of crmc.closure")
        axis.set(title=case, xlabel="x [kpc]", ylabel=r"$P_c$ [erg cm$^{-3}$]")
        axis.legend(frameon=False)
    figure.savefig(arguments.figure, dpi=150)
    print(arguments.figure)


if __name__ == "__main__":
    main()
