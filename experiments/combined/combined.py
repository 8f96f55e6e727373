"""Study drift and expansion together: the plane of both drives, the flip of the direction of waves, the bottleneck.

python experiments/combined/combined.py [--small] [--parts NAME,...] [--figure combined.png] [--json FILE]

The strengths are x = tau_0/tau_B of the expansion (negative: compression) with tau_0 = 3.7e12 s, and y = L_0/L of the
gradient with L_0 = 3 c tau_0/a; the drives are equal at x = y, and mu* = -y/x for v = c.  Every run starts with
waves and f in the steady state of theory, which then evolve freely.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from crmc import SOLVERS, Config, Setup, build, load_config
from crmc.physics import MOMENTA, equilibrium_spectrum, growth_of_slope, steady_drift, steady_growth
from crmc.results import in_units
from crmc.setup import cadence_of, scheduled
from crmc.theory import Background, combined_flux, heating_combined, resonant_nodes
from crmc.units import SPEED_OF_LIGHT

#: The solver on a mesh in momentum and pitch angle.
MESH = "fokker-planck"

EXPANSION_TIME, INDEX = 3.7e12, 4.7
EQUAL_LENGTH = 3.0 * SPEED_OF_LIGHT * EXPANSION_TIME / INDEX
#: Strength that stands for no drive, so that all points share one program.
_NEVER = 1e-8
EXPANSIONS, GRADIENTS = (-1.0, -0.5, 0.0, 0.5, 1.0), (0.0, 0.25, 0.5, 0.75, 1.0, 1.5)
#: Points at which the markers run as well.
SAMPLED = tuple((x, y) for x in (-1.0, 0.0, 1.0) for y in (0.0, 0.25, 0.5, 0.75, 1.5) if (x, y) != (0.0, 0.0))
FLIP = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2)
#: Seconds per step of the mesh; steps of the markers (nu_max dt = 0.2) between refits of their weights.
MESH_STEP, _EVERY = 4e8, {"coarse_grain_every": 150, "functional_every": 15}
DURATION, ROWS, SWITCH_OFF = 2e10, 10, 2e10
BRANCHES = ("+ +", "+ -", "- +", "- -")


class Size(NamedTuple):
    """Size of the study: points, markers and seeds."""

    expansions: Sequence[float] = EXPANSIONS
    gradients: Sequence[float] = GRADIENTS
    sampled: Sequence[tuple[float, float]] = SAMPLED
    flip: Sequence[float] = FLIP
    onset: Sequence[float] = (0.5, 1.0)
    markers: int = 8192
    seeds: int = 4
    flip_bins: int = 26


SMALL = Size((0.0, 1.0), (0.0, 1.5), ((1.0, 1.5),), (0.2, 0.5, 0.8), (1.0,), markers=2048, seeds=2, flip_bins=13)


def configured(x: float, y: float, *more: str) -> Config:
    """Return the shipped config with strengths ``x`` of expansion and ``y`` of the gradient."""
    timescale = EXPANSION_TIME / (x if x else _NEVER)
    length = EQUAL_LENGTH / (y if y else _NEVER)
    sets = (f"expansion.timescale={timescale!r} s", f"drift.gradient_length={length!r} cm")
    return load_config("combined", [*sets, f"run.duration={DURATION!r} s", *more])


class Steady(NamedTuple):
    """Steady state of theory.

    e, growth: wave power and growth rates of each branch and bin, (2, 2, bins) [code].
    heating, pointwise: heating by wave number, and by int |F_mu| [code].
    drift: v_D/c.
    """

    e: jax.Array
    growth: jax.Array
    heating: float
    pointwise: float
    drift: float


def arguments(setup: Setup) -> tuple[Any, ...]:
    """Return the arguments of the functions of `crmc.physics.equilibrium`."""
    return setup.parameters, setup.state.amplitude, setup.model, setup.tau_B


def steady(setup: Setup) -> Steady:
    """Return the steady state of theory of a setup with gradient and expansion."""
    parameters, amplitude, model, tau_B = arguments(setup)
    e = equilibrium_spectrum(parameters, amplitude, model, tau_B)
    drives = parameters.background, amplitude, parameters.alfven_speed, 1.0 / parameters.gradient, tau_B
    return Steady(
        e,
        steady_growth(parameters, amplitude, model, tau_B, e),
        float(jax.jit(heating_combined)(*drives)),
        float(pointwise_heating(*drives)),
        float(steady_drift(parameters, amplitude, model, tau_B, e)),
    )


@jax.jit
def pointwise_heating(background, amplitude, v_alfven, length, tau_B) -> jax.Array:
    """Return v_A sum_h int |F_mu| p^2 dp dmu [code], the heating if each mu had its own direction of waves."""
    p, dp = resonant_nodes(background, background.momentum_min)
    node, weight = np.polynomial.legendre.leggauss(512)
    f0, slope = background.density(amplitude, p), background.slope(amplitude, p)
    v = p / jnp.sqrt(1.0 + p**2)
    flux = combined_flux(node[:, None], f0, slope, v, length, tau_B)
    return v_alfven * jnp.sum(weight[:, None] * jnp.abs(flux) * p**3 * dp)


def in_steps(setup: Setup, steps: int, **intervals: int) -> Setup:
    """Return the setup with ``steps`` steps and with ``intervals`` of its schedule."""
    dt = jnp.asarray(setup.config.run.duration * setup.units.gyrofrequency / steps)
    schedule = setup.schedule._replace(steps=steps, **intervals)
    return dataclasses.replace(
        setup,
        parameters=dataclasses.replace(setup.parameters, dt=dt, cadence=cadence_of(schedule)),
        model=scheduled(setup.model, schedule),
        schedule=schedule,
    )


def prepared(config: Config, solver: str, mesh_step: float = MESH_STEP, rows: int = 2 * ROWS) -> Setup:
    """Return a setup whose program all points share; the time step is the point's own."""
    setup = build(config, solver=solver)
    every = {"coarse_grain_every": 0, "functional_every": 1} if solver == MESH else _EVERY
    steps = config.run.duration / mesh_step if solver == MESH else max(setup.steps, 40 * ROWS)
    return in_steps(setup, math.ceil(steps / rows) * rows, functional_refinement=8, **every)


@cache
def compiled(solver: str) -> tuple[Any, Any]:
    """Compile the solver's functions that take steps and that make a row of results."""
    advance, observe = SOLVERS[solver].advance, SOLVERS[solver].observe
    return jax.jit(advance, static_argnames="model"), jax.jit(observe, static_argnames="model")


def row_of(setup: Setup, state: Any = None, tally: Any = None, count: int = 1) -> dict[str, np.ndarray]:
    """Return a row in the units of a result file after ``count`` steps; at the start, rates have no meaning."""
    state = setup.state if state is None else state
    tally = SOLVERS[setup.solver].init(setup.parameters) if tally is None else tally
    row = compiled(setup.solver)[1](state, tally, jnp.asarray(count), setup.parameters, model=setup.model)
    names = ("heating_rate", "drift_velocity", "mean_free_path", "wave_power", "growth_rate", "magnetic_field")
    return {name: np.asarray(in_units(setup.units, name, row[name])) for name in names}


def series(setup: Setup, seed: int, rows: int) -> dict[str, np.ndarray]:
    """Run a setup and return ``rows`` rows of results with wave amplitudes and times [s]."""
    parameters, state, key = setup.parameters, setup.state, jax.random.key(seed)
    count, found = setup.steps // rows, []
    for _ in range(rows):
        empty = SOLVERS[setup.solver].init(parameters)
        state, tally = compiled(setup.solver)[0](state, empty, key, parameters, jnp.asarray(count), model=setup.model)
        found.append(row_of(setup, state, tally, count) | {"waves": np.asarray(state.e)})
    time = setup.time_step * count * np.arange(1, rows + 1)
    return {name: np.stack([row[name] for row in found]) for name in found[0]} | {"time": time}


def late(setup: Setup, seed: int = 0) -> dict[str, np.ndarray]:
    """Run a setup and return means over the second half."""
    found = series(setup, seed, 2 * ROWS)
    return {name: np.nanmean(values[ROWS:], axis=0) for name, values in found.items()}


def numbers(found: dict[str, np.ndarray], reference: np.ndarray, speed: float) -> dict[str, float]:
    """Return the numbers compared: heating, v_D/v_A, mean free paths, strongest bins and growth rates of branches.

    reference: amplitudes, (2, 2, bins); branches with at least 1 % of their energy count as driven.  Branches neither
        driven nor at the seed are left out, because the noise of markers decides their level.
    speed: v_A [cm/s].
    """
    values = {"heating": float(found["heating_rate"]), "v_D/v_A": float(found["drift_velocity"]) / speed}
    values |= {f"path({p:g})": float(x) for p, x in zip(MOMENTA, found["mean_free_path"], strict=True)}
    for place, name in zip(np.ndindex(2, 2), BRANCHES, strict=True):
        power = reference[place]
        if driven := power.sum() > 0.01 * reference.sum():
            strong = int(np.argmax(power[:-2]))
            values[f"e({name}, k{strong})"] = float(found["wave_power"][place][strong])
        if driven or power.max() < 1e-5 * reference.max():
            values[f"growth({name})"] = branch_growth(found["growth_rate"][place], power, reference.max())
    return values


def branch_growth(rate: np.ndarray, power: np.ndarray, most: float) -> float:
    """Return the mean growth rate of a branch: weighted by power if it is driven, else over bins 1 to -3."""
    if power.max() > 1e-3 * most:
        return float(np.sum(rate * power) / np.sum(power))
    return float(np.mean(rate[1:-2]))


def plane_point(x: float, y: float, bins: int = 13) -> dict[str, Any]:
    """Compare mesh and theory at one point: shares of the wave energy, v_D/v_A, mean free paths, heating, growth."""
    with jax.enable_x64(True):
        setup = prepared(configured(x, y, f"waves.bins={bins}"), MESH)
        exact, found = steady(setup), late(setup)
        ageing = aged(setup, float(found["magnetic_field"]))
        centres = _at_centres(setup, exact.e)
    power, v_A = setup.units.power_density * ageing, setup.units.alfven_speed
    energy, expected = found["waves"].sum(axis=-1), np.asarray(exact.e).sum(axis=-1)
    rate, most = np.asarray(exact.growth) * setup.units.gyrofrequency, found["waves"].max()
    mine = numbers(found, found["waves"], v_A * SPEED_OF_LIGHT)
    return {
        "x": x,
        "y": y,
        "shares": (energy / energy.sum()).ravel().tolist(),
        "shares_theory": (expected / expected.sum()).ravel().tolist(),
        "heating": mine["heating"],
        "heating_theory": exact.heating * power,
        "heating_pointwise": exact.pointwise * power,
        "drift": mine["v_D/v_A"],
        "drift_theory": exact.drift / v_A,
        "path": found["mean_free_path"].tolist(),
        "growth": [branch_growth(found["growth_rate"][i], found["waves"][i], most) for i in np.ndindex(2, 2)],
        "growth_theory": [branch_growth(rate[i], found["waves"][i], most) for i in np.ndindex(2, 2)],
        "k": np.asarray(setup.parameters.grid.centres).tolist(),
        "wave_power": found["wave_power"].reshape(4, -1).tolist(),
        "wave_power_theory": centres.reshape(4, -1).tolist(),
    }


def aged(setup: Setup, field: float) -> float:
    """Return v_A P_c, to which heating is proportional, at ``field`` [G] over that at t = 0."""
    b, rays = jnp.asarray(field / setup.units.magnetic_field), setup.parameters.background
    moments = jax.jit(Background.moments)
    pressures = [moments(rays, setup.state.amplitude, x).pressure for x in (b, jnp.ones(()))]
    return float(pressures[0] / pressures[1] * jnp.sqrt(b))


def _at_centres(setup: Setup, e: jax.Array) -> np.ndarray:
    grid = setup.parameters.grid
    return np.asarray(jnp.einsum("dhj,kj->dhk", e, grid.basis(1.0 / grid.centres)))


def in_parallel(function: Any, items: Iterable[tuple]) -> list[Any]:
    """Return ``function(*item)`` of every item: the first alone, since it compiles, then two at a time."""
    first, *others = items
    with ThreadPoolExecutor(2) as pool:
        return [function(*first), *pool.map(lambda item: function(*item), others)]


def pulls_of(x: float, y: float, markers: int, seeds: int) -> list[dict[str, Any]]:
    """Return rows of quantity, theory, mesh, mean over seeds of markers, standard error, and pull from the mesh."""
    with jax.enable_x64(True):
        setup = prepared(configured(x, y), MESH)
        exact, found = steady(setup), late(setup)
        speed, reference = setup.units.alfven_speed * SPEED_OF_LIGHT, found["waves"]
        mesh = numbers(found, reference, speed)
        theory = {
            "heating_rate": exact.heating * setup.units.power_density,
            "drift_velocity": exact.drift * SPEED_OF_LIGHT,
            "mean_free_path": row_of(setup)["mean_free_path"],
            "wave_power": _at_centres(setup, exact.e),
            "growth_rate": np.asarray(exact.growth) * setup.units.gyrofrequency,
        }
        expected, drawn = numbers(theory, reference, speed), []
        # No two points share a seed: points that differ by a scaling would have the same noise.
        first = 1000 * round(100 * (x + 10 * y) + 200)
        for seed in range(first, first + seeds):
            config = configured(x, y, f"run.markers={markers}", f"run.seed={seed}")
            drawn.append(numbers(late(prepared(config, "monte-carlo"), seed), reference, speed))
    rows = []
    for name, value in mesh.items():
        sample = np.array([one[name] for one in drawn])
        error = float(sample.std(ddof=1) / np.sqrt(seeds))
        t = (sample.mean() - value) / error
        pull = float(np.sign(t) * stats.norm.isf(stats.t.sf(abs(t), seeds - 1)))
        rows.append(
            {"point": f"x={x:g} y={y:g}", "quantity": name, "theory": expected[name], "mesh": value}
            | {"markers": float(sample.mean()), "stderr": error, "pull": pull}
        )
    return rows


def onset(x: float, y: float) -> list[dict[str, Any]]:
    """Start from weak waves: compare growth rates of mesh and theory before they scatter, and return the final shares.

    Before that, f drifts freely from F0: df/dmu = t (v F0/L - mu p F0'/tau_B).
    """
    rows, every, early = 40, 10, 3
    with jax.enable_x64(True):
        weak = ("waves.start=seed", "cosmic_rays.start=given", "run.duration=8e10 s")
        setup = build(configured(x, y, *weak), solver=MESH)
        setup = in_steps(setup, rows * every, functional_every=1, functional_refinement=8)
        found, unit = series(setup, 0, rows), setup.units.gyrofrequency
        # Rates are means over the steps of the interval that ends here.
        time = float(found["time"][early]) * unit - 0.5 * (every - 1) * float(setup.parameters.dt)
        free, rest = (_freely(setup, t) * unit for t in (time, 0.0))
    share = found["waves"][-1].sum(axis=-1) / found["waves"][-1].sum()
    return [
        {"x": x, "y": y, "branch": name, "growth_theory": float(free[i][1:-2].mean())}
        | {"growth": float(found["growth_rate"][early][i][1:-2].mean()), "isotropic": float(rest[i][1:-2].mean())}
        | {"share_at_8e10": float(share[i])}
        for i, name in zip(np.ndindex(2, 2), BRANCHES, strict=True)
    ]


def _freely(setup: Setup, time: float) -> np.ndarray:
    """Return growth rates after free streaming of F0 over ``time``, (2, 2, bins) [code]."""
    parameters, amplitude, _, tau_B = arguments(setup)
    rays = parameters.background

    def df_dmu(i: int, p: jax.Array, mu: jax.Array) -> jax.Array:
        gradient = parameters.gradient * p / jnp.sqrt(1.0 + p**2) * rays.density(amplitude, p)
        return time * (gradient - (1 - 2 * i) * mu * rays.slope(amplitude, p) / tau_B)

    return np.asarray(growth_of_slope(parameters, amplitude, df_dmu))


def bottleneck(
    x: float, solver: str = MESH, markers: int = 8192, duration: float = 1.6e11, mesh_step: float = 2e8
) -> dict[str, Any]:
    """Run with a gradient, y = 1.5, that vanishes at 2e10 s, with (x = 1) or without (x = 0) expansion."""
    more = (
        f"drift.switch_off={SWITCH_OFF} s",
        f"run.duration={duration} s",
        f"run.markers={markers}",
        "run.scattering_per_step=0.4",
    )
    with jax.enable_x64(True):
        setup = prepared(configured(x, 1.5, *more), solver, mesh_step, 100)
        found = series(setup, 0, 100)
    alfven = setup.units.alfven_speed * SPEED_OF_LIGHT * np.sqrt(found["magnetic_field"] / found["magnetic_field"][0])
    rows = {"heating": found["heating_rate"], "drift": found["drift_velocity"] / alfven}
    rows |= {f"path({p:g})": path for p, path in zip(MOMENTA, found["mean_free_path"].T, strict=True)}
    rows |= {f"energy({name})": x for name, x in zip(BRANCHES, found["waves"].sum(-1).reshape(-1, 4).T, strict=True)}
    # Means over the last 1e10 s of either phase.
    ends = (np.searchsorted(found["time"], end * (1.0 + 1e-9)) for end in (SWITCH_OFF, duration))
    parts = [slice(end - round(1e10 / duration * 100), end) for end in ends]
    before, after = ([float(x[part].mean()) for x in rows.values()] for part in parts)
    series_of = {name: x.tolist() for name, x in rows.items()} | {"time": found["time"].tolist()}
    return {"x": x, "solver": solver, "columns": list(rows), "before": before, "after": after} | series_of


#: Part -> function that runs it, and the columns printed.
PARTS: dict[str, tuple[Callable[[Size], list[dict[str, Any]]], tuple[str, ...]]] = {
    "plane": (
        lambda size: in_parallel(plane_point, [(x, y) for y in size.gradients for x in size.expansions if x or y]),
        ("x", "y", "shares", "heating", "heating_theory", "drift", "drift_theory", "path", "growth", "growth_theory"),
    ),
    "flip": (
        lambda size: in_parallel(plane_point, [(1.0, y, size.flip_bins) for y in size.flip]),
        ("y", "heating", "heating_theory", "heating_pointwise", "drift", "drift_theory", "shares", "shares_theory"),
    ),
    "onset": (
        lambda size: sum(in_parallel(onset, [(1.0, y) for y in size.onset]), []),
        ("y", "branch", "isotropic", "growth", "growth_theory", "share_at_8e10"),
    ),
    "bottleneck": (
        lambda size: in_parallel(bottleneck, [(1.0,), (0.0,), (1.0, "monte-carlo", 2 * size.markers)]),
        ("x", "solver", "before", "after"),
    ),
    "pulls": (
        lambda size: sum(in_parallel(pulls_of, [(*xy, size.markers, size.seeds) for xy in size.sampled]), []),
        ("point", "quantity", "theory", "mesh", "markers", "stderr", "pull"),
    ),
}


def main() -> None:
    """Print the tables, write the numbers and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a few points only")
    parser.add_argument("--parts", default=",".join(PARTS), help="what to run")
    parser.add_argument("--json", type=Path, default=Path("combined.json"), help="the numbers; parts not run are kept")
    parser.add_argument("--figure", type=Path, default=Path("combined.png"))
    options = parser.parse_args()
    from report import draw, summary, table  # beside this file

    found = json.loads(options.json.read_text(encoding="utf-8")) if options.json.exists() else {}
    for part in options.parts.split(","):
        run, columns = PARTS[part]
        found[part] = run(SMALL if options.small else Size())
        print(f"{part}\n\n{table(found[part], columns)}\n", flush=True)
        options.json.write_text(json.dumps(found) + "\n", encoding="utf-8")
    if "pulls" in found:
        print(summary(found["pulls"]))
    if {"plane", "flip", "bottleneck"} <= found.keys():
        draw(found, options.figure)


if __name__ == "__main__":
    main()
