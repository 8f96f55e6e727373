"""Run markers beside the mesh where the waves broaden the resonance by which they scatter.

python experiments/gap/resonance.py [--seeds 8] [--figure FILE.png]

`drift` and `drift_reduced` with cosmic rays, damping and gradient as many times stronger, and runs as much shorter:
waves are as much stronger, and all else is as in the experiment.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import matplotlib
import matplotlib.pyplot as plt
import numpy as np

import crmc

PARSEC = 3.0856775814913673e18
MESH, MARKERS = "fokker-planck", "monte-carlo"
NAMES = ("kappa", "v_D", "heating", "nu at 1 m_p c", "nu at 3 m_p c", "nu at 10 m_p c")


class Case(NamedTuple):
    """An experiment made stronger by a factor; its own numbers, in the units of `config`, and keys that differ."""

    experiment: str
    factor: float
    pressure: float
    damping: float
    length: float
    duration: float
    coarse_grain: float
    others: tuple[str, ...]

    def config(self, seed: int = 0) -> crmc.Config:
        """Return the config of a run."""
        f = self.factor
        stronger = f"cosmic_rays.pressure={self.pressure * f} eV/cm3", f"damping.linear={self.damping * f} 1/s"
        shorter = f"drift.gradient_length={self.length / f} pc", f"run.duration={self.duration / f} s"
        cadence = f"run.coarse_grain_interval={self.coarse_grain / f} s", f"run.seed={seed}"
        changes = ["scattering.gap=resonance", *stronger, *shorter, *cadence, *self.others]
        return crmc.load_config(self.experiment, changes)


CASES = (
    Case("drift", 1e4 / 3.0, 1.0, 9.3e-10, 1e3, 8e9, 2e8, ("run.markers=16384",)),
    Case(
        "drift_reduced",
        5e3,
        0.025,
        5e-10,
        150.0,
        2e9,
        1.5e8,
        ("waves.k_max=20", "waves.bins=12", "run.markers=8192"),
    ),
)


def numbers(config: crmc.Config, solver: str) -> np.ndarray:
    """Return kappa/L [1e7 cm s^-1], v_D [1e7 cm s^-1], heating over theory's, and nu [s^-1], means over half a run."""
    averages, theory = crmc.run(config, quiet=True, solver=solver).summary["averages"], crmc.predict(config)
    drift, length = averages["drift_velocity"]["value"], config.drift.gradient_length
    assert length is not None
    kappa = theory["diffusivity"]["value"] / length + drift - theory["drift_velocity"]["value"]
    heating = averages["heating_rate"]["value"] / theory["heating_exact"]["value"]
    nu = (averages[f"scattering_frequency_p{p}"]["value"] for p in (1, 3, 10))
    return np.array([1e-7 * kappa, 1e-7 * drift, heating, *nu])


def compared(case: Case, seeds: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the numbers on the mesh, the means by markers over the seeds, and the errors of these means."""
    runs = np.stack([numbers(case.config(seed), MARKERS) for seed in range(seeds)])
    return numbers(case.config(), MESH), runs.mean(axis=0), runs.std(axis=0, ddof=1) / np.sqrt(seeds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=8, help="runs by markers")
    parser.add_argument("--figure", help="file of the figure")
    arguments = parser.parse_args()
    print("| experiment | number | mesh | markers | markers over mesh |\n| --- | --- | --- | --- | --- |", flush=True)
    found = {}
    for case in CASES:
        mesh, mean, error = compared(case, arguments.seeds)
        found[case.experiment] = mean / mesh, error / mesh
        for row in zip(NAMES, mesh, mean, error, *found[case.experiment], strict=True):
            name, one, other, its, ratio, ratio_error = row
            cells = f"{one:.5g}", f"{other:.5g} +- {its:.1g}", f"{ratio:.4f} +- {ratio_error:.4f}"
            print(f"| {case.experiment} | {name} | {' | '.join(cells)} |", flush=True)
    if arguments.figure:
        matplotlib.use("Agg")
        figure, axes = plt.subplots(figsize=(6.0, 3.6), layout="constrained")
        for i, (name, (ratio, error)) in enumerate(found.items()):
            axes.errorbar(np.arange(len(NAMES)) + 0.15 * i, ratio, error, fmt="o", capsize=3, label=name)
        axes.axhline(1.0, color="black", ls="--", lw=0.8)
        axes.set(ylabel="markers over mesh", title='scattering.gap = "resonance"')
        axes.set_xticks(np.arange(len(NAMES)), NAMES, rotation=20)
        axes.legend(frameon=False)
        figure.savefig(arguments.figure, dpi=150)


if __name__ == "__main__":
    main()
