"""Sample f for the growth functional, whose 2 sum Gamma W must equal the energy of the kicks (eq. 37).

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
#: No sample takes more markers: its cost then stays small beside the run's.
_MOST_MARKERS = 65536


class Sample(NamedTuple):
    """Markers picked at the start of a step, before expansion and kicks change them.

    due: whether the step is sampled
    start: number of the first marker
    changing: parallel momentum [m_p c] and rise, each (n,) on one device; see `ensemble.excerpt`
    """

    due: jax.Array
    start: jax.Array
    changing: tuple[jax.Array, jax.Array]


def take_sample(state: State, model: Model) -> Sample:
    """Return the markers that the sample of this step follows, at the start of the step.

    They are consecutive ones, a low-discrepancy set of their own: cells of the histogram then are rarely empty.
    """
    n, size = state.markers.rise.shape[0], _sample_size(state, model)
    sample, phase = jnp.divmod(state.step, model.functional_every)
    start = jnp.minimum(sample % -(-n // size) * size, n - size)
    m = state.markers
    return Sample(phase == 0, start, excerpt(model.layout, (m.parallel_momentum, m.rise), start, size))


def _sample_size(state: State, model: Model) -> int:
    """Return the number of markers in a sample."""
    return min(-(-state.markers.rise.shape[0] // model.functional_parts), _MOST_MARKERS)


def functional_of(
    sample: Sample, start: State, state: State, noise: jax.Array, parameters: Parameters, model: Model
) -> jax.Array:
    """Return the `functional_sample` of a step, or zeros where none is due, (2, *functional.histogram_shape()).

    The waves of ``start`` scatter the sample as they did the run's markers: those of ``state`` have grown by the kicks.

    sample: markers at the start of the step, from `take_sample`
    start: state at the start of the step, half a step before the kicks
    state: state after the kicks
    noise: key of the step's random words
    """
    size = _sample_size(state, model)
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
    """Return a histogram of f in the frames of both directions' waves, (2, *functional.histogram_shape()).

    before, after: n markers before and after the kicks of one step, at the field of ``state``
    words: fresh random words, (n,) uint64
    b_ratio: factor by which b changes in a step
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


class _ShortSteps(NamedTuple):
    """Operators of a sample's short steps.

    words: random words of the sample, (n,) uint64
    velocity: phase velocities of both directions' waves, (2,) [c]
    lookups: look-ups of the metric, one for each direction
    nu_dt: scattering per short step of a marker at rest per unit e
    ratio: factor by which b changes in a short step
    span: length of a short step in units of the gradient's, dt/L [1/c]
    """

    words: jax.Array
    velocity: jax.Array
    lookups: list[kernel.Lookup]
    nu_dt: jax.Array
    ratio: jax.Array
    span: jax.Array
    parameters: Parameters
    model: Model

    def kick(self, state: State, i: jax.Array, d: int) -> tuple[kernel.Kick, State]:
        """Return the kick by the waves of direction number ``d`` in short step ``i``, and the state after it."""
        frame = kernel.frame_of_waves(state, self.velocity, d)
        half = (self.words >> np.uint64(32 * d)).astype(jnp.uint32)
        bits = _scramble(half + (2 * i + d).astype(jnp.uint32) * jnp.uint32(0x9E3779B9))
        across = self.model.broadened
        kick = kernel.spectrum_kick(
            self.parameters.grid, self.lookups[d], frame, state.b, self.nu_dt, bits, across=across
        )
        return kick, kernel.after_kick(state, kick)

    def drive(self, state: State) -> State:
        """Return the state after the gradient and the expansion of a short step."""
        m = state.markers
        if self.model.gradient:
            full = m.weight(self.parameters.background, state.amplitude)
            change = gradient.gain(m, full, state.b, self.span)
            m = dataclasses.replace(m, excess=m.excess + change.astype(m.rise.dtype))
        b = state.b * self.ratio
        return dataclasses.replace(state, b=b, markers=markers.expand(m, state.b, b))

    def relax(self, i: jax.Array, state: State) -> State:
        """Return the state after short step ``i``."""
        state = self.drive(state)
        for d in range(2):
            _, state = self.kick(state, i, d)
        return state

    def measure(self, i: jax.Array, carry: tuple[State, jax.Array]) -> tuple[State, jax.Array]:
        """Return the state after short step ``i``, and the histogram with f before and after each of its kicks."""
        state, histogram = carry
        state = self.drive(state)
        grid, background = self.parameters.grid, self.parameters.background
        for d in range(2):
            moved, after = self.kick(state, i, d)
            for q, s in ((moved.frame.q, state), (moved.q, after)):
                frame = moved.frame._replace(q=q)
                weights = functional.wave_frame_weight(background, s.amplitude, frame, s.markers, s.b)
                part = functional.resonant_histogram(grid, background, frame, *weights, s.b)
                histogram = histogram.at[d].add(part)
            state = after
        return state, histogram


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
    """Carry the markers of ``state`` on in short steps, then return the histogram of f.

    tables: tables of both directions, stacked
    words, nu_dt, ratio, span: as in `_ShortSteps`
    """
    velocity = wave_velocities(state, parameters)
    lookups = [kernel.lookup_of(tables, d, state.markers.rise.dtype) for d in range(2)]
    short = _ShortSteps(words, velocity, lookups, nu_dt, ratio, span, parameters, model)
    relaxing = RELAXING * model.functional_refinement
    state = jax.lax.fori_loop(0, relaxing, short.relax, state)
    carry = (state, jnp.zeros((2, *functional.histogram_shape())))
    _, histogram = jax.lax.fori_loop(relaxing, relaxing + MEASURING, short.measure, carry)
    return histogram


def _scramble(x: jax.Array) -> jax.Array:
    """Return fresh words from used ones (the finaliser of MurmurHash3), good enough for a copy that is thrown away."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return x ^ (x >> 16)
