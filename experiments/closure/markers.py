"""Compare the closure with markers in six of the cells of `validate.py`, eight independent runs each, or with the mesh.

python experiments/closure/markers.py [--cells 8,9,10,12,13,18] [--replicas 8] [--markers 8192] [--finer 4]
python experiments/closure/markers.py --mesh --cells 0,1,2        # without errors, which the mesh has not

The cells are those without flags but `cut_matters`, of three forms of damping.  A run begins in the steady state of its
own 20 bins and lasts 40 scattering times; errors are those of the scatter of the replicas.  Compared are the power that
kicks give to waves, what damping takes from them, wave power at the centres of bins from 0.1 Omega0/c to the fourth
from the end, and the drift, a mean over the number of particles.  The last is
compared with that which the bins of the run's start maintain, by quadrature, and this with the closure.
`--json FILE.json` keeps the numbers.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import crmc
from crmc.physics import equilibrium_spectrum
from crmc.setup import background_of, shape_of

sys.path.insert(0, str(Path(__file__).resolve().parent))
from validate import NODE, WEIGHT, sampled

#: Gauss-Legendre nodes of means over the number of particles, and scattering times of 1 m_p c that a run lasts.
NODES, SPAN = 40, 40.0


def config_of(cell: crmc.Config, duration: float, markers: int, replicas: int, finer: float = 1.0) -> crmc.Config:
    """Return the run of a cell, with steps that are shorter by a factor than those of `drift`."""
    data = tomllib.loads(cell.to_toml())
    data["run"] |= {
        "duration": f"{duration!r} s",
        "output_interval": f"{duration / 20.0!r} s",
        "coarse_grain_interval": f"{duration / 40.0!r} s",
        "markers": markers * replicas,
        "replicas": replicas,
        "precision": "float32",
        "scattering_per_step": cell.run.scattering_per_step / finer,
    }
    data["waves"] |= {"bins": 20, "start": "equilibrium"}
    data["cosmic_rays"]["start"] = "equilibrium"
    return crmc.parse_config(data)


def drifts(config: crmc.Config) -> tuple[float, float]:
    """Return the drift that the bins of a run's start maintain and that of the closure, means over the number [v_A]."""
    rays, shape, w = config.cosmic_rays, shape_of(config), config.code_units.alfven_speed
    node, weight = np.polynomial.legendre.leggauss(NODES)
    low, span = np.log(rays.momentum_min), np.log(rays.momentum_max / rays.momentum_min)
    momenta = np.exp(low + 0.5 * span * (node + 1.0))
    number = weight * momenta**3 * (momenta**2 + rays.turnover_momentum**2) ** (-0.5 * rays.index)
    with jax.enable_x64(True):
        setup = crmc.build(config)
        parameters, tau = setup.parameters, float(setup.tau_B)
        _, amplitude = background_of(config, shape)
        e, grid = equilibrium_spectrum(parameters, amplitude, shape.model, setup.tau_B), parameters.grid
        own, x_gap = [], float(grid.x_gap)
        for p in momenta:
            # Outside the gap, and in it, where waves as strong as at its edge scatter.
            mu = np.concatenate([np.exp(0.5 * np.log(x_gap / p) * (1.0 - NODE)), x_gap / p * 0.5 * (1.0 + NODE)])
            outside, inside = mu[: len(NODE)], 0.5 * x_gap / p * WEIGHT
            dmu = np.concatenate([-0.5 * np.log(x_gap / p) * WEIGHT * outside, inside])
            x = jnp.asarray(np.maximum(p * mu, x_gap * (1.0 + 1e-9)))
            at = np.asarray(jnp.einsum("nj,dhj->dhn", grid.resonant(x), e))
            v, total = p / np.hypot(1.0, p), at[0] + at[1]
            a = rays.index * p**2 / (rays.turnover_momentum**2 + p**2)
            slope = v * float(parameters.gradient) + np.array([[1.0], [-1.0]]) * mu * a / (3.0 * tau)
            slope = slope * np.hypot(1.0, p) / (np.pi * total) + w / v * a * (at[0] - at[1]) / total
            own.append(0.25 * v * np.sum((1.0 - mu**2) * slope * dmu) / w)
    closure = np.asarray(crmc.closure(config, momenta).v_drift)
    return float(np.sum(number * own) / np.sum(number)), float(np.sum(number * closure) / np.sum(number))


def compare(
    cell: crmc.Config, markers: int, replicas: int, finer: float, solver: str = "monte-carlo"
) -> dict[str, Any]:
    """Return a run over the closure and its error of one cell: name -> (ratio, error); errors of the mesh are 0."""
    duration = SPAN / float(crmc.closure(cell, (1.0,)).nu[0])
    config = config_of(cell, duration, markers, replicas, finer)
    data = crmc.run(config, quiet=True, solver=solver).data
    averages = json.loads(data.attrs["summary"])["averages"]
    k = data.k.values
    e = data.average_wave_power.sum("direction")
    exactly = solver != "monte-carlo"
    error = 0.0 * e if exactly else np.sqrt((data.average_wave_power_stderr**2).sum("direction"))
    plain = crmc.closure(config, 2.0 / k)
    to_e = np.hypot(1.0, 2.0 / k) / np.pi / config.code_units.gyrofrequency
    exact = np.stack([plain.nu_forward, plain.nu_backward]) * to_e
    inside = (k > 0.1) & (np.arange(len(k)) < len(k) - 3)
    ratio, part = e.values[:, inside] / exact[:, inside], error.values[:, inside] / exact[:, inside]
    v_alfven = config.code_units.alfven_speed * crmc.units.SPEED_OF_LIGHT
    found = {}
    for name in ("heating_rate", "gas_heating_rate"):
        pair = averages[name]["value"], 0.0 if exactly else averages[name]["stderr"]
        found[name] = np.array(pair) / float(plain.heating_rate)
    found["wave_power"] = np.array([np.mean(ratio), np.sqrt(np.mean(part**2) / part.size)])
    own, closure = drifts(config)
    drift = averages["drift_velocity"]
    found["drift"] = np.array([drift["value"] / own, 0.0 if exactly else drift["stderr"] / abs(own)]) / v_alfven
    return {name: x.tolist() for name, x in found.items()} | {
        "duration_over_tau": duration / config.expansion.timescale,
        "bins_over_closure": own / closure,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default="8,9,10,12,13,18", metavar="N,...")
    parser.add_argument("--replicas", type=int, default=8, metavar="N")
    parser.add_argument("--markers", type=int, default=8192, metavar="N")
    parser.add_argument("--finer", type=float, default=1.0, metavar="X", help="steps shorter by this factor")
    parser.add_argument("--mesh", action="store_true", help="one run on the mesh instead")
    parser.add_argument("--json", metavar="FILE.json")
    arguments = parser.parse_args()
    every, rows = list(sampled(24)), []
    for place in (int(word) for word in arguments.cells.split(",")):
        medium, cell = every[place]
        size = (1024, 1) if arguments.mesh else (arguments.markers, arguments.replicas)
        row = compare(cell, *size, arguments.finer, "fokker-planck" if arguments.mesh else "monte-carlo")
        rows.append({"cell": place, "medium": medium, "form": cell.damping.nonlinear_landau} | row)
        told = []
        for name in ("heating_rate", "gas_heating_rate", "wave_power", "drift"):
            ratio, error = row[name]
            told.append(f"{name} {ratio:.4f} +- {error:.4f}" + (f" ({(ratio - 1.0) / error:+.1f})" if error else ""))
        told.append(f"drift of the bins over closure {row['bins_over_closure']:.4f}")
        print(f"{place:3d} {medium} {cell.damping.nonlinear_landau}: {'; '.join(told)}", flush=True)
        if arguments.json:
            Path(arguments.json).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
