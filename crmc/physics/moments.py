"""Moments of the cosmic rays with standard errors, and the energy ledger of the tube, from sums over the ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from crmc.physics.ensemble import BlockResult, pass_over
from crmc.physics.exact import FARTHEST
from crmc.physics.parameters import Model, Parameters
from crmc.physics.spectrum import wave_energy_unit
from crmc.physics.state import State
from crmc.theory.distribution import Background


class Moments(NamedTuple):
    """Moments of the cosmic rays per volume.

    number: n_c, () [n_i]; energy: kinetic energy density U, () [code];
    parallel_pressure, perpendicular_pressure: P_par and P_perp, () [code].
    """

    number: jax.Array
    energy: jax.Array
    parallel_pressure: jax.Array
    perpendicular_pressure: jax.Array

    @property
    def pressure(self) -> jax.Array:
        """Pressure P_c = (2 P_perp + P_par)/3, () [code]."""
        return (2.0 * self.perpendicular_pressure + self.parallel_pressure) / 3.0

    @property
    def anisotropy(self) -> jax.Array:
        """Pressure anisotropy (P_par - P_perp)/P_c, ()."""
        return (self.parallel_pressure - self.perpendicular_pressure) / self.pressure


def total(x: jax.Array) -> jax.Array:
    """Return the sum of all entries in float64, whatever their dtype, ()."""
    return jnp.sum(x, dtype=jnp.float64)


def estimator_weight(state: State, parameters: Parameters, model: Model) -> jax.Array:
    """Return the weight that the model's estimator sums, w (delta_f) or W (full_f), (N,) [n_i]."""
    weighing = state.markers.weighing(parameters.background, state.amplitude)
    return weighing.estimated(state.markers, model.estimator)


def moment_functions(state: State) -> tuple[jax.Array, ...]:
    """Return 1, kinetic energy, p v mu^2 and p v (1 - mu^2)/2 of every marker, (N,) each [m_p c^2]."""
    m = state.markers
    p2 = m.momentum_squared(state.density)
    gamma = jnp.sqrt(1.0 + p2)
    par2, perp2 = m.parallel_momentum**2, m.perpendicular_squared(state.density)
    return jnp.ones_like(p2), p2 / (gamma + 1.0), par2 / gamma, 0.5 * perp2 / gamma


def background_moments(state: State, parameters: Parameters) -> Moments:
    """Return the moments of F0 by quadrature."""
    f0 = parameters.background.moments(state.amplitude, state.density)
    return Moments(f0.number, f0.energy, f0.pressure, f0.pressure)


class Sizes(NamedTuple):
    """What sums over the ensemble are expected to be, for `exact.rounded`, per unit length at t = 0, () each [code].

    number: sum of W; energy: sum of W eps; square: bound of the sum of W eps^2.
    """

    number: jax.Array
    energy: jax.Array
    square: jax.Array


def expected_sizes(background: Background, amplitude: jax.Array, density: jax.Array) -> Sizes:
    """Return the sizes of an ensemble that is near F0, from F0's quadrature; eps^2 <= eps times its largest value.

    density: rho/rho0, ().
    """
    f0 = background.moments(amplitude, density)
    number, energy = f0.number / density, f0.energy / density
    largest = jnp.hypot(1.0, background.momentum_max * jnp.cbrt(density))
    return Sizes(number, energy, energy * largest)


class Sums(NamedTuple):
    """Sums over the ensemble of one state, per unit length of tube at t = 0 (density/rho), () float64 each [code].

    w is the estimator's weight, W the full one, phi the four moment functions, in the order of `Moments`.
    first: sum w phi_a, 4 entries.
    energy: sum W eps with the kinetic energy eps.
    number: sum W.
    flux: sum w v_par.
    gap: sum w p v (3 mu^2 - 1)/2 over the markers in the 90-degree gap, with w of delta_f.
    heavy: number of markers with |W| > `exact.FARTHEST` V F0(y0), whose sums might not be exact.
    """

    first: tuple[jax.Array, ...]
    energy: jax.Array
    number: jax.Array
    flux: jax.Array
    gap: jax.Array
    heavy: jax.Array


def ensemble_sums(state: State, parameters: Parameters, model: Model) -> Sums:
    """Return all sums of a state by one pass over its markers."""

    def body(state: State, parameters: Parameters, words: None, histograms: Any) -> BlockResult:
        phi = moment_functions(state)
        weight = estimator_weight(state, parameters, model)
        terms = [weight * x for x in phi]
        m = state.markers
        weighing = m.weighing(parameters.background, state.amplitude)
        full, at_birth = weighing.full(m), jnp.sum(weighing.parts, axis=-1)
        flux = weight * m.parallel_momentum * jax.lax.rsqrt(1.0 + m.momentum_squared(state.density))
        in_gap = jnp.abs(m.parallel_momentum) < parameters.grid.x_gap * state.resonance
        control = weighing.control(m)
        sums = Sums(
            first=tuple(terms),
            energy=full * phi[1],
            number=full,
            flux=flux,
            gap=jnp.where(in_gap, control, 0.0) * (phi[2] - phi[3]),
            heavy=jnp.where(jnp.abs(full) > FARTHEST * at_birth, 1.0, 0.0),
        )
        return {}, histograms, sums

    number, energy, _ = expected_sizes(parameters.background, state.amplitude, state.density)
    # p v mu^2 and p v (1 - mu^2)/2 are at most 2 eps, and speeds at most 1.
    sizes = Sums(
        first=(number, energy, energy, energy),
        energy=energy,
        number=number,
        flux=number,
        gap=energy,
        heavy=jnp.asarray(float(state.markers.rise.size)),
    )
    return pass_over(model.layout, body, state, parameters, sizes=sizes)[2]


def symmetric(upper: Sequence[jax.Array]) -> jax.Array:
    """Return the symmetric matrix of the four moment functions, (4, 4).

    upper: its entries a <= b, row by row, 10 of ().
    """
    matrix = jnp.zeros((4, 4)).at[jnp.triu_indices(4)].set(jnp.stack(upper))
    return matrix + jnp.triu(matrix, 1).T


def ensemble_moments(state: State, parameters: Parameters, model: Model) -> Moments:
    """Return the moments of a state by the model's estimator."""
    return moments_of(ensemble_sums(state, parameters, model), state, parameters, model)


def moments_of(sums: Sums, state: State, parameters: Parameters, model: Model) -> Moments:
    """Return the moments of a state by the model's estimator from `ensemble_sums` of the state."""
    sampled = Moments(*(state.density * x for x in sums.first))
    if model.estimator == "full_f":
        return sampled
    return Moments(*(a + b for a, b in zip(sampled, background_moments(state, parameters), strict=True)))


class Energies(NamedTuple):
    """Energies of cosmic rays (by their full weights), waves, gas and field, per unit length at t = 0, () each."""

    cosmic_rays: jax.Array
    waves: jax.Array
    gas: jax.Array
    field: jax.Array


def energies(state: State, parameters: Parameters, model: Model) -> Energies:
    """Return the energies of a state, which are the stores of the ledger."""
    return energies_of(ensemble_sums(state, parameters, model), state, parameters)


def energies_of(sums: Sums, state: State, parameters: Parameters) -> Energies:
    """Return the energies of a state from `ensemble_sums` of the state."""
    return Energies(
        cosmic_rays=sums.energy,
        waves=wave_energy(state, parameters) / state.density,
        gas=state.gas_pressure / (parameters.adiabatic_index - 1.0) / state.density,
        field=0.5 * parameters.alfven_speed**2 * state.resonance,
    )


def wave_energy(state: State, parameters: Parameters) -> jax.Array:
    """Return the energy density of all waves, magnetic and kinetic, () [code]."""
    return jnp.sum(wave_energy_unit(parameters.grid, parameters.alfven_speed, state.b) * state.e)


def ledger(store: Energies, state: State) -> jax.Array:
    """Return the sum that energy conservation keeps constant, stores + radiated + work - injected, () [code].

    store: energies of the state.
    """
    books = state.books
    return sum(store) + books.radiated + books.work - books.injected
