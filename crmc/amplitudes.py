"""What the waves' amplitudes gain from the kicks and lose to the gas; they never fall below the seed.

Damping acts by halves around the kicks, but the kicks are made by the waves as they were before the first half: in
the steady state what scatters is then the mean over the step, to second order in Gamma_d dt.  Waves that had lost a
whole step's damping would scatter too little by Gamma_d dt, and the anisotropy would be too large by as much.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from crmc.parameters import Model, Parameters
from crmc.spectrum import wave_energy_unit
from crmc.state import State

#: e_j + gain is used while gain/e_j exceeds this; below, a C^1 exponential keeps e_j positive.
_ADDITIVE_LIMIT = -0.6


def damp(state: State, parameters: Parameters, model: Model, dt: jax.Array) -> tuple[State, jax.Array]:
    """Damping of every branch over ``dt`` into heat of the gas, which is returned too [energy density].

    The rate is that of the middle of ``dt``, where it depends on the waves.  Energy that keeps a branch at its seed is
    booked as injected.
    """
    if model.scattering != "spectrum" or not model.evolve_waves:
        return state, jnp.zeros(())

    def rate(waves: jax.Array) -> jax.Array:
        return parameters.damping.rate(
            parameters.grid, waves, state.b, model.nonlinear_landau, parameters.nu_coefficient
        )

    middle = state.waves * jnp.exp(-rate(state.waves) * dt)
    damped = state.waves * jnp.exp(-2.0 * rate(middle) * dt)
    floored = jnp.maximum(damped, parameters.seed)
    unit = wave_energy_unit(parameters.grid, parameters.alfven_speed, state.b)
    heat = unit * jnp.sum(state.waves - damped)
    seeded = unit * jnp.sum(floored - damped)
    books = dataclasses.replace(state.books, injected=state.books.injected + seeded / state.b)
    gas = state.gas_pressure + (parameters.adiabatic_index - 1.0) * heat
    return dataclasses.replace(state, waves=floored, gas_pressure=gas, books=books), heat


def grow(state: State, offered: jax.Array, parameters: Parameters, model: Model) -> tuple[State, jax.Array]:
    """Waves with the energy density ``offered`` to each bin, (2, 2, bins), and what each branch took of it, (2, 2)."""
    unit, e = wave_energy_unit(parameters.grid, parameters.alfven_speed, state.b), state.waves
    if not model.evolve_waves:
        return state, jnp.sum(offered, axis=-1)
    relative, limit = offered / (unit * e), 1.0 + _ADDITIVE_LIMIT
    soft = limit * jnp.exp(jnp.minimum(relative - _ADDITIVE_LIMIT, 0.0) / limit)
    factor = jnp.where(relative > _ADDITIVE_LIMIT, 1.0 + relative, soft)
    # A branch at its seed has nothing left to give back to the particles.
    given = jnp.maximum(e * factor, parameters.seed) - e
    waves = e + parameters.growth_coefficient * given
    return dataclasses.replace(state, waves=waves), unit * jnp.sum(given, axis=-1)
