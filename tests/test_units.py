"""Code units: sizes in cgs against published formulae and constants, which are typed here by hand."""

from __future__ import annotations

import math

import jax
import numpy as np
import pytest
from astropy import constants as const
from astropy import units as u

from crmc.units import (
    BOLTZMANN,
    ELEMENTARY_CHARGE,
    PARSEC,
    PROTON_MASS,
    SPEED_OF_LIGHT,
    YEAR,
    CodeUnits,
)

#: CODATA 2018 in cgs; the parsec is 648000/pi astronomical units and the year 365.25 days.
CONSTANTS = [
    (PROTON_MASS, 1.67262192369e-24),
    (ELEMENTARY_CHARGE, 4.80320471e-10),
    (SPEED_OF_LIGHT, 2.99792458e10),
    (BOLTZMANN, 1.380649e-16),
    (PARSEC, 648000.0 / math.pi * 1.495978707e13),
    (YEAR, 365.25 * 86400.0),
]


@pytest.mark.parametrize(("found", "want"), CONSTANTS)
def test_constants(found: float, want: float) -> None:
    """CODATA 2018, to the digits typed."""
    assert found == pytest.approx(want, rel=3e-9)


@pytest.mark.parametrize(("field", "density"), [(1e-6, 9e-4), (5e-6, 0.01), (50.0, 1e9)])
def test_against_the_plasma_formulary(field: float, density: float) -> None:
    """omega_ci = 9.58e3 B, v_A = 2.18e11 B/sqrt(n) and v_Ti = 9.79e5 sqrt(T) of the NRL formulary, T in eV, to 0.2 %."""
    units = CodeUnits(field, density)
    assert units.gyrofrequency == pytest.approx(9.58e3 * field, rel=2e-3)
    assert 1.0 / units.time == pytest.approx(9.58e3 * field, rel=2e-3)
    assert units.alfven_speed * 2.99792458e10 == pytest.approx(2.18e11 * field / math.sqrt(density), rel=2e-3)
    kelvin = 100.0 * 1.1604518e4
    assert units.thermal_speed(kelvin) * 2.99792458e10 == pytest.approx(9.79e5 * math.sqrt(100.0), rel=2e-3)


def test_field_energy_is_half_the_square_of_the_alfven_speed() -> None:
    """B0^2/8 pi = (v_A/c)^2/2 in code units, to round-off, as the module states."""
    units = CodeUnits(3e-6, 2e-3)
    assert 9e-12 / (8.0 * math.pi) / units.energy_density == pytest.approx(0.5 * units.alfven_speed**2, rel=1e-14)
    assert units.power_density * units.time == pytest.approx(units.energy_density, rel=1e-14)


def test_traced_numbers() -> None:
    """JAX differentiates through the units: d ln v_A/d ln B = 1 and d ln v_A/d ln n = -1/2, to 1e-12."""

    def logarithm(log_field: jax.Array, log_density: jax.Array) -> jax.Array:
        return jax.numpy.log(CodeUnits(jax.numpy.exp(log_field), jax.numpy.exp(log_density)).alfven_speed)  # type: ignore[arg-type]

    slopes = jax.grad(logarithm, argnums=(0, 1))(math.log(1e-6), math.log(9e-4))
    assert [float(x) for x in slopes] == pytest.approx([1.0, -0.5], rel=1e-12)


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
