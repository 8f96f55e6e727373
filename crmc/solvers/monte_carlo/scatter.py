"""Kick every marker by the waves of both directions, which take up the energy that it loses."""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from crmc.physics import tube
from crmc.physics.ensemble import held, pass_over
from crmc.physics.markers import Markers
from crmc.physics.moments import moment_functions
from crmc.physics.parameters import Model, Parameters
from crmc.physics.state import State
from crmc.physics.waves import damp, grow, wave_velocities
from crmc.solvers.monte_carlo import kernel
from crmc.solvers.monte_carlo.deposits import add_deposits, deposits, empty_histogram, kick_gain
from crmc.solvers.monte_carlo.tables import scattering_tables
from crmc.solvers.tally import Tally, empty_tally


class Exchange(NamedTuple):
    """Sums over markers and kicks of a step, per unit length of tube; before the sum an entry (N,) for each marker.

    exchanged, absolute: W d eps and |W d eps|, W the full weight [code]
    envelope: V F0 after the kicks, times 1, eps and eps^2 [code]
    """

    exchanged: jax.Array
    absolute: jax.Array
    envelope: tuple[jax.Array, jax.Array, jax.Array]


class Correction(NamedTuple):
    """A change of each marker's weight by eta V F0(y) (eps - mean).

    eta: strength [1/(m_p c^2)]
    mean: mean kinetic energy of F0's markers [m_p c^2]
    """

    eta: jax.Array
    mean: jax.Array


def scatter(
    state: State, noise: jax.Array, parameters: Parameters, model: Model, b: jax.Array
) -> tuple[State, Tally, Correction]:
    """Expand to field ``b`` and kick the markers by the waves of both directions, in alternating order.

    Returns the state, whose waves took up what the particles lost and then had the first half of their damping; the
    tally; and the correction that `settle` must make for the energies to balance.

    noise: key of the step's random words, or the words, (N,) uint64: the low half for direction +, the high one for -
    b: field at which the markers are kicked
    """
    if model.scattering == "spectrum":
        return _scatter_spectrum(state, noise, parameters, model, b)
    return _scatter_constant(state, noise, parameters, model, b)


def _scatter_spectrum(
    state: State, noise: jax.Array, parameters: Parameters, model: Model, b: jax.Array
) -> tuple[State, Tally, Correction]:
    """Kick by the waves of the spectrum; see `scatter`."""
    before = state
    state = tube.change_surroundings(state, parameters, model, b)
    nu_dt = parameters.nu_coefficient * b * parameters.dt
    tables = scattering_tables(state, parameters, nu_dt)
    order = _order(state)
    lookups = [kernel.lookup_of(tables, order[i], state.markers.rise.dtype) for i in range(2)]

    def body(state: State, shared: tuple, words: jax.Array, histograms: tuple) -> tuple:
        parameters, lookups, order, nu_dt, b = shared
        weighing = state.markers.weighing(parameters.background, state.amplitude)
        full = weighing.full(state.markers)
        state, work = tube.carry(state, full, b)
        kicked, weight = [], [weighing.estimated(state.markers, model.estimator)]
        V = wave_velocities(state, parameters)
        for lookup, direction in zip(lookups, order, strict=True):
            frame, bits = kernel.frame_of_waves(state, V, direction), _half(words, direction)
            kick = kernel.spectrum_kick(parameters.grid, lookup, frame, b, nu_dt, bits, across=model.broadened)
            state = kernel.after_kick(state, kick)
            weight.append(weighing.estimated(state.markers, model.estimator))
            kicked.append(kick)
        mean = [0.5 * (weight[i] + weight[i + 1]) for i in range(2)]
        found = [deposits(parameters.grid, *x, b) for x in zip(kicked, mean, strict=True)]
        found = held(found, state.step >= 0)
        histograms = tuple(add_deposits(*x) for x in zip(histograms, found, strict=True))
        energy = [kernel.energy_change(kick) for kick in kicked]
        control = weight[-1] if model.estimator == "delta_f" else weighing.control(state.markers)
        return _moved(state.markers), histograms, (work, _exchange(state, full, control, energy))

    shared = parameters, lookups, order, nu_dt, b
    zeros = (empty_histogram(),) * 2
    markers, histograms, (work, sums) = pass_over(model.layout, body, before, shared, noise, zeros)
    state = tube.add_work(dataclasses.replace(state, markers=markers), before.b, work)
    kicking, V = state.e, wave_velocities(state, parameters)
    offered = kicking * kick_gain(parameters.grid, kicking, V, jnp.stack(histograms)[order], state.b)
    state, damped = damp(state, parameters, model, 0.5 * parameters.dt)
    state, gain = grow(state, offered, parameters, model)
    imbalance = -state.b * sums.exchanged - jnp.sum(gain)
    tally = _tally(state, kicking, sums)._replace(
        gain=gain, damped=damped, peak=nu_dt * jnp.max(tables.reference), imbalance=imbalance
    )
    return state, tally, _correction(sums, imbalance / state.b)


def _scatter_constant(
    state: State, noise: jax.Array, parameters: Parameters, model: Model, b: jax.Array
) -> tuple[State, Tally, Correction]:
    """Kick at a constant nu; see `scatter`.

    The energy goes to waves that are not followed: it is booked as radiated.
    """
    co_moving, before = model.scattering == "co_moving", state
    state = tube.change_surroundings(state, parameters, model, b)
    order = _order(state) if co_moving else jnp.zeros(1, jnp.int64)

    def body(state: State, shared: tuple, words: jax.Array, histograms: tuple) -> tuple:
        parameters, order, b = shared
        weighing = state.markers.weighing(parameters.background, state.amplitude)
        full = weighing.full(state.markers)
        state, work = tube.carry(state, full, b)
        weight, energy, mean = weighing.estimated(state.markers, model.estimator), [], []
        V, nu = wave_velocities(state, parameters), parameters.scattering_frequency
        for direction in order:
            frame, bits = kernel.frame_of_waves(state, V, direction), _half(words, direction)
            kick = kernel.constant_kick(frame, nu, parameters.dt, bits, co_moving=co_moving)
            state = kernel.after_kick(state, kick)
            after = weighing.estimated(state.markers, model.estimator)
            energy.append(kernel.energy_change(kick))
            mean.append(0.5 * (weight + after))
            weight = after
        share = tuple((w * e).astype(jnp.float64) for w, e in zip(mean, energy, strict=True))
        sums = _exchange(state, full, weighing.control(state.markers), energy)
        return _moved(state.markers), histograms, (work, share, sums)

    markers, _, (work, share, sums) = pass_over(model.layout, body, before, (parameters, order, b), noise)
    state = tube.add_work(dataclasses.replace(state, markers=markers), before.b, work)
    books = dataclasses.replace(state.books, radiated=state.books.radiated - sums.exchanged)
    tally = _tally(state, state.e, sums)._replace(
        gain=jnp.zeros((2, 2)).at[order, 0].set(-state.b * jnp.stack(share)),
        peak=parameters.scattering_frequency * parameters.dt,
    )
    return dataclasses.replace(state, books=books), tally, _correction(sums, jnp.zeros(()))


def _order(state: State) -> jax.Array:
    """Return the numbers of the directions in the order in which they kick in this step, (2,)."""
    first = state.step % 2
    return jnp.stack([first, 1 - first])


def _moved(m: Markers) -> dict[str, jax.Array]:
    """Return the fields of the markers that kicks change."""
    return {"parallel_momentum": m.parallel_momentum, "rise": m.rise}


def _half(words: jax.Array, direction: jax.Array) -> jax.Array:
    """Return the 32 bits of each word that belong to a direction, (N,) uint32; direction 0 is +, 1 is -."""
    return (words >> (32 * direction).astype(words.dtype)).astype(jnp.uint32)


def _exchange(state: State, full: jax.Array, control: jax.Array, energy: list) -> Exchange:
    """Return the terms of `Exchange` of one block of markers.

    state: state after the kicks
    full, control: weights W and, after the kicks, w, (N,) [code]
    energy: d eps of each kick, (N,) [m_p c^2]
    """
    exchanged = [full * e for e in energy]
    # W - w = V F0
    envelope = full - control
    eps = moment_functions(state)[1]
    return Exchange(
        exchanged=_sum(exchanged),
        absolute=_sum([jnp.abs(x) for x in exchanged]),
        envelope=(envelope, envelope * eps, envelope * eps * eps),
    )


def _sum(terms: list[jax.Array]) -> jax.Array:
    """Return the sum of the terms, from the first one on, without a zero added."""
    return functools.reduce(jnp.add, terms)


def _tally(state: State, kicking: jax.Array, sums: Exchange) -> Tally:
    """Return a tally with the sums of a step over the markers.

    kicking: wave power that scattered, (2, 2, bins)
    """
    return empty_tally(kicking, jnp.zeros(()))._replace(absolute_exchange=state.b * sums.absolute)


def _correction(sums: Exchange, missing: jax.Array) -> Correction:
    """Return the correction that gives the particles the energy ``missing`` per unit length of tube [code]."""
    number, energy, square = sums.envelope
    mean = energy / number
    return Correction(missing / (square - energy * mean), mean)


def settle(
    state: State, tally: Tally, correction: Correction, parameters: Parameters, model: Model, b: jax.Array
) -> tuple[State, Tally]:
    """Correct the weights so that the particles lost exactly what the waves gained, then expand to field ``b``.

    The gain is read with the control variate, the particles' energy with full weights: they differ by the sampling
    noise of F0's part, whose expectation vanishes.  That noise is taken out of the weights as a change of the
    isotropic part, eta V F0(y) (eps - <eps>), which conserves their number and drives no wave.

    tally, correction: from `scatter`
    b: field at the end of the step
    """
    balanced = model.balance_energy and model.scattering == "spectrum"

    def body(state: State, shared: tuple, words: None, histograms: tuple) -> tuple:
        parameters, correction, b = shared
        m = state.markers
        supplied: tuple = ()
        weighing = m.weighing(parameters.background, state.amplitude)
        full = weighing.full(m)
        if balanced:
            eps = moment_functions(state)[1]
            envelope = weighing.envelope(m).astype(jnp.float64)
            change = (correction.eta * envelope * (eps - correction.mean)).astype(m.excess.dtype)
            state = dataclasses.replace(state, markers=dataclasses.replace(m, excess=m.excess + change))
            full, supplied = full + change, (change.astype(jnp.float64) * eps, envelope * eps)
        state, work = tube.carry(state, full, b)
        changes = {"excess": state.markers.excess, "rise": state.markers.rise}
        return changes, histograms, (work, supplied)

    if not balanced and model.expansion == "none":
        return state, tally
    markers, _, (work, supplied) = pass_over(model.layout, body, state, (parameters, correction, b))
    if balanced:
        given, energy = (state.b * x for x in supplied)
        tally = tally._replace(imbalance=tally.imbalance - given, correction=jnp.abs(given) / energy)
    moved = tube.add_work(tube.change_surroundings(state, parameters, model, b), state.b, work)
    return dataclasses.replace(moved, markers=markers), tally
