"""The kicks of one step: every marker meets the waves of both directions, which take up what it loses."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from crmc import growth, scattering
from crmc.layout import sweep
from crmc.markers import Markers
from crmc.parameters import Model, Parameters
from crmc.record import Record, empty_record
from crmc.reductions import estimator_weight, moment_functions
from crmc.spectrum import SIGNS, ScatteringTable, scattering_table, wave_energy_unit
from crmc.state import State

#: e_j + gain is used while gain/e_j exceeds this; below, a C^1 exponential keeps e_j positive.
_ADDITIVE_LIMIT = -0.6


class Exchange(NamedTuple):
    """Sums over the ensemble of what the kicks of a step moved; energies d eps per unit length of tube.

    share: w d eps of either direction's kicks, w the mean estimator weight before and after (a pair).
    squared: (w d eps)^2.
    exchanged, absolute: W d eps and |W d eps|, W the full weight.
    envelope: V F0 after the kicks, times 1, eps and eps^2 (a triple).
    """

    share: tuple[jax.Array, jax.Array]
    squared: jax.Array
    exchanged: jax.Array
    absolute: jax.Array
    envelope: tuple[jax.Array, jax.Array, jax.Array]


def scatter(state: State, noise: jax.Array, parameters: Parameters, model: Model) -> tuple[State, Record]:
    """Elastic kicks by the waves of both directions, in alternating order, and the energy they pass to these waves.

    noise: key of the step's random words, or the words, (N,) uint64: a low half for direction +, a high one for -.
    """
    if model.scattering == "spectrum":
        return _scatter_spectrum(state, noise, parameters, model)
    return _scatter_constant(state, noise, parameters, model)


def wave_velocities(state: State, parameters: Parameters) -> jax.Array:
    """d v_A of both directions, (2,)."""
    return jnp.asarray(SIGNS) * parameters.alfven_speed * jnp.sqrt(state.b)


def scattering_tables(state: State, parameters: Parameters, nu_dt: jax.Array) -> ScatteringTable:
    """Tables of both directions, stacked on a leading axis."""
    V = wave_velocities(state, parameters)
    tables = [
        scattering_table(parameters.grid, state.waves[d], V[d], state.b, nu_dt, parameters.seed) for d in range(2)
    ]
    return jax.tree.map(lambda *x: jnp.stack(x), *tables)


def _scatter_spectrum(state: State, noise: jax.Array, parameters: Parameters, model: Model) -> tuple[State, Record]:
    nu_dt = parameters.nu_coefficient * state.b * parameters.dt
    tables = scattering_tables(state, parameters, nu_dt)
    first = state.step % 2
    order = jnp.stack([first, 1 - first])
    lookups = [
        scattering.make_lookup(jax.tree.map(lambda x, i=i: x[order[i]], tables), state.markers.rise.dtype)
        for i in range(2)
    ]

    def body(state: State, shared: tuple, words: jax.Array, histograms: tuple) -> tuple:
        parameters, lookups, order, nu_dt = shared
        b, V = state.b, wave_velocities(state, parameters)
        kicked, weight = [], [estimator_weight(state, parameters, model)]
        for lookup, direction in zip(lookups, order, strict=True):
            frame = scattering.wave_frame(state.markers.momentum(b), state.markers.parallel_momentum, V[direction])
            kick = scattering.spectrum_kick(parameters.grid, lookup, frame, b, nu_dt, _half(words, direction))
            state = dataclasses.replace(state, markers=scattering.apply(state.markers, kick, b))
            weight.append(estimator_weight(state, parameters, model))
            kicked.append(kick)
        mean = [0.5 * (weight[i] + weight[i + 1]) for i in range(2)]
        histograms = tuple(growth.deposit(parameters.grid, *x, b) for x in zip(histograms, kicked, mean, strict=True))
        energy = tuple(scattering.energy_change(kick) for kick in kicked)
        return _moved(state.markers), histograms, _exchange(state, parameters, energy, mean)

    shared = parameters, lookups, order, nu_dt
    zeros = (growth.empty_histogram(),) * 2
    moved, histograms, sums = sweep(model.layout, body, state, shared, noise, zeros)
    state = _holding(state, moved)
    histogram = jnp.stack(histograms)[order]
    waves, gain = _grow(state, tables, histogram, parameters, model)
    record = _record(state, sums)._replace(gain=gain, peak=nu_dt * jnp.max(tables.reference))
    imbalance = -state.b * sums.exchanged - jnp.sum(gain)
    state, correction, supplied = _balance(state, sums, imbalance, parameters, model)
    record = record._replace(imbalance=imbalance - supplied, correction=correction)
    return dataclasses.replace(state, waves=waves), record


def _scatter_constant(state: State, noise: jax.Array, parameters: Parameters, model: Model) -> tuple[State, Record]:
    """Kicks of a constant nu: the energy goes to waves that are not followed, and is booked as radiated."""
    co_moving = model.scattering == "co_moving"
    first = state.step % 2

    def body(state: State, shared: tuple, words: jax.Array, histograms: tuple) -> tuple:
        parameters, first = shared
        b, V = state.b, wave_velocities(state, parameters)
        weight, energy, mean = estimator_weight(state, parameters, model), [], []
        for direction in (first, 1 - first) if co_moving else (jnp.zeros_like(first),):
            frame = scattering.wave_frame(state.markers.momentum(b), state.markers.parallel_momentum, V[direction])
            bits = _half(words, direction)
            nu = parameters.scattering_frequency
            kick = scattering.constant_kick(frame, nu, parameters.dt, bits, co_moving=co_moving)
            state = dataclasses.replace(state, markers=scattering.apply(state.markers, kick, b))
            after = estimator_weight(state, parameters, model)
            energy.append(scattering.energy_change(kick))
            mean.append(0.5 * (weight + after))
            weight = after
        if not co_moving:
            energy.append(jnp.zeros_like(energy[0]))
            mean.append(mean[0])
        return _moved(state.markers), histograms, _exchange(state, parameters, energy, mean)

    moved, _, sums = sweep(model.layout, body, state, (parameters, first), noise)
    share = jnp.where(first == 0, jnp.stack(sums.share), jnp.stack(sums.share[::-1])) if co_moving else sums.share
    books = dataclasses.replace(state.books, radiated=state.books.radiated - sums.exchanged)
    state = dataclasses.replace(_holding(state, moved), books=books)
    return state, _record(state, sums)._replace(
        gain=jnp.zeros((2, 2)).at[:, 0].set(-state.b * jnp.stack([share[0], share[1]])),
        peak=parameters.scattering_frequency * parameters.dt,
    )


def _moved(m: Markers) -> tuple[jax.Array, jax.Array]:
    """What kicks change."""
    return m.parallel_momentum, m.rise


def _holding(state: State, moved: tuple[jax.Array, jax.Array]) -> State:
    parallel, rise = moved
    return dataclasses.replace(
        state, markers=dataclasses.replace(state.markers, parallel_momentum=parallel, rise=rise)
    )


def _half(words: jax.Array, direction: jax.Array) -> jax.Array:
    """The 32 bits of each word that belong to a direction (index 0: +, 1: -)."""
    return (words >> (32 * direction).astype(words.dtype)).astype(jnp.uint32)


def _exchange(state: State, parameters: Parameters, energy: tuple | list, mean: list) -> Exchange:
    """Terms of one block, ``state`` after the kicks."""
    m = state.markers
    share = tuple((w * e).astype(jnp.float64) for w, e in zip(mean, energy, strict=True))
    full = m.weight(parameters.background, state.amplitude)
    exchanged = [full * e for e in energy]
    envelope = full - m.control_weight(parameters.background, state.amplitude)
    eps = moment_functions(state)[1]
    return Exchange(
        share=share,
        squared=share[0] ** 2 + share[1] ** 2,
        exchanged=exchanged[0] + exchanged[1],
        absolute=jnp.abs(exchanged[0]) + jnp.abs(exchanged[1]),
        envelope=(envelope, envelope * eps, envelope * eps * eps),
    )


def _record(state: State, sums: Exchange) -> Record:
    return empty_record()._replace(
        functional=jnp.zeros(()),
        gain_variance=state.b**2 * sums.squared,
        absolute_exchange=state.b * sums.absolute,
    )


def _grow(
    state: State, tables: ScatteringTable, histogram: jax.Array, parameters: Parameters, model: Model
) -> tuple[jax.Array, jax.Array]:
    """Amplitudes after growth, (2, 2, bins), and the energy density each branch received, (2, 2)."""
    e = state.waves
    unit = wave_energy_unit(parameters.grid, parameters.alfven_speed, state.b)
    V = wave_velocities(state, parameters)
    relative = growth.kick_gain(tables.psi, V, histogram, state.b) / unit
    if not model.evolve_waves:
        return e, unit * jnp.sum(e * relative, axis=-1)
    limit = 1.0 + _ADDITIVE_LIMIT
    soft = limit * jnp.exp(jnp.minimum(relative - _ADDITIVE_LIMIT, 0.0) / limit)
    factor = jnp.where(relative > _ADDITIVE_LIMIT, 1.0 + relative, soft)
    # A branch at its seed has nothing left to give back to the particles.
    given = jnp.maximum(e * factor, parameters.seed) - e
    return e + parameters.growth_coefficient * given, unit * jnp.sum(given, axis=-1)


def _balance(
    state: State, sums: Exchange, imbalance: jax.Array, parameters: Parameters, model: Model
) -> tuple[State, jax.Array, jax.Array]:
    """State with weights corrected so that the particles lose exactly what the waves gained.

    The gain is read with the control variate, the particles' energy with full weights: they differ by the sampling
    noise of F0's part, whose expectation vanishes.  That noise is taken out of the weights as a change of the
    isotropic part, eta V F0(y) (eps - <eps>), which conserves their number and drives no wave.
    Returns the relative change of the particles' energy and the energy supplied as well.
    """
    zero = jnp.zeros(())
    if not model.balance_energy:
        return state, zero, zero
    number, energy, square = sums.envelope
    mean = energy / number
    eta = imbalance / (state.b * (square - energy * mean))

    def body(state: State, shared: tuple, words: None, histograms: tuple) -> tuple:
        parameters, eta, mean = shared
        m = state.markers
        y = m.comoving_momentum
        eps = moment_functions(state)[1]
        envelope = (m.volume * parameters.background.density(state.amplitude, y)).astype(jnp.float64)
        correction = (eta * envelope * (eps - mean)).astype(m.excess.dtype)
        return m.excess + correction, histograms, correction.astype(jnp.float64) * eps

    excess, _, supplied = sweep(model.layout, body, state, (parameters, eta, mean))
    supplied = state.b * supplied
    state = dataclasses.replace(state, markers=dataclasses.replace(state.markers, excess=excess))
    return state, jnp.abs(supplied) / (state.b * energy), supplied
