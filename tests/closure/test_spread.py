"""What conventions change."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.closure_cases import WIM

import crmc
from crmc.closure import spread

P = (1.0, 3.0, 10.0)


@pytest.mark.full
def test_spread() -> None:
    """Each convention's ends are closures with its other choice; the own value lies between; the form is worth 100."""
    cell = dataclasses.replace(WIM, turbulent_dissipation=0.0, ion_neutral_density=1e-6)
    found, ends = spread(cell, P, "local")
    np.testing.assert_allclose(found.kappa, crmc.closure(cell, P).kappa, rtol=1e-12)
    assert set(ends) == {"landau_form", "landau_coefficient", "ion_neutral_rate", "gap", "k_max"}
    for entry in ends.values():
        for name, (low, high) in entry.items():
            value = np.asarray(getattr(found, name))
            assert np.all(low <= value) and np.all(value <= high)
    low, high = ends["landau_form"]["kappa"]
    assert 90.0 < high[1] / low[1] < 140.0
    free = crmc.closure(cell, P, gap=0.0).kappa
    np.testing.assert_allclose(ends["gap"]["kappa"][0], free, rtol=1e-12)
    np.testing.assert_allclose(
        ends["landau_coefficient"]["kappa"][0], crmc.closure(cell, P, landau_factor=0.36).kappa, rtol=1e-12
    )


def test_conventions_that_do_not_matter() -> None:
    """Without nonlinear Landau damping and neutrals two are left, whose ends are closures with the other choice."""
    _, ends = spread(WIM, P, "none")
    assert set(ends) == {"gap", "k_max"}
    low, high = ends["gap"]["kappa"]
    np.testing.assert_allclose(low, crmc.closure(WIM, P, nonlinear_landau="none", gap=0.0).kappa, rtol=1e-12)
    np.testing.assert_allclose(high, crmc.closure(WIM, P, nonlinear_landau="none").kappa, rtol=1e-12)
