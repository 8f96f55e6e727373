"""How much each convention that is not settled changes a closure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from crmc.closure.balance import NonlinearLandau
from crmc.closure.cell import Cell
from crmc.closure.solve import Closure, Momenta, closure

#: Convention -> the inputs that its other choices have, as factors of the value at hand.
#: nonlinear Landau damping: Kulsrud's coefficient; other authors' are down to 0.36 of it.
#: ion-neutral collisions: known to a factor 2.  Shortest waves: k_max is where other dissipation sets in.
_FACTORS: Mapping[str, tuple[str, tuple[float, ...]]] = {
    "landau_coefficient": ("landau_factor", (0.36,)),
    "ion_neutral_rate": ("neutral_factor", (0.5, 2.0)),
    "gap": ("gap", (0.0,)),
    "k_max": ("k_max", (5.0,)),
}
#: Convention -> number -> (least, largest).
Spread = Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]]
#: What conventions change.
NUMBERS = (
    "kappa",
    "nu",
    "nu_forward",
    "nu_backward",
    "mean_free_path",
    "v_expansion",
    "v_drift",
    "kappa_energy",
    "kappa_number",
    "kappa_harmonic",
    "sigma",
    "pressure_anisotropy",
    "wave_energy",
)
_FORMS: tuple[NonlinearLandau, ...] = ("local", "paper", "cumulative")


def spread(cell: Cell, momentum: Momenta, form: NonlinearLandau) -> tuple[Closure, Spread]:
    """Return the closure of one cell, and the least and the largest value of every number by convention.

    Convention -> number of `NUMBERS` -> (least, largest), of the number's shape.  Conventions: form of nonlinear Landau
    damping and its coefficient, where there is such damping; rate of ion-neutral collisions, where there are neutrals;
    what is in the 90-degree gap; k_max up to five times as large.
    cell: numbers, not arrays; momentum, form: as in `closure`.
    """
    choices = {name: rule for name, rule in _FACTORS.items() if _applies(name, cell, form)}
    rows: list[tuple[str, str, float]] = [
        (name, key, factor) for name, (key, factors) in choices.items() for factor in factors
    ]
    varied: dict[str, Any] = {}
    for key in {key for _, key, _ in rows}:
        values = np.full(len(rows) + 1, float(getattr(cell, key)))
        for place, (_, of, factor) in enumerate(rows):
            values[place + 1] *= factor if of == key else 1.0
        varied[key] = values
    cells = dataclasses.replace(cell, **varied)
    every = closure(cells, momentum, nonlinear_landau=form)
    found = _rows(every)
    groups = {name: [found[0], *(found[i + 1] for i, row in enumerate(rows) if row[0] == name)] for name in choices}
    if form != "none":
        others = (f for f in _FORMS if f != form)
        groups = {
            "landau_form": [found[0], *(_rows(closure(cells, momentum, nonlinear_landau=f))[0] for f in others)]
        } | groups
    own = {f.name: getattr(every, f.name)[0] for f in dataclasses.fields(every) if f.name != "momentum"}
    ends = {name: {key: _ends([row[key] for row in group]) for key in NUMBERS} for name, group in groups.items()}
    return Closure(momentum=every.momentum, **own), ends


def _applies(name: str, cell: Cell, form: NonlinearLandau) -> bool:
    """Return whether a convention matters for a cell."""
    if name == "landau_coefficient":
        return form != "none"
    return name != "ion_neutral_rate" or float(cell.ion_neutral_density) > 0.0


def _rows(found: Closure) -> list[dict[str, np.ndarray]]:
    """Return the numbers of each of many cells."""
    numbers = {name: np.asarray(getattr(found, name)) for name in NUMBERS}
    return [{name: x[i] for name, x in numbers.items()} for i in range(len(numbers["kappa"]))]


def _ends(values: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the largest of some values."""
    return np.min(values, axis=0), np.max(values, axis=0)
