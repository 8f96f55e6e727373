"""Measure the heating of a tube that oscillates, beside the mean of the steady rates of expansion and compression.

python experiments/oscillation/oscillation.py [--figure FILE.png] [--rows 64] [--set KEY=VALUE]... [--markers]

All tubes have the same largest rate of expansion, 1/tau_B = 1/(3.7e12 s): amplitude and period are proportional.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import math
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import matplotlib
import matplotlib.pyplot as plt
import numpy as np

import crmc

#: Largest 1/tau_B of every tube [s], v_A/c, and pressures of the cosmic rays [erg cm-3].
TAU, SPEED, PRESSURES = 3.7e12, 2e-3, (8.2e-14, 2.05e-14)
#: Time step on the mesh at the first pressure [s]; the growth of waves asks for one that goes as 1/P_c, and markers for
#: a quarter of it.
STEP = 3.93e7
#: Amplitudes of ln B in v_A/c, and cells of the mesh.
AMPLITUDES, CELLS = (1.5, 3.0, 6.0, 12.0, 24.0), (12, 64)
#: Mean of |cos| over a period.
MEAN = 2.0 / math.pi


class Cycle(NamedTuple):
    """Last period of an oscillation, at its rows.

    config: of the run; b: B/B0, (rows,); anisotropy: Delta P/P_c, (rows,); heating: over the steady heating at the
    largest rate, (rows,); steps: in a period.
    """

    config: Any
    b: np.ndarray
    anisotropy: np.ndarray
    heating: np.ndarray
    steps: int

    @property
    def ratio(self) -> float:
        """Mean heating over the mean of the steady rates of both signs."""
        return float(np.mean(self.heating)) / MEAN


def config_of(amplitude: float, pressure: float, overrides: Sequence[str] = (), periods: int = 2) -> Any:
    """Return the config of an oscillation.

    amplitude: of ln B, in v_A/c; pressure: P_c [erg cm-3]; overrides: texts "section.key=value"; periods: length of
    the run.
    """
    size = amplitude * SPEED
    period = 2.0 * math.pi * size * TAU
    return crmc.load_config("oscillation", overrides).with_overrides(
        {
            "expansion.amplitude": size,
            "expansion.period": f"{period!r} s",
            "cosmic_rays.pressure": f"{pressure!r} erg/cm3",
            "run.duration": f"{periods * period!r} s",
            "run.time_step": f"{STEP * PRESSURES[0] / pressure!r} s",
        }
    )


@functools.cache
def programs(solver: str) -> tuple[Any, Any]:
    """Return the compiled steps and rows of a solver."""
    chosen = crmc.SOLVERS[solver]
    return jax.jit(chosen.advance, static_argnums=5), jax.jit(chosen.observe, static_argnums=4)


def cycle(config: Any, rows: int, solver: str = "fokker-planck", periods: int = 2) -> Cycle:
    """Return the last period of an oscillation.

    config: from `config_of`; rows: of a period; periods: length of the run.
    """
    if solver == "monte-carlo":
        config = config.with_overrides({"run.time_step": f"{config.run.time_step / 4.0!r} s"})
    with jax.enable_x64(True):
        setup = crmc.build(config, solver=solver, cells=CELLS)
        model = dataclasses.replace(setup.model, functional=False)
        per_row = math.ceil(setup.steps / periods / rows)
        span = config.run.duration / periods / rows * config.code_units.gyrofrequency
        parameters = dataclasses.replace(setup.parameters, dt=jnp.asarray(span / per_row))
        advance, observe = programs(solver)
        empty = crmc.SOLVERS[solver].init(parameters)
        key, count, state, found = jax.random.key(config.run.seed), jnp.asarray(per_row), setup.state, []
        for _ in range(periods * rows):
            state, tally = advance(state, empty, key, parameters, count, model)
            row = observe(state, tally, count, parameters, model)
            found.append([float(row[name]) for name in ("magnetic_field", "pressure_anisotropy", "heating_rate")])
    steady = steady_heating(config) / config.code_units.power_density
    b, anisotropy, heating = np.array(found[-rows:]).T
    return Cycle(config, b, anisotropy, heating / steady, per_row * rows)


def work(one: Cycle) -> float:
    """Return the energy that the flow gives to the cosmic rays in a cycle, over what they give to the waves.

    From dU = (U + P_perp) d ln B and P_perp = P_c - Delta P/3 it is the area -int (Delta P/3) d ln B; what the waves do
    not take stays with the cosmic rays.  NaN where there is no heating.
    """
    log_b, pressure = np.log(one.b), one.anisotropy
    area = -np.sum(0.5 * (pressure + np.roll(pressure, 1)) * (log_b - np.roll(log_b, 1))) / 3.0
    given = np.mean(one.heating) * steady_heating(one.config) * one.config.expansion.period
    return float(area * one.config.cosmic_rays.pressure / given) if one.ratio > 0.01 else math.nan


def steady_heating(config: Any) -> float:
    """Return the steady heating at the largest rate, of expansion as of compression [erg cm-3 s-1]."""
    return crmc.predict(config)["heating_exact"]["value"]


def lost_amplitude(cycles: Sequence[Cycle]) -> float:
    """Return A_c/(v_A/c) of ratio = 1 - A_c/A, from the widest oscillation."""
    widest = max(cycles, key=lambda one: one.config.expansion.amplitude)
    return (1.0 - widest.ratio) * widest.config.expansion.amplitude / SPEED


def table(cycles: Sequence[Cycle]) -> None:
    """Print a line for each oscillation."""
    print("      P_c  amplitude  of v_A/c  period [s]   steps   ratio   largest   work")
    for one in cycles:
        config = one.config
        print(
            f"{config.cosmic_rays.pressure:9.2e} {config.expansion.amplitude:10.4f} "
            f"{config.expansion.amplitude / SPEED:9.2f} {config.expansion.period:11.3e} {one.steps:7d} "
            f"{one.ratio:7.3f} {np.max(np.abs(one.anisotropy)):9.2e} {work(one):6.2f}"
        )
    print("ratio: heating over the mean of the steady rates; largest: |Delta P/P_c|; work: given by the flow/heating")
    print(f"ratio = 1 - A_c/A with A_c = {lost_amplitude(cycles):.2f} v_A/c by the widest oscillation")


def draw(cycles: Sequence[Cycle], path: str) -> None:
    """Draw the ratio over the amplitude, and heating and loops of the widest oscillation of each pressure."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    for pressure, colour in zip(PRESSURES, ("tab:blue", "tab:orange"), strict=True):
        chosen = [one for one in cycles if math.isclose(one.config.cosmic_rays.pressure, pressure)]
        if not chosen:
            continue
        label = f"$P_c$ = {pressure:.3g} erg cm$^{{-3}}$"
        size = [one.config.expansion.amplitude / SPEED for one in chosen]
        left.semilogx(size, [one.ratio for one in chosen], "o-", color=colour, label=label)
        last = chosen[-1]
        phase = (np.arange(last.b.size) + 0.5) / last.b.size
        middle.plot(phase, last.heating, color=colour, label=label)
        log_b, anisotropy = (np.append(x, x[0]) / SPEED for x in (np.log(last.b), last.anisotropy))
        right.plot(log_b, anisotropy, color=colour, label=label)
    x = np.geomspace(1.0, 60.0, 200)
    lost = lost_amplitude(cycles)
    left.plot(x, np.maximum(0.0, 1.0 - lost / x), color="grey", ls="--", label=f"1 - {lost:.2f} $(v_A/c)/A$")
    left.set(xlabel="amplitude of ln B, in $v_A/c$", ylabel="heating/mean of steady rates", ylim=(-0.05, 1.2))
    middle.plot(phase, np.abs(np.cos(2.0 * np.pi * phase)), color="grey", ls="--", label="steady rate")
    middle.set(xlabel="phase of the widest oscillation", ylabel="heating/steady at the largest rate", ylim=(-0.6, 1.1))
    right.set(xlabel="$\\ln(B/B_0)$ in $v_A/c$", ylabel="$\\Delta P/P_c$ in $v_A/c$")
    for axes, place in ((left, "upper left"), (middle, "lower left"), (right, "center")):
        axes.legend(fontsize=8, loc=place)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Run all oscillations and print their table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=64, help="rows of results in a period (default 64)")
    parser.add_argument("--figure", help="PNG file to draw")
    parser.add_argument(
        "--markers", action="store_true", help="one oscillation of 6 v_A/c alone, on the mesh and by markers"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a key of the config")
    options = parser.parse_args()
    matplotlib.use("Agg")
    start, cycles = time.perf_counter(), []
    if options.markers:
        config = config_of(6.0, PRESSURES[1], options.set)
        cycles = [cycle(config, options.rows, solver) for solver in ("fokker-planck", "monte-carlo")]
    else:
        for pressure in PRESSURES:
            cycles += [cycle(config_of(size, pressure, options.set), options.rows) for size in AMPLITUDES]
    table(cycles)
    print(f"{time.perf_counter() - start:.0f} s")
    if options.figure:
        draw(cycles, options.figure)


if __name__ == "__main__":
    main()
