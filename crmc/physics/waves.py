"""What the waves' amplitudes gain from the kicks and lose to the gas; they never fall below the seed.

Damping acts by halves around the kicks, but the kicks are made by the waves as they were before the first half: in
the steady state what scatters is then the mean over the step, to second order in Gamma_d dt.  Waves that had lost a
whole step's damping would scatter too little by Gamma_d dt, and the anisotropy would be too large by as much.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from crmc.physics.parameters import Model, Parameters
from crmc.physics.spectrum import SIGNS, wave_energy_unit
from crmc.physics.state import State

#: Momenta [m_p c] at which results state the scattering frequency.
MOMENTA = np.array([1.0, 3.0, 10.0])
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


def wave_velocities(state: State, parameters: Parameters) -> jax.Array:
    """d v_A of both directions, (2,)."""
    return jnp.asarray(SIGNS) * parameters.alfven_speed * jnp.sqrt(state.b)


def mean_scattering(waves: jax.Array, b: jax.Array, parameters: Parameters, p: float) -> jax.Array:
    """int_0^1 nu dmu at momentum p, mean of the two hemispheres; each meets both directions' waves, (2, 2, bins)."""
    grid = parameters.grid
    nodes, weights = np.polynomial.legendre.leggauss(128)
    low, high = jnp.log(grid.x_gap), jnp.log(jnp.minimum(p / b, grid.x_top))
    half = 0.5 * jnp.maximum(high - low, 0.0)
    x = jnp.exp(low + half * (nodes + 1.0))
    to_nu = parameters.nu_coefficient * b / np.sqrt(1.0 + p**2)
    power = jnp.einsum("dhj,xj->x", waves, grid.resonant(x)) / 2.0
    below = jnp.sum(waves @ grid.basis_low) / 2.0 * jnp.minimum(grid.x_gap - grid.x_low, p / b)
    return to_nu * (jnp.sum(power * weights * half * x) + below) * b / p
