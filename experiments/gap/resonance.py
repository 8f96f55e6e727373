"""Run markers beside the mesh where the waves broaden the resonance by which they scatter.

python experiments/gap/resonance.py [drift ...] [--seeds 4] [--finer 2] [--figure FILE.png]

`drift`, `drift_reduced` and `linear_damping` with cosmic rays, damping and drive as many times stronger, and runs as
much shorter: waves are as much stronger, and all else is as in the experiment.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import matplotlib
import matplotlib.pyplot as plt
import numpy as np

import crmc


class Case(NamedTuple):
    """An experiment made stronger by a factor: key -> (its value there, unit) of what rises, and of what falls."""

    experiment: str
    factor: float
    more: dict[str, tuple[float, str]]
    less: dict[str, tuple[float, str]]
    others: tuple[str, ...]

    def config(self, finer: float) -> crmc.Config:
        """Return the config of a run.

        finer: how many times shorter its steps are than those of the experiment
        """
        more = [f"{key}={value * self.factor} {unit}" for key, (value, unit) in self.more.items()]
        less = [f"{key}={value / self.factor} {unit}" for key, (value, unit) in self.less.items()]
        step = crmc.load_config(self.experiment).run.scattering_per_step / finer
        changes = ["scattering.gap=resonance", *more, *less, *self.others, f"run.scattering_per_step={step}"]
        return crmc.load_config(self.experiment, changes)


CASES = (
    Case(
        "drift",
        1e4 / 3.0,
        {"cosmic_rays.pressure": (1.0, "eV/cm3"), "damping.linear": (9.3e-10, "1/s")},
        {"drift.gradient_length": (1e3, "pc"), "run.duration": (8e9, "s"), "run.coarse_grain_interval": (2e8, "s")},
        ("run.markers=32768", "run.replicas=2"),
    ),
    Case(
        "drift_reduced",
        5e3,
        {"cosmic_rays.pressure": (0.025, "eV/cm3"), "damping.linear": (5e-10, "1/s")},
        {"drift.gradient_length": (150.0, "pc"), "run.duration": (2e9, "s"), "run.coarse_grain_interval": (1.5e8, "s")},
        ("waves.k_max=20", "waves.bins=12", "run.markers=16384", "run.replicas=2"),
    ),
    Case(
        "linear_damping",
        3600.0,
        {"cosmic_rays.pressure": (8.2e-14, "dyn/cm2"), "damping.linear": (1e-11, "1/s")},
        {"expansion.timescale": (3.7e12, "s"), "run.duration": (4e10, "s"), "run.coarse_grain_interval": (3e9, "s")},
        ("run.markers=32768", "run.replicas=2"),
    ),
)


def numbers(config: crmc.Config, averages: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what runs give: means over their second half, kappa/L and v_D in 1e7 cm s^-1, nu in 1e-6 s^-1."""
    theory = crmc.predict(config)
    found = {"heating over theory": averages["heating_rate"] / theory["heating_exact"]["value"]}
    if length := config.drift.gradient_length:
        drift = averages["drift_velocity"]
        kappa = theory["diffusivity"]["value"] / length + drift - theory["drift_velocity"]["value"]
        found |= {"kappa/L [1e7 cm s^-1]": 1e-7 * kappa, "v_D [1e7 cm s^-1]": 1e-7 * drift}
    else:
        found |= {"Delta P/P": averages["pressure_anisotropy"]}
    nu = {f"nu at {p} m_p c [1e-6 s^-1]": 1e6 * averages[f"scattering_frequency_p{p}"] for p in (1, 3, 10)}
    return found | nu


def compared(case: Case, seeds: int, finer: float) -> dict[str, tuple[float, float, float]]:
    """Return name -> (number on the mesh, mean by markers over the seeds, error of this mean)."""
    config = case.config(finer)
    mesh = crmc.run(config, quiet=True, solver="fokker-planck").summary["averages"]
    data = crmc.sweep(config, seeds=seeds, quiet=True).data
    exact = numbers(config, {name: np.asarray(one["value"]) for name, one in mesh.items()})
    found = numbers(config, {name: data[f"average_{name}"].values for name in mesh if f"average_{name}" in data})
    return {
        name: (float(exact[name]), float(x.mean()), float(x.std(ddof=1) / np.sqrt(seeds))) for name, x in found.items()
    }


def draw(found: dict[str, dict[str, tuple[float, float, float]]], path: str) -> None:
    """Draw markers over mesh, a panel for each experiment."""
    matplotlib.use("Agg")
    figure, axes = plt.subplots(1, len(found), figsize=(3.6 * len(found), 3.6), layout="constrained", sharey=True)
    for axis, (experiment, rows) in zip(np.atleast_1d(axes), found.items(), strict=True):
        mesh, mean, error = np.array(list(rows.values())).T
        axis.errorbar(np.arange(len(rows)), mean / mesh, error / mesh, fmt="o", color="#0072B2", capsize=3)
        axis.axhline(1.0, color="black", ls="--", lw=0.8)
        axis.set_title(experiment, fontsize=10)
        axis.set_xticks(np.arange(len(rows)), [name.split(" [")[0] for name in rows], rotation=40, ha="right")
    np.atleast_1d(axes)[0].set_ylabel("markers over mesh")
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("experiments", nargs="*", default=[case.experiment for case in CASES], help="default: all")
    parser.add_argument("--seeds", type=int, default=4, help="runs by markers")
    parser.add_argument("--finer", type=float, default=1.0, metavar="X", help="steps shorter by this factor")
    parser.add_argument("--figure", help="file of the figure")
    arguments = parser.parse_args()
    print("| experiment | number | mesh | markers | markers over mesh |\n| --- | --- | --- | --- | --- |", flush=True)
    found = {}
    for case in CASES:
        if case.experiment not in arguments.experiments:
            continue
        found[case.experiment] = compared(case, arguments.seeds, arguments.finer)
        for name, (mesh, mean, error) in found[case.experiment].items():
            cells = f"{mesh:.5g}", f"{mean:.5g} +- {error:.1g}", f"{mean / mesh:.4f} +- {error / abs(mesh):.4f}"
            print(f"| {case.experiment} | {name} | {' | '.join(cells)} |", flush=True)
    if arguments.figure:
        draw(found, arguments.figure)


if __name__ == "__main__":
    main()
