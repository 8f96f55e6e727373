"""Sums over the ensemble: moments with standard errors, and the energy of the tube."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from crmc.parameters import Model, Parameters
from crmc.spectrum import wave_energy_unit
from crmc.state import State


class Moments(NamedTuple):
    """Cosmic-ray moments per volume, code units; ``energy`` is kinetic."""

    number: jax.Array
    energy: jax.Array
    parallel_pressure: jax.Array
    perpendicular_pressure: jax.Array

    @property
    def pressure(self) -> jax.Array:
        """P_c = (2 P_perp + P_par)/3."""
        return (2.0 * self.perpendicular_pressure + self.parallel_pressure) / 3.0

    @property
    def anisotropy(self) -> jax.Array:
        """Delta P/P_c."""
        return (self.parallel_pressure - self.perpendicular_pressure) / self.pressure


def total(x: jax.Array) -> jax.Array:
    """Sum in float64 whatever the markers' dtype."""
    return jnp.sum(x, dtype=jnp.float64)


def estimator_weight(state: State, parameters: Parameters, model: Model) -> jax.Array:
    """w (delta_f) or W (full_f)."""
    if model.estimator == "full_f":
        full = state.markers.weight(parameters.background, state.amplitude)
        return full.astype(state.markers.delta.dtype)
    return state.markers.control_weight(parameters.background, state.amplitude)


def moment_functions(state: State) -> tuple[jax.Array, ...]:
    """1, kinetic energy, p v mu^2, p v (1 - mu^2)/2 of every marker."""
    m = state.markers
    p = m.momentum(state.b)
    gamma = jnp.sqrt(1.0 + p**2)
    par2, perp2 = m.parallel_momentum**2, m.perpendicular_squared(state.b)
    return jnp.ones_like(p), p**2 / (gamma + 1.0), par2 / gamma, 0.5 * perp2 / gamma


def background_moments(state: State, parameters: Parameters) -> Moments:
    """The F0 part of every moment, by quadrature."""
    f0 = parameters.background.moments(state.amplitude, state.b)
    return Moments(f0.number, f0.energy, f0.pressure, f0.pressure)


def moments(state: State, parameters: Parameters, model: Model) -> Moments:
    """Moments by the model's estimator."""
    weight = estimator_weight(state, parameters, model)
    sampled = Moments(*(state.b * total(weight * phi) for phi in moment_functions(state)))
    if model.estimator == "full_f":
        return sampled
    return Moments(*(a + b for a, b in zip(sampled, background_moments(state, parameters), strict=True)))


def moment_errors(state: State, parameters: Parameters, model: Model) -> tuple[Moments, jax.Array]:
    """Standard errors of the moments and of Delta P/P_c, as for independent markers.

    Conservative after a quasi-random start, whose error is smaller.
    """
    weight = estimator_weight(state, parameters, model)
    functions = moment_functions(state)
    count = weight.shape[0]

    def error(x: jax.Array) -> jax.Array:
        spread = total(x.astype(jnp.float64) ** 2) - total(x) ** 2 / count
        return state.b * jnp.sqrt(jnp.maximum(spread, 0.0) * count / (count - 1.0))

    errors = Moments(*(error(weight * phi) for phi in functions))
    now = moments(state, parameters, model)
    ratio = now.anisotropy.astype(weight.dtype)
    residual = (functions[2] - functions[3]) - ratio * (2.0 * functions[3] + functions[2]) / 3.0
    return errors, error(weight * residual) / now.pressure


class Energies(NamedTuple):
    """Energies per unit length of tube (density/b), code units; cosmic rays by their full weights."""

    cosmic_rays: jax.Array
    waves: jax.Array
    gas: jax.Array
    field: jax.Array


def energies(state: State, parameters: Parameters) -> Energies:
    """The four stores of the ledger."""
    weight = state.markers.weight(parameters.background, state.amplitude)
    field = 0.5 * parameters.alfven_speed**2 * state.b
    return Energies(
        cosmic_rays=total(weight * moment_functions(state)[1]),
        waves=wave_energy(state, parameters) / state.b,
        gas=state.gas_pressure / (parameters.adiabatic_index - 1.0) / state.b,
        field=field,
    )


def wave_energy(state: State, parameters: Parameters) -> jax.Array:
    """Total energy density of all branches, magnetic and kinetic."""
    return wave_energy_unit(parameters.grid, parameters.alfven_speed, state.b) * jnp.sum(state.waves)


def ledger(state: State, parameters: Parameters) -> jax.Array:
    """Sum that stays constant: stores + radiated + work - injected."""
    books = state.books
    return sum(energies(state, parameters)) + books.radiated + books.work - books.injected
