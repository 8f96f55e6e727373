"""Transport against direct quadrature at one momentum."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.closure_cases import BOTH, DRIFT, direct, solved

from crmc.closure.spectrum import MOMENTA

P = np.array([0.03, 1.0, 8.0, 80.0])


@pytest.mark.parametrize(
    ("cell", "form"),
    [pytest.param(BOTH, "none", marks=pytest.mark.full), (dataclasses.replace(BOTH, k_max=0.4), "paper")],
)
def test_against_quadrature(cell, form) -> None:
    """kappa, v_exp, <d> and DeltaP/P from waves by bisection and fluxes of theory: within 1e-5."""
    _, scales, _, _, found = solved(cell, P, form)
    at, w = found.part(slice(MOMENTA, None)), scales.v_alfven
    to_cgs = 2.99792458e10**2 / scales.gyrofrequency
    for place, p in enumerate(P.tolist()):
        exact = direct(cell, form, p)
        assert float(at.diffusivity[place]) * to_cgs == pytest.approx(exact.kappa, rel=1e-5)
        assert float(at.streaming[place] / w) == pytest.approx(exact.v_streaming, rel=1e-5)
        scale, w = float(abs(exact.kappa / to_cgs * scales.gradient / w)), float(w)
        assert float(at.expansion[place] / w) == pytest.approx(exact.v_expansion, abs=1e-5 * scale)
        assert float(at.anisotropy[place]) == pytest.approx(exact.anisotropy, abs=1e-5 * max(scale * w, w))


def test_gap_crossed_freely() -> None:
    """Without hindrance in the gap kappa lacks just what the gap adds."""
    whole, free = (solved(dataclasses.replace(DRIFT, gap=gap), P, "none")[-1] for gap in (1.0, 0.0))
    np.testing.assert_allclose(free.diffusivity, whole.diffusivity - whole.gap, rtol=1e-12)


def test_cap() -> None:
    """kappa ends at v |L|/3, and the drift by expansion is lowered in proportion."""
    cell = dataclasses.replace(BOTH, linear_damping=1e-4)
    _, scales, mesh, _, found = solved(cell, P, "none")
    v = np.asarray(mesh.momentum) / np.hypot(1.0, np.asarray(mesh.momentum))
    assert bool(found.free.all())
    np.testing.assert_allclose(found.diffusivity * scales.gradient, v / 3.0, rtol=1e-12)
    assert float(np.abs(found.expansion).max()) < 1.0
