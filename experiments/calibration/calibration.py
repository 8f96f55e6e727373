"""Recover damping, injection, and pressure and index of the cosmic rays from a wave spectrum and two pressures.

python experiments/calibration/calibration.py [--markers 8192] [--replicas 8] [--figure FILE.png]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import jax
import matplotlib
import matplotlib.pyplot as plt
import numpy as np

from crmc import Config, fit, load_config
from crmc.inference import Fit, Target, averages_of, changed, grid_of, progress, replica, value_of

#: The solver on a mesh in momentum and pitch angle.
MESH = "fokker-planck"

TRUTH = Path(__file__).resolve().parent / "truth.toml"
FREE = ("damping.linear", "injection.pressure_rate", "cosmic_rays.pressure", "cosmic_rays.index")
#: Relative errors of the observations.
ERRORS = {"wave_power": 0.05, "parallel_pressure": 0.01, "pressure_anisotropy": 0.05}
#: Starting points of the fits relative to the truth, in the order of FREE.
STARTS = ((3.0, 3.0, 3.0, 0.9), (1 / 3, 1 / 3, 1 / 3, 1.1), (3.0, 1 / 3, 3.0, 1.1))


def exact(config: Config) -> dict[str, np.ndarray]:
    """Return averages by the Fokker-Planck solver, which shares no kicks and no noise with the fitted runs."""
    averages = averages_of(config, tuple(ERRORS), MESH)
    found = jax.jit(averages)({}, *replica(averages, 0))
    return {name: np.asarray(found[name]) for name in ERRORS}


def observed(truth: dict[str, np.ndarray], generator: np.random.Generator) -> list[Target]:
    """Return the truth with random errors; of the waves, only those that are driven."""
    targets = []
    for name, value in truth.items():
        error = ERRORS[name] * np.abs(value)
        seen = np.where(value > 1e-9, 1.0, np.nan) if name == "wave_power" else 1.0
        targets.append(Target(name, seen * (value + error * generator.standard_normal(value.shape)), error))
    return targets


def draw(path: str, k: np.ndarray, truth: np.ndarray, data: Target, found: Fit, numbers: dict[str, float]) -> None:
    """Draw the spectrum of one branch as observed and fitted, and the numbers during the fit."""
    matplotlib.use("Agg")
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    place = (0, 0)
    left.errorbar(k, data.value[place], data.error[place], fmt="k.", label="observed, direction +, helicity +")
    left.plot(k, truth[place], "k:", label="truth")
    entries = np.flatnonzero(np.isfinite(data.value[place]))
    for point, style, label in ((found.history[0], "tab:blue", "start"), (found.best, "tab:red", "fitted")):
        left.plot(k[entries], (point.ratio[: len(entries)] * data.value[place][entries]), color=style, label=label)
    left.set(xscale="log", yscale="log", xlabel=r"$k c/\Omega_0$", ylabel=r"$8\pi k W_M/B^2$")
    left.legend(fontsize=8)
    for name, true in numbers.items():
        right.plot([point.numbers[name] / true for point in found.history], "o-", ms=4, label=name)
    right.axhline(1.0, color="0.5", lw=0.8)
    right.set(xlabel="evaluation", ylabel="number / truth", yscale="log")
    right.legend(fontsize=8)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Fit from every starting point, print the table and draw the last fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markers", type=int, default=8192)
    parser.add_argument("--replicas", type=int, default=8)
    parser.add_argument("--figure", default="calibration.png")
    arguments = parser.parse_args()
    config = load_config(TRUTH, [f"run.markers={arguments.markers}"])
    numbers = {name: float(value_of(config, name)) for name in FREE}
    print(
        "| start | number | truth | from | fitted | pull | evaluations |\n| --- | --- | --- | --- | --- | --- | --- |"
    )
    with jax.enable_x64(True):
        truth = exact(config)
        for i, start in enumerate(STARTS):
            targets = observed(truth, np.random.default_rng(i))
            begin = {name: x * factor for (name, x), factor in zip(numbers.items(), start, strict=True)}
            wide = (20.0, 20.0, 20.0, 1.3)
            bounds = {name: (x / f, x * f) for (name, x), f in zip(numbers.items(), wide, strict=True)}
            found = fit(
                changed(config, begin),
                targets,
                bounds,
                replicas=arguments.replicas,
                report=lambda point, steps: print(progress(point, steps), file=sys.stderr),
            )
            print(found.message, file=sys.stderr)
            for name, true in numbers.items():
                value, error = found.best.numbers[name], found.stderr[name]
                cells = (
                    f"{true:.4g}",
                    f"{begin[name]:.4g}",
                    f"{value:.4g} +- {error:.2g}",
                    f"{(value - true) / error:.2f}",
                )
                print(f"| {i + 1} | {name} | {' | '.join(cells)} | {len(found.history)} |", flush=True)
    draw(arguments.figure, grid_of(config), truth["wave_power"], targets[0], found, numbers)


if __name__ == "__main__":
    main()
