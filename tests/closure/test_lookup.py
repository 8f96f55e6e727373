"""How well tables interpolate."""

from __future__ import annotations

import numpy as np
import pytest
from support.closure_cases import DRIFT
from support.table_cases import P, table

import crmc
from crmc.closure import Flag
from crmc.closure.lookup import errors, look_up, random_cells
from crmc.closure.table import make_table


@pytest.mark.full
def test_order() -> None:
    """Errors of linear interpolation fall as the square of the step: by 4 with twice the nodes, between 2.5 and 6 for
    the root mean square."""
    coarse, fine = (errors(make_table(DRIFT, P, "local", fineness=f), 2000) for f in (0.25, 0.5))
    for name in ("kappa", "nu", "kappa_energy", "wave_energy"):
        assert 2.5 < coarse[name]["rms"] / fine[name]["rms"] < 6.0, name


def test_errors() -> None:
    """The root mean square of one sample of cells is that of another within 20 %, its largest within a factor of 2:
    what a file states holds for other cells.  Below the 3 % that steps of 2/3 in the log of the odds allow, h^2/8 times
    curvatures of 1/2, and the heating, which is nearly linear between nodes, far below."""
    found = table("none", (4.4, 4.7), 0.5)
    measured, again = errors(found, 1000), errors(found, 1000, seed=2)
    assert measured["kappa"]["rms"] < 0.03 and measured["heating_rate"]["rms"] < 1e-3
    assert again["kappa"]["rms"] == pytest.approx(measured["kappa"]["rms"], rel=0.2)
    assert again["kappa"]["largest"] < 2.0 * measured["kappa"]["largest"]


def test_flags() -> None:
    """Those of the closure in 97 % of random cells, each of them; where diffusion is capped means differ, and with
    them what follows from them."""
    found = table("none", (4.4, 4.7), 0.5)
    cells = random_cells(found, 1000, 3)
    mine = look_up(found, cells)["flags"]
    exact = np.asarray(crmc.closure(cells, P, nonlinear_landau="none").flags)
    free = (mine & Flag.FREE_STREAMING) != 0
    assert np.mean(free[(exact & Flag.FREE_STREAMING) != 0]) > 0.97 and not free.all()
    seen = 0
    for flag in Flag:
        if flag != Flag.FREE_STREAMING:
            assert np.mean(((mine ^ exact)[~free] & flag) == 0) > 0.97, flag
            seen |= int(flag) * bool(np.any(exact[~free] & flag))
    assert seen & (Flag.GAP_MATTERS | Flag.NOT_STEADY | Flag.NEAR_FLIP | Flag.OBLATE)
