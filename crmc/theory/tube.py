"""The expanding flux tube: eqs. 1-4, 6, 9 and 43-45, and free expansion; any consistent units, shapes broadcast."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp


def magnetoacoustic_speed(gas_pressure, cr_pressure, magnetic_pressure, density, gamma_g=5 / 3, gamma_c=4 / 3):
    """C_ma = [(gamma_g P_g + gamma_c P_c + 2 P_m)/rho]^(1/2) (eq. 1; gamma_m = 2 of transverse expansion)."""
    stiffness = gamma_g * gas_pressure + gamma_c * cr_pressure + 2.0 * magnetic_pressure
    return jnp.sqrt(stiffness / density)


def density_rate(pressure_rate, speed):
    """drho_g/dt = -DeltaPdot_c/C_ma^2 (eq. 2) of a tube in pressure balance, ``speed`` C_ma."""
    return -pressure_rate / speed**2


def field_rate(pressure_rate, density, speed):
    """Bdot/B = rhodot/rho = -DeltaPdot_c/(rho_g C_ma^2) = -1/tau_B (eq. 3), 1/time."""
    return density_rate(pressure_rate, speed) / density


def expansion_time(pressure_rate, gas_pressure, cr_pressure, magnetic_pressure, gamma_g=5 / 3, gamma_c=4 / 3):
    """tau_B = (gamma_g P_g + gamma_c P_c + 2 P_m)/DeltaPdot_c (eq. 3 with 1), time."""
    return (gamma_g * gas_pressure + gamma_c * cr_pressure + 2.0 * magnetic_pressure) / pressure_rate


def work_rate(cr_pressure, tau_B):
    """Rate at which the cosmic rays do work, P_c/tau_B (eq. 4)."""
    return cr_pressure / tau_B


def orbit_rates(p, mu, field_rate):
    """(dp/dt, dmu/dt) with p_par and p_perp^2/B conserved, ``field_rate`` Bdot/B: the coefficients of eq. 6.

    dp/dt = (Bdot/2B) p (1 - mu^2),  dmu/dt = -(Bdot/2B) mu (1 - mu^2).
    """
    half = 0.5 * field_rate * (1.0 - mu**2)
    return half * p, -half * mu


def expansion_drive(mu, slope, tau_B):
    """-(Bdot/3B)(P_0 - P_2) p df0/dp, by which expansion changes f (eq. 9); ``slope`` df0/d ln p, for f near f0."""
    return slope * (1.0 - mu**2) / (2.0 * tau_B)


def perpendicular_pressure(cr_pressure, difference):
    """P_perp = P_c - (P_par - P_perp)/3 (eq. 44); ``difference`` P_par - P_perp."""
    return cr_pressure - difference / 3.0


def energy_rate(energy, perpendicular, field_rate, injected=0.0, heating=0.0):
    """dU_c/dt = (Bdot/B)(U_c + P_perp) + injected - heating (eq. 43), ``heating`` the power into waves."""
    return field_rate * (energy + perpendicular) + injected - heating


def anisotropic_energy_rate(difference, field_rate):
    """(Bdot/3B)(P_perp - P_par): what anisotropy adds to dU_c/dt of isotropic adiabatic change (eq. 45).

    ``difference`` P_par - P_perp.  Reversible: positive in expansion and in compression alike.
    """
    return -field_rate * difference / 3.0


class FreeExpansion(NamedTuple):
    """U/U0, P_par/P0, P_perp/P0 of an ultrarelativistic population, initially isotropic."""

    energy: jax.Array
    parallel: jax.Array
    perpendicular: jax.Array


def free_expansion(b) -> FreeExpansion:
    """Exact moments without scattering at b = B/B0 (any b > 0): p_par and p_perp^2/B conserved.

    U/U0 = (b/2)(1 + h), P_par/P0 = (3/2)(1 - h)/x, h = asinh(sqrt x)/sqrt(x (1 + x)), x = 1/b - 1.
    """
    b = jnp.asarray(b, float)
    x = 1.0 / b - 1.0
    small = jnp.abs(x) < 0.02
    z = jnp.where(small, 1.0, x)
    root = jnp.sqrt(jnp.abs(z))
    # Either branch sees an argument inside its domain, or the derivative of the other would be NaN.
    angle = jnp.where(z > 0, jnp.arcsinh(root), jnp.arcsin(jnp.where(z > 0, 0.5, root)))
    h = angle / (root * jnp.sqrt(1.0 + z))
    terms = [2 / 3, -8 / 15, 16 / 35, -128 / 315, 256 / 693, -1024 / 3003, 2048 / 6435, -32768 / 109395]
    series = jnp.polyval(jnp.array(terms[::-1]), x)  # (1 - h)/x
    lost = jnp.where(small, series, (1.0 - h) / z)
    energy = 0.5 * b * (2.0 - x * lost)
    parallel = 1.5 * lost
    return FreeExpansion(energy, parallel, 0.5 * (3.0 * energy - parallel))
