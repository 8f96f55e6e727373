"""Write the C header that reads a table of closures from HDF5 and interpolates in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import resources

from crmc.closure.cell import LEAST, MOST
from crmc.closure.flags import MEANING, Flag
from crmc.closure.header import CONSTANTS, default_of, member, rule_of, version, zeros
from crmc.closure.lookup import GIVEN, TABLE_INPUTS
from crmc.closure.table import AXES, DRIVE, QUANTITIES, STATE
from crmc.closure.variables import INPUTS, NUMBERS, PER_MOMENTUM

#: Name of the header.
NAME = "crmc_closure_table.h"


def table_header() -> str:
    """Return the text of the header, which is the same for every table."""
    states = [name for name, (dims, _) in QUANTITIES.items() if dims[: len(STATE)] == STATE]
    drives = [name for name, (dims, _) in QUANTITIES.items() if dims in (DRIVE, (*DRIVE, "momentum"))]
    singles = [name for name, (dims, _) in QUANTITIES.items() if dims == ("index",)]
    scalars = [name for name in states if "momentum" not in QUANTITIES[name][0]]
    room = "CRMC_TABLE_MOMENTA"
    words = CONSTANTS | {
        "VERSION": version(),
        "FLAGS": ",\n".join(f"    CRMC_TABLE_{flag.name} = {int(flag)} /* {MEANING[flag]} */" for flag in Flag),
        "CELL": "\n".join(member(name, INPUTS[name], real="double") for name in TABLE_INPUTS),
        "OUT": "\n".join(member(n, NUMBERS[n], room if n in PER_MOMENTUM else "", "double") for n in GIVEN),
        "STATE": _places("row", states),
        "DRIVE": _places("drive", drives),
        "SINGLE": _places("single", singles),
        "FIRST_SCALAR": scalars[0],
        "SCALARS": len(scalars),
        "DRIVE_SCALARS": len(drives) - 1,
        "SINGLES": len(singles),
        "AXES": _quoted(AXES),
        "STATES": _quoted(states),
        "DRIVES": _quoted(drives),
        "SINGLE_NAMES": _quoted(singles),
        "DEFAULTS": "\n".join(f"    cell.{name} = {default_of(name)!r};" for name in TABLE_INPUTS),
        "CHECKS": "\n".join(f"    good = good && crmc_table_good_(c->{n}, {rule_of(n)});" for n in TABLE_INPUTS),
        "ZERO": "\n".join(zeros([name for name in GIVEN if name not in PER_MOMENTUM], room, 4 * " ")),
        "MOST": repr(MOST),
        "LEAST": repr(LEAST),
    }
    template = resources.files("crmc.closure").joinpath("closure_table.h.in").read_text(encoding="utf-8")
    return re.sub(r"@([A-Z_]+)@", lambda found: str(words[found[1]]), template)


def _places(kind: str, names: Iterable[str]) -> str:
    """Return the members of an enumeration of places in a row."""
    return ",\n".join(f"    crmc_{kind}_{name} = {place}" for place, name in enumerate(names))


def _quoted(names: Iterable[str]) -> str:
    """Return names as C writes them."""
    return ", ".join(f'"{name}"' for name in names)
