"""Kick every marker by the waves of both directions, which take up the energy that it loses."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from crmc.physics import tube
from crmc.physics.ensemble import held, pass_over, spread
from crmc.physics.flow import Stretch
from crmc.physics.markers import Markers
from crmc.physics.moments import expected_sizes, moment_functions
from crmc.physics.parameters import Model, Parameters
from crmc.physics.state import State
from crmc.physics.waves import wave_velocities
from crmc.solvers.monte_carlo import fused, fused_settle, kernel
from crmc.solvers.monte_carlo.deposits import (
    Deposit,
    add_deposits,
    branch_taken,
    deposits,
    deposits_in_bands,
    deposits_taken,
    empty_histogram,
    taken_in_bands,
)
from crmc.solvers.monte_carlo.exchange import (
    Correction,
    Exchange,
    Ready,
    after_kicks,
    after_settling,
    before_kicks,
    correction_of,
    exchange_sizes,
    is_balanced,
    order_of,
    tally_of,
)
from crmc.solvers.monte_carlo.tables import Metric, compressed, metric_of
from crmc.solvers.one_kernel import in_one_kernel, together, with_twin
from crmc.solvers.tally import Tally
from crmc.theory.distribution import Background


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
    before, few = state, partial(together, fused.few(model))
    bare = dataclasses.replace(before, markers=None)  # type: ignore[arg-type]
    ready = few("before_kicks", partial(before_kicks, model), bare, parameters, to)
    metric = None
    if not fused.applies(model):
        metric = metric_of(dataclasses.replace(ready.state, markers=before.markers), parameters)
    markers, histograms, sums = _passed(model, before, ready, to, noise, metric, parameters)
    taken = _taken(model, parameters, ready, histograms)
    after = few("after_kicks", partial(after_kicks, model), ready, before.stretch, taken, sums, parameters)
    state, tally, correction = after
    state = dataclasses.replace(state, markers=markers)
    return state, tally, correction, metric


def _taken(model: Model, parameters: Parameters, ready: Ready, histograms: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return `deposits_taken`, on a GPU by one kernel, or `taken_in_bands`."""
    grid, e, b = parameters.grid, ready.state.e, ready.state.b
    if parameters.bands is not None:
        return taken_in_bands(parameters.bands, e, ready.velocity, b, parameters.seed, histograms, ready.imaged > 0)
    if not fused.few(model):
        return deposits_taken(grid, e, histograms)

    def kernel(x: tuple) -> tuple[jax.Array, jax.Array]:
        grid, e, histograms = x
        flat = grid, e.reshape(4, -1), histograms.reshape(8, -1)
        found, beyond = in_one_kernel("deposits", branch_taken, *flat, count=8, warps=16)
        return found.reshape(2, *e.shape), beyond.reshape(2, 2, 2)

    return with_twin(kernel, lambda x: deposits_taken(*x), (grid, e, histograms))


def _passed(
    model: Model,
    before: State,
    ready: Ready,
    to: Stretch,
    noise: jax.Array,
    metric: Metric | None,
    parameters: Parameters,
) -> tuple[Markers, jax.Array, Any]:
    """Return markers, histograms of kicks and images, (2, 2, *empty_histogram().shape), and sums.

    By the fused kernel where it applies, which finds the metric itself and whose sums are in parts (`fused.as_parts`).
    """
    # The weights of float64 markers have more digits than one sum keeps.
    parts = 2 if before.markers.rise.dtype == jnp.float64 else 1
    zeros = jnp.zeros((2, 2, parts, *empty_histogram(in_bands=model.broadens).shape))

    def plain(arguments: tuple) -> tuple:
        before, ready, to, noise, metric, parameters = arguments
        noise = jax.random.wrap_key_data(noise) if noise.dtype == jnp.uint32 else noise
        if metric is None:
            metric = metric_of(dataclasses.replace(ready.state, markers=before.markers), parameters)
        lookup = kernel.make_lookup(compressed(parameters.grid, metric, ready.nu_dt), before.markers.rise.dtype)
        shared = parameters, lookup, ready.order, ready.nu_dt, to, ready.imaged > 0, ready.nodes, ready.spread
        body = partial(_kick_block, model)
        markers, histograms, sums = pass_over(model.layout, body, before, shared, noise, zeros, ready.sizes)
        return markers, jnp.sum(histograms, axis=2), sums

    def twin(arguments: tuple) -> tuple:
        markers, histograms, sums = plain(arguments)
        return markers, histograms, fused.as_parts(model, before.markers, sums)

    drawn = jax.random.key_data(noise) if jnp.issubdtype(noise.dtype, jax.dtypes.prng_key) else noise
    given = before, ready, to, drawn, metric, parameters
    return with_twin(partial(fused.pass_over, model), twin, given) if fused.applies(model) else plain(given)


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
    order = order_of(state) if co_moving else jnp.zeros(1, jnp.int64)

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
    exchange = exchange_sizes(size, state, parameters)
    sizes = tube.work_sizes(before, parameters), (exchange.exchanged,) * order.size, exchange
    markers, _, (work, share, sums) = pass_over(model.layout, body, before, (parameters, order, to), noise, (), sizes)
    state = tube.add_work(dataclasses.replace(state, markers=markers), before.stretch, work)
    books = dataclasses.replace(state.books, radiated=state.books.radiated - sums.exchanged)
    tally = tally_of(state, state.e, sums)._replace(
        gain=jnp.zeros((2, 2)).at[order, 0].set(-state.density * jnp.stack(share)),
        peak=parameters.scattering_frequency * parameters.dt,
    )
    state = dataclasses.replace(state, books=books)
    return state, tally, correction_of(sums, jnp.zeros(()), state, parameters, model), None


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


def settle(
    state: State,
    tally: Tally,
    correction: Correction,
    parameters: Parameters,
    model: Model,
    to: Stretch,
    closing: Callable[[State, Parameters], State] | None = None,
) -> tuple[State, Tally]:
    """Correct the weights so that the particles lost exactly what the waves gained, then expand to ``to``.

    The gain is read with the control variate, the particles' energy with full weights: they differ by the sampling
    noise of F0's part, whose expectation vanishes.  That noise is taken out of the weights as a change of the
    isotropic part, eta V F0(y) (eps - <eps>), which conserves their number and drives no wave.

    tally, correction: from `scatter`
    to: deformation of the tube at the end of the step
    closing: what follows and leaves the markers as they are
    """
    balanced = is_balanced(model)
    if not balanced and model.expansion == "none":
        return state if closing is None else closing(state, parameters), tally
    bare = dataclasses.replace(state, markers=None)  # type: ignore[arg-type]
    given, sizes = (state, parameters, correction, to), correction.sizes
    plain = partial(_settled_plain, model, balanced)
    if fused.applies(model):

        def twin(arguments: tuple) -> tuple[Markers, jax.Array]:
            markers, sums = plain(arguments)
            return markers, fused.as_parts(model, markers, sums, fused_settle.programs)

        markers, sums = with_twin(partial(_settled_fused, model, balanced), twin, given)
    else:
        markers, sums = plain(given)
    after = partial(after_settling, model, closing)
    moved, tally = together(fused.few(model), "after_settling", after, bare, tally, sums, sizes, parameters, to)
    return dataclasses.replace(moved, markers=markers), tally


def _settled(
    balanced: bool, state: State, background: Background, correction: Correction, to: Stretch
) -> tuple[dict[str, jax.Array], tuple]:
    """Return the fields of markers that `settle` changes, and the terms of work and of supplied energy."""
    m = state.markers
    supplied: tuple = ()
    weighing = m.weighing(background, state.amplitude)
    full = weighing.full(m)
    if balanced:
        eps = moment_functions(state)[1]
        envelope = weighing.envelope(m).astype(jnp.float64)
        change = (correction.eta * envelope * (eps - correction.mean)).astype(m.excess.dtype)
        state = dataclasses.replace(state, markers=dataclasses.replace(m, excess=m.excess + change))
        full, supplied = full + change, (change.astype(jnp.float64) * eps, envelope * eps)
    state, work = tube.carry(state, full, to)
    return tube.moved(state) | {"excess": state.markers.excess}, (work, supplied)


def _settled_plain(model: Model, balanced: bool, arguments: tuple) -> tuple[Markers, tuple]:
    """Return the markers after `settle`, and the sums."""
    state, parameters, correction, to = arguments

    def body(state: State, shared: tuple, words: None, histograms: tuple) -> tuple:
        parameters, correction, to = shared
        changes, terms = _settled(balanced, state, parameters.background, correction, to)
        return changes, histograms, terms

    shared, sizes = (parameters, correction, to), correction.sizes
    markers, _, sums = pass_over(model.layout, body, state, shared, sizes=sizes)
    return markers, sums


def _settled_fused(model: Model, balanced: bool, arguments: tuple) -> tuple[Markers, jax.Array]:
    """Return what `_settled_plain` does, by one kernel and with the sums in parts."""
    state, parameters, correction, to = arguments
    nothing: Any = None

    def body(markers: Markers, small: tuple) -> tuple[dict[str, jax.Array], tuple]:
        (amplitude, start), *rest = small
        bare = State(jnp.zeros((), jnp.int32), markers, amplitude, nothing, start.b, nothing, nothing, start.length)
        return _settled(balanced, bare, *rest)

    def local(markers: Markers, shared: tuple) -> tuple[dict[str, jax.Array], jax.Array]:
        return fused_settle.over_markers("settle", body, markers, *shared)

    # Without the ends of the momenta, which the kernel does not need.
    background = dataclasses.replace(parameters.background, momentum_min=nothing, momentum_max=nothing)
    one = Correction(correction.eta, correction.mean, ())
    shared = ((state.amplitude, state.stretch), background, one, to), correction.sizes
    changes, sums = spread(model.layout, local, state.markers, shared)
    return dataclasses.replace(state.markers, **changes), sums
