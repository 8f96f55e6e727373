"""Units: scales of the plasma against astropy's constants."""

import numpy as np
import pytest
from astropy import constants as const
from astropy import units as u

from crmc.units import CodeUnits


def test_plasma_scales_are_those_of_astropy():
    """v_A, Omega0 and v_i in cgs against the SI formulas with astropy's constants, to 1e-8."""
    units = CodeUnits(5e-6, 0.01)
    B, n = 5e-10 * u.T, 0.01 / u.cm**3
    v_alfven = (B / np.sqrt(const.mu0 * n * const.m_p) / const.c).decompose()
    assert units.alfven_speed == pytest.approx(float(v_alfven), rel=1e-8)
    gyro = (const.e.si * B / const.m_p).to(1 / u.s, equivalencies=u.dimensionless_angles())
    assert units.gyrofrequency == pytest.approx(float(gyro.value), rel=1e-8)
    thermal = np.sqrt(const.k_B * 1.1e6 * u.K / const.m_p) / const.c
    assert units.thermal_speed(1.1e6) == pytest.approx(float(thermal.decompose()), rel=1e-8)
