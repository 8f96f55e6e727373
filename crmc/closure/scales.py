"""A cell in code units: the numbers of `crmc.closure.cell.Cell` as the balance and the transport take them."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from crmc.closure.balance import Damping, Fluxes
from crmc.closure.cell import LARGEST_LENGTH, SPECTRAL, Cell
from crmc.closure.spectrum import Spectrum, make_spectrum
from crmc.physics.damping import ION_NEUTRAL_COLLISIONS
from crmc.units import SPEED_OF_LIGHT, CodeUnits


class Scales(NamedTuple):
    """A cell in code units.

    gyrofrequency: Omega0, () [s^-1]; energy_density: n_i m_p c^2 with n_i the mass density of the ions over m_p,
        () [erg cm^-3]; v_alfven: v_A, () [c];
    pressure: P_c, (); gradient: 1/L, signed, (); rate: 1/tau, (); x_gap: 1/k_max, (); neutral: nu_in, () [code];
    damping: damping rates.
    """

    gyrofrequency: jax.Array
    energy_density: jax.Array
    v_alfven: jax.Array
    pressure: jax.Array
    gradient: jax.Array
    rate: jax.Array
    x_gap: jax.Array
    neutral: jax.Array
    damping: Damping

    @property
    def fluxes(self) -> Fluxes:
        """Gradient and expansion as the balance takes them."""
        return Fluxes(self.pressure * self.gradient, self.pressure * self.rate, self.v_alfven)

    @property
    def length(self) -> tuple[jax.Array, jax.Array]:
        """Largest free path, |L| or `LARGEST_LENGTH`, and 1/L, () [code] each."""
        most = LARGEST_LENGTH * self.gyrofrequency / SPEED_OF_LIGHT
        return 1.0 / jnp.maximum(jnp.abs(self.gradient), 1.0 / most), self.gradient


def in_code_units(cell: Cell) -> Scales:
    """Return a cell in code units."""
    units = CodeUnits(cell.magnetic_field, cell.ion_density * cell.ion_mass)  # type: ignore[arg-type]
    v_alfven = jnp.asarray(units.alfven_speed)
    collisions = ION_NEUTRAL_COLLISIONS * cell.ion_neutral_density * (cell.temperature / 1e4) ** 0.4
    neutral = jnp.asarray(collisions * cell.neutral_factor * units.time)
    # (epsilon/v_A)^(1/2) as a product: no factor leaves the range of a float.
    present = jnp.asarray(cell.turbulent_dissipation) > 0.0
    root = jnp.where(present, jnp.sqrt(jnp.where(present, cell.turbulent_dissipation, 1.0)), 0.0)
    thermal = units.thermal_speed(cell.temperature) / jnp.sqrt(cell.ion_mass)  # type: ignore[arg-type]
    return Scales(
        gyrofrequency=jnp.asarray(units.gyrofrequency),
        energy_density=jnp.asarray(units.energy_density),
        v_alfven=v_alfven,
        pressure=jnp.asarray(cell.cr_pressure / units.energy_density),
        gradient=-jnp.asarray(cell.pressure_gradient) / cell.cr_pressure * SPEED_OF_LIGHT * units.time,
        rate=jnp.asarray(cell.expansion_rate * units.time),
        x_gap=1.0 / jnp.asarray(cell.k_max),
        neutral=neutral,
        damping=Damping(
            constant=cell.linear_damping * units.time + 0.5 * neutral,
            turbulent=root * jnp.sqrt(units.time / v_alfven) / SPEED_OF_LIGHT,
            landau=thermal * jnp.maximum(cell.landau_factor, 1e-20),
        ),
    )


def spectrum_of(cell: Cell) -> Spectrum:
    """Return the tables of the spectrum of a cell."""
    return make_spectrum(*(jnp.asarray(getattr(cell, name), jnp.float64) for name in SPECTRAL))
