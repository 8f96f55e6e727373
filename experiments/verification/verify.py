"""Compare markers with the Fokker-Planck solver at many points, and test convergence in markers, steps and bins.

    python experiments/verification/verify.py [--points a,b] [--seeds 8] [--markers 8192] [--convergence] [--json FILE]

A pull is the difference of the mean over seeds from the deterministic value, divided by the standard error of that
mean, as a standard normal deviate: Student's t of the seeds is mapped to the normal distribution of equal probability.
If both solve the same equations and the errors are right, pulls are normal with mean 0 and width 1.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import tomllib
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from crmc import SOLVERS, Config, Setup, build, load_config
from crmc.physics import ensemble_moments, initial_markers

POINTS = Path(__file__).with_name("points.toml")
#: Steps of the markers at nu_max dt = 0.2, or until a flat spectrum has settled; rows averaged over the second half.
STEPS, ROWS = 400, 10
#: Momenta and cosines of the mesh, the default of a run.
MOMENTA, COSINES = 32, 256
COLUMNS = "point", "quantity", "deterministic", "markers", "stderr", "ratio", "pull"


@dataclasses.dataclass(frozen=True)
class Point:
    """A config with its name and a description."""

    name: str
    what: str
    config: Config


def points(*extra: str) -> dict[str, Point]:
    """Read the points of points.toml; ``extra`` overrides apply to all."""
    table = tomllib.loads(POINTS.read_text(encoding="utf-8"))["point"]
    common = ("run.scattering_per_step=0.2", "run.coarse_grain_interval=never", "run.precision=float32", *extra)
    return {
        row["name"]: Point(row["name"], row["what"], load_config(row["experiment"], [*common, *row.get("set", [])]))
        for row in table
    }


@functools.cache
def _compiled(solver: str) -> tuple[Any, Any]:
    advance = jax.jit(SOLVERS[solver].advance, static_argnames="model")
    return advance, jax.jit(_row, static_argnames="model")


def _row(state, parameters, model) -> dict[str, jax.Array]:
    now = ensemble_moments(state, parameters, model)
    power = jnp.einsum("dhj,kj->dhk", state.e, parameters.grid.basis(1.0 / parameters.grid.centres))
    return {"pressure_anisotropy": now.anisotropy, "energy_density": now.energy, "wave_power": power}


def prepare(config: Config, solver: str, steps: int, span: float | None = None, cosines: int = COSINES) -> Setup:
    """Set up a run of ``steps`` steps, at the config's own time step or over a time ``span`` [code]."""
    setup = build(config, solver=solver, cells=(MOMENTA, cosines))
    dt = setup.parameters.dt if span is None else jnp.asarray(span / steps)
    model = dataclasses.replace(setup.model, functional=False)
    parameters = dataclasses.replace(setup.parameters, dt=dt)
    return dataclasses.replace(setup, parameters=parameters, model=model, schedule=setup.schedule._replace(steps=steps))


def observe(setup: Setup, seed: int = 0) -> dict[str, np.ndarray]:
    """Run a setup; return means over the second half of heating [code], anisotropy, energy and spectrum."""
    advance, row = _compiled(setup.solver)
    parameters, model, key = setup.parameters, setup.model, jax.random.key(seed)
    assert setup.steps % (2 * ROWS) == 0
    state, _ = advance(
        setup.state, SOLVERS[setup.solver].init(parameters), key, parameters, setup.steps // 2, model=model
    )
    tally, rows = SOLVERS[setup.solver].init(parameters), []
    for _ in range(ROWS):
        state, tally = advance(state, tally, key, parameters, setup.steps // (2 * ROWS), model=model)
        rows.append(row(state, parameters, model))
    found = {name: np.mean([np.asarray(r[name]) for r in rows], axis=0) for name in rows[0]}
    heating = float(jnp.sum(tally.gain) / (0.5 * setup.steps * parameters.dt))
    return found | {"heating_rate": np.asarray(heating)}


def seeded(setup: Setup, seed: int) -> Setup:
    """Return the setup with another quasi-random ensemble; only for runs that start isotropic."""
    p, state, config = setup.parameters, setup.state, setup.config
    assert config.cosmic_rays.anisotropy == config.cosmic_rays.drift_velocity == 0.0
    dtype = np.dtype(config.run.precision)
    markers = initial_markers(config.run.markers, p.background, state.amplitude, seed=seed, dtype=dtype)
    return dataclasses.replace(setup, state=dataclasses.replace(state, markers=markers))


def select(found: dict[str, np.ndarray], reference: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the numbers compared: moments, heating, and the driven branches at four wavenumbers each."""
    values = {name: float(found[name]) for name in ("heating_rate", "pressure_anisotropy", "energy_density")}
    power, exact = found["wave_power"], reference["wave_power"]
    bins = np.linspace(1, power.shape[-1] - 2, 4).round().astype(int)
    driven = (0, 0), (1, 1)
    if exact[0, 1].max() > exact[0, 0].max():
        driven = (0, 1), (1, 0)
    for d, h in driven:
        for j in bins:
            values[f"e({'+-'[d]}, k{j})"] = float(power[d, h, j])
    return values


def compare(
    point: Point, seeds: int, steps: int = STEPS, refine: float = 1.0, cosines: int = COSINES
) -> list[dict[str, Any]]:
    """Compare both solvers at one point.

    Returns rows of quantity, deterministic value, mean over seeds, its standard error, their ratio and the pull.
    refine: factor by which the steps of the markers are shorter and more; cosines: those of the mesh.  No two points
    share a seed, because points that differ by a scaling would have the same noise.
    """
    first = zlib.crc32(point.name.encode()) % 2**30
    with jax.enable_x64(True):
        span = steps * float(prepare(point.config, "monte-carlo", steps).parameters.dt)
        setup = prepare(point.config, "monte-carlo", round(refine * steps), span)
        exact = observe(prepare(point.config, "fokker-planck", steps, span, cosines))
        samples = [observe(seeded(setup, seed), seed) for seed in range(first, first + seeds)]
    wanted, values = select(exact, exact), [select(sample, exact) for sample in samples]
    rows = []
    for name, reference in wanted.items():
        x = np.array([value[name] for value in values])
        error = x.std(ddof=1) / np.sqrt(seeds)
        rows.append(
            {
                "point": point.name,
                "quantity": name,
                "deterministic": reference,
                "markers": float(x.mean()),
                "stderr": float(error),
                "ratio": float(x.mean() / reference),
                "pull": normal_deviate((x.mean() - reference) / error, seeds - 1),
            }
        )
    return rows


def normal_deviate(t: float, freedom: int) -> float:
    """Return the standard normal deviate that is as probable as ``t`` of Student's distribution."""
    return float(np.sign(t) * stats.norm.isf(stats.t.sf(abs(t), freedom)))


def distribution(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return mean, width and Anderson-Darling statistic of the pulls.

    The standard error of the mean takes points as independent, but not the pulls of one point.  probability: that of a
    larger Anderson-Darling distance from the standard normal distribution.
    """
    pulls = np.array([row["pull"] for row in rows])
    names = sorted({row["point"] for row in rows})
    means = np.array([np.mean([row["pull"] for row in rows if row["point"] == name]) for name in names])
    u = np.sort(stats.norm.cdf(pulls))
    i, n = np.arange(1, len(u) + 1), len(u)
    square = -n - np.sum((2 * i - 1) * (np.log(u) + np.log1p(-u[::-1]))) / n
    return {
        "count": n,
        "mean": float(pulls.mean()),
        "mean_stderr": float(means.std(ddof=1) / np.sqrt(len(names))),
        "width": float(np.sqrt(np.mean((pulls - pulls.mean()) ** 2))),
        "anderson_darling": float(square),
        "probability": anderson_darling_probability(square),
    }


def anderson_darling_probability(square: float) -> float:
    """Return P(A^2 > square) of a fully specified distribution, by simulation of 20000 samples of 100."""
    u = np.sort(np.random.default_rng(0).random((20000, 100)), axis=1)
    i = np.arange(1, 101)
    drawn = -100.0 - np.sum((2 * i - 1) * (np.log(u) + np.log1p(-u[:, ::-1])), axis=1) / 100.0
    return float(np.mean(drawn > square))


def convergence(seeds: int = 3) -> list[dict[str, Any]]:
    """Run linear_damping over equal times with different numbers of markers, steps and bins.

    Returns the relative error of heating and the r.m.s. error of the driven spectra against the Fokker-Planck solver
    with the same bins, and the relative error of heating of that solver against 48 bins.
    """
    rows = []
    levels = {"markers": (4096, 16384, 65536), "scattering_per_step": (0.8, 0.4, 0.2, 0.1), "bins": (8, 16, 32)}
    fixed = {"markers": 16384, "scattering_per_step": 0.4, "bins": 16}
    with jax.enable_x64(True):
        fine = _solve(fixed | {"bins": 48}, "fokker-planck")[0]
        for kind, values in levels.items():
            for value in values:
                size = fixed | {kind: value}
                exact = _solve(size, "fokker-planck")[0]
                found = [_solve(size, "monte-carlo", seed)[0] for seed in range(seeds)]
                heating = np.array([float(x["heating_rate"] / exact["heating_rate"]) - 1.0 for x in found])
                error = np.array([_spectral_error(x, exact) for x in found])
                rows.append(
                    {
                        "kind": kind,
                        "level": value,
                        "heating": float(heating.mean()),
                        "heating_stderr": float(heating.std(ddof=1) / np.sqrt(seeds)),
                        "spectrum_rms": float(error.mean()),
                        "heating_of_solver": float(exact["heating_rate"] / fine["heating_rate"]) - 1.0,
                    }
                )
    return rows


def _solve(size: dict[str, float], solver: str, seed: int = 0) -> tuple[dict[str, np.ndarray], Setup]:
    """Run linear_damping over 8e9 s, some 60/nu_max."""
    sets = [f"run.markers={size['markers']}", f"waves.bins={size['bins']}", "run.coarse_grain_interval=never"]
    config = load_config("linear_damping", sets)
    span = 8e9
    nu = 7.4e-9
    steps = 2 * ROWS * max(1, round(span * nu / size["scattering_per_step"] / (2 * ROWS)))
    with jax.enable_x64(True):
        unit = build(config).units
        setup = prepare(config, solver, steps if solver == "monte-carlo" else 160, span * unit.gyrofrequency)
        if solver == "monte-carlo":
            setup = seeded(setup, seed)
        return observe(setup, seed), setup


def _spectral_error(found: dict[str, np.ndarray], exact: dict[str, np.ndarray]) -> float:
    ratio = np.concatenate([found["wave_power"][d, d] / exact["wave_power"][d, d] for d in (0, 1)])
    return float(np.sqrt(np.mean((ratio - 1.0) ** 2)))


def table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """Return a Markdown table."""

    def cell(value: Any) -> str:
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    lines = [" | ".join(columns), " | ".join("---" for _ in columns)]
    lines += [" | ".join(cell(row[column]) for column in columns) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", help="names separated by commas (default: all)")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--markers", type=int, default=8192)
    parser.add_argument("--refine", type=float, default=1.0, help="so many times shorter steps of the markers")
    parser.add_argument("--cosines", type=int, default=COSINES, help="cosines of the mesh")
    parser.add_argument("--convergence", action="store_true", help="the convergence tables instead")
    parser.add_argument("--json", type=Path, help="also write the rows")
    options = parser.parse_args()
    if options.convergence:
        rows = convergence()
        print(table(rows, ("kind", "level", "heating", "heating_stderr", "spectrum_rms", "heating_of_solver")))
    else:
        chosen = points(f"run.markers={options.markers}")
        names = options.points.split(",") if options.points else list(chosen)
        rows = []
        for name in names:
            found = compare(chosen[name], options.seeds, refine=options.refine, cosines=options.cosines)
            rows += found
            print(table(found, COLUMNS), flush=True)
        print(distribution(rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
