"""The expanding flux tube, eqs. 1-4, 6, 9 and 43-45, and free expansion without scattering.

Any consistent units.  `crmc.theory` states the conventions of shapes and units.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from crmc.theory.distribution import Real


def magnetoacoustic_speed(
    gas_pressure: Real,
    cr_pressure: Real,
    magnetic_pressure: Real,
    density: Real,
    gamma_g: Real = 5 / 3,
    gamma_c: Real = 4 / 3,
) -> jax.Array:
    """Return the magnetoacoustic speed C_ma = [(gamma_g P_g + gamma_c P_c + 2 P_m)/rho]^(1/2) (eq. 1), [velocity].

    gamma_m = 2 is that of transverse expansion.
    gas_pressure, cr_pressure, magnetic_pressure: P_g, P_c, P_m [pressure]; density: rho [mass/volume];
    gamma_g, gamma_c: adiabatic indices of gas and cosmic rays.
    """
    stiffness = gamma_g * gas_pressure + gamma_c * cr_pressure + 2.0 * magnetic_pressure
    return jnp.sqrt(stiffness / density)


def density_rate(pressure_rate: Real, speed: Real) -> Real:
    """Return drho_g/dt = -DeltaPdot_c/C_ma^2 of a tube in pressure balance (eq. 2), [mass/(volume time)].

    pressure_rate: injection DeltaPdot_c [pressure/time]; speed: C_ma [velocity].
    """
    return -pressure_rate / speed**2


def field_rate(pressure_rate: Real, density: Real, speed: Real) -> Real:
    """Return the rate of change Bdot/B of the field of a tube in pressure balance (eq. 3), [1/time].

    Bdot/B = rhodot/rho = -DeltaPdot_c/(rho_g C_ma^2) = -1/tau_B.
    pressure_rate: injection DeltaPdot_c [pressure/time]; density: rho_g [mass/volume]; speed: C_ma [velocity].
    """
    return density_rate(pressure_rate, speed) / density


def expansion_time(
    pressure_rate: Real,
    gas_pressure: Real,
    cr_pressure: Real,
    magnetic_pressure: Real,
    gamma_g: Real = 5 / 3,
    gamma_c: Real = 4 / 3,
) -> Real:
    """Return the expansion time tau_B = (gamma_g P_g + gamma_c P_c + 2 P_m)/DeltaPdot_c (eq. 3 with 1), [time].

    pressure_rate: injection DeltaPdot_c [pressure/time];
    gas_pressure, cr_pressure, magnetic_pressure: P_g, P_c, P_m [pressure];
    gamma_g, gamma_c: adiabatic indices of gas and cosmic rays.
    """
    return (gamma_g * gas_pressure + gamma_c * cr_pressure + 2.0 * magnetic_pressure) / pressure_rate


def work_rate(cr_pressure: Real, tau_B: Real) -> Real:
    """Return the rate P_c/tau_B at which the cosmic rays do work (eq. 4), [pressure/time].

    cr_pressure: P_c [pressure]; tau_B: expansion time [time].
    """
    return cr_pressure / tau_B


def orbit_rates(p: Real, mu: Real, field_rate: Real) -> tuple[Real, Real]:
    """Return dp/dt [momentum/time] and dmu/dt [1/time] with p_par and p_perp^2/B conserved, as in eq. 6.

    dp/dt = (Bdot/2B) p (1 - mu^2),  dmu/dt = -(Bdot/2B) mu (1 - mu^2).
    p: momentum [momentum]; mu: pitch-angle cosine; field_rate: Bdot/B [1/time].
    """
    half = 0.5 * field_rate * (1.0 - mu**2)
    return half * p, -half * mu


def expansion_drive(mu: Real, slope: Real, tau_B: Real) -> Real:
    """Return -(Bdot/3B)(P_0 - P_2) p df0/dp, the rate at which expansion changes f near f0 (eq. 9), [f/time].

    mu: pitch-angle cosine; slope: p df0/dp [f]; tau_B: expansion time -B/Bdot [time].
    """
    return slope * (1.0 - mu**2) / (2.0 * tau_B)


def perpendicular_pressure(cr_pressure: Real, difference: Real) -> Real:
    """Return P_perp = P_c - (P_par - P_perp)/3 (eq. 44), [pressure].

    cr_pressure: P_c [pressure]; difference: P_par - P_perp [pressure].
    """
    return cr_pressure - difference / 3.0


def energy_rate(energy: Real, perpendicular: Real, field_rate: Real, injected: Real = 0.0, heating: Real = 0.0) -> Real:
    """Return dU_c/dt = (Bdot/B)(U_c + P_perp) + injected - heating (eq. 43), [pressure/time].

    energy: U_c [pressure]; perpendicular: P_perp [pressure]; field_rate: Bdot/B [1/time];
    injected: power of the source [pressure/time]; heating: power into waves [pressure/time].
    """
    return field_rate * (energy + perpendicular) + injected - heating


def anisotropic_energy_rate(difference: Real, field_rate: Real) -> Real:
    """Return the change (Bdot/3B)(P_perp - P_par) of dU_c/dt by anisotropy (eq. 45), [pressure/time].

    It adds to dU_c/dt of isotropic adiabatic change.  Reversible: positive in expansion and in compression alike.
    difference: P_par - P_perp [pressure]; field_rate: Bdot/B [1/time].
    """
    return -field_rate * difference / 3.0


class FreeExpansion(NamedTuple):
    """Moments of an ultrarelativistic, initially isotropic population relative to their initial values.

    energy: U/U0, (...); parallel: P_par/P0, (...); perpendicular: P_perp/P0, (...).
    """

    energy: jax.Array
    parallel: jax.Array
    perpendicular: jax.Array


def free_expansion(b: Real) -> FreeExpansion:
    """Return the exact moments of expansion without scattering, p_par and p_perp^2/B conserved.

    U/U0 = (b/2)(1 + h), P_par/P0 = (3/2)(1 - h)/x, h = asinh(sqrt x)/sqrt(x (1 + x)), x = 1/b - 1.
    b: field B/B0 > 0, (...).
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
