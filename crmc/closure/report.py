"""Write the closure of one cell as a table or as JSON, with the spread over conventions beside each number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from crmc.closure.flags import MEANING, Flag, names
from crmc.closure.solve import Closure
from crmc.closure.spread import Spread
from crmc.closure.variables import NUMBERS, PER_MOMENTUM, SCALARS
from crmc.text import aligned, number, to_json

#: What the conventions are, in the words of the table.
_CONVENTIONS = {
    "landau_form": "form of nonlinear Landau damping (local, paper, cumulative)",
    "landau_coefficient": "its coefficient x 0.36 to 1",
    "ion_neutral_rate": "nu_in x 0.5 to 2",
    "gap": "90-degree gap, as the shortest waves hinder or crossed freely",
    "k_max": "k_max x 1 to 5",
}


def as_json(found: Closure, spread: Spread, form: str) -> str:
    """Return the JSON text of a closure: its numbers by name, flags, and the spread by convention."""
    numbers: dict[str, Any] = {"momentum": found.momentum}
    numbers |= {name: getattr(found, name) for name in NUMBERS}
    flags = int(found.flags)
    numbers |= {"flags": flags, "flag_names": names(flags), "nonlinear_landau": form}
    numbers["spread"] = {
        name: {key: {"least": low, "largest": high} for key, (low, high) in entry.items()}
        for name, entry in spread.items()
    }
    return to_json(numbers)


def text(found: Closure, spread: Spread, form: str) -> str:
    """Return the table of a closure: per momentum, of the fluid, flags, and what each convention does to kappa."""
    ends = {key: _joint(spread, key) for entry in spread.values() for key in entry}
    blocks = [_per_momentum(found, ends), _fluid(found, ends), _conventions(found, spread, form)]
    flags = Flag(int(found.flags))
    told = [f"  {flag.name.lower()}: {MEANING[flag]}" for flag in Flag if flag in flags and flag.name]
    blocks.append("\n".join(["flags" if told else "no flags: nothing known speaks against these numbers", *told]))
    return "\n\n".join(blocks)


def _joint(spread: Spread, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the largest value of a number over all conventions."""
    ends = [entry[key] for entry in spread.values()]
    return np.min([low for low, _ in ends], axis=0), np.max([high for _, high in ends], axis=0)


def _range(ends: Mapping[str, tuple[np.ndarray, np.ndarray]], name: str, place: Any = ()) -> str:
    """Return "least .. largest" of a number, nothing where no convention changes it."""
    if name not in ends:
        return ""
    low, high = (float(x[place]) for x in ends[name])
    return "" if np.isclose(low, high, rtol=1e-3, atol=0.0) else f"{number(low, 2)} .. {number(high, 2)}"


def _per_momentum(found: Closure, ends: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> str:
    """Return the table of the numbers at each momentum."""
    rows = []
    for place, p in enumerate(np.asarray(found.momentum)):
        rows.append([f"at p = {p:g} m_p c", "", "", "conventions: least .. largest"])
        for name in PER_MOMENTUM:
            unit, meaning = NUMBERS[name]
            value = float(np.asarray(getattr(found, name))[place])
            rows.append([f"  {name}", number(value), unit, _range(ends, name, place), meaning])
    return aligned(rows)


def _fluid(found: Closure, ends: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> str:
    """Return the table of the numbers of the fluid."""
    rows = [["fluid", "", "", "conventions: least .. largest"]]
    for name in SCALARS:
        unit, meaning = NUMBERS[name]
        shown = "" if unit == "1" else unit
        rows.append([f"  {name}", number(float(getattr(found, name))), shown, _range(ends, name), meaning])
    return aligned(rows)


def _conventions(found: Closure, spread: Spread, form: str) -> str:
    """Return the table of what each convention does to kappa at each momentum."""
    momenta = np.asarray(found.momentum)
    rows = [["kappa [cm2 s-1] by convention", *(f"p = {p:g}" for p in momenta)]]
    for name, entry in spread.items():
        low, high = entry["kappa"]
        rows.append(
            [f"  {_CONVENTIONS[name]}", *(f"{number(a, 2)} .. {number(b, 2)}" for a, b in zip(low, high, strict=True))]
        )
    rows.append([f"  here: nonlinear Landau damping {form}", *(number(x, 2) for x in np.asarray(found.kappa))])
    return aligned(rows)
