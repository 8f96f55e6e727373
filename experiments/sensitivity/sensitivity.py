"""Find the parameters that control heating and scattering, by derivatives of markers, mesh and theory.

python experiments/sensitivity/sensitivity.py [--markers 8192] [--replicas 8] [--figure FILE.png]
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import jax
import matplotlib
import matplotlib.pyplot as plt
import numpy as np

from crmc import load_config
from crmc.inference import Differentiation, Slopes, averages_of, differentiate, logarithmic, value_of

#: The solver on a mesh in momentum and pitch angle.
MESH = "fokker-planck"

AVERAGES = ("heating_rate", "scattering_frequency")
#: What differs from the shipped config of a case.
LONGER = {"halo": ["run.duration=3e10 s"]}


class Number(NamedTuple):
    """A parameter of the study.

    name: symbol printed;  key: key of the config that changes it;  power: d ln key/d ln parameter.
    heating, scattering: exponents of H and nu by theory.
    """

    name: str
    key: str
    power: float
    heating: float
    scattering: float


#: v_A at fixed B is changed through n_i = B^2/(4 pi m_p v_A^2).
CASES = {
    "linear_damping": (
        Number("v_A", "plasma.ion_density", -2.0, 1.0, 1.0),
        Number("tau_B", "expansion.timescale", 1.0, -1.0, -1.0),
        Number("P_c", "cosmic_rays.pressure", 1.0, 1.0, 1.0),
        Number("Gamma_d", "damping.linear", 1.0, 0.0, -1.0),
    ),
    "halo": (
        Number("v_A", "plasma.ion_density", -2.0, 1.0, 0.5),
        Number("tau_B", "expansion.timescale", 1.0, -1.0, -0.5),
        Number("P_c", "cosmic_rays.pressure", 1.0, 1.0, 0.5),
        Number("T", "plasma.temperature", 1.0, 0.0, -0.25),
    ),
}


class Row(NamedTuple):
    """Exponents of one average by theory, mesh and markers, with the standard error of the markers."""

    case: str
    average: str
    number: str
    theory: float
    mesh: float
    markers: float
    stderr: float


def rows(case: str, markers: int, replicas: int) -> list[Row]:
    """Return the table of one case; nu is that at 3 m_p c."""
    config, numbers = load_config(case, [f"run.markers={markers}", *LONGER.get(case, [])]), CASES[case]
    keys = [number.key for number in numbers]
    drawn = differentiate(Differentiation(averages_of(config, AVERAGES), keys), replicas)
    mesh = differentiate(Differentiation(averages_of(config, AVERAGES, MESH), keys), 1)

    def exponent(found: Slopes, average: str, number: Number) -> tuple[float, float]:
        value = np.asarray(value_of(config, number.key))
        estimate = logarithmic(found.values[average], found.slopes[average][number.key], value)
        place = () if average == "heating_rate" else (1,)
        return number.power * float(estimate.value[place]), abs(number.power) * float(estimate.stderr[place])

    table = []
    for average in AVERAGES:
        for number in numbers:
            expected = number.heating if average == "heating_rate" else number.scattering
            measured = exponent(drawn, average, number)
            table.append(Row(case, average, number.name, expected, exponent(mesh, average, number)[0], *measured))
    return table


class Length(NamedTuple):
    """d ln H/d ln Gamma_d of a run of one duration.

    varies, heating_varies: standard deviations between replicas, of the derivative and of ln H.
    """

    duration: float
    mesh: float
    markers: float
    stderr: float
    varies: float
    heating_varies: float


def lengths(markers: int, replicas: int) -> list[Length]:
    """Differentiate linear_damping for 1 to 8 x 1e10 s: the approach to the limit of 0, and its noise."""
    table, key = [], "damping.linear"
    for seconds in (1e10, 2e10, 4e10, 8e10):
        changes = {"run.markers": markers, "run.duration": f"{seconds} s", "run.output_interval": "auto"}
        config = load_config("linear_damping").with_overrides(changes)
        drawn = differentiate(Differentiation(averages_of(config, AVERAGES[:1]), [key]), replicas)
        mesh = differentiate(Differentiation(averages_of(config, AVERAGES[:1], MESH), [key]), 1)
        value = np.asarray(value_of(config, key))
        heating, slopes = drawn.values["heating_rate"], drawn.slopes["heating_rate"][key]
        measured = logarithmic(heating, slopes, value)
        exact = logarithmic(mesh.values["heating_rate"], mesh.slopes["heating_rate"][key], value)
        varies = value * np.std(slopes, ddof=1) / np.mean(heating), np.std(heating, ddof=1) / np.mean(heating)
        table.append(
            Length(seconds, float(exact.value), float(measured.value), float(measured.stderr), *map(float, varies))
        )
    return table


def draw(table: list[Row], path: str) -> None:
    """Draw the exponents, one panel per case; error bars of 3 standard errors are mostly too small to be seen."""
    matplotlib.use("Agg")
    figure, panels = plt.subplots(1, len(CASES), figsize=(10, 4.4), sharey=True, layout="constrained")
    for axes, case in zip(panels, CASES, strict=True):
        for average, shift, colour in (("heating_rate", -0.18, "tab:red"), ("scattering_frequency", 0.18, "tab:blue")):
            mine = [row for row in table if (row.case, row.average) == (case, average)]
            place = np.arange(len(mine)) + shift
            axes.bar(place, [row.markers for row in mine], 0.3, color=colour, alpha=0.6, label=f"{average}, markers")
            axes.errorbar(
                place, [row.markers for row in mine], [3.0 * row.stderr for row in mine], fmt="none", color="k"
            )
            axes.plot(place, [row.mesh for row in mine], "kx", label="mesh" if shift > 0.0 else None)
            axes.plot(
                place, [row.theory for row in mine], "o", mfc="none", mec="k", label="theory" if shift > 0.0 else None
            )
        axes.set_xticks(range(len(CASES[case])), [number.name for number in CASES[case]])
        axes.axhline(0.0, color="0.5", lw=0.8)
        axes.set_title(case)
    panels[0].set_ylabel("d ln X / d ln parameter")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Run everything, print the tables and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markers", type=int, default=8192)
    parser.add_argument("--replicas", type=int, default=8)
    parser.add_argument("--figure", default="sensitivity.png")
    arguments = parser.parse_args()
    with jax.enable_x64(True):
        table = [row for case in CASES for row in rows(case, arguments.markers, arguments.replicas)]
        longer = lengths(arguments.markers, arguments.replicas)
    print("| case | average | parameter | theory | mesh | markers |\n| --- | --- | --- | --- | --- | --- |")
    for row in table:
        measured = f"{row.markers:.4f} +- {row.stderr:.4f}"
        print(f"| {row.case} | {row.average} | {row.number} | {row.theory:g} | {row.mesh:.4f} | {measured} |")
    print("\n| duration [s] | mesh | markers | varies by | ln H varies by |\n| --- | --- | --- | --- | --- |")
    for one in longer:
        measured = f"{one.markers:.4f} +- {one.stderr:.4f}"
        print(f"| {one.duration:.0e} | {one.mesh:.4f} | {measured} | {one.varies:.4f} | {one.heating_varies:.4f} |")
    draw(table, arguments.figure)


if __name__ == "__main__":
    main()
