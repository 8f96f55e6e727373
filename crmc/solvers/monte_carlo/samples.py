"""Sample f for the growth functional, whose 2 sum Gamma W must equal the energy of the kicks (eq. 37).

The functional needs f as the continuous equation has it.  A kick of finite length carries a mean over its length of
the gradient of f, so that where D varies within a kick, D times the gradient itself is off in proportion to nu dt: 4 to
8 % too large at nu_max dt = 0.4.  A sample is therefore taken on a copy of some markers that is carried on in shorter
steps, ``STAGES`` times for the time of one step of the run, with steps half as long at each stage: what a length of
kick leaves relaxes in about the time of one such kick, so that the long steps do most of the way.  Fast modes relax to
their place, slow ones are right already.  The copy starts from an even mixture of the markers before and after the
kicks and is thrown away in the end.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.physics import gradient, markers
from crmc.physics.ensemble import excerpt, held, joined, spread
from crmc.physics.flow import Stretch
from crmc.physics.markers import Markers, padded
from crmc.physics.moments import expected_sizes
from crmc.physics.parameters import MOST_REFINED, Model, Parameters
from crmc.physics.state import State
from crmc.physics.waves import wave_velocities
from crmc.solvers.monte_carlo import functional, kernel
from crmc.solvers.monte_carlo.tables import Metric, compressed, metric_of

#: Stages before measuring, each as long as a step of the run; short steps while measuring.
STAGES, MEASURING = 4, 2
#: Short steps of the last stage for one of each stage, and of all stages at most.
_SHORTER = 2 ** np.arange(STAGES)[::-1]
_MOST_SHORT_STEPS = int(np.sum(np.maximum(MOST_REFINED // _SHORTER, 1)))
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


def take_sample(state: State, parameters: Parameters, model: Model) -> Sample:
    """Return the markers that the sample of this step follows, at the start of the step.

    They are consecutive ones, a low-discrepancy set of their own: cells of the histogram then are rarely empty.
    """
    n, size = state.markers.rise.shape[0], _sample_size(state, model)
    sample, phase = jnp.divmod(state.step, parameters.cadence.functional_every)
    start = jnp.minimum(sample % -(-n // size) * size, n - size)
    m = state.markers
    return Sample(phase == 0, start, excerpt(model.layout, (m.parallel_momentum, m.rise), start, size))


def _sample_size(state: State, model: Model) -> int:
    """Return the number of markers in a sample."""
    return min(-(-state.markers.rise.shape[0] // model.functional_parts), _MOST_MARKERS)


def functional_of(
    sample: Sample,
    start: Stretch,
    state: State,
    kicking: jax.Array,
    metric: Metric | None,
    parameters: Parameters,
    model: Model,
) -> jax.Array:
    """Return the `functional_sample` of a step, or zeros where none is due, (2, *functional.histogram_shape()).

    sample: markers at the start of the step, from `take_sample`
    start: deformation of the tube at the start of the step, half a step before the kicks
    state: state after the kicks
    kicking: power of the waves that kicked, (2, 2, bins); those of ``state`` have grown by the kicks
    metric: that of the waves that kicked; None to find it where a sample is due
    """
    size = _sample_size(state, model)
    shares = excerpt(model.layout, state.markers, sample.start, size)

    def measured() -> jax.Array:
        after = joined(model.layout, shares)
        parallel, rise = joined(model.layout, sample.changing)
        before = dataclasses.replace(after, parallel_momentum=parallel, rise=rise)
        before = markers.expand(before, start, state.stretch)
        found = metric_of(dataclasses.replace(state, e=kicking), parameters) if metric is None else metric
        return functional_sample(before, after, state, found, parameters, model, start)

    return jax.lax.cond(sample.due, measured, lambda: jnp.zeros((2, *functional.histogram_shape())))


def functional_sample(
    before: Markers,
    after: Markers,
    state: State,
    metric: Metric,
    parameters: Parameters,
    model: Model,
    start: Stretch,
) -> jax.Array:
    """Return a histogram of f in the frames of both directions' waves, (2, *functional.histogram_shape()).

    before, after: n markers before and after the kicks of one step, at the field of ``state``
    metric: that of the waves that kick them
    start: deformation of the tube half a step before that of ``state``
    """
    rest = dataclasses.replace(state, markers=None)  # type: ignore[arg-type]
    words = _words(after, state.step)

    def local(ensemble: tuple, shared: tuple) -> tuple[tuple, jax.Array]:
        before, after, words = ensemble
        rest, parameters, metric, ratio = shared
        mixed = jax.tree.map(lambda x, y: jnp.where(words & 1 == 0, x, y), before, after)
        state = dataclasses.replace(rest, markers=mixed)
        return (), _relaxed_histogram(state, words, parameters, metric, ratio, model)

    changes = jax.tree.map(lambda x, y: (x / y) ** 2, state.stretch, start)
    count = -(-words.shape[0] // model.layout.devices) * model.layout.devices
    before, after = padded(before, count), padded(after, count)
    words = jnp.pad(words, (0, count - words.shape[0]))
    before, after, words = held((before, after, words), state.step >= 0)
    shared = rest, parameters, metric, changes
    return jnp.sum(spread(model.layout, local, (before, after, words), shared)[1], axis=1)


def _words(m: Markers, step: jax.Array) -> jax.Array:
    """Return random words for the markers of a sample, hashed from the digits of their momenta, (n,) uint64.

    The last digits of a momentum are as good as random after a kick.  Step and place keep equal momenta apart.
    """
    digits = (jax.lax.bitcast_convert_type(x.astype(jnp.float32), jnp.uint32) for x in (m.parallel_momentum, m.rise))
    place = jnp.arange(m.rise.size, dtype=jnp.uint32) * jnp.uint32(0x9E3779B9) + step.astype(jnp.uint32)
    low, high = (_scramble(x ^ _scramble(place + np.uint32(i))) for i, x in enumerate(digits))
    return low.astype(jnp.uint64) | high.astype(jnp.uint64) << np.uint64(32)


class _ShortSteps(NamedTuple):
    """Operators of a sample's short steps.

    words: random words of the sample, (n,) uint64
    velocity: phase velocities of both directions' waves, (2,) [c]
    lookup: look-up of the metric of each stage and direction
    refinement: short steps of each stage, (STAGES,)
    nu_dt: scattering per short step of a marker at rest per unit e, (STAGES,)
    ratio: factors by which B and the length change in a short step, (STAGES,) each
    span: length of a short step in units of the gradient's, dt/L, (STAGES,) [1/c]
    """

    words: jax.Array
    velocity: jax.Array
    lookup: kernel.Lookup
    refinement: jax.Array
    nu_dt: jax.Array
    ratio: Stretch
    span: jax.Array
    parameters: Parameters
    model: Model

    def stage(self, i: jax.Array) -> jax.Array:
        """Return the stage of short step ``i``; the last one holds what is measured, too."""
        return jnp.sum(i >= jnp.cumsum(self.refinement)[:-1])

    def kick(self, state: State, i: jax.Array, d: jax.Array) -> tuple[kernel.Kick, State]:
        """Return the kick by the waves of direction number ``d`` in short step ``i``, and the state after it."""
        frame = kernel.frame_of_waves(state, self.velocity, d)
        stage = self.stage(i)
        half = (self.words >> (32 * d).astype(self.words.dtype)).astype(jnp.uint32)
        bits = _scramble(half + (2 * i + d).astype(jnp.uint32) * jnp.uint32(0x9E3779B9))
        kick = kernel.spectrum_kick(
            self.parameters.grid,
            self.lookup,
            frame,
            state.resonance,
            self.nu_dt[stage],
            bits,
            direction=2 * stage + d,
            across=self.model.crossing,
        )
        return kick, kernel.after_kick(state, kick)

    def drive(self, state: State, i: jax.Array) -> State:
        """Return the state after the gradient and the expansion of short step ``i``."""
        m, stage = state.markers, self.stage(i)
        if self.model.gradient:
            full = m.weight(self.parameters.background, state.amplitude)
            change = gradient.gain(m, full, state.density, self.span[stage])
            m = dataclasses.replace(m, excess=m.excess + change.astype(m.rise.dtype))
        new = jax.tree.map(lambda x, ratio: x * ratio[stage], state.stretch, self.ratio)
        m = markers.expand(m, state.stretch, new)
        return dataclasses.replace(state, b=new.b, length=new.length, markers=m)

    def take(self, i: jax.Array, carry: tuple[State, jax.Array], relaxing: jax.Array) -> tuple[State, jax.Array]:
        """Return the state after short step ``i``, and the histogram: with f of each kick from step ``relaxing`` on."""
        state, histogram = carry

        def kick_by(d: jax.Array, carry: tuple[State, jax.Array]) -> tuple[State, jax.Array]:
            state, histogram = carry
            kick, after = self.kick(state, i, d)

            def measured() -> jax.Array:
                return histogram.at[d].add(self.histogram(kick, state, after))

            return after, jax.lax.cond(i >= relaxing, measured, lambda: histogram)

        return jax.lax.fori_loop(0, 2, kick_by, (self.drive(state, i), histogram))

    def histogram(self, kick: kernel.Kick, before: State, after: State) -> jax.Array:
        """Return the histogram of f before and after a kick in the frame of its waves, in two parts."""
        background = self.parameters.background

        def weights(q: jax.Array, markers: Markers) -> tuple[jax.Array, jax.Array]:
            frame = kick.frame._replace(q=q)
            return functional.wave_frame_weight(background, before.amplitude, frame, markers, before.density)

        q = jnp.stack([kick.frame.q, kick.q])
        both = jax.tree.map(lambda *x: jnp.stack(x), before.markers, after.markers)
        frame = kick.frame._replace(q=q)
        found = jax.vmap(weights)(q, both)
        size = 2.0 * MEASURING * expected_sizes(background, before.amplitude, before.density).number
        return functional.resonant_histogram(self.parameters.grid, background, frame, *found, before.stretch, size)


def _relaxed_histogram(
    state: State, words: jax.Array, parameters: Parameters, metric: Metric, changes: Stretch, model: Model
) -> jax.Array:
    """Carry the markers of ``state`` on in short steps, then return the histogram of f of each direction in two parts.

    words: random words of the sample, (n,) uint64
    metric: as in `functional_sample`; changes: factors by which B and the length change in a step
    """
    refinement = jnp.maximum(parameters.cadence.functional_refinement // _SHORTER, 1)
    nu_dt = parameters.nu_coefficient * state.b * parameters.dt / refinement
    span = gradient.gradient_now(state, parameters) * parameters.dt / refinement
    tables = jax.vmap(lambda nu_dt: compressed(parameters.grid, metric, nu_dt))(nu_dt)
    lookup = kernel.make_lookup(tables, state.markers.rise.dtype)
    velocity, ratio = wave_velocities(state, parameters), jax.tree.map(lambda x: x ** (1.0 / refinement), changes)
    short = _ShortSteps(words, velocity, lookup, refinement, nu_dt, ratio, span, parameters, model)
    relaxing = jnp.sum(refinement)

    def step(i: jax.Array, carry: tuple[State, jax.Array]) -> tuple[State, jax.Array]:
        return jax.lax.cond(i < relaxing + MEASURING, lambda: short.take(i, carry, relaxing), lambda: carry)

    # A fixed number of steps, the last ones idle: a loop of dynamic length has no derivative in reverse mode.
    carry = (state, jnp.zeros((2, 2, *functional.histogram_shape())))
    return jax.lax.fori_loop(0, _MOST_SHORT_STEPS + MEASURING, step, carry)[1]


def _scramble(x: jax.Array) -> jax.Array:
    """Return fresh words from used ones (the finaliser of MurmurHash3), good enough for a copy that is thrown away."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return x ^ (x >> 16)
