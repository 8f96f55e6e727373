"""Read what crmc does with each numbered equation of Zweibel (2020) from the tables ``equations_*.toml``."""

from __future__ import annotations

import dataclasses
import functools
import tomllib
from pathlib import Path

#: Verdicts and their meanings.
VERDICTS = {
    "implemented": "part of the simulation, as it stands",
    "tested": "a function of crmc, held against an independent calculation",
    "derived from": "crmc uses something more exact, from which it follows",
    "corrected": "printed with another coefficient, sign or number than follows from the rest",
    "not used": "for the reason given",
}
_TABLES = ("equations_2_3.toml", "equations_4.toml", "equations_5_6_appendix.toml")


@dataclasses.dataclass(frozen=True)
class Equation:
    """One numbered equation of the paper.

    label: "1" to "60", "A1" to "A10"
    section: section of the paper, a key of `crmc.paper.table.SECTIONS`
    name: the equation in words
    says: its formula in ASCII
    verdict: a key of `VERDICTS`
    where: importable names that implement it
    tests: tests that hold it, "tests/FILE::FUNCTION"
    reason: why it is corrected, derived from or not used, or a remark; may be empty otherwise
    """

    label: str
    section: str
    name: str
    says: str
    verdict: str
    where: tuple[str, ...]
    tests: tuple[str, ...]
    reason: str = ""

    @property
    def misprint(self) -> bool:
        """Whether the text of the paper contradicts itself here."""
        return self.reason.startswith("misprint")


@functools.cache
def equations() -> tuple[Equation, ...]:
    """Return all 70 equations in the order of the paper."""
    found = []
    for name in _TABLES:
        for entry in tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))["equation"]:
            entry["where"] = tuple(f"crmc.{place}" for place in entry["where"])
            entry["tests"] = tuple(f"tests/{test}" for test in entry["tests"])
            found.append(Equation(**entry))
    return tuple(found)
