"""Tables of a spectrum against direct quadrature of theory."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.closure_cases import BOTH, DRIFT, SPECTRUM_OF, WIM, fluxes

from crmc.closure.scales import in_code_units
from crmc.closure.spectrum import INTERVALS


@pytest.mark.parametrize("cell", [WIM, dataclasses.replace(BOTH, index=4.2), DRIFT])
def test_drives_are_those_of_theory(cell) -> None:
    """Oracle: N_h of `theory.resonant_flux`, its own quadrature at each k; within 1e-6 of the larger of the two."""
    spectrum, scales = SPECTRUM_OF(cell), in_code_units(cell)
    x = np.geomspace(0.3 * cell.momentum_min, 0.7 * cell.momentum_max, 211)
    g, e = (np.asarray(y) for y in spectrum.drives(x))
    a_g, a_e = float(scales.fluxes.gradient) * g, float(scales.fluxes.expansion) * e
    forward, backward = fluxes(cell, x)
    larger = np.max([a_g, np.abs(a_e)], axis=0)
    np.testing.assert_array_less(np.abs([a_g + a_e - forward, a_g - a_e - backward]) / larger, 1e-6)


def test_integrals_of_the_drives() -> None:
    """int G dx = 1/2 and int E dx = int p^3 (-df0/dln p) dp/24, both by quadrature of the tables: to 1e-9 and 1e-8."""
    spectrum = SPECTRUM_OF(WIM)
    node, weight = np.polynomial.legendre.leggauss(6)
    step = float(spectrum.step)
    log_x = float(spectrum.start) + step * (np.arange(INTERVALS)[:, None] + 0.5 * (node + 1.0))
    dx = 0.5 * step * weight * np.exp(log_x)
    low = np.exp(float(spectrum.start)) * 0.5 * (node + 1.0)
    x, dx = np.append(low, np.exp(log_x)), np.append(0.5 * np.exp(float(spectrum.start)) * weight, dx)
    g, e = (np.asarray(y) for y in spectrum.drives(x))
    assert g @ dx == pytest.approx(0.5, rel=1e-9)
    assert e @ dx == pytest.approx(float(spectrum.whole_expansion), rel=1e-8)


def test_power_law() -> None:
    """Closed forms for v = c: G/E = 3 a^-1 ... of x^(3-a), A_g/A_e = 3 (a - 2)/((a - 1)(a - 3)), within 1e-7."""
    cell = dataclasses.replace(WIM, index=4.3, turnover_momentum=0.0, momentum_min=1e3, momentum_max=1e12)
    g, e = (np.asarray(y) for y in SPECTRUM_OF(cell).drives(np.array([3e4, 1e5, 1e6])))
    np.testing.assert_allclose(g / e, 3.0 * 2.3 / (3.3 * 1.3), rtol=1e-7)
    assert g[1] / g[0] == pytest.approx((1e5 / 3e4) ** -1.3, rel=2e-7)


def test_averages_are_moments() -> None:
    """Pressure is 1, number and energy those of the whole range where the cut is above it: to 1e-7."""
    spectrum = SPECTRUM_OF(dataclasses.replace(DRIFT, cut=1e3))
    assert float(spectrum.pressure.sum()) == pytest.approx(1.0, rel=1e-7)
    assert float(spectrum.number.sum()) == pytest.approx(float(spectrum.whole_number), rel=1e-7)
    assert float(spectrum.energy.sum()) == pytest.approx(float(spectrum.whole_energy), rel=1e-7)
