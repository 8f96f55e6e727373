"""Kick every marker by the waves of both directions, which take up the energy that it loses."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from crmc.physics import tube
from crmc.physics.ensemble import held, pass_over
from crmc.physics.flow import Stretch
from crmc.physics.markers import Markers
from crmc.physics.moments import Sizes, expected_sizes, moment_functions
from crmc.physics.parameters import Model, Parameters
from crmc.physics.resonance import spread_of
from crmc.physics.state import State
from crmc.physics.waves import damp, grow, pass_on, wave_velocities
from crmc.solvers.monte_carlo import fused, kernel
from crmc.solvers.monte_carlo.deposits import (
    Deposit,
    add_deposits,
    deposits,
    deposits_in_bands,
    empty_histogram,
    gain_beyond,
    gain_in_bands,
    kick_gain,
    node_sizes,
    sizes_in_bands,
)
from crmc.solvers.monte_carlo.images import share_of_kicks
from crmc.solvers.monte_carlo.tables import Metric, compressed, metric_of
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
    state: State, noise: jax.Array, parameters: Parameters, model: Model, to: Stretch
) -> tuple[State, Tally, Correction, Metric | None]:
    """Expand to the deformation ``to`` and kick the markers by the waves of both directions, in alternating order.

    Returns the state, whose waves took up what the particles lost and then had the first half of their damping; the
    tally; the correction that `settle` must make for the energies to balance; and the metric of the kicks, None at a
    constant nu.

    noise: key of the step's random words, or the words, (N,) uint64: the low half for direction +, the high one for -
    to: deformation of the tube at which the markers are kicked
    """
    if model.scattering == "spectrum":
        return _scatter_spectrum(state, noise, parameters, model, to)
    return _scatter_constant(state, noise, parameters, model, to)


def _scatter_spectrum(
    state: State, noise: jax.Array, parameters: Parameters, model: Model, to: Stretch
) -> tuple[State, Tally, Correction, Metric | None]:
    """Kick by the waves of the spectrum; see `scatter`."""
    before = state
    state = tube.change_surroundings(state, parameters, model, to)
    nu_dt = parameters.nu_coefficient * to.b * parameters.dt
    metric, order = metric_of(state, parameters), _order(state)
    lookup = kernel.make_lookup(compressed(parameters.grid, metric, nu_dt), state.markers.rise.dtype)

    kept, imaged = share_of_kicks(before, parameters, model)
    size = expected_sizes(parameters.background, before.amplitude, to.density)
    spread = spread_of(parameters.grid, state.e, parameters.broadening)
    nodes = _node_sizes(before, spread, parameters, to)
    shared = parameters, lookup, order, nu_dt, to, imaged, nodes, spread
    sizes = tube.work_sizes(before, parameters), _exchange_sizes(size, state, parameters)
    markers, histograms, (work, sums) = _passed(model, (before, shared, noise, sizes))
    state = tube.add_work(dataclasses.replace(state, markers=markers), before.stretch, work)
    kicking, V = state.e, wave_velocities(state, parameters)
    own, mirrored = (kicking * x for x in _gains(parameters, kicking, V, histograms, state.b, imaged))
    offered = 0.5 * ((1.0 + kept) * own + (1.0 - kept) * mirrored)
    own, mirrored = (gain_beyond(parameters.grid, V, x.reshape(2, 2, -1), state.b) for x in histograms)
    # The waves at k_max tell how long those beyond it remember.
    last = kept[..., -1]
    beyond = 0.5 * ((1.0 + last) * own + (1.0 - last) * mirrored)
    state, damped = damp(state, parameters, model, 0.5 * parameters.dt)
    state, gain = grow(state, offered, parameters, model)
    state, passed = pass_on(state, beyond, parameters, model)
    damped, gain = damped + passed, gain + beyond
    imbalance = -state.density * sums.exchanged - jnp.sum(gain)
    tally = _tally(state, kicking, sums)._replace(
        gain=gain, damped=damped, peak=nu_dt * jnp.max(metric.reference), imbalance=imbalance
    )
    return state, tally, _correction(sums, imbalance / state.density), metric


def _node_sizes(before: State, spread: jax.Array, parameters: Parameters, to: Stretch) -> jax.Array:
    """Return the sizes of the deposits at every node of the histogram, (nodes,) [code].

    spread: Delta mu of the waves, ()
    """
    background, amplitude, bands = parameters.background, before.amplitude, parameters.bands
    if bands is None:
        return node_sizes(parameters.grid, background, amplitude, to)
    return sizes_in_bands(bands, spread, background, amplitude, to)


def _gains(
    parameters: Parameters, e: jax.Array, V: jax.Array, histograms: jax.Array, b: jax.Array, imaged: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return the energy density given to each bin by kicks and by images, divided by its e_j, (2, 2, bins) [code] each.

    e, V, b: as for `kick_gain`; histograms: of kicks and images; imaged: whether there are images, ()
    """
    bands, (kicks, images) = parameters.bands, histograms
    if bands is None:
        return kick_gain(parameters.grid, e, V, kicks, b), kick_gain(parameters.grid, e, V, images, b)

    def gain(histogram: jax.Array) -> jax.Array:
        return gain_in_bands(bands, e, V, histogram, b, parameters.seed)

    return gain(kicks), jax.lax.cond(imaged, gain, lambda _: jnp.zeros_like(e), images)


def _passed(model: Model, arguments: tuple) -> tuple[Markers, jax.Array, tuple]:
    """Return markers, histograms of kicks and images, (2, 2, *empty_histogram().shape), and sums of a pass.

    By the fused kernel where it applies.
    arguments: state before, what `_kick_block` shares, random key or words, and sizes of the terms
    """
    before, shared, noise, sizes = arguments
    # The weights of float64 markers have more digits than one sum keeps.
    parts = 2 if before.markers.rise.dtype == jnp.float64 else 1
    zeros = jnp.zeros((2, 2, parts, *empty_histogram(in_bands=model.broadens).shape))

    def plain(arguments: tuple) -> tuple:
        state, shared, noise, zeros, sizes = arguments
        noise = jax.random.wrap_key_data(noise) if noise.dtype == jnp.uint32 else noise
        body = partial(_kick_block, model)
        markers, histograms, sums = pass_over(model.layout, body, state, shared, noise, zeros, sizes)
        return markers, jnp.sum(histograms, axis=2), sums

    drawn = jax.random.key_data(noise) if jnp.issubdtype(noise.dtype, jax.dtypes.prng_key) else noise
    given = before, shared, drawn, zeros, sizes
    return fused.with_twin(partial(fused.pass_over, model), plain, given) if fused.applies(model) else plain(given)


def _kick_block(model: Model, state: State, shared: tuple, words: jax.Array, histograms: jax.Array) -> tuple:
    """Expand and kick one block of markers by both directions' waves; see `pass_over`.

    shared: parameters, lookup, order of the directions, nu dt of a particle at rest per unit e, deformation at the
        kicks, whether the mirror images of the kicks are wanted (`images`), sizes of the deposits at every node, and
        Delta mu
    histograms: those of kicks and of images for each direction, (2, 2, ...)
    """
    parameters, lookup, order, nu_dt, to, imaged, sizes, spread = shared
    grid, weighing = parameters.grid, state.markers.weighing(parameters.background, state.amplitude)
    full = weighing.full(state.markers)
    state, work = tube.carry(state, full, to)
    V, unit = wave_velocities(state, parameters), state.resonance

    def deposited(kick: kernel.Kick, weight: jax.Array) -> tuple[Deposit, ...]:
        if parameters.bands is None:
            return deposits(grid, kick, weight, unit)
        return deposits_in_bands(parameters.bands, spread, kick, weight, unit)

    def kick_by(i: jax.Array, carry: tuple) -> tuple:
        state, weight, exchanged, histograms = carry
        direction, image = order[i // 2], 1 - i % 2
        frame, bits = kernel.frame_of_waves(state, V, direction), _half(words, direction)
        bits = jnp.where(image == 1, ~bits, bits)
        kick = kernel.spectrum_kick(grid, lookup, frame, unit, nu_dt, bits, direction=direction, across=model.crossing)
        moved = kernel.after_kick(state, kick)
        after = weighing.estimated(moved.markers, model.estimator)
        found = held(deposited(kick, 0.5 * (weight + after)), state.step >= 0)
        histograms = histograms.at[image, direction].set(add_deposits(histograms[image, direction], found, sizes))
        kicked = moved, after, _added(exchanged, full, kernel.energy_change(kick))
        # An image is only looked at.
        kept = jax.tree.map(lambda x, y: jnp.where(image == 1, y, x), kicked, (state, weight, exchanged))
        return *kept, histograms

    def if_wanted(i: jax.Array, carry: tuple) -> tuple:
        return jax.lax.cond((i % 2 == 1) | imaged, kick_by, lambda _, carry: carry, i, carry)

    nothing = jnp.zeros_like(full), jnp.zeros_like(full)
    carry = state, weighing.estimated(state.markers, model.estimator), nothing, histograms
    # Image, then kick, of one direction and then of the other: one compiled copy serves all four.
    state, weight, exchanged, histograms = jax.lax.fori_loop(0, 4, if_wanted, carry)
    control = weight if model.estimator == "delta_f" else weighing.control(state.markers)
    return _moved(state.markers), histograms, (work, _exchange(state, full, control, exchanged))


def _scatter_constant(
    state: State, noise: jax.Array, parameters: Parameters, model: Model, to: Stretch
) -> tuple[State, Tally, Correction, Metric | None]:
    """Kick at a constant nu; see `scatter`.

    The energy goes to waves that are not followed: it is booked as radiated.
    """
    co_moving, before = model.scattering == "co_moving", state
    state = tube.change_surroundings(state, parameters, model, to)
    order = _order(state) if co_moving else jnp.zeros(1, jnp.int64)

    def body(state: State, shared: tuple, words: jax.Array, histograms: tuple) -> tuple:
        parameters, order, to = shared
        weighing = state.markers.weighing(parameters.background, state.amplitude)
        full = weighing.full(state.markers)
        state, work = tube.carry(state, full, to)
        weight, share = weighing.estimated(state.markers, model.estimator), []
        exchanged = jnp.zeros_like(full), jnp.zeros_like(full)
        V, nu = wave_velocities(state, parameters), parameters.scattering_frequency
        for direction in order:
            frame, bits = kernel.frame_of_waves(state, V, direction), _half(words, direction)
            kick = kernel.constant_kick(frame, nu, parameters.dt, bits, co_moving=co_moving)
            state = kernel.after_kick(state, kick)
            after = weighing.estimated(state.markers, model.estimator)
            energy = kernel.energy_change(kick)
            exchanged = _added(exchanged, full, energy)
            share.append((0.5 * (weight + after) * energy).astype(jnp.float64))
            weight = after
        sums = _exchange(state, full, weighing.control(state.markers), exchanged)
        return _moved(state.markers), histograms, (work, tuple(share), sums)

    size = expected_sizes(parameters.background, before.amplitude, to.density)
    exchange = _exchange_sizes(size, state, parameters)
    sizes = tube.work_sizes(before, parameters), (exchange.exchanged,) * order.size, exchange
    markers, _, (work, share, sums) = pass_over(model.layout, body, before, (parameters, order, to), noise, (), sizes)
    state = tube.add_work(dataclasses.replace(state, markers=markers), before.stretch, work)
    books = dataclasses.replace(state.books, radiated=state.books.radiated - sums.exchanged)
    tally = _tally(state, state.e, sums)._replace(
        gain=jnp.zeros((2, 2)).at[order, 0].set(-state.density * jnp.stack(share)),
        peak=parameters.scattering_frequency * parameters.dt,
    )
    return dataclasses.replace(state, books=books), tally, _correction(sums, jnp.zeros(())), None


def _exchange_sizes(size: Sizes, state: State, parameters: Parameters) -> Exchange:
    """Return the sizes of the terms of `Exchange`: |d eps| is at most about 2 v_A p, and p < 1 + eps.

    state: at the field of the kicks
    """
    speed = jnp.max(jnp.abs(wave_velocities(state, parameters)))
    exchanged = speed * (size.number + size.energy)
    return Exchange(exchanged, exchanged, (size.number, size.energy, size.square))


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


def _added(exchanged: tuple[jax.Array, jax.Array], full: jax.Array, energy: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the sums of W d eps and of |W d eps| over the kicks of each marker with one more, (N,) each [code].

    exchanged: the sums so far
    full, energy: weights W and d eps of the kick, (N,)
    """
    one = full * energy
    return exchanged[0] + one, exchanged[1] + jnp.abs(one)


def _exchange(state: State, full: jax.Array, control: jax.Array, exchanged: tuple[jax.Array, jax.Array]) -> Exchange:
    """Return the terms of `Exchange` of one block of markers.

    state: state after the kicks
    full, control: weights W and, after the kicks, w, (N,) [code]
    exchanged: from `_added`
    """
    # W - w = V F0
    envelope = full - control
    eps = moment_functions(state)[1]
    return Exchange(*exchanged, envelope=(envelope, envelope * eps, envelope * eps * eps))


def _tally(state: State, kicking: jax.Array, sums: Exchange) -> Tally:
    """Return a tally with the sums of a step over the markers.

    kicking: wave power that scattered, (2, 2, bins)
    """
    return empty_tally(kicking, jnp.zeros(()))._replace(absolute_exchange=state.density * sums.absolute)


def _correction(sums: Exchange, missing: jax.Array) -> Correction:
    """Return the correction that gives the particles the energy ``missing`` per unit length of tube [code]."""
    number, energy, square = sums.envelope
    mean = energy / number
    return Correction(missing / (square - energy * mean), mean)


def settle(
    state: State, tally: Tally, correction: Correction, parameters: Parameters, model: Model, to: Stretch
) -> tuple[State, Tally]:
    """Correct the weights so that the particles lost exactly what the waves gained, then expand to ``to``.

    The gain is read with the control variate, the particles' energy with full weights: they differ by the sampling
    noise of F0's part, whose expectation vanishes.  That noise is taken out of the weights as a change of the
    isotropic part, eta V F0(y) (eps - <eps>), which conserves their number and drives no wave.

    tally, correction: from `scatter`
    to: deformation of the tube at the end of the step
    """
    balanced = model.balance_energy and model.scattering == "spectrum"

    def body(state: State, shared: tuple, words: None, histograms: tuple) -> tuple:
        parameters, correction, to = shared
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
        state, work = tube.carry(state, full, to)
        return tube.moved(state) | {"excess": state.markers.excess}, histograms, (work, supplied)

    if not balanced and model.expansion == "none":
        return state, tally
    sizes = tube.work_sizes(state, parameters), _supplied_sizes(state, correction, parameters) if balanced else ()
    markers, _, (work, supplied) = pass_over(model.layout, body, state, (parameters, correction, to), sizes=sizes)
    if balanced:
        given, energy = (state.density * x for x in supplied)
        tally = tally._replace(imbalance=tally.imbalance - given, correction=jnp.abs(given) / energy)
    moved = tube.add_work(tube.change_surroundings(state, parameters, model, to), state.stretch, work)
    return dataclasses.replace(moved, markers=markers), tally


def _supplied_sizes(state: State, correction: Correction, parameters: Parameters) -> tuple[jax.Array, jax.Array]:
    """Return the sizes of eta V F0 (eps - mean) eps and V F0 eps, the terms of `settle`."""
    size = expected_sizes(parameters.background, state.amplitude, state.density)
    return jnp.abs(correction.eta) * (size.square + jnp.abs(correction.mean) * size.energy), size.energy
