"""Each flag, raised by a cell that is made for it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.closure_cases import BOTH, DRIFT, WIM

import crmc
from crmc.closure import MEANING, Cell, Flag, names

NONE = dataclasses.replace(WIM, gap=0.0, turbulent_dissipation=1e-6, cut=1e3)
#: Flag -> a cell that raises it.
RAISED = {
    Flag.NOTHING_DRIVEN: dataclasses.replace(NONE, pressure_gradient=0.0),
    Flag.FREE_STREAMING: dataclasses.replace(NONE, linear_damping=1e-4),
    Flag.STRONG_WAVES: dataclasses.replace(NONE, cr_pressure=1e-9, pressure_gradient=-1e-29),
    Flag.GAP_MATTERS: WIM,
    Flag.NOT_STEADY: dataclasses.replace(NONE, expansion_rate=1e-7),
    Flag.NEAR_FLIP: dataclasses.replace(NONE, expansion_rate=6.6e-12),
    Flag.CYCLOTRON: dataclasses.replace(NONE, k_max=1e4),
    Flag.MODIFIED_WAVES: dataclasses.replace(NONE, cr_pressure=1e-7),
    Flag.ION_NEUTRAL_COUPLED: dataclasses.replace(NONE, ion_neutral_density=1e5),
    Flag.CUT_MATTERS: DRIFT,
    Flag.OBLATE: dataclasses.replace(NONE, expansion_rate=-1e-17),
    Flag.BAD_INPUT: dataclasses.replace(NONE, magnetic_field=np.nan),
}


def test_flags() -> None:
    """Exactly the bits of the contract; each raised by its cell, and none by a cell that nothing speaks against."""
    assert [int(flag) for flag in Flag] == [2**n for n in range(12)] and set(MEANING) == set(Flag) == set(RAISED)
    cells = [NONE, *RAISED.values()]
    # As many cells as test_solve has hostile ones: compiled once.
    every = Cell(**{f.name: np.resize([getattr(c, f.name) for c in cells], 1000) for f in dataclasses.fields(Cell)})
    found = np.asarray(crmc.closure(every, nonlinear_landau="local").flags)
    assert found[0] == 0
    for flag, flags in zip(RAISED, found[1 : len(cells)], strict=True):
        assert flags & flag, (flag.name, names(flags))
    bad = crmc.closure(
        dataclasses.replace(BOTH, linear_damping=0.0, ion_neutral_density=0.0, turbulent_dissipation=0.0),
        nonlinear_landau="none",
    )
    assert int(bad.flags) & Flag.BAD_INPUT


def test_gap_matters() -> None:
    """Raised where kappa falls by more than 30 % if particles cross the gap freely, at any of the momenta, and only
    there: 40 cells from a gap that hardly matters to one that carries nearly all."""
    cells = dataclasses.replace(DRIFT, k_max=np.geomspace(2.0, 2000.0, 40))
    hindered, free = (crmc.closure(cells, nonlinear_landau="local", gap=gap) for gap in (1.0, 0.0))
    falls = np.max(1.0 - np.asarray(free.kappa) / np.asarray(hindered.kappa), axis=1)
    raised = (np.asarray(hindered.flags) & Flag.GAP_MATTERS) != 0
    assert np.array_equal(raised, falls > 0.3) and 5 < raised.sum() < 35
    assert not np.any(np.asarray(free.flags) & Flag.GAP_MATTERS)


def test_names() -> None:
    """In lower case, in the order of the bits."""
    assert names(3) == ["nothing_driven", "free_streaming"] and names(0) == []


@pytest.mark.parametrize("flag", list(Flag))
def test_meaning(flag) -> None:
    """One line each."""
    assert MEANING[flag].isprintable()
