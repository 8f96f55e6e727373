"""Repeat published simulations of cosmic-ray instabilities: growth rates, spectra, and what an empty gap does to them.

python experiments/published/published.py [--parts streaming,anisotropy,box,gap] [--seeds 8] [--figure FILE.png]

x = k p0/(m Omega0) throughout.  A growth rate is that of the amplitude, ln(e/e(0))/2 over the run, in Omega0.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import matplotlib
import matplotlib.pyplot as plt
import numpy as np

import crmc
from crmc.machine import compiler_options, each
from crmc.setup import growth_of

MESH, MARKERS = "fokker-planck", "monte-carlo"
FOLDER = Path(__file__).parent
#: Wave power at the start, as published and so weak that the waves do not scatter.
PUBLISHED, WEAK = 1e-6, 1e-8
#: Bins within this distance in ln k are averaged over.
BAND = 0.3
#: Growth rate of Bai et al. (2019) [Omega0] at x.
STREAMING = {0.1: 2.4128e-6, 0.3: 1.1145e-5, 1.0: 2.8121e-5, 3.0: 1.7570e-5}
#: xi of Sun & Bai (2023), and Delta P/P_c of zeta = (1 - 1/xi^2)/3.
ANISOTROPY = ((1.01, 0.0194), (0.99, -0.01999))
#: Directions of the powers of the lengths, and the x and e of the peak of the published spectrum.
BOXES = {"expanding": (1, 0.8, 8.9e-6), "compressing": (-1, 0.8, 1.5e-5)}
#: Published growth of the streaming instability in this range of x, and that of theory [Omega0]; read from a figure.
READ = {0.6: 1.9e-5, 1.1: 1.8e-5, 1.5: 1.4e-5, 2.1: 1.2e-5, 2.9: 5.7e-6}
#: x of the table of the gap.
GAP = (0.3, 0.6, 1.1, 1.5, 2.1, 2.9, 4.7)


class Growth(NamedTuple):
    """Waves before and after a run.

    x: of the bins, (bins,); theory: growth rate of each branch at the start [Omega0], (2, 2, bins);
    start: wave power at the start, (2, 2, bins); e: that at the end by each seed, (seeds, 2, 2, bins);
    time: length of the run [1/Omega0].
    """

    x: np.ndarray
    theory: np.ndarray
    start: np.ndarray
    e: np.ndarray
    time: float

    @property
    def rate(self) -> np.ndarray:
        """Growth rate of the mean wave power of all seeds [Omega0], (2, 2, bins): that of a noisy one is too low."""
        return 0.5 * np.log(self.e.mean(axis=0) / self.start) / self.time

    def ratio(self, x: float, *branches: tuple[int, int]) -> tuple[float, float]:
        """Return the rate over that of theory near x, a mean over branches (indices), and its error, 0 of one seed.

        The error is that of the jackknife, which leaves out one seed at a time.
        """
        near, seeds = np.abs(np.log(self.x / x)) < BAND, len(self.e)

        def of(run: Growth) -> float:
            return float(np.mean([(run.rate[at] / run.theory[at])[near] for at in branches]))

        left = [of(self._replace(e=np.delete(self.e, i, axis=0))) for i in range(seeds)] if seeds > 1 else [0.0]
        return of(self), float(np.std(left) * (seeds - 1) ** 0.5)

    def peak(self, d: int, h: int) -> tuple[float, float, float]:
        """Return x of the strongest waves of a branch, their power, and its error, from the parabola at the top."""
        e = self.e[:, d, h]
        log_x, mean = np.log(self.x), np.log(e.mean(axis=0))
        near = np.abs(log_x - log_x[mean.argmax()]) < 2.0 * BAND
        bend, slope, top = np.polyfit(log_x[near], mean[near], 2)
        place = -0.5 * slope / bend
        each = np.log(e)[:, np.abs(log_x - place) < BAND].mean(axis=1)
        error = each.std(ddof=1) / len(e) ** 0.5 if len(e) > 1 else 0.0
        power = np.exp(top - 0.25 * slope**2 / bend)
        return float(np.exp(place)), float(power), float(power * error)


def config_of(name: str, *overrides: str) -> crmc.Config:
    """Return a config of this folder, with texts "section.key=value" applied."""
    return crmc.load_config(FOLDER / f"{name}.toml", overrides)


@functools.cache
def programs(solver: str) -> tuple[Any, Any]:
    """Return the steps and rows of a solver, compiled as runs compile them."""
    chosen, options = crmc.SOLVERS[solver], compiler_options()
    return tuple(
        jax.jit(f, static_argnames="model", compiler_options=options) for f in (chosen.advance, chosen.observe)
    )


def grown(config: crmc.Config, solver: str = MESH, seeds: int = 8) -> Growth:
    """Run a config on the mesh, or by markers with several seeds, which share the cores."""
    advance, observe = programs(solver)

    def powers(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        setup = crmc.build(config.with_overrides({"run.seed": seed}), solver=solver)
        model, chosen = dataclasses.replace(setup.model, functional=False), crmc.SOLVERS[solver]
        empty, count = chosen.init(setup.parameters), jnp.asarray(setup.steps)
        start = observe(setup.state, empty, count, setup.parameters, model=model)
        state, tally = advance(setup.state, empty, jax.random.key(seed), setup.parameters, count, model=model)
        end = observe(state, tally, count, setup.parameters, model=model)
        return np.asarray(setup.parameters.grid.centres), *(np.asarray(row["wave_power"]) for row in (start, end))

    found = dict(each(range(seeds if solver == MARKERS else 1), powers))
    k, start, _ = found[0]
    unit = config.code_units.gyrofrequency
    theory, x = growth_of(config, k).rate / unit, k * config.cosmic_rays.turnover_momentum
    return Growth(x, theory, start, np.array([found[i][2] for i in range(len(found))]), config.run.duration * unit)


def shown(value: float, error: float, digits: int = 3) -> str:
    """Return a number with its error, if it has one."""
    return f"{value:.{digits}f}" + (f" +- {error:.{digits}f}" if error else "")


def streaming(seeds: int) -> list[Growth]:
    """Print the growth of the streaming instability; return that on the mesh and by markers."""
    config = config_of("config", f"waves.start_level={WEAK}")
    mesh, markers = grown(config), grown(config, MARKERS, seeds)
    at = growth_of(config, np.array([*STREAMING])).rate / config.code_units.gyrofrequency
    print("streaming, mean of both forward branches\n")
    print(
        "| x | published [1e-5 Omega0] | crmc theory | mesh/theory | markers/theory |\n| --- | --- | --- | --- | --- |"
    )
    for (x, published), theory in zip(STREAMING.items(), at[0].mean(axis=0), strict=True):
        both = [shown(*run.ratio(x, (0, 0), (0, 1))) for run in (mesh, markers)]
        print(f"| {x:g} | {1e5 * published:.5g} | {1e5 * theory:.5g} | {' | '.join(both)} |")
    speed = float(crmc.predict(config)["alfven_speed"]["value"])
    moving = grown(config.with_overrides({"cosmic_rays.anisotropy": 4.0 * (2.0 * speed) ** 2}))
    for words, run in (("first harmonic", mesh), ("isotropic at 2 v_A, to second order", moving)):
        # Both over the theory of the first harmonic.
        both = (run._replace(theory=mesh.theory).ratio(0.1, (0, h))[0] for h in (0, 1))
        print(f"\nmesh/theory of helicity +1, -1 at x = 0.1, start {words}: {', '.join(f'{x:.3f}' for x in both)}")
    return [mesh, markers]


def anisotropic_growth(x: np.ndarray, xi: float, *, printed: bool = False) -> np.ndarray:
    """Return the growth rate of f(p_par^2 + xi^2 p_perp^2), kappa 1.75, n_c/n_i 1e-4, p0 = 300 v_A m [Omega0].

    (1/2)(n_c/n_i)(|1 - xi^2|/xi^2 Omega0/(k v_A) - 1) Q2(x), slow particles; printed: with a further 1/xi^2.
    """
    with jax.enable_x64(True):
        shape = np.asarray(crmc.theory.kappa_q2(jnp.asarray(x), 1.75))
    rate = 0.5e-4 * (300.0 * abs(1.0 - xi**2) / (xi**2 * x) - 1.0) * shape
    return rate / xi**2 if printed else rate


def anisotropy(seeds: int) -> dict[float, tuple[Growth, Growth]]:
    """Print the growth of the pressure-anisotropy instability; return mesh and markers at each xi."""
    found, x = {}, np.geomspace(0.1, 4.0, 2000)
    print("anisotropy, mean of both growing branches\n")
    print("| xi | x | published [1e-4 Omega0] | exact | crmc theory | mesh/theory | markers/theory |")
    print("| --- " * 7 + "|")
    for xi, pressure in ANISOTROPY:
        config = config_of("anisotropy", f"waves.start_level={WEAK}", f"cosmic_rays.anisotropy={pressure}")
        branches = ((0, 0), (1, 1)) if pressure > 0.0 else ((0, 1), (1, 0))
        mesh, markers = found[xi] = grown(config), grown(config, MARKERS, seeds)
        top = x[anisotropic_growth(x, xi).argmax()]
        for at in (0.1, 0.3, top, 1.0, 2.0, 3.0):
            here = np.array([at])
            k = here / config.cosmic_rays.turnover_momentum
            theory = growth_of(config, k).rate[branches[0]][0] / config.code_units.gyrofrequency
            values = (anisotropic_growth(here, xi, printed=True)[0], anisotropic_growth(here, xi)[0], theory)
            both = [shown(*run.ratio(at, *branches)) for run in (mesh, markers)]
            print(f"| {xi} | {at:.3g} | {' | '.join(f'{1e4 * y:.4g}' for y in values)} | {' | '.join(both)} |")
    return found


def box(seeds: int) -> dict[str, tuple[Growth, Growth]]:
    """Print the peaks of the spectra in expanding and compressing boxes; return mesh and markers of each."""
    found = {}
    print("box: strongest waves\n")
    print("| box | published x, e [1e-6] | by | x | e, forward | e, backward |\n| --- | --- | --- | --- | --- | --- |")
    for name, (sign, x, e) in BOXES.items():
        config = config_of("box", f"expansion.power_along={2.0 * sign}", f"expansion.power_across={1.0 * sign}")
        found[name] = grown(config), grown(config, MARKERS, seeds)
        for solver, run in zip(("mesh", "markers"), found[name], strict=True):
            ends = [run.peak(d, (d + (sign > 0)) % 2) for d in (0, 1)]
            both = [shown(1e6 * power, 1e6 * error, 2) for _, power, error in ends]
            print(f"| {name} | {x:g}, {1e6 * e:.2g} | {solver} | {ends[0][0]:.2f} | {' | '.join(both)} |")
    return found


def gap(seeds: int) -> dict[tuple[str, float, float], Growth]:
    """Print what the gap does to the growth of the streaming instability; return the runs on the mesh."""
    found = {}
    print(f"gap: growth over theory at x = {', '.join(f'{x:g}' for x in GAP)}\n")
    for model in ("empty", "edge"):
        for level in (PUBLISHED, WEAK):
            for k_max in (10.0, 40.0) if (model, level) == ("empty", PUBLISHED) else (10.0,):
                changes = (f"scattering.gap={model}", f"waves.start_level={level}", f"waves.k_max={k_max}")
                run = found[model, level, k_max] = grown(config_of("config", *changes))
                row = " | ".join(f"{run.ratio(x, (0, 0), (0, 1))[0]:.3f}" for x in GAP)
                print(f"| {model}, k_max {k_max:g}, from {level:g}, mesh | {row} |")
    run = grown(config_of("config", "run.markers=65536"), MARKERS, seeds)
    row = " | ".join(shown(*run.ratio(x, (0, 0), (0, 1)), 2) for x in GAP)
    print(f"| empty, k_max 10, from {PUBLISHED:g}, markers | {row} |")
    with jax.enable_x64(True):
        theory = [float(crmc.theory.growth_drift_kappa(x, 1.25, 1e-4, 2.0)) for x in READ]
    row = " | ".join(f"{x:g}: {read / exact:.2f}" for (x, read), exact in zip(READ.items(), theory, strict=True))
    print(f"| published, read | {row} |")
    return found


def draw(path: str, runs: dict[str, Any]) -> None:
    """Draw growth rates of both instabilities and the spectra of the boxes."""
    matplotlib.use("Agg")
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(14, 4.2), layout="constrained")
    for (model, level, k_max), run in runs["gap"].items():
        if k_max == 10.0:
            colour, style = "tab:green" if model == "empty" else "tab:blue", "-" if level == WEAK else "--"
            rate = run.rate[0].mean(axis=0)
            left.loglog(run.x, np.where(rate > 0.0, rate, np.nan), style, color=colour, label=f"{model}, {level:g}")
    mesh, markers = runs["streaming"]
    left.loglog(mesh.x, mesh.theory[0, 0], "k:", lw=2.0, label="theory")
    left.loglog(markers.x, markers.rate[0].mean(axis=0), ".", color="tab:orange", label="markers, empty, 1e-08")
    left.loglog([*READ], [*READ.values()], "ks", mfc="none", label="published, read")
    left.set(ylim=(1e-6, 4e-5), ylabel=r"growth rate [$\Omega_0$]", title="streaming")
    for (xi, pair), colour in zip(runs["anisotropy"].items(), ("tab:red", "black"), strict=True):
        h = 0 if xi > 1.0 else 1
        x = np.geomspace(0.05, 5.5, 200)
        middle.loglog(x, anisotropic_growth(x, xi), ":", color=colour, label=f"exact, xi = {xi}")
        for run, style in zip(pair, ("-", "."), strict=True):
            rate = run.rate[0, h]
            middle.loglog(run.x, np.where(rate > 0.0, rate, np.nan), style, color=colour)
    middle.set(ylim=(1e-6, 4e-4), title="pressure anisotropy, points: markers")
    for (name, pair), colour in zip(runs["box"].items(), ("black", "tab:red"), strict=True):
        for run, style in zip(pair, ("-", "."), strict=True):
            for d in (0, 1):
                for h in (0, 1):
                    label = f"{name}" if (style, d, h) == ("-", 0, 0) else None
                    right.loglog(run.x, run.e.mean(axis=0)[d, h], style, color=colour, label=label)
        right.plot(*BOXES[name][1:], "s", mfc="none", color=colour)
    right.set(ylabel="e(k)", title="boxes, points: markers, squares: published peak")
    for axes in (left, middle, right):
        axes.set_xlabel(r"$x = k p_0/(m \Omega_0)$")
        axes.legend(fontsize=7, frameon=False)
    figure.savefig(path, dpi=120)


def main(words: Sequence[str] | None = None) -> None:
    """Run the parts and print their tables."""
    parts = {"streaming": streaming, "anisotropy": anisotropy, "box": box, "gap": gap}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default=",".join(parts), help=f"of {', '.join(parts)}, separated by commas")
    parser.add_argument("--seeds", type=int, default=8, help="runs by markers of each case (default 8)")
    parser.add_argument("--figure", help="file of the figure, which needs all parts")
    arguments = parser.parse_args(words)
    runs: dict[str, Any] = {}
    for part in arguments.parts.split(","):
        start = time.process_time()
        runs[part] = parts[part](arguments.seeds)
        print(f"\n{part}: {time.process_time() - start:.0f} s of processor time\n", flush=True)
    if arguments.figure:
        draw(arguments.figure, runs)


if __name__ == "__main__":
    main()
