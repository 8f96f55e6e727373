"""Tell whether the rows of a run are those of a healthy one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from crmc.physics.parameters import Model

#: Rows that a healthy run keeps finite, in the order in which they are named.
_FINITE = ("magnetic_field", "gas_pressure", "perpendicular_pressure", "wave_power", "ledger")


class Trouble(NamedTuple):
    """The first row that no healthy run has, and what is wrong with it in words."""

    place: int
    text: str


def first_trouble(rows: Mapping[str, np.ndarray], steps: Sequence[int], model: Model) -> Trouble | None:
    """Return the first trouble in ``rows`` (code units, first axis time) at step numbers ``steps``, or None."""
    found: list[Trouble] = []
    for name in _FINITE:
        if name == "wave_power" and model.scattering != "spectrum":
            continue
        bad = ~np.isfinite(rows[name].reshape(len(rows[name]), -1)).all(axis=1)
        if bad.any():
            place = int(bad.argmax())
            text = f"{name} is not finite at step {steps[place]}; shorten run.time_step or check the input"
            found.append(Trouble(place, text))
    empty = rows["gas_pressure"] <= 0.0
    if empty.any():
        place = int(empty.argmax())
        text = f"the gas pressure fell to zero by step {steps[place]}; lower plasma.cooling or run.duration"
        found.append(Trouble(place, text))
    return min(found, key=lambda trouble: trouble.place) if found else None


def coarse(rows: Mapping[str, np.ndarray], coarsest: float) -> str:
    """Return advice where nu_max dt exceeded ``coarsest``, the most that the solver is trusted with; else ""."""
    peak = float(np.nanmax(rows["max_scattering_per_step"], initial=0.0))
    if peak > coarsest:
        return f"nu_max dt reached {peak:.2g}; lower run.scattering_per_step or set run.time_step"
    return ""
