"""Write derivatives of averages as the table and the JSON of ``crmc sensitivity``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from crmc.config.config import Config
from crmc.config.keys import differentiable, value_of
from crmc.inference.derivatives import Differentiation, Slopes, logarithmic
from crmc.physics.waves import MOMENTA
from crmc.results.variables import unit_of
from crmc.statistics import Estimate, mean_of
from crmc.text import aligned

#: Bins with less than this share of the largest value of a spectrum are left out of the table, not of the JSON.
_SHOWN = 1e-3


def as_dict(program: Differentiation, found: Slopes) -> dict[str, Any]:
    """Return averages, derivatives and logarithmic derivatives with standard errors, units and axes, for JSON."""
    averages, known = program.averages, differentiable()
    k = grid_of(averages.config)
    axes = {"direction": [1, -1], "helicity": [1, -1], "k": k, "momentum": MOMENTA}
    numbers = {key: {"value": value_of(averages.config, key), "unit": known[key].unit} for key in program.keys}
    quantities = {}
    for name, values in found.values.items():
        average = mean_of(values)
        quantities[name] = {
            "value": average.value,
            "stderr": average.stderr,
            "unit": unit_of(name),
            "dimensions": list(_dimensions(values.ndim - 1)),
            "derivatives": {key: _derivative(program, values, found.slopes[name][key], key) for key in program.keys},
        }
    return {
        "name": averages.config.name,
        "mode": program.mode,
        "solver": averages.solver,
        "replicas": found.replicas,
        "markers": None if averages.on_mesh else averages.config.run.markers,
        "steps": averages.steps,
        "seed": averages.config.run.seed,
        "average": "mean over the last half of the run",
        "axes": axes,
        "numbers": numbers,
        "quantities": quantities,
    }


def grid_of(config: Config) -> np.ndarray:
    """Return the wavenumbers of the bins, (bins,) [Omega0/c]."""
    waves = config.waves
    knot = np.log(waves.k_max / waves.k_min) / (waves.bins + 2)
    return waves.k_min * np.exp(knot * (np.arange(waves.bins) + 1.5))


def _dimensions(count: int) -> tuple[str, ...]:
    """Return the names of the axes of an average with ``count`` axes."""
    return {0: (), 1: ("momentum",), 3: ("direction", "helicity", "k")}[count]


def _derivative(program: Differentiation, values: np.ndarray, slopes: np.ndarray, key: str) -> dict[str, Any]:
    """Return the derivative of an average by a key, plain and logarithmic, with standard errors."""
    plain, relative = mean_of(slopes), logarithmic(values, slopes, np.asarray(value_of(program.averages.config, key)))
    return {
        "derivative": plain.value,
        "derivative_stderr": plain.stderr,
        "logarithmic": relative.value,
        "logarithmic_stderr": relative.stderr,
    }


def text(program: Differentiation, found: Slopes) -> str:
    """Return a table of d ln X/d ln a with standard errors: one line per average X, one column per key a.

    A key whose value is 0 has dX/da instead.
    """
    averages = program.averages
    scalars = [key for key in program.keys if np.ndim(value_of(averages.config, key)) == 0]
    lines = [["average over the last half", "value", *[_heading(averages.config, key) for key in scalars]]]
    for name, values in found.values.items():
        average = mean_of(values)
        for place, label in _places(averages.config, name, average.value):
            cells = [_number(average, place, unit_of(name))]
            for key in scalars:
                slopes, number = found.slopes[name][key], np.asarray(value_of(averages.config, key))
                estimate = mean_of(slopes) if number == 0.0 else logarithmic(values, slopes, number)
                cells.append(_with_error(float(estimate.value[place]), float(estimate.stderr[place])))
            lines.append([label, *cells])
    count = found.replicas
    note = f"{count} replica{'s' * (count != 1)} of {averages.config.run.markers} markers and {averages.steps} steps"
    if averages.on_mesh:
        note = f"{averages.steps} steps"
    tables = [key for key in program.keys if key not in scalars]
    more = f"; {', '.join(tables)} is in the JSON only" if tables else ""
    return f"{aligned(lines)}\n\n{program.mode} derivatives, {averages.solver}; {note}{more}"


def _heading(config: Config, key: str) -> str:
    """Return the head of the column of a key."""
    return f"d/d {key}" if value_of(config, key) == 0.0 else f"dln/dln {key}"


def _places(config: Config, name: str, value: np.ndarray) -> Iterator[tuple[tuple[int, ...], str]]:
    """Yield the place and the name of every entry of an average that the table shows."""
    for place in np.ndindex(value.shape):
        if value.ndim < 3 or abs(value[place]) > _SHOWN * np.nanmax(np.abs(value)):
            yield place, place_name(config, name, place)


def place_name(config: Config, name: str, place: tuple[int, ...]) -> str:
    """Return the name of an entry of an average, with its momentum [m_p c], or its branch and wavenumber [Omega0/c]."""
    if not place:
        return name
    if len(place) == 1:
        return f"{name}(p={MOMENTA[place[0]]:g})"
    signs = "+-"
    return f"{name}({signs[place[0]]}{signs[place[1]]},k={grid_of(config)[place[2]]:.3g})"


def _number(estimate: Estimate, place: tuple[int, ...], unit: str) -> str:
    """Return an entry of an average with standard error and unit."""
    value, error = float(estimate.value[place]), float(estimate.stderr[place])
    shown = f"{value:.4g}" if not np.isfinite(error) or error == 0.0 else f"{value:.4g} +- {error:.1g}"
    return shown if unit == "1" else f"{shown} {unit}"


def _with_error(value: float, error: float) -> str:
    """Return a derivative with its standard error, both to the second digit of the error."""
    if not np.isfinite(value):
        return "-"
    if not np.isfinite(error) or error == 0.0:
        return f"{value:.4g}"
    digits = max(0, min(12, 1 - int(np.floor(np.log10(error)))))
    return f"{value:.{digits}f} +- {error:.{digits}f}" if 1e-9 < abs(error) < 1e5 else f"{value:.4g} +- {error:.2g}"
