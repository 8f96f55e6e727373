"""Find the first row that shows a run to have failed, and steps that are too long.

``rows`` are arrays in code units by the names of variables, with time as their first axis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from crmc.physics.parameters import Model

#: Variables that stay finite in a sound run; the first of them is named where several fail in one row.
_FINITE = ("magnetic_field", "gas_pressure", "perpendicular_pressure", "wave_power", "ledger")


class Trouble(NamedTuple):
    """A failure of a run.

    place: index of the first row that shows it; text: the failure in words, and advice.
    """

    place: int
    text: str


def first_trouble(rows: Mapping[str, np.ndarray], steps: Sequence[int], model: Model) -> Trouble | None:
    """Return the earliest failure that ``rows`` show, or None.

    steps: step number of each row.
    """
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
    """Return advice where steps were too long, else "".

    coarsest: largest nu_max dt to trust, `Solver.coarsest`.
    """
    peak = float(np.nanmax(rows["max_scattering_per_step"], initial=0.0))
    if peak > coarsest:
        return f"nu_max dt reached {peak:.2g}; lower run.scattering_per_step or set run.time_step"
    return ""
