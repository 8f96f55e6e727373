"""Measure what the model of the 90-degree gap and the number of bins do to drift, diffusivity and heating.

python experiments/gap/gap.py [--bins 13,26,52] [--experiments drift,drift_reduced] [--figure FILE.png]

The experiments are run on the mesh.  kappa is what the drift has beyond that of the waves, times L:
that of theory for the same bins, corrected by L times the difference of the drifts.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib
import matplotlib.pyplot as plt
import numpy as np

import crmc

EXPERIMENTS, MODELS = ("drift", "drift_reduced"), ("edge", "broadened")
MESH = "fokker-planck"
#: Momenta and cosines of the mesh; where waves fall to zero, at k = 1/momentum_max, cells in ln mu must be finer than
#: the bins.
CELLS = (24, 768)


class Row(NamedTuple):
    """Results on the mesh for one experiment, model of the gap and number of bins.

    kappa: diffusivity [cm2 s-1]; drift: v_D [cm s-1]; heating: power into waves [erg cm-3 s-1]; last: wave power of the
        direction + in the last bin; theory: diffusivity of the balance in the same bins [cm2 s-1].
    """

    experiment: str
    model: str
    bins: int
    kappa: float
    drift: float
    heating: float
    last: float
    theory: float


def measure(experiment: str, model: str, bins: int) -> Row:
    """Run an experiment on the mesh and return means over the second half, the drift at its end."""
    config = crmc.load_config(experiment, [f"scattering.gap={model}", f"waves.bins={bins}"])
    with jax.enable_x64(True):
        setup, units, mesh = crmc.build(config, solver=MESH, cells=CELLS), config.code_units, crmc.SOLVERS[MESH]
        empty, count = mesh.init(setup.parameters), jnp.asarray(setup.steps // 2)
        advance, observe = (jax.jit(x, static_argnames="model") for x in (mesh.advance, mesh.observe))
        state = setup.state
        for _ in range(2):
            state, tally = advance(state, empty, None, setup.parameters, count, model=setup.model)
        row = observe(state, tally, count, setup.parameters, setup.model)
        theory = crmc.predict(config)
    drift, length = float(row["drift_velocity"]) * crmc.units.SPEED_OF_LIGHT, config.drift.gradient_length
    assert length is not None
    balance = theory["diffusivity"]["value"]
    return Row(
        experiment,
        model,
        bins,
        balance + length * (drift - theory["drift_velocity"]["value"]),
        drift,
        float(row["heating_rate"]) * units.power_density,
        float(row["wave_power"][0, 0, -1]),
        balance,
    )


def limit(experiment: str) -> float:
    """Return kappa of the balance in a smooth spectrum, e(k > k_max) = e(k_max), averaged over the number [cm2 s-1]."""
    return float(crmc.closure(crmc.load_config(experiment)).kappa_number)


def table(rows: list[Row], limits: dict[str, float]) -> str:
    """Return the rows as a table of Markdown."""
    columns = ("experiment", "gap", "bins", "kappa [cm^2 s^-1]", "over closure", "v_D [cm s^-1]", "H [erg cm^-3 s^-1]")
    heads = (*columns, "e of the last bin")
    lines = [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    for row in rows:
        ratio = row.kappa / limits[row.experiment]
        numbers = f"{row.kappa:.3e} | {ratio:.3f} | {row.drift:.3e} | {row.heating:.4e} | {row.last:.2e}"
        lines.append(f"| {row.experiment} | {row.model} | {row.bins} | {numbers} |")
    return "\n".join(lines)


def draw(rows: list[Row], limits: dict[str, float], path: str) -> None:
    """Draw kappa over the number of bins, relative to the smooth spectrum's, and save the figure."""
    matplotlib.use("Agg")
    figure, axes = plt.subplots(figsize=(5.0, 3.6), layout="constrained")
    for experiment, marker in zip(limits, "os", strict=False):
        for model, colour in zip(MODELS, ("tab:blue", "tab:orange"), strict=True):
            mine = [row for row in rows if (row.experiment, row.model) == (experiment, model)]
            kappa = np.array([row.kappa for row in mine]) / limits[experiment]
            axes.plot([row.bins for row in mine], kappa, marker=marker, color=colour, label=f"{experiment}, {model}")
    axes.axhspan(0.99, 1.01, color="0.9", zorder=0)
    axes.axhline(1.0, color="black", lw=0.8, zorder=1)
    axes.set(xscale="log", xlabel="bins of a branch", ylabel=r"$\kappa$ on the mesh / $\kappa$ of a smooth spectrum")
    axes.set_xticks(sorted({row.bins for row in rows}), [str(n) for n in sorted({row.bins for row in rows})])
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bins", default="13,26,52", help="numbers of bins, separated by commas")
    parser.add_argument("--experiments", default=",".join(EXPERIMENTS), help="names, separated by commas")
    parser.add_argument("--figure", help="file of the figure")
    arguments = parser.parse_args()
    counts = [int(n) for n in arguments.bins.split(",")]
    names = arguments.experiments.split(",")
    limits = {name: limit(name) for name in names}
    rows = [measure(x, model, n) for x in names for model in MODELS for n in counts]
    print(table(rows, limits))
    if arguments.figure:
        draw(rows, limits, arguments.figure)


if __name__ == "__main__":
    main()
