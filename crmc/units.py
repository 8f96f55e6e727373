"""Code units: what the number 1 means in every other module, and the constants of nature in cgs.

The units are fixed by the magnetic field ``B0`` and ion density ``n_i`` at t = 0:

=================  =====================================================
momentum           m_p c
energy             m_p c^2
velocity           c
time               1/Omega0 = m_p c/(e B0)
number density     n_i
energy density     n_i m_p c^2  (so that B0^2/8 pi = (v_A/c)^2/2)
wavenumber         Omega0/c
=================  =====================================================

Everything outside is Gaussian cgs.
"""

from __future__ import annotations

import dataclasses
import math

from astropy import constants as _const
from astropy import units as _u

PROTON_MASS = float(_const.m_p.cgs.value)  # g
ELEMENTARY_CHARGE = float(_const.e.gauss.value)  # statC
SPEED_OF_LIGHT = float(_const.c.cgs.value)  # cm/s
BOLTZMANN = float(_const.k_B.cgs.value)  # erg/K
PARSEC = float(_const.pc.cgs.value)  # cm
YEAR = float((1 * _u.yr).to_value(_u.s))  # s


@dataclasses.dataclass(frozen=True)
class CodeUnits:
    """Sizes of the code units in cgs.

    magnetic_field: B0 [G];  ion_density: n_i [cm^-3], of protons.  Both may be traced numbers of JAX.
    """

    magnetic_field: float
    ion_density: float

    @property
    def gyrofrequency(self) -> float:
        """Non-relativistic proton gyrofrequency Omega0 = e B0/(m_p c) [rad/s]."""
        return ELEMENTARY_CHARGE * self.magnetic_field / (PROTON_MASS * SPEED_OF_LIGHT)

    @property
    def time(self) -> float:
        """Code time 1/Omega0 [s]."""
        return 1.0 / self.gyrofrequency

    @property
    def energy_density(self) -> float:
        """Code energy density and pressure n_i m_p c^2 [erg cm^-3]."""
        return self.ion_density * PROTON_MASS * SPEED_OF_LIGHT**2

    @property
    def power_density(self) -> float:
        """Code heating rate n_i m_p c^2 Omega0 [erg cm^-3 s^-1]."""
        return self.energy_density * self.gyrofrequency

    @property
    def alfven_speed(self) -> float:
        """Alfven speed v_A/c with v_A = B0/sqrt(4 pi n_i m_p) (protons only, non-relativistic)."""
        rho = self.ion_density * PROTON_MASS
        return self.magnetic_field / (4.0 * math.pi * rho) ** 0.5 / SPEED_OF_LIGHT

    def thermal_speed(self, temperature: float) -> float:
        """Return v_i/c with v_i = sqrt(k T/m_p); temperature: T [K]."""
        return (BOLTZMANN * temperature / PROTON_MASS) ** 0.5 / SPEED_OF_LIGHT
