"""Compare the closure with markers in six of the cells of `validate.py`, eight independent runs each.

python experiments/closure/markers.py [--cells 8,9,10,12,13,18] [--replicas 8] [--markers 8192] [--json FILE.json]

The cells are those without flags but `cut_matters`, of three forms of damping.  A run begins in the steady state of its
own 20 bins and lasts 40 scattering times; errors are those of the scatter of the replicas.  Compared are the power that
kicks give to waves, what damping takes from them, wave power at the centres of bins from 0.1 Omega0/c to the fourth
from the end, and the drift, a mean over the number of particles.  In runs all power that particles in the 90-degree gap
exchange goes to the last bin: for the drift the closure has the hindrance that this bin offers.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

import crmc

sys.path.insert(0, str(Path(__file__).resolve().parent))
from validate import sampled

#: Gauss-Legendre nodes of means over the number of particles, and scattering times of 1 m_p c that a run lasts.
NODES, SPAN = 40, 40.0


def config_of(cell: crmc.Config, duration: float, markers: int, replicas: int) -> crmc.Config:
    """Return the run of a cell."""
    data = tomllib.loads(cell.to_toml())
    data["run"] |= {
        "duration": f"{duration!r} s",
        "output_interval": f"{duration / 20.0!r} s",
        "coarse_grain_interval": f"{duration / 40.0!r} s",
        "markers": markers * replicas,
        "replicas": replicas,
        "precision": "float32",
    }
    data["waves"] |= {"bins": 20, "start": "equilibrium"}
    data["cosmic_rays"]["start"] = "equilibrium"
    return crmc.parse_config(data)


def drift(config: crmc.Config, gap: float) -> float:
    """Return the drift by the closure, a mean over the number of particles [v_A]; gap: as in `crmc.closure.Cell`."""
    rays = config.cosmic_rays
    node, weight = np.polynomial.legendre.leggauss(NODES)
    low, span = np.log(rays.momentum_min), np.log(rays.momentum_max / rays.momentum_min)
    p = np.exp(low + 0.5 * span * (node + 1.0))
    number = weight * p**3 * (p**2 + rays.turnover_momentum**2) ** (-0.5 * rays.index)
    found = crmc.closure(config, p, gap=gap)
    return float(np.sum(number * np.asarray(found.v_drift)) / np.sum(number))


def compare(cell: crmc.Config, markers: int, replicas: int) -> dict[str, Any]:
    """Return markers over closure and its error of one cell: name -> (ratio, error)."""
    duration = SPAN / float(crmc.closure(cell, (1.0,)).nu[0])
    config = config_of(cell, duration, markers, replicas)
    data = crmc.run(config, quiet=True).data
    averages = json.loads(data.attrs["summary"])["averages"]
    k = data.k.values
    e = data.average_wave_power.sum("direction")
    error = np.sqrt((data.average_wave_power_stderr**2).sum("direction"))
    plain = crmc.closure(config, 2.0 / k)
    to_e = np.hypot(1.0, 2.0 / k) / np.pi / config.code_units.gyrofrequency
    exact = np.stack([plain.nu_forward, plain.nu_backward]) * to_e
    inside = (k > 0.1) & (np.arange(len(k)) < len(k) - 3)
    ratio, part = e.values[:, inside] / exact[:, inside], error.values[:, inside] / exact[:, inside]
    edge = crmc.closure(config, (2.0 / config.waves.k_max,))
    e_edge = float(edge.nu_forward[0]) * np.hypot(1.0, 2.0 / config.waves.k_max) / np.pi
    e_edge /= config.code_units.gyrofrequency
    gap = e_edge / float(e.values[0, -1])
    v_alfven = config.code_units.alfven_speed * crmc.units.SPEED_OF_LIGHT
    found = {}
    for name in ("heating_rate", "gas_heating_rate"):
        found[name] = np.array([averages[name]["value"], averages[name]["stderr"]]) / float(plain.heating_rate)
    found["wave_power"] = np.array([np.mean(ratio), np.sqrt(np.mean(part**2) / part.size)])
    v = np.array([averages["drift_velocity"]["value"], averages["drift_velocity"]["stderr"]]) / v_alfven
    found["drift"] = v / abs(drift(config, gap)) * np.array([np.sign(drift(config, gap)), 1.0])
    return {name: x.tolist() for name, x in found.items()} | {
        "duration_over_tau": duration / config.expansion.timescale,
        "gap": gap,
        "k": k[inside].tolist(),
        "wave_power_ratio": ratio.tolist(),
        "drift_broadened": drift(config, 1.0) / drift(config, gap),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default="8,9,10,12,13,18", metavar="N,...")
    parser.add_argument("--replicas", type=int, default=8, metavar="N")
    parser.add_argument("--markers", type=int, default=8192, metavar="N")
    parser.add_argument("--json", metavar="FILE.json")
    arguments = parser.parse_args()
    every, rows = list(sampled(24)), []
    for place in (int(word) for word in arguments.cells.split(",")):
        medium, cell = every[place]
        row = compare(cell, arguments.markers, arguments.replicas)
        rows.append({"cell": place, "medium": medium, "form": cell.damping.nonlinear_landau} | row)
        told = []
        for name in ("heating_rate", "gas_heating_rate", "wave_power", "drift"):
            ratio, error = row[name]
            told.append(f"{name} {ratio:.4f} +- {error:.4f} ({(ratio - 1.0) / error:+.1f})")
        print(f"{place:3d} {medium} {cell.damping.nonlinear_landau}: {'; '.join(told)}", flush=True)
        if arguments.json:
            Path(arguments.json).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
