"""Transport against direct quadrature at one momentum."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.closure_cases import BOTH, DRIFT, direct

from crmc.closure.mesh import make_mesh, waves_on
from crmc.closure.scales import in_code_units, spectrum_of
from crmc.closure.spectrum import MOMENTA
from crmc.closure.transport import transport

P = np.array([0.03, 1.0, 8.0, 80.0])


@pytest.mark.parametrize(
    ("cell", "form"),
    [(BOTH, "none"), (dataclasses.replace(BOTH, k_max=0.4), "paper")],
)
def test_against_quadrature(cell, form) -> None:
    """kappa, v_exp, <d> and DeltaP/P from waves by bisection and fluxes of theory: within 1e-5."""
    spectrum, scales = spectrum_of(cell), in_code_units(cell)
    mesh = make_mesh(spectrum, scales.x_gap, P)
    found = transport(spectrum, scales, mesh, waves_on(mesh, form, scales.fluxes, scales.damping), 1.0)
    at, w = found.part(slice(MOMENTA, None)), scales.v_alfven
    to_cgs = 2.99792458e10**2 / scales.units.gyrofrequency
    for place, p in enumerate(P.tolist()):
        exact = direct(cell, form, p)
        assert float(at.diffusivity[place]) * to_cgs == pytest.approx(exact.kappa, rel=1e-5)
        assert float(at.streaming[place] / w) == pytest.approx(exact.v_streaming, rel=1e-5)
        scale = abs(exact.kappa / to_cgs * float(scales.gradient / w))
        assert float(at.expansion[place] / w) == pytest.approx(exact.v_expansion, abs=1e-5 * scale)
        assert float(at.anisotropy[place]) == pytest.approx(
            exact.anisotropy, abs=1e-5 * max(scale * float(w), float(w))
        )


def test_gap_crossed_freely() -> None:
    """Without hindrance in the gap kappa lacks just what the gap adds."""
    spectrum, scales = spectrum_of(DRIFT), in_code_units(DRIFT)
    mesh = make_mesh(spectrum, scales.x_gap, P)
    waves = waves_on(mesh, "none", scales.fluxes, scales.damping)
    whole, free = (transport(spectrum, scales, mesh, waves, gap) for gap in (1.0, 0.0))
    np.testing.assert_allclose(free.diffusivity, whole.diffusivity - whole.gap, rtol=1e-12)


def test_cap() -> None:
    """kappa ends at v |L|/3, and the drift by expansion is lowered in proportion."""
    cell = dataclasses.replace(BOTH, linear_damping=1e-4)
    spectrum, scales = spectrum_of(cell), in_code_units(cell)
    mesh = make_mesh(spectrum, scales.x_gap, P)
    found = transport(spectrum, scales, mesh, waves_on(mesh, "none", scales.fluxes, scales.damping), 1.0)
    v = np.asarray(mesh.momentum) / np.hypot(1.0, np.asarray(mesh.momentum))
    assert bool(found.free.all())
    np.testing.assert_allclose(found.diffusivity * scales.gradient, v / 3.0, rtol=1e-12)
    assert float(np.abs(found.expansion).max()) < 1.0
