"""Eq. 37 as a check that can fail: 2 sum Gamma W with Gamma from the functional A[f], beside the kicks' energy.

The functional needs f as the continuous equation has it.  A kick of finite length carries a mean over its length of
the gradient of f, so that where D varies within a kick, D times the gradient itself is off in proportion to nu dt: 4 to
8 % too large at nu_max dt = 0.4.  A sample is therefore taken on a copy of some markers that is carried on for
``RELAXING`` steps of the run in shorter ones: fast modes relax to their place, slow ones are right already.  The copy
starts from an even mixture of the markers before and after the kicks and is thrown away in the end.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.physics import gradient, markers
from crmc.physics.ensemble import excerpt, joined, spread
from crmc.physics.markers import Markers, padded
from crmc.physics.parameters import Model, Parameters
from crmc.physics.state import State
from crmc.physics.waves import wave_velocities
from crmc.solvers.monte_carlo import functional, kernel
from crmc.solvers.monte_carlo.tables import ScatteringTable, scattering_tables

#: Steps of the run before measuring; short steps while measuring.
RELAXING, MEASURING = 4, 2
#: Samples take parts of the ensemble in turn, at most so many if a part then has fewer markers than this.
_MOST_PARTS, _FEWEST_MARKERS = 4, 8192
#: No sample takes more markers: its cost then stays small beside the run's.
_MOST_MARKERS = 65536


class Sample(NamedTuple):
    """Markers picked at the start of a step: what expansion and kicks will change."""

    due: jax.Array  # whether the step is one of those that are sampled
    start: jax.Array  # number of the first marker
    changing: tuple[jax.Array, jax.Array]  # parallel momentum, rise; see `ensemble.excerpt`


def take_sample(state: State, model: Model) -> Sample:
    """The markers that the step's sample, if one is due, follows.

    Consecutive ones, a low-discrepancy set of their own: cells of the histogram then are rarely empty.
    """
    n, size = state.markers.rise.shape[0], _sample_size(state)
    sample, phase = jnp.divmod(state.step, model.functional_every)
    start = jnp.minimum(sample % -(-n // size) * size, n - size)
    m = state.markers
    return Sample(phase == 0, start, excerpt(model.layout, (m.parallel_momentum, m.rise), start, size))


def _sample_size(state: State) -> int:
    n = state.markers.rise.shape[0]
    parts = min(max(n // _FEWEST_MARKERS, 1), _MOST_PARTS)
    return min(-(-n // parts), _MOST_MARKERS)


def functional_of(
    sample: Sample, start: State, state: State, noise: jax.Array, parameters: Parameters, model: Model
) -> jax.Array:
    """`functional_sample` of a step that has kicked the markers of ``state``, or zeros where none is due.

    start: the state at the start of the step, half a step before the kicks.  Its waves scatter the sample as they did
    the run's markers: those of ``state`` have grown by the step's kicks.
    """
    size = _sample_size(state)
    shares = excerpt(model.layout, state.markers, sample.start, size)

    def measured() -> jax.Array:
        after = joined(model.layout, shares)
        parallel, rise = joined(model.layout, sample.changing)
        before = dataclasses.replace(after, parallel_momentum=parallel, rise=rise)
        before = markers.expand(before, start.b, state.b)
        words = jax.random.bits(jax.random.fold_in(noise, 1), (size,), "uint64")
        scattered = dataclasses.replace(state, e=start.e)
        return functional_sample(before, after, words, scattered, parameters, model, (state.b / start.b) ** 2)

    return jax.lax.cond(sample.due, measured, lambda: jnp.zeros((2, *functional.histogram_shape())))


def functional_sample(
    before: Markers,
    after: Markers,
    words: jax.Array,
    state: State,
    parameters: Parameters,
    model: Model,
    b_ratio: jax.Array,
) -> jax.Array:
    """Histogram of f in the frames of both directions' waves, (2 directions, *growth.histogram_shape()).

    before, after, words: parts of the ensemble around the kicks of one step, at the field of ``state``, and fresh
    random words; b_ratio: change of b in a step.
    """
    refinement = model.functional_refinement
    nu_dt = parameters.nu_coefficient * state.b * parameters.dt / refinement
    tables = scattering_tables(state, parameters, nu_dt)
    rest = dataclasses.replace(state, markers=None)  # type: ignore[arg-type]

    def local(ensemble: tuple, shared: tuple) -> tuple[tuple, jax.Array]:
        before, after, words = ensemble
        rest, parameters, tables, nu_dt, ratio, span = shared
        mixed = jax.tree.map(lambda x, y: jnp.where(words & 1 == 0, x, y), before, after)
        state = dataclasses.replace(rest, markers=mixed)
        return (), _relaxed_histogram(state, words, parameters, tables, nu_dt, ratio, span, model)

    span = gradient.gradient_now(state, parameters) * parameters.dt / refinement
    shared = rest, parameters, tables, nu_dt, b_ratio ** (1.0 / refinement), span
    count = -(-words.shape[0] // model.layout.devices) * model.layout.devices
    before, after = padded(before, count), padded(after, count)
    words = jnp.pad(words, (0, count - words.shape[0]))
    return spread(model.layout, local, (before, after, words), shared)[1]


def _relaxed_histogram(
    state: State,
    words: jax.Array,
    parameters: Parameters,
    tables: ScatteringTable,
    nu_dt: jax.Array,
    ratio: jax.Array,
    span: jax.Array,
    model: Model,
) -> jax.Array:
    """Carry the markers of ``state`` on in short steps, then add up f.

    In each the field changes by ``ratio``, and the weights as the gradient has it in a time dt, ``span`` = dt/L.
    """
    velocity = wave_velocities(state, parameters)
    dtype = state.markers.rise.dtype
    lookups = [kernel.make_lookup(jax.tree.map(lambda x, d=d: x[d], tables), dtype) for d in range(2)]

    def kick(state: State, i: jax.Array, d: int) -> tuple[kernel.Kick, State]:
        frame = kernel.wave_frame(state.markers.momentum_squared(state.b), state.markers.parallel_momentum, velocity[d])
        half = (words >> np.uint64(32 * d)).astype(jnp.uint32)
        bits = _scramble(half + (2 * i + d).astype(jnp.uint32) * jnp.uint32(0x9E3779B9))
        kick = kernel.spectrum_kick(parameters.grid, lookups[d], frame, state.b, nu_dt, bits, across=model.broadened)
        return kick, dataclasses.replace(state, markers=kernel.apply(state.markers, kick, state.b))

    def drive(state: State) -> State:
        m = state.markers
        if model.gradient:
            full = m.weight(parameters.background, state.amplitude)
            change = gradient.gain(m, full, state.b, span)
            m = dataclasses.replace(m, excess=m.excess + change.astype(dtype))
        b = state.b * ratio
        return dataclasses.replace(state, b=b, markers=markers.expand(m, state.b, b))

    def relax(i: jax.Array, state: State) -> State:
        state = drive(state)
        for d in range(2):
            _, state = kick(state, i, d)
        return state

    def measure(i: jax.Array, carry: tuple[State, jax.Array]) -> tuple[State, jax.Array]:
        state, histogram = carry
        state = drive(state)
        for d in range(2):
            moved, after = kick(state, i, d)
            for q, s in ((moved.frame.q, state), (moved.q, after)):
                frame = moved.frame._replace(q=q)
                weights = functional.wave_frame_weight(parameters.background, s.amplitude, frame, s.markers, s.b)
                part = functional.resonant_histogram(parameters.grid, parameters.background, frame, *weights, s.b)
                histogram = histogram.at[d].add(part)
            state = after
        return state, histogram

    relaxing = RELAXING * model.functional_refinement
    state = jax.lax.fori_loop(0, relaxing, relax, state)
    carry = (state, jnp.zeros((2, *functional.histogram_shape())))
    _, histogram = jax.lax.fori_loop(relaxing, relaxing + MEASURING, measure, carry)
    return histogram


def _scramble(x: jax.Array) -> jax.Array:
    """Fresh words from used ones (the finaliser of MurmurHash3); good enough for a copy that is thrown away."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return x ^ (x >> 16)
