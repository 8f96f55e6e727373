"""Closures from a table, as the reader in C has them, and how far they are from those that are not interpolated."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from crmc.closure.cell import LARGEST_LENGTH, SPECTRAL, Cell
from crmc.closure.flags import Flag
from crmc.closure.scales import Scales, in_code_units
from crmc.closure.solve import closure
from crmc.closure.table import AXES, QUANTITIES, Table
from crmc.closure.variables import INPUTS, NUMBERS
from crmc.units import SPEED_OF_LIGHT

#: Numbers that a table gives; of a closure it lacks the wavenumber of the flip.
GIVEN = tuple(name for name in NUMBERS if name != "flip_wavenumber")
#: Inputs that a table does not hold: those of a cell that reads one.
TABLE_INPUTS = ("index", *(n for n in INPUTS if n not in (*SPECTRAL, "k_max", "k_min", "gap")))
#: Ranges in which errors are measured: lg of the numbers of a cell, from the interstellar to the intracluster medium.
RANGES = {
    "magnetic_field": (-7.0, -5.0),
    "ion_density": (-4.0, 0.5),
    "temperature": (3.5, 8.0),
    "cr_pressure": (-14.0, -11.5),
    "linear_damping": (-14.0, -9.0),
    "ion_neutral_density": (-5.0, 0.0),
    "turbulent_dissipation": (-6.0, 0.0),
}
#: Ratio of the drives of gradient and expansion, or its inverse, up to which they nearly cancel.
NEAR = 1.0 / 0.9
#: lg of the length of the gradient [cm], and of |L|/(c tau).
_LENGTHS, _RATIOS = (20.0, 23.0), (-3.0, 2.0)


def look_up(table: Table, cell: Cell) -> dict[str, np.ndarray]:
    """Return numbers of `GIVEN` and flags from a table: (cells,) or (cells, M) each, cgs.

    cell: arrays, (cells,), of numbers that are sound and drive waves; those that the table holds (momenta, k_max, ...)
    are its own.  Diffusion is capped at v |L|/3 at each momentum, and averages are of what is not capped:
    `Flag.FREE_STREAMING` tells whether any momentum of theirs would be.
    """
    own = {name: getattr(table.cell, name) for name in (*SPECTRAL[1:], "k_max", "k_min", "gap")}
    with jax.enable_x64(True):
        scales = in_code_units(dataclasses.replace(cell, **own))
        scales = jax.tree.map(lambda x: np.atleast_1d(np.asarray(x, float)), scales)
    gradient, rate = np.abs(scales.gradient), np.abs(scales.rate)
    drive = gradient + rate
    q = scales.pressure * drive / (2.0 * scales.v_alfven)
    linear = scales.damping.constant + scales.damping.turbulent
    landau = np.sqrt(scales.damping.landau * q) if table.form != "none" else np.zeros_like(q)
    total = linear + landau
    index = np.broadcast_to(np.asarray(cell.index, float), q.shape)
    turbulent = np.divide(scales.damping.turbulent, linear, out=np.zeros_like(linear), where=linear > 0.0)
    shares = (index, rate / drive, linear / total, turbulent)
    found = _interpolate(table, dict(zip(AXES, shares, strict=True)))
    numbers = _numbers(table, found, scales, q / total, rate)
    return numbers | {"flags": _flags(table, found, scales, q / total, total)}


def _interpolate(table: Table, places: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return every quantity at places on the axes, (cells, ...); beyond its ends an axis has their values."""
    brackets = {}
    for name, x in table.axes.items():
        if len(x) == 1:
            brackets[name] = [(np.zeros(len(places[name]), int), np.ones(len(places[name])))]
            continue
        low = np.clip(np.searchsorted(x, places[name], side="right") - 1, 0, len(x) - 2)
        t = np.clip((places[name] - x[low]) / (x[low + 1] - x[low]), 0.0, 1.0)
        brackets[name] = [(low, 1.0 - t), (low + 1, t)]
    found = {}
    for name, (dims, _) in QUANTITIES.items():
        corners: list[tuple[tuple[np.ndarray, ...], np.ndarray | float]] = [((), 1.0)]
        for dim in dims:
            if dim != "momentum":
                corners = [((*at, i), weight * part) for at, weight in corners for i, part in brackets[dim]]
        values = table.values[name]
        rows = [values[at] * np.reshape(w, (-1, *[1] * (values.ndim - len(at)))) for at, w in corners]
        found[name] = np.sum(rows, axis=0)
    return found


def _numbers(
    table: Table, found: Mapping[str, np.ndarray], scales: Scales, level: np.ndarray, rate: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the numbers in cgs.

    found: quantities; level: q/R, (cells,); rate: 1/|tau|, (cells,) [code].
    """
    omega, v_a, p = scales.gyrofrequency, scales.v_alfven, table.momentum
    backward = np.where(scales.gradient < 0.0, -1.0, 1.0)
    shrinking = np.where(scales.rate < 0.0, -1.0, 1.0)
    v, column = p / np.hypot(1.0, p), level[:, None]
    plus, minus = (1.0 / (found[f"resistance_{side}"] * column) for side in ("plus", "minus"))
    kappa = plus + minus
    length = 1.0 / np.maximum(np.abs(scales.gradient), SPEED_OF_LIGHT / omega / LARGEST_LENGTH)
    capped = np.minimum(1.0, v * length[:, None] / 3.0 / kappa)
    uneven = found["lever_plus"] * plus - found["lever_minus"] * minus
    v_expansion = (backward * rate / v_a)[:, None] * uneven * capped
    v_streaming = backward[:, None] * found["streaming"]
    diffusion = SPEED_OF_LIGHT**2 / omega
    nu = found["scattering"] * (level * omega)[:, None]
    sides = [found["scattering_plus"], found["scattering_minus"]]
    swapped = (backward * shrinking < 0.0)[:, None]
    power, energy = scales.energy_density * omega, found["resistance_energy"] * level
    drive = np.abs(scales.gradient) + rate
    anisotropy = drive / (v_a * level) * found["anisotropy_driven"]
    return {
        "kappa": kappa * capped * diffusion[:, None],
        "nu": nu,
        "nu_forward": np.where(swapped, sides[1], sides[0]) * (level * omega)[:, None],
        "nu_backward": np.where(swapped, sides[0], sides[1]) * (level * omega)[:, None],
        "mean_free_path": v * SPEED_OF_LIGHT / nu,
        "v_streaming": v_streaming,
        "v_expansion": v_expansion,
        "v_drift": v_streaming + kappa * capped * (scales.gradient / v_a)[:, None] + v_expansion,
        "heating_rate": v_a * scales.pressure * drive * found["heating"] * power,
        "force_density": scales.pressure * scales.gradient * power / SPEED_OF_LIGHT,
        "kappa_energy": diffusion / energy,
        "kappa_number": diffusion / (found["resistance_number"] * level),
        "kappa_harmonic": diffusion / (found["resistance_harmonic"] * level),
        "sigma": energy / (found["whole_energy"] * diffusion),
        "streaming_energy": backward * found["streaming_energy"],
        "pressure_anisotropy": shrinking * v_a * (anisotropy + found["anisotropy_streaming"]),
        "wave_energy": level * found["wave_energy"],
    }


def _flags(
    table: Table, found: Mapping[str, np.ndarray], scales: Scales, level: np.ndarray, total: np.ndarray
) -> np.ndarray:
    """Return the flags of cells, (cells,).

    found: quantities; level: q/R; total: R, (cells,) [code].
    """
    v_a, gradient, rate = scales.v_alfven, np.abs(scales.gradient), np.abs(scales.rate)
    k_max, p = float(np.asarray(table.cell.k_max)), table.momentum
    length = 1.0 / np.maximum(gradient, SPEED_OF_LIGHT / scales.gyrofrequency / LARGEST_LENGTH)
    drives = np.maximum(gradient * v_a, rate)
    resistance = 1.0 / (1.0 / found["resistance_plus"] + 1.0 / found["resistance_minus"]) * np.hypot(1.0, p) / p
    mobile = np.min(resistance, axis=1), found["resistance_least"]
    slow = (found["scattering"] * level[:, None]).min(axis=1), found["damping_rate"].min(axis=1) * total
    backward = np.where(scales.gradient < 0.0, -1.0, 1.0)
    kappa = 1.0 / (found["resistance_number"] * level)
    drift = backward * (found["streaming_number"] * v_a + kappa * (gradient + rate * found["lever_number"]))
    raised = {
        Flag.FREE_STREAMING: np.minimum(*mobile) * level * length < 3.0,
        Flag.STRONG_WAVES: found["wave_energy"] * level > 0.03**2,
        Flag.GAP_MATTERS: np.any(found["gap_share"] > 0.3, axis=1),
        Flag.NOT_STEADY: np.minimum(*slow) < drives,
        Flag.NEAR_FLIP: (found["flip_low"] * gradient < NEAR * rate) & (rate < NEAR * found["flip_high"] * gradient),
        Flag.CYCLOTRON: v_a * k_max > 0.3,
        Flag.MODIFIED_WAVES: scales.pressure * found["whole_number"] * np.abs(drift) > v_a**2,
        Flag.ION_NEUTRAL_COUPLED: (scales.neutral > 0.0) & (v_a < scales.neutral * p.max()),
        Flag.CUT_MATTERS: found["cut_slope"] > 0.5,
        Flag.OBLATE: scales.rate < 0.0,
    }
    return np.sum([np.where(up, int(flag), 0) for flag, up in raised.items()], axis=0)


def random_cells(table: Table, count: int, seed: int) -> Cell:
    """Return cells of `RANGES` with the spectrum of a table and both signs of both drives, (count,) each number.

    In a fifth of the cells one of the drives is absent, in a seventh each of the linear dampings; one is always there.
    """
    rng = np.random.default_rng(seed)
    numbers: dict[str, Any] = {name: 10.0 ** rng.uniform(*ends, count) for name, ends in RANGES.items()}
    for place, name in enumerate(("linear_damping", "ion_neutral_density", "turbulent_dissipation")):
        keeps = (rng.random(count) > 0.2) | (np.arange(count) % 3 == place)
        numbers[name] = numbers[name] * keeps
    slope = rng.choice([-1.0, 1.0], count) / 10.0 ** rng.uniform(*_LENGTHS, count)
    rate = rng.choice([-1.0, 1.0], count) * np.abs(slope) * SPEED_OF_LIGHT * 10.0 ** rng.uniform(*_RATIOS, count)
    absent = rng.random(count)
    numbers["pressure_gradient"] = -numbers["cr_pressure"] * slope * (absent > 0.1)
    numbers["expansion_rate"] = rate * (absent < 0.9)
    nodes = table.axes["index"]
    numbers["index"] = rng.uniform(nodes[0], nodes[-1], count)
    return dataclasses.replace(table.cell, **numbers)


def errors(table: Table, count: int = 4000, seed: int = 1) -> dict[str, dict[str, float]]:
    """Return how far a table's numbers are from the closure's in random cells.

    Name -> "rms", "largest" and "near_flip_median".
    Relative, but for drifts, in parts of max(|v|, v_A) + |kappa/L|, and the anisotropy, in parts of max(itself, v_A/c).
    Left out are cells near the flip, in which "near_flip_median" is found, and those whose diffusion is capped.
    """
    cell = random_cells(table, count, seed)
    mine, solved = look_up(table, cell), closure(cell, table.momentum, nonlinear_landau=table.form)
    exact = {name: np.asarray(getattr(solved, name)) for name in (*GIVEN, "flags")}
    near, free = (((mine["flags"] | exact["flags"]) & flag) != 0 for flag in (Flag.NEAR_FLIP, Flag.FREE_STREAMING))
    with jax.enable_x64(True):
        v_alfven = np.asarray(in_code_units(cell).v_alfven)
    found = {}
    for name in GIVEN:
        own, true = mine[name], exact[name]
        scale = np.abs(true)
        if name.startswith(("v_", "streaming")):
            carried = np.abs(exact["v_drift"] - exact["v_streaming"] - exact["v_expansion"])
            scale = np.maximum(scale, 1.0) if name == "streaming_energy" else np.maximum(scale, 1.0) + carried
        elif name == "pressure_anisotropy":
            scale = np.maximum(scale, v_alfven)
        error = np.abs(own - true) / np.where(scale > 0.0, scale, 1.0)
        error = error.reshape(len(error), -1)
        calm, flipping = error[~near & ~free], error[near & ~free]
        found[name] = {
            "rms": float(np.sqrt(np.mean(calm**2))),
            "largest": float(np.max(calm)),
            "near_flip_median": float(np.median(flipping)) if len(flipping) else 0.0,
        }
    return found
