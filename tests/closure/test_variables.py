"""Every input and number has a unit and a description."""

import dataclasses

from crmc.closure import Cell, Closure
from crmc.closure.variables import INPUTS, NUMBERS, PER_MOMENTUM, SCALARS


def test_names() -> None:
    """Those of the inputs, and those of the numbers in their order."""
    assert list(INPUTS) == [f.name for f in dataclasses.fields(Cell)]
    assert ["momentum", *NUMBERS, "flags"] == [f.name for f in dataclasses.fields(Closure)]
    assert [*PER_MOMENTUM, *SCALARS] == list(NUMBERS)
