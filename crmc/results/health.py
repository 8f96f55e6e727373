"""Find the first row that shows a run to have failed, and say what makes a sound one less than exact.

``rows`` are arrays in code units by the names of variables, with time as their first axis and replicas as the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from crmc.physics.exact import FARTHEST
from crmc.physics.parameters import Model

#: Variables that stay finite in a sound run; the first of them is named where several fail in one row.
_FINITE = ("magnetic_field", "gas_pressure", "perpendicular_pressure", "wave_power", "ledger")
#: Delta P/P_c of any distribution: -3/2 where P_par = 0, and 3 where P_perp = 0.
_ANISOTROPY = (-1.5, 3.0)
#: Largest change of the total energy of a sound run, relative to the cosmic rays' at t = 0.
ENERGY_RESIDUAL = 1e-3
#: Share of the energy that the markers may miss at t = 0: a constant, and a number to divide by their root.
_MISSING, _MISSING_OF_ROOT = 0.01, 3.0
#: Beyond this many times the coarsest step to trust, nothing of a run can be trusted.
FAR_TOO_COARSE = 5.0


class Trouble(NamedTuple):
    """A failure of a run.

    place: index of the first row that shows it; text: the failure in words, and advice.
    """

    place: int
    text: str


def first_trouble(
    rows: Mapping[str, np.ndarray], steps: Sequence[int], model: Model, coarsest: float, *, conserves: bool = True
) -> Trouble | None:
    """Return the earliest failure that ``rows`` show, or None.

    steps: step number of each row; coarsest: largest nu_max dt to trust, `Solver.coarsest`;
    conserves: whether the equations conserve energy, as with waves.coefficients = "exact".
    """
    found = [
        Trouble(int(bad.argmax()), text.format(step=steps[int(bad.argmax())]))
        for bad, text in _failures(rows, model, coarsest, conserves)
        if bad.any()
    ]
    return min(found, key=lambda trouble: trouble.place) if found else None


def _failures(
    rows: Mapping[str, np.ndarray], model: Model, coarsest: float, conserves: bool
) -> Iterator[tuple[np.ndarray, str]]:
    """Yield for each kind of failure the rows that show it, and words with {step} for the step."""

    def any_of(bad: Any) -> np.ndarray:
        return np.array([np.any(row) for row in bad])

    for name in _FINITE:
        if name != "wave_power" or model.scattering == "spectrum":
            advice = "shorten run.time_step or check the input"
            yield any_of(~np.isfinite(rows[name])), f"{name} is not finite at step {{step}}; {advice}"
    words = "the gas pressure fell to zero by step {step}; lower plasma.cooling or run.duration"
    yield any_of(rows["gas_pressure"] <= 0.0), words
    advice = "raise run.markers, or shorten run.time_step"
    words = f"the energy of the cosmic rays is not positive at step {{step}}; {advice}"
    yield any_of(rows["cr_energy_density"] <= 0.0), words
    low, high = _ANISOTROPY
    beyond = (rows["pressure_anisotropy"] <= low) | (rows["pressure_anisotropy"] >= high)
    words = f"Delta P/P_c at step {{step}} is one that no distribution has, outside of {low:g} to {high:g}; {advice}"
    yield any_of(beyond), words
    yield any_of(rows["energy_waves"] < 0.0), f"the energy of the waves is negative at step {{step}}; {advice}"
    if conserves:
        drift = np.abs(rows["ledger"] - rows["ledger"][:1]) / np.abs(rows["energy_cosmic_rays"][:1])
        words = f"the total energy has changed by more than {ENERGY_RESIDUAL:g} of the cosmic rays' by step {{step}}"
        yield any_of(drift > ENERGY_RESIDUAL), f"{words}; shorten run.time_step"
    words = f"nu_max dt is above {FAR_TOO_COARSE * coarsest:g} by step {{step}}, too coarse for any use"
    advice = "lower run.scattering_per_step or run.time_step"
    yield any_of(rows["max_scattering_per_step"] > FAR_TOO_COARSE * coarsest), f"{words}; {advice}"


def missing_energy(rows: Mapping[str, np.ndarray], markers: int) -> str:
    """Describe markers that do not hold the energy of the cosmic rays at t = 0; empty if they do.

    F0's energy is known by quadrature; few markers, or a precision that cannot hold their weights, miss part of it.
    rows: of the delta_f estimator; markers: number of markers of a replica.
    """
    held = rows["energy_cosmic_rays"][0] * rows["magnetic_field"][0] / rows["cr_energy_density"][0]
    worst = float(held[np.argmax(np.abs(held - 1.0))])
    if abs(worst - 1.0) <= _MISSING + _MISSING_OF_ROOT / markers**0.5:
        return ""
    return (
        f"the markers hold {worst:.3g} of the energy of the cosmic rays at t = 0; raise run.markers, narrow "
        'cosmic_rays.momentum_min to momentum_max, or set run.precision = "float64"'
    )


def coarse(rows: Mapping[str, np.ndarray], coarsest: float) -> str:
    """Return advice where steps were too long, else "".

    coarsest: largest nu_max dt to trust, `Solver.coarsest`.
    """
    peak = float(np.nanmax(rows["max_scattering_per_step"], initial=0.0))
    if peak > coarsest:
        return f"nu_max dt reached {peak:.2g}; lower run.scattering_per_step or set run.time_step"
    return ""


def inexact(rows: Mapping[str, np.ndarray]) -> str:
    """Return a line where markers are so heavy that sums over them might not be exact (`physics.exact`), else ""."""
    heavy = int(np.nanmax(rows["heavy_markers"], initial=0.0))
    if heavy == 0:
        return ""
    return (
        f"{heavy} markers have more than {FARTHEST:g} times the weight of F0: with another number of devices the last "
        "digits may differ"
    )
