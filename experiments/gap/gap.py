"""Measure what the model of the 90-degree gap, k_max and the number of bins do to drift and to expansion.

python experiments/gap/gap.py [--parts bins,k_max,markers,resonance] [--figure FILE.png]

`drift`, `drift_reduced` and `linear_damping` run on the mesh; three of the points also run by markers.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

import crmc
from crmc.machine import each
from crmc.units import SPEED_OF_LIGHT

MESH = "fokker-planck"
DRIFT, REDUCED, EXPANSION = "drift", "drift_reduced", "linear_damping"
BINS, K_MAX = (13, 26, 52), (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
#: Bins of a branch and k_max [Omega0/c] where they do not vary.
USUAL_BINS, USUAL_K_MAX = 26, 20.0
COLOURS = {"empty": "tab:green", "edge": "tab:blue", "broadened": "tab:orange"}


class Point(NamedTuple):
    """A run: an experiment with a model of the gap, shortest waves k_max [Omega0/c], and a number of bins."""

    experiment: str
    gap: str
    k_max: float
    bins: int

    def config(self, *overrides: str) -> crmc.Config:
        """Return the config; down a gradient a run starts in the steady state, if there is one."""
        changes = [f"scattering.gap={self.gap}", f"waves.bins={self.bins}", f"waves.k_max={self.k_max}"]
        start = "equilibrium" if self.experiment != EXPANSION and self.gap != "empty" else "given"
        return crmc.load_config(self.experiment, [*changes, f"cosmic_rays.start={start}", *overrides])


class Strength(NamedTuple):
    """Waves made stronger than those of `drift` by a gradient that is as much steeper: its length [pc]."""

    length: float

    @property
    def overrides(self) -> tuple[str, str]:
        """Keys of the config; the run is shorter than light crosses the length."""
        return f"drift.gradient_length={self.length} pc", f"run.duration={self.length * 8e6:.4g} s"


BY_BINS = [Point(DRIFT, gap, USUAL_K_MAX, n) for gap in ("edge", "broadened") for n in BINS]
BY_BINS += [Point(REDUCED, "edge", 10.0, n) for n in BINS]
BY_BINS += [Point(EXPANSION, gap, USUAL_K_MAX, n) for gap in COLOURS for n in BINS]
#: Down a gradient an empty gap has no steady drift, and one point shows the rest.
BY_K_MAX = [Point(DRIFT, "empty", USUAL_K_MAX, USUAL_BINS), *(Point(DRIFT, "edge", k, USUAL_BINS) for k in K_MAX)]
BY_K_MAX += [Point(EXPANSION, gap, k, USUAL_BINS) for gap in ("empty", "edge") for k in K_MAX]
BY_MARKERS = [Point(DRIFT, "edge", k, 13) for k in (5.0, USUAL_K_MAX)] + [Point(EXPANSION, "edge", USUAL_K_MAX, 13)]
#: k_max [Omega0/c] with a resonance that the waves broaden, strengths of the waves, and runs of it on the mesh.
K_BROAD, BINS_PER_E_FOLD = (20.0, 40.0, 80.0, 300.0, 1000.0, 2700.0), 2.6
STRENGTHS = (Strength(1000.0), Strength(10.0), Strength(0.3), Strength(0.1))
BY_RESONANCE = [Point(DRIFT, "resonance", k, USUAL_BINS) for k in (1000.0, 2000.0)]
PARTS = ("bins", "k_max", "markers", "resonance")


class Result(NamedTuple):
    """What a run gave; NaN where it has no such number.

    kappa: diffusivity [cm2 s-1]; drift: v_D [cm s-1]; heating: power into waves over that of theory without a gap;
    anisotropy: (P_par - P_perp)/P_c; nu: scattering frequencies at 1, 3 and 10 m_p c, (3,) [s-1];
    errors: standard errors of the first four, zero on the mesh; solver: its name.
    """

    kappa: float
    drift: float
    heating: float
    anisotropy: float
    nu: np.ndarray
    errors: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    solver: str = "mesh"


def result(config: crmc.Config, drift: float, heating: float, anisotropy: float, nu: np.ndarray) -> Result:
    """Return a result without errors; heating is given in erg cm-3 s-1.

    kappa = L (v_D - v_w), v_w the drift of an f that is isotropic in the frame of the waves, which theory knows.
    """
    theory, length, kappa = crmc.predict(config), config.drift.gradient_length, float("nan")
    if length is not None and "diffusivity" in theory:
        kappa = theory["diffusivity"]["value"] + length * (drift - theory["drift_velocity"]["value"])
    return Result(kappa, drift, heating / theory["heating_exact"]["value"], anisotropy, nu)


@functools.cache
def on_the_mesh(point: Point) -> Result:
    """Run on the mesh; heating is the mean over the second half, all else is that of the end."""
    config = point.config()
    # Where waves fall to zero, at k = 1/momentum_max, cells in ln mu must be finer than the bins.
    cells = (24, max(256, 16 * point.bins))
    with jax.enable_x64(True):
        setup, units, mesh = crmc.build(config, solver=MESH, cells=cells), config.code_units, crmc.SOLVERS[MESH]
        model = dataclasses.replace(setup.model, functional=False)
        empty, count = mesh.init(setup.parameters), jnp.asarray(setup.steps // 2)
        advance, observe = (jax.jit(x, static_argnames="model") for x in (mesh.advance, mesh.observe))
        state = setup.state
        for _ in range(2):
            state, tally = advance(state, empty, None, setup.parameters, count, model=model)
        row = observe(state, tally, count, setup.parameters, model)
    return result(
        config,
        float(row["drift_velocity"]) * SPEED_OF_LIGHT,
        float(row["heating_rate"]) * units.power_density,
        float(row["pressure_anisotropy"]),
        np.asarray(row["scattering_frequency"]) * units.gyrofrequency,
    )


def on_the_meshes(points: list[Point]) -> list[tuple[Point, Result]]:
    """Run each point on the mesh, one on each core at a time."""
    found = dict(each(points, on_the_mesh))
    return [(point, found[point]) for point in points]


def averaged(point: Point, solver: str) -> Result:
    """Run as `crmc run` does; all are means over the second half, with their errors."""
    config = point.config()
    averages = crmc.run(config, quiet=True, solver=solver).summary["averages"]
    names = ("drift_velocity", "heating_rate", "pressure_anisotropy")
    drift, heating, anisotropy = (averages[name]["value"] for name in names)
    v_error, h_error, a_error = (averages[name]["stderr"] or 0.0 for name in names)
    nu = np.asarray([averages[f"scattering_frequency_p{p}"]["value"] for p in (1, 3, 10)])
    found = result(config, drift, heating, anisotropy, nu)
    length = config.drift.gradient_length or float("nan")
    errors = (length * v_error, v_error, h_error * found.heating / heating, a_error)
    return found._replace(errors=errors, solver="mesh" if solver == MESH else "markers")


@functools.cache
def smooth(k_max: float, experiment: str = DRIFT) -> float:
    """Return kappa down a gradient by the balance at every k, without bins, e(k > k_max) = e(k_max) [cm2 s-1]."""
    return float(crmc.closure(Point(experiment, "edge", k_max, USUAL_BINS).config()).kappa_number)


def shown(value: float, error: float, digits: int = 3) -> str:
    """Return a number with its error, if it has one; "-" if it is NaN."""
    if not np.isfinite(value):
        return "-"
    return f"{value:.{digits}f}" + (f" +- {error:.{digits}f}" if error else "")


def table(rows: list[tuple[Point, Result]]) -> str:
    """Return the rows as a table of Markdown."""
    heads = ("experiment", "gap", "by", "k_max", "bins", "kappa [1e28 cm^2 s^-1]", "over closure", "v_D [1e7 cm s^-1]")
    heads += ("H over exact", "Delta P/P_c [1e-4]", "nu at 1, 3, 10 m_p c [1e-9 s^-1]")
    lines = [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    for point, found in rows:
        kappa, drift, heating, anisotropy = found.errors
        expands = point.experiment == EXPANSION
        cells = (
            *(point.experiment, point.gap, found.solver, f"{point.k_max:g}", str(point.bins)),
            shown(1e-28 * found.kappa, 1e-28 * kappa),
            "-" if expands else shown(found.kappa / smooth(point.k_max, point.experiment), 0.0),
            "-" if expands else shown(1e-7 * found.drift, 1e-7 * drift),
            shown(found.heating, heating, 4),
            shown(1e4 * found.anisotropy, 1e4 * anisotropy) if expands else "-",
            ", ".join(f"{1e9 * x:.3f}" for x in found.nu),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


@functools.cache
def broadened(strength: Strength) -> tuple[float, list[float]]:
    """Return the width of the resonance in mu, and kappa times 1 kpc/L of the balance at each k_max [1e28 cm2 s-1]."""
    kappa, width = [], 0.0
    for k in K_BROAD:
        bins = round(BINS_PER_E_FOLD * np.log(k / 0.0485))
        overrides = [f"waves.k_max={k}", f"waves.bins={bins}", "scattering.gap=resonance", *strength.overrides]
        theory = crmc.predict(crmc.load_config(DRIFT, [*overrides, "cosmic_rays.start=given"]))
        width = theory["resonance_width"]["value"]
        value = theory["diffusivity"]["value"] if "diffusivity" in theory else float("nan")
        kappa.append(value * 1e-28 * 1000.0 / strength.length)
    return width, kappa


def broadened_table() -> str:
    """Return the diffusivities of `broadened` as a table of Markdown: of each strength and k_max."""
    heads = ("L [pc]", "Delta mu", *(f"k_max = {k:g}" for k in K_BROAD))
    lines = [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    for strength in STRENGTHS:
        width, kappa = broadened(strength)
        lines.append(f"| {strength.length:g} | {width:.2g} | {' | '.join(shown(x, 0.0) for x in kappa)} |")
    return "\n".join(lines)


def draw(path: str) -> None:
    """Draw the parts on the mesh, and save the figure."""
    matplotlib.use("Agg")
    figure, ((bins, kappa), (heating, anisotropy)) = plt.subplots(2, 2, figsize=(8.4, 6.4), layout="constrained")
    _draw_bins(bins)
    _draw_kappa(kappa)
    _draw_expansion(heating, anisotropy)
    for axes in (kappa, heating, anisotropy):
        axes.set(xscale="log", xlabel=r"$k_{\max}$ [$\Omega_0/c$]")
    for axes in (bins, kappa, heating, anisotropy):
        axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)


def _draw_bins(axes: Axes) -> None:
    """Draw the diffusivity of `drift` against the number of bins."""
    for gap in ("edge", "broadened"):
        mine = [p for p in BY_BINS if (p.experiment, p.gap) == (DRIFT, gap)]
        ratios = [on_the_mesh(p).kappa / smooth(p.k_max) for p in mine]
        axes.plot([p.bins for p in mine], ratios, "o-", color=COLOURS[gap], label=gap)
    axes.axhspan(0.99, 1.01, color="0.9", zorder=0)
    axes.axhline(1.0, color="black", ls="--", lw=0.8, label="balance without bins")
    label = r"$\kappa$ over that of the balance without bins"
    axes.set(xscale="log", xlabel="bins of a branch", ylabel=label, ylim=(0.7, 1.05))
    axes.set_xticks(BINS, [str(n) for n in BINS])
    axes.minorticks_off()
    axes.set_title(f"gradient, k_max = {USUAL_K_MAX:g}", fontsize=10)


def _draw_kappa(axes: Axes) -> None:
    """Draw the diffusivity against k_max, with an edge and with resonances that waves of four strengths broaden."""
    mine = [p for p in BY_K_MAX if (p.experiment, p.gap) == (DRIFT, "edge")]
    axes.plot(K_MAX, [1e-28 * on_the_mesh(p).kappa for p in mine], "o", color=COLOURS["edge"], label="edge")
    axes.plot(K_MAX, [1e-28 * smooth(k) for k in K_MAX], "k--", lw=0.8, label="balance without bins")
    for strength, shade in zip(STRENGTHS, (0.9, 0.75, 0.6, 0.45), strict=True):
        width, values = broadened(strength)
        label = rf"resonance, $\Delta\mu$ = {width:.2g}"
        axes.plot(K_BROAD, values, "^-", ms=4, color=plt.get_cmap("Reds")(shade), label=label)
    mine = BY_RESONANCE
    found = [1e-28 * on_the_mesh(p).kappa for p in mine]
    axes.plot([p.k_max for p in mine], found, "kx", ms=6, label="resonance, mesh")
    axes.set(ylabel=r"$\kappa$ (1 kpc/L) [$10^{28}$ cm$^2$ s$^{-1}$]", ylim=(0.0, 7.0))
    axes.set_title("gradient", fontsize=10)


def _draw_expansion(heating: Axes, anisotropy: Axes) -> None:
    """Draw heating and anisotropy of expansion against k_max, with the heating of a gradient."""
    for gap in ("empty", "edge"):
        found = [on_the_mesh(p) for p in BY_K_MAX if (p.experiment, p.gap) == (EXPANSION, gap)]
        heating.plot(K_MAX, [x.heating for x in found], "o-", color=COLOURS[gap], label=f"expansion, {gap}")
        anisotropy.plot(K_MAX, [1e4 * x.anisotropy for x in found], "o-", color=COLOURS[gap], label=gap)
    style = {"mfc": "none", "color": COLOURS["edge"]}
    found = [on_the_mesh(p) for p in BY_K_MAX if (p.experiment, p.gap) == (DRIFT, "edge")]
    heating.plot(K_MAX, [x.heating for x in found], "s--", label="gradient, edge", **style)
    alone = BY_K_MAX[0]
    style["color"] = COLOURS["empty"]
    heating.plot(alone.k_max, on_the_mesh(alone).heating, "s", label="gradient, empty", **style)
    heating.set(ylabel="heating over theory without a gap", ylim=(0.0, 1.1))
    anisotropy.set(ylabel=r"$10^4\,(P_\parallel - P_\perp)/P_c$", ylim=(0.0, None))
    anisotropy.set_title("expansion", fontsize=10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {', '.join(PARTS)}, separated by commas")
    parser.add_argument("--figure", help="file of the figure; its runs are those of the parts but markers")
    arguments = parser.parse_args()
    for part in arguments.parts.split(","):
        if part == "resonance":
            print(f"{broadened_table()}\n", flush=True)
            rows = on_the_meshes(BY_RESONANCE)
        elif part == "markers":
            rows = [(p, averaged(p, solver)) for p in BY_MARKERS for solver in ("monte-carlo", MESH)]
        else:
            rows = on_the_meshes(BY_BINS if part == "bins" else BY_K_MAX)
        print(f"{part}:\n\n{table(rows)}\n", flush=True)
    if arguments.figure:
        draw(arguments.figure)


if __name__ == "__main__":
    main()
