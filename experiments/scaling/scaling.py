"""Measure how heating and diffusivity of the two drives scale with v_A/c (sections 4.3 and 5 of the paper).

python experiments/scaling/scaling.py [--markers 8192] [--replicas 8] [--speeds 1e-5:1e-2:7] [--figure FILE.png]

Heating H is in P_c v_A/L, lengths are in L, diffusivities in c L; L is the length of the gradient, and tau_B = L/v_A.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from drives import DRIVES, MARKERS, MESH, base, measure, power_law_paths, predicted

from crmc.physics import MOMENTA
from crmc.statistics import Estimate, mean_of

#: Power laws are fitted up to this v_A/c; beyond, corrections to the laws appear.
LARGEST_FITTED = 1.01e-3
#: Quantities whose ratio of both drives is taken: H, lambda at the momenta of `MOMENTA`, and kappa with its gap.
RATIOS = ("heating", "path 1", "path 3", "path 10", "diffusivity")


class Row(NamedTuple):
    """Results at one v_A/c: those of each drive, and the ratio expansion over gradient of all `RATIOS`."""

    speed: float
    drift: dict[str, Estimate]
    expansion: dict[str, Estimate]
    ratio: dict[str, Estimate]


def compare(speeds: Sequence[float], drift: list[dict], expansion: list[dict]) -> list[Row]:
    """Return means over replicas and their ratios.

    Relative errors of a ratio add in quadrature, since the runs of both drives are independent.
    """
    rows = []
    for speed, below, above in zip(speeds, drift, expansion, strict=True):
        means = [{name: mean_of(values) for name, values in one.items()} for one in (below, above)]
        ratio = {}
        for name in RATIOS:
            under, over = (one[name] for one in means)
            value = over.value / under.value
            ratio[name] = Estimate(value, value * np.hypot(over.stderr / over.value, under.stderr / under.value))
        rows.append(Row(float(speed), *means, ratio))
    return rows


class Law(NamedTuple):
    """Prefactor in ratio = prefactor (v_A/c)^power with the exponent of theory, and the fitted exponent."""

    prefactor: Estimate
    exponent: Estimate
    chi_squared: float


def fit(rows: Sequence[Row], name: str) -> Law:
    """Fit ln ratio against ln(v_A/c) by least squares up to `LARGEST_FITTED`.

    Runs at different v_A/c are copies of each other up to scale.  One relative error, the root mean square of all,
    therefore holds for each; errors of few replicas scatter too much to be weights.  chi^2 is NaN without errors.
    """
    kept = [row for row in rows if row.speed <= LARGEST_FITTED]
    x, y = (np.log([f(row) for row in kept]) for f in (lambda r: r.speed, lambda r: float(r.ratio[name].value)))
    error = np.sqrt(np.mean([(row.ratio[name].stderr / row.ratio[name].value) ** 2 for row in kept]))
    spread = np.sqrt(np.sum((x - x.mean()) ** 2))
    slope = np.sum((x - x.mean()) * y) / spread**2
    residual = y - y.mean() - slope * (x - x.mean())
    power = 1.0 if name == "heating" else -1.0
    prefactor = np.exp(y.mean() - power * x.mean())
    chi_squared = float(np.sum((residual / error) ** 2)) if error > 0.0 else np.nan
    return Law(
        Estimate(prefactor, prefactor * error / np.sqrt(len(kept))), Estimate(slope, error / spread), chi_squared
    )


def pair(estimate: Estimate, scale: float = 1.0, digits: int = 4) -> str:
    """Format value and error, or the value alone where there is no error."""
    value, error = float(estimate.value) * scale, float(estimate.stderr) * scale
    return f"{value:.{digits}f}" + (f" +- {error:.{digits}f}" if np.isfinite(error) else "")


def print_drives(rows: Sequence[Row], solver: str) -> None:
    """Print the results of each drive."""
    print(f"\n{solver}\n\n| v_A/c | drive | H | H/H_gas | path 1 | path 3 | path 10 | kappa | kappa of the flux |")
    print("| --- " * 9 + "|")
    for row in rows:
        for drive, found in (("drift", row.drift), ("expansion", row.expansion)):
            inverse = 1.0 / row.speed
            heat, path = (1.0, inverse) if drive == "drift" else (inverse, 1.0)
            cells = [pair(found["heating"], heat), pair(found["balance"])]
            cells += [pair(found[name], path) for name in RATIOS[1:]]
            cells.append(pair(found["flux"], path) if drive == "drift" else "")
            print(f"| {row.speed:.3g} | {drive} | {' | '.join(cells)} |")


def print_laws(tables: Mapping[str, Sequence[Row]], theory_ratio: Mapping[str, float]) -> None:
    """Print exponents and prefactors of all ratios."""
    print(
        "\n| expansion/drift | solver | exponent | prefactor | theory | chi^2 |\n| --- | --- | --- | --- | --- | --- |"
    )
    for name in RATIOS:
        for solver, rows in tables.items():
            law = fit(rows, name)
            cells = pair(law.exponent), pair(law.prefactor), f"{theory_ratio[name]:.4f}", f"{law.chi_squared:.1f}"
            print(f"| {name} | {solver} | {' | '.join(cells)} |")


def theory_ratios() -> dict[str, float]:
    """Return prefactors by theory: of v_A/c for H_pa/H_d, and of c/v_A for the others."""
    below, above, config = predicted("drift"), predicted("expansion"), base("drift", MESH, 64)
    speed = config.code_units.alfven_speed
    return {name: above[name] / below[name] * (1.0 / speed if name == "heating" else speed) for name in RATIOS}


def draw(tables: Mapping[str, Sequence[Row]], theory_ratio: Mapping[str, float], path: str) -> None:
    """Draw the ratios above and the ratios over theory below, with error bars of one standard error."""
    matplotlib.use("Agg")
    figure, panels = plt.subplots(2, 2, figsize=(9.6, 6.2), sharex=True, layout="constrained", height_ratios=(2.0, 1.2))
    groups = (RATIOS[:1], RATIOS[1:4])
    labels = {"heating": r"$H_{\rm pa}/H_{\rm d}$"} | {f"path {p:g}": rf"$p = {p:g}\,m_p c$" for p in MOMENTA}
    colours = {"heating": "tab:red", "path 1": "tab:blue", "path 3": "tab:green", "path 10": "tab:purple"}
    for column, names in enumerate(groups):
        upper, lower = panels[:, column]
        for place, name in enumerate(names):
            shift = place - 0.5 * (len(names) - 1)
            power = 1.0 if name == "heating" else -1.0
            for solver, rows in tables.items():
                speed = np.array([row.speed for row in rows])
                value = np.array([float(row.ratio[name].value) for row in rows])
                error = np.array([float(row.ratio[name].stderr) for row in rows])
                law, mesh = theory_ratio[name] * speed**power, solver == MESH
                style: dict[str, Any] = {"color": colours[name], "ls": "none", "label": None if mesh else labels[name]}
                style |= {"marker": "x", "ms": 8} if mesh else {"marker": "o", "ms": 4, "capsize": 2.5}
                bars = None if mesh else error
                upper.errorbar(speed, value, bars, **style)
                lower.errorbar(speed * 1.12**shift, value / law, None if mesh else error / law, **style)
            upper.plot(speed, law, color=colours[name], lw=0.8)
        lower.axhline(1.0, color="0.5", lw=0.8)
        lower.set(xlabel=r"$v_A/c$", ylabel="measured / theory", ylim=(0.9, 1.2))
        lower.axvspan(LARGEST_FITTED * 10**0.25, speed.max() * 10**0.25, color="0.93", zorder=0)
        upper.axvspan(LARGEST_FITTED * 10**0.25, speed.max() * 10**0.25, color="0.93", zorder=0)
        upper.set(xscale="log", yscale="log", xlim=(speed.min() * 10**-0.25, speed.max() * 10**0.25))
    _finish(panels)
    figure.savefig(path, dpi=150)


def _finish(panels: np.ndarray) -> None:
    """Add axis labels, the simple laws of the paper, and the legend."""
    left, right = panels[0]
    speed = np.array(left.get_xlim())
    left.plot(speed, 0.5 * speed, "k:", lw=1.0, label=r"$\frac{1}{2}\,v_A/c$")
    right.plot(speed, power_law_paths(4.7) / speed, "k:", lw=1.0, label=r"$f_0 \propto p^{-4.7}$, $v = c$")
    left.set_ylabel(r"heating, $H_{\rm pa}/H_{\rm d}$")
    right.set_ylabel(r"diffusivity, $\kappa_{\rm pa}/\kappa_{\rm d}$")
    for axes in (left, right):
        axes.plot([], [], "o", ms=4, color="0.3", label="markers")
        axes.plot([], [], "x", ms=8, color="0.3", label="mesh")
        axes.plot([], [], "-", lw=0.8, color="0.3", label="theory")
        axes.legend(fontsize=8, frameon=False)


def main() -> None:
    """Run everything, print the tables and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markers", type=int, default=8192)
    parser.add_argument("--replicas", type=int, default=8)
    parser.add_argument("--speeds", default="1e-5:1e-2:7", help="first:last:number, equally spaced in ln v_A")
    parser.add_argument("--figure", default="scaling.png")
    arguments = parser.parse_args()
    first, last, count = arguments.speeds.split(":")
    speeds, size = np.geomspace(float(first), float(last), int(count)), (arguments.markers, arguments.replicas)
    with jax.enable_x64(True):
        ratios = theory_ratios()
        mesh = {drive: measure(drive, MESH, speeds) for drive in DRIVES}
        drawn = {drive: measure(drive, MARKERS, speeds, *size) for drive in ("drift", "expansion")}
    tables = {
        MARKERS: compare(speeds, drawn["drift"], drawn["expansion"]),
        MESH: compare(speeds, mesh["drift"], mesh["expansion"]),
        "mesh, settled": compare(speeds, mesh["settled drift"], mesh["expansion"]),
    }
    for solver, rows in tables.items():
        print_drives(rows, solver)
    print_laws(tables, ratios)
    draw({solver: tables[solver] for solver in (MARKERS, MESH)}, ratios, arguments.figure)


if __name__ == "__main__":
    main()
