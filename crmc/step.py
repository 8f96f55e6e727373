"""One time step: sources, expansion, scattering by each direction's waves, damping, expansion, sources.

``step(state, noise, parameters, model) -> (state, record)`` is pure; randomness enters as ``noise``.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from crmc import growth, scattering, tube
from crmc.coarse import coarse_grain
from crmc.identity import functional_sample
from crmc.parameters import Model, Parameters
from crmc.reductions import estimator_weight, moment_functions, total
from crmc.scattering import Kick, WaveFrame
from crmc.spectrum import SIGNS, ScatteringTable, scattering_table, wave_energy_unit
from crmc.state import State

#: e_j + gain is used while gain/e_j exceeds this; below, a C^1 exponential keeps e_j positive.
_ADDITIVE_LIMIT = -0.6


class Record(NamedTuple):
    """What a step measured; code units, energies per volume. Sums over steps are meaningful except ``peak``-like ones.

    gain: energy given by the particles to each branch, (2 directions, 2 helicities).
    gain_variance: sum of squares of the markers' shares of the gain.
    absolute_exchange: sum |W d eps|.
    imbalance: particle loss minus wave gain after balancing.
    correction: largest relative change of the particles' energy by the balancing of a kick (``peak``-like).
    functional: sum of samples for the growth functional, histograms of f (identity.py), (2, *growth.histogram_shape()).
    samples: number of samples.
    damped: wave energy turned into heat of the gas.
    peak: largest nu dt of the step.
    """

    gain: jax.Array
    gain_variance: jax.Array
    absolute_exchange: jax.Array
    imbalance: jax.Array
    correction: jax.Array
    functional: jax.Array
    samples: jax.Array
    damped: jax.Array
    peak: jax.Array


def combine(a: Record, b: Record) -> Record:
    """Record of two consecutive spans of steps."""
    summed = Record(*(x + y for x, y in zip(a, b, strict=True)))
    return summed._replace(correction=jnp.maximum(a.correction, b.correction), peak=jnp.maximum(a.peak, b.peak))


def empty_record() -> Record:
    """Record of no steps."""
    zero = jnp.zeros(())
    return Record(
        gain=jnp.zeros((2, 2)),
        gain_variance=zero,
        absolute_exchange=zero,
        imbalance=zero,
        correction=zero,
        functional=jnp.zeros((2, *growth.histogram_shape())),
        samples=zero,
        damped=zero,
        peak=zero,
    )


def _no_exchange() -> Record:
    """Record of a part of a step, which leaves the histograms alone."""
    return empty_record()._replace(functional=jnp.zeros(()))


def draw_noise(key: jax.Array, step: jax.Array, count: int) -> jax.Array:
    """Random words of one step, (2 directions, N) uint32, keyed by the global step alone."""
    return jax.random.bits(jax.random.fold_in(key, step), (2, count), "uint32")


def step(state: State, noise: jax.Array, parameters: Parameters, model: Model) -> tuple[State, Record]:
    """Advance by parameters.dt: sources and expansion by halves around the kicks (Strang), whose order alternates."""
    half = 0.5 * parameters.dt
    state = tube.apply_sources(state, parameters, model, half)
    b_before = state.b
    state = tube.expand(state, parameters, model, 0.5)
    expanded = state
    record = _no_exchange()
    if model.scattering != "none":
        first = state.step % 2
        for direction in (first, 1 - first):
            state, part = scatter(state, noise[direction], parameters, model, direction)
            record = combine(record, part)
    if model.scattering == "spectrum":
        sample, phase = jnp.divmod(state.step, model.functional_every)
        functional = jax.lax.cond(
            phase == 0,
            lambda: functional_sample(
                expanded, state, noise, parameters, (state.b / b_before) ** 2, sample, model.functional_refinement
            ),
            lambda: jnp.zeros((2, *growth.histogram_shape())),
        )
        record = record._replace(functional=functional, samples=jnp.where(phase == 0, 1.0, 0.0))
    state, damped = damp(state, parameters, model)
    state = tube.expand(state, parameters, model, 1.0)
    state = tube.apply_sources(state, parameters, model, half)
    state = dataclasses.replace(state, step=state.step + 1)
    if model.coarse_grain_every:
        due = state.step % model.coarse_grain_every == 0
        state = jax.lax.cond(due, lambda s: coarse_grain(s, parameters, model), lambda s: s, state)
    return state, record._replace(damped=damped)


def scatter(
    state: State, bits: jax.Array, parameters: Parameters, model: Model, direction: jax.Array
) -> tuple[State, Record]:
    """Elastic kicks by the waves of one direction (index 0: +, 1: -), and the energy they pass to these waves."""
    sign = jnp.asarray(SIGNS)[direction]
    V = sign * parameters.alfven_speed * jnp.sqrt(state.b)
    frame = scattering.wave_frame(state.markers.momentum(state.b), state.markers.parallel_momentum, V)
    weight = estimator_weight(state, parameters, model)
    if model.scattering != "spectrum":
        kick = scattering.constant_kick(
            frame,
            parameters.scattering_frequency,
            parameters.dt,
            bits,
            co_moving=model.scattering == "co_moving",
        )
        return _scatter_constant(state, kick, weight, parameters, model, direction)
    e = state.waves[direction]
    nu_dt = parameters.nu_coefficient * state.b * parameters.dt
    table = scattering_table(parameters.grid, e, V, state.b, nu_dt, parameters.seed)
    # The condition always holds. XLA on CPU materialises what a conditional returns, and would otherwise fuse the
    # table search into every consumer of the kick and repeat it (measured: twice the time of a step).
    kick = jax.lax.cond(
        table.reference > 0.0,
        lambda: scattering.spectrum_kick(parameters.grid, table, frame, state.b, nu_dt, bits),
        lambda: Kick(frame, frame.q, jnp.zeros_like(frame.q), jnp.zeros_like(frame.q)),
    )
    after = estimator_weight(_moved(state, kick), parameters, model)
    mean = 0.5 * (weight + after)
    histogram = growth.deposit(parameters.grid, kick, mean, state.b)
    e_new, record = _grow(state, table, kick.frame, histogram, e, parameters, model, direction)
    energy = scattering.energy_change(kick)
    state_new, balance = _balance(state, kick, jnp.sum(record.gain), parameters, model)
    state_new = dataclasses.replace(state_new, waves=state_new.waves.at[direction].set(e_new))
    return state_new, record._replace(
        gain_variance=state.b**2 * total((mean * energy).astype(jnp.float64) ** 2),
        peak=nu_dt * table.reference,
        **balance,
    )


def _scatter_constant(
    state: State, kick: Kick, weight: jax.Array, parameters: Parameters, model: Model, direction: jax.Array
) -> tuple[State, Record]:
    """Kicks of a constant nu: the energy goes to waves that are not followed, and is booked as radiated."""
    keep = (direction == 0) | (model.scattering == "co_moving")
    moved = _moved(state, kick)
    state_new = jax.tree.map(lambda new, old: jnp.where(keep, new, old), moved, state)
    after = estimator_weight(state_new, parameters, model)
    energy = jnp.where(keep, scattering.energy_change(kick), 0.0)
    share = (0.5 * (weight + after) * energy).astype(jnp.float64)
    full = state.markers.weight(parameters.background, state.amplitude)
    lost = -total(full * energy)
    books = dataclasses.replace(state.books, radiated=state.books.radiated + lost)
    record = _no_exchange()._replace(
        gain=jnp.zeros((2, 2)).at[direction, 0].set(-state.b * total(share)),
        gain_variance=state.b**2 * total(share**2),
        absolute_exchange=state.b * total(jnp.abs(full * energy)),
        peak=parameters.scattering_frequency * parameters.dt,
    )
    return dataclasses.replace(state_new, books=books), record


def _moved(state: State, kick: Kick) -> State:
    return dataclasses.replace(state, markers=scattering.apply(state.markers, kick, state.b))


def _grow(
    state: State,
    table: ScatteringTable,
    frame: WaveFrame,
    histogram: jax.Array,
    e: jax.Array,
    parameters: Parameters,
    model: Model,
    direction: jax.Array,
) -> tuple[jax.Array, Record]:
    """Amplitudes after growth, and the record of what the particles gave."""
    unit = wave_energy_unit(parameters.grid, parameters.alfven_speed, state.b)
    relative = growth.kick_gain(table, frame, histogram, state.b) / unit
    record = _no_exchange()
    if not model.evolve_waves:
        gain = unit * jnp.sum(e * relative, axis=-1)
        return e, record._replace(gain=record.gain.at[direction].set(gain))
    limit = 1.0 + _ADDITIVE_LIMIT
    soft = limit * jnp.exp(jnp.minimum(relative - _ADDITIVE_LIMIT, 0.0) / limit)
    factor = jnp.where(relative > _ADDITIVE_LIMIT, 1.0 + relative, soft)
    # A branch at its seed has nothing left to give back to the particles.
    given = jnp.maximum(e * factor, parameters.seed) - e
    e_new = e + parameters.growth_coefficient * given
    record = record._replace(gain=record.gain.at[direction].set(unit * jnp.sum(given, axis=-1)))
    return e_new, record


def _balance(
    state: State, kick: Kick, gain: jax.Array, parameters: Parameters, model: Model
) -> tuple[State, dict[str, jax.Array]]:
    """State after the kick, with weights corrected so that the particles lose exactly what the waves gained.

    The gain is read with the control variate, the particles' energy with full weights: they differ by the sampling
    noise of F0's part, whose expectation vanishes.  That noise is taken out of the weights as a change of the
    isotropic part, eta V F0(y) (eps - <eps>), which conserves their number and drives no wave.
    """
    m = state.markers
    weight = state.b * m.weight(parameters.background, state.amplitude)
    exchanged = weight * scattering.energy_change(kick)
    moved = _moved(state, kick)
    record = {"absolute_exchange": total(jnp.abs(exchanged)), "imbalance": -total(exchanged) - gain}
    if not model.balance_energy:
        return moved, record
    after = moved.markers
    y = after.birth_momentum * jnp.exp(after.delta)
    energy = moment_functions(moved)[1]
    envelope = state.b * (after.volume * parameters.background.density(state.amplitude, y)).astype(jnp.float64)
    shape = envelope * (energy - total(envelope * energy) / total(envelope))
    eta = record["imbalance"] / total(shape * energy)
    correction = (eta * shape / state.b).astype(after.excess.dtype)
    supplied = state.b * total(correction.astype(jnp.float64) * energy)
    markers = dataclasses.replace(after, excess=after.excess + correction)
    return dataclasses.replace(moved, markers=markers), record | {
        "imbalance": record["imbalance"] - supplied,
        "correction": jnp.abs(supplied) / total(envelope * energy),
    }


def damp(state: State, parameters: Parameters, model: Model) -> tuple[State, jax.Array]:
    """Damping of every branch into heat of the gas; amplitudes never fall below the seed.

    Energy that keeps a branch at its seed is booked as injected.
    """
    if model.scattering != "spectrum" or not model.evolve_waves:
        return state, jnp.zeros(())
    rate = parameters.damping.rate(
        parameters.grid, state.waves, state.b, model.nonlinear_landau, parameters.nu_coefficient
    )
    damped = state.waves * jnp.exp(-2.0 * rate * parameters.dt)
    floored = jnp.maximum(damped, parameters.seed)
    unit = wave_energy_unit(parameters.grid, parameters.alfven_speed, state.b)
    heat = unit * jnp.sum(state.waves - damped)
    seeded = unit * jnp.sum(floored - damped)
    books = dataclasses.replace(state.books, injected=state.books.injected + seeded / state.b)
    gas = state.gas_pressure + (parameters.adiabatic_index - 1.0) * heat
    return dataclasses.replace(state, waves=floored, gas_pressure=gas, books=books), heat
