"""Growth of the waves by the kicks of particles and their damping by the gas; wave power never falls below the seed.

Damping acts in two halves around the kicks, but the kicks are made by the waves as they were before the first half: in
the steady state the wave power that scatters is then the mean over the step, to second order in Gamma_d dt.  Waves
that had lost a whole step's damping would scatter too little by Gamma_d dt, and the anisotropy would be too large by
the same fraction.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from crmc.physics.ensemble import held
from crmc.physics.flow import Stretch
from crmc.physics.parameters import Model, Parameters
from crmc.physics.spectrum import SIGNS, wave_energy_unit
from crmc.physics.state import State
from crmc.theory.quadrature import gauss_legendre

#: Momenta at which results state the scattering frequency, (3,) [m_p c].
MOMENTA = np.array([1.0, 3.0, 10.0])
#: e_j + gain is used while gain/e_j exceeds this; below, a C^1 exponential keeps e_j positive.
_ADDITIVE_LIMIT = -0.6


def damp(state: State, parameters: Parameters, model: Model, dt: jax.Array) -> tuple[State, jax.Array]:
    """Damp all waves over dt into heat of the gas; return the state and the heat, () [code].

    Rates that depend on the waves are taken in the middle of dt.  Energy that keeps a bin at the seed is booked as
    injected.
    dt: time, () [code].
    """
    if model.scattering != "spectrum" or not model.evolve_waves:
        return state, jnp.zeros(())

    def rate(e: jax.Array) -> jax.Array:
        return parameters.damping.rate(
            parameters.grid, e, state.stretch, model.nonlinear_landau, parameters.nu_coefficient
        )

    middle = state.e * jnp.exp(-rate(state.e) * dt)
    damped = state.e * jnp.exp(-2.0 * rate(middle) * dt)
    floored = jnp.maximum(damped, parameters.seed)
    unit = wave_energy_unit(parameters.grid, parameters.alfven_speed, state.b)
    heat = jnp.sum(unit * (state.e - damped))
    seeded = jnp.sum(unit * (floored - damped))
    books = dataclasses.replace(state.books, injected=state.books.injected + seeded / state.density)
    return heated(dataclasses.replace(state, e=floored, books=books), heat, parameters), heat


def heated(state: State, heat: jax.Array, parameters: Parameters) -> State:
    """Return the state after the gas has taken up ``heat``, () [code]."""
    rise = held((parameters.adiabatic_index - 1.0) * heat, state.step >= 0)
    return dataclasses.replace(state, gas_pressure=state.gas_pressure + rise)


def pass_on(state: State, offered: jax.Array, parameters: Parameters, model: Model) -> tuple[State, jax.Array]:
    """Give the gas the energy that waves beyond k_max take; return the state and the heat, () [code].

    Their power is that at k_max whatever they take: what would make them grow is what damps them.
    offered: energy density from the particles for each branch's waves beyond k_max, negative where they lose, (2, 2)
        [code].
    """
    if not model.evolve_waves:
        return state, jnp.zeros(())
    heat = parameters.growth_coefficient * jnp.sum(offered)
    return heated(state, heat, parameters), heat


def grow(state: State, offered: jax.Array, parameters: Parameters, model: Model) -> tuple[State, jax.Array]:
    """Give waves the energy that particles lose; return the state and the energy that each branch took, (2, 2) [code].

    offered: energy density for each branch and bin, negative where waves lose, (2, 2, bins) [code].
    """
    unit, e = wave_energy_unit(parameters.grid, parameters.alfven_speed, state.b), state.e
    if not model.evolve_waves:
        return state, jnp.sum(offered, axis=-1)
    relative, limit = offered / (unit * e), 1.0 + _ADDITIVE_LIMIT
    soft = limit * jnp.exp(jnp.minimum(relative - _ADDITIVE_LIMIT, 0.0) / limit)
    factor = jnp.where(relative > _ADDITIVE_LIMIT, 1.0 + relative, soft)
    # A bin at the seed has no energy left to return to the particles.
    given = jnp.maximum(e * factor, parameters.seed) - e
    grown = e + parameters.growth_coefficient * given
    return dataclasses.replace(state, e=grown), jnp.sum(unit * given, axis=-1)


def wave_velocities(state: State, parameters: Parameters) -> jax.Array:
    """Return the velocity d v_A of the waves of both directions, (2,) [c]."""
    return jnp.asarray(SIGNS) * parameters.alfven_speed * jnp.sqrt(state.resonance)


def mean_scattering(e: jax.Array, parameters: Parameters, at: Stretch, p: float) -> jax.Array:
    """Return the scattering frequency int_0^1 nu dmu, the mean of both hemispheres, () [code].

    The waves of both directions scatter each hemisphere.
    e: wave power of each branch and bin, (2, 2, bins); at: deformation of the tube; p: momentum [m_p c].
    """
    grid, unit = parameters.grid, at.resonance
    nodes, weights = gauss_legendre(128)
    low, high = jnp.log(grid.x_gap), jnp.log(jnp.minimum(p / unit, grid.x_top))
    half = 0.5 * jnp.maximum(high - low, 0.0)
    x = jnp.exp(low + half * (nodes + 1.0))
    to_nu = parameters.nu_coefficient * at.b / np.sqrt(1.0 + p**2)
    power = jnp.einsum("dhj,xj->x", e, grid.resonant(x)) / 2.0
    below = jnp.sum(e @ grid.basis_low) / 2.0 * jnp.minimum(grid.x_gap - grid.x_low, p / unit)
    return to_nu * (jnp.sum(power * weights * half * x) + below) * unit / p
