"""The kicks of one step: every marker meets the waves of both directions, which take up what it loses."""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from crmc.physics import tube
from crmc.physics.ensemble import held, sweep
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
    """Sums over the ensemble of what the kicks of a step moved; energies d eps per unit length of tube.

    squared: (w d eps)^2 of both directions' kicks, w the mean estimator weight before and after.
    exchanged, absolute: W d eps and |W d eps|, W the full weight.
    envelope: V F0 after the kicks, times 1, eps and eps^2 (a triple).
    """

    squared: jax.Array
    exchanged: jax.Array
    absolute: jax.Array
    envelope: tuple[jax.Array, jax.Array, jax.Array]


class Correction(NamedTuple):
    """Change of weights, eta V F0(y) (eps - mean) each, that is still to be made."""

    eta: jax.Array
    mean: jax.Array


def scatter(
    state: State, noise: jax.Array, parameters: Parameters, model: Model, b: jax.Array
) -> tuple[State, Tally, Correction]:
    """Expansion to field ``b``, and elastic kicks by the waves of both directions, in alternating order.

    noise: key of the step's random words, or the words, (N,) uint64: a low half for direction +, a high one for -.
    Returns the state with waves that took up what the particles lost, after the first half of their damping, and the
    correction that `settle` must make for the energies to balance.
    """
    if model.scattering == "spectrum":
        return _scatter_spectrum(state, noise, parameters, model, b)
    return _scatter_constant(state, noise, parameters, model, b)


def _scatter_spectrum(
    state: State, noise: jax.Array, parameters: Parameters, model: Model, b: jax.Array
) -> tuple[State, Tally, Correction]:
    before = state
    state = tube.change_surroundings(state, parameters, model, b)
    nu_dt = parameters.nu_coefficient * b * parameters.dt
    tables = scattering_tables(state, parameters, nu_dt)
    first = state.step % 2
    order = jnp.stack([first, 1 - first])
    lookups = [
        kernel.make_lookup(jax.tree.map(lambda x, i=i: x[order[i]], tables), state.markers.rise.dtype) for i in range(2)
    ]

    def body(state: State, shared: tuple, words: jax.Array, histograms: tuple) -> tuple:
        parameters, lookups, order, nu_dt, b = shared
        weighing = state.markers.weighing(parameters.background, state.amplitude)
        full = weighing.full(state.markers)
        state, work = tube.carry(state, full, b)
        kicked, weight = [], [weighing.estimated(state.markers, model.estimator)]
        V = wave_velocities(state, parameters)
        for lookup, direction in zip(lookups, order, strict=True):
            frame = kernel.wave_frame(state.markers.momentum_squared(b), state.markers.parallel_momentum, V[direction])
            bits = _half(words, direction)
            kick = kernel.spectrum_kick(parameters.grid, lookup, frame, b, nu_dt, bits, across=model.broadened)
            state = dataclasses.replace(state, markers=kernel.apply(state.markers, kick, b))
            weight.append(weighing.estimated(state.markers, model.estimator))
            kicked.append(kick)
        mean = [0.5 * (weight[i] + weight[i + 1]) for i in range(2)]
        found = [deposits(parameters.grid, *x, b) for x in zip(kicked, mean, strict=True)]
        found = held(found, state.step >= 0)
        histograms = tuple(add_deposits(*x) for x in zip(histograms, found, strict=True))
        energy = [kernel.energy_change(kick) for kick in kicked]
        control = weight[-1] if model.estimator == "delta_f" else weighing.control(state.markers)
        return _moved(state.markers), histograms, (work, _exchange(state, full, control, energy, mean))

    shared = parameters, lookups, order, nu_dt, b
    zeros = (empty_histogram(),) * 2
    markers, histograms, (work, sums) = sweep(model.layout, body, before, shared, noise, zeros)
    state = tube.add_work(dataclasses.replace(state, markers=markers), before.b, work)
    kicking, V = state.waves, wave_velocities(state, parameters)
    offered = kicking * kick_gain(parameters.grid, kicking, V, jnp.stack(histograms)[order], state.b)
    state, damped = damp(state, parameters, model, 0.5 * parameters.dt)
    state, gain = grow(state, offered, parameters, model)
    imbalance = -state.b * sums.exchanged - jnp.sum(gain)
    tally = _tally(state, sums)._replace(
        gain=gain, damped=damped, peak=nu_dt * jnp.max(tables.reference), imbalance=imbalance
    )
    return state, tally, _correction(sums, imbalance / state.b)


def _scatter_constant(
    state: State, noise: jax.Array, parameters: Parameters, model: Model, b: jax.Array
) -> tuple[State, Tally, Correction]:
    """Kicks of a constant nu: the energy goes to waves that are not followed, and is booked as radiated."""
    co_moving, before = model.scattering == "co_moving", state
    state = tube.change_surroundings(state, parameters, model, b)
    order = jnp.stack([state.step % 2, 1 - state.step % 2]) if co_moving else jnp.zeros(1, jnp.int64)

    def body(state: State, shared: tuple, words: jax.Array, histograms: tuple) -> tuple:
        parameters, order, b = shared
        weighing = state.markers.weighing(parameters.background, state.amplitude)
        full = weighing.full(state.markers)
        state, work = tube.carry(state, full, b)
        weight, energy, mean = weighing.estimated(state.markers, model.estimator), [], []
        V, nu = wave_velocities(state, parameters), parameters.scattering_frequency
        for direction in order:
            frame = kernel.wave_frame(state.markers.momentum_squared(b), state.markers.parallel_momentum, V[direction])
            bits = _half(words, direction)
            kick = kernel.constant_kick(frame, nu, parameters.dt, bits, co_moving=co_moving)
            state = dataclasses.replace(state, markers=kernel.apply(state.markers, kick, b))
            after = weighing.estimated(state.markers, model.estimator)
            energy.append(kernel.energy_change(kick))
            mean.append(0.5 * (weight + after))
            weight = after
        share = tuple((w * e).astype(jnp.float64) for w, e in zip(mean, energy, strict=True))
        sums = _exchange(state, full, weighing.control(state.markers), energy, mean)
        return _moved(state.markers), histograms, (work, share, sums)

    markers, _, (work, share, sums) = sweep(model.layout, body, before, (parameters, order, b), noise)
    state = tube.add_work(dataclasses.replace(state, markers=markers), before.b, work)
    books = dataclasses.replace(state.books, radiated=state.books.radiated - sums.exchanged)
    tally = _tally(state, sums)._replace(
        gain=jnp.zeros((2, 2)).at[order, 0].set(-state.b * jnp.stack(share)),
        peak=parameters.scattering_frequency * parameters.dt,
    )
    return dataclasses.replace(state, books=books), tally, _correction(sums, jnp.zeros(()))


def _moved(m: Markers) -> dict[str, jax.Array]:
    """What kicks change."""
    return {"parallel_momentum": m.parallel_momentum, "rise": m.rise}


def _half(words: jax.Array, direction: jax.Array) -> jax.Array:
    """The 32 bits of each word that belong to a direction (index 0: +, 1: -)."""
    return (words >> (32 * direction).astype(words.dtype)).astype(jnp.uint32)


def _exchange(state: State, full: jax.Array, control: jax.Array, energy: list, mean: list) -> Exchange:
    """Terms of one block, ``state`` and w = ``control`` after the kicks."""
    share = [(w * e).astype(jnp.float64) for w, e in zip(mean, energy, strict=True)]
    exchanged = [full * e for e in energy]
    # W - w = V F0
    envelope = full - control
    eps = moment_functions(state)[1]
    return Exchange(
        squared=_sum([x**2 for x in share]),
        exchanged=_sum(exchanged),
        absolute=_sum([jnp.abs(x) for x in exchanged]),
        envelope=(envelope, envelope * eps, envelope * eps * eps),
    )


def _sum(terms: list[jax.Array]) -> jax.Array:
    return functools.reduce(jnp.add, terms)


def _tally(state: State, sums: Exchange) -> Tally:
    return empty_tally(jnp.zeros(()))._replace(
        functional=jnp.zeros(()),
        gain_variance=state.b**2 * sums.squared,
        absolute_exchange=state.b * sums.absolute,
    )


def _correction(sums: Exchange, missing: jax.Array) -> Correction:
    """The correction that gives the particles the energy ``missing``, per unit length."""
    number, energy, square = sums.envelope
    mean = energy / number
    return Correction(missing / (square - energy * mean), mean)


def settle(
    state: State, tally: Tally, correction: Correction, parameters: Parameters, model: Model, b: jax.Array
) -> tuple[State, Tally]:
    """Weights corrected so that the particles lost exactly what the waves gained; then expansion to field ``b``.

    The gain is read with the control variate, the particles' energy with full weights: they differ by the sampling
    noise of F0's part, whose expectation vanishes.  That noise is taken out of the weights as a change of the
    isotropic part, eta V F0(y) (eps - <eps>), which conserves their number and drives no wave.
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
    markers, _, (work, supplied) = sweep(model.layout, body, state, (parameters, correction, b))
    if balanced:
        given, energy = (state.b * x for x in supplied)
        tally = tally._replace(imbalance=tally.imbalance - given, correction=jnp.abs(given) / energy)
    moved = tube.add_work(tube.change_surroundings(state, parameters, model, b), state.b, work)
    return dataclasses.replace(moved, markers=markers), tally
