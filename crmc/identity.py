"""Eq. 37 as a check that can fail: 2 sum Gamma W with Gamma from the functional A[f], beside the kicks' energy.

The functional needs f as the continuous equation has it.  A kick of finite length carries a mean over its length of
the gradient of f, so that where D varies within a kick, D times the gradient itself is off in proportion to nu dt: 4 to
8 % too large at nu_max dt = 0.4.  A sample is therefore taken on a copy of some markers that is carried on for
``RELAXING`` steps of the run in shorter ones: fast modes relax to their place, slow ones are right already.  The copy
starts from an even mixture of the markers before and after the kicks and is thrown away in the end.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from crmc import growth, markers, scattering
from crmc.parameters import Parameters
from crmc.spectrum import SIGNS, scattering_table
from crmc.state import State

#: Steps of the run before measuring; short steps while measuring.
RELAXING, MEASURING = 4, 2
#: Samples take blocks of the ensemble in turn, each a low-discrepancy set of its own: at most so many blocks, and none
#: of fewer markers.
_MOST_BLOCKS, _FEWEST_MARKERS = 4, 8192


def functional_sample(
    before: State,
    after: State,
    bits: jax.Array,
    parameters: Parameters,
    b_ratio: jax.Array,
    sample: jax.Array,
    refinement: int,
) -> jax.Array:
    """Histogram of f in the frames of both directions' waves, (2 directions, *growth.histogram_shape()).

    before, after: states around the kicks of one step, same b; bits: (2, N) uint32; b_ratio: change of b in a step;
    sample: number of the sample; refinement: short steps per step of the run.
    """
    count = bits.shape[1]
    blocks = min(max(count // _FEWEST_MARKERS, 1), _MOST_BLOCKS)
    size = -(-count // blocks)
    start = sample % blocks * size

    def block(x: jax.Array) -> jax.Array:
        return jax.lax.dynamic_slice_in_dim(x, start, size, axis=-1)

    bits = block(bits)
    pick = bits[0] & 1 == 0
    mixed = jax.tree.map(lambda x, y: jnp.where(pick, block(x), block(y)), before.markers, after.markers)
    state = dataclasses.replace(after, markers=mixed)
    velocity = jnp.asarray(SIGNS) * parameters.alfven_speed * jnp.sqrt(state.b)
    nu_dt = parameters.nu_coefficient * state.b * parameters.dt / refinement
    tables = [
        scattering_table(parameters.grid, state.waves[i], velocity[i], state.b, nu_dt, parameters.seed)
        for i in range(2)
    ]
    ratio = b_ratio ** (1.0 / refinement)

    def kick(state: State, i: jax.Array, d: int) -> tuple[scattering.Kick, State]:
        frame = scattering.wave_frame(state.markers.momentum(state.b), state.markers.parallel_momentum, velocity[d])
        word = _scramble(bits[d] + (2 * i + d).astype(jnp.uint32) * jnp.uint32(0x9E3779B9))
        # The condition always holds: see step.scatter.
        kick = jax.lax.cond(
            tables[d].reference > 0.0,
            lambda: scattering.spectrum_kick(parameters.grid, tables[d], frame, state.b, nu_dt, word),
            lambda: scattering.Kick(frame, frame.q, jnp.zeros_like(frame.q), jnp.zeros_like(frame.q)),
        )
        return kick, dataclasses.replace(state, markers=scattering.apply(state.markers, kick, state.b))

    def expand(state: State) -> State:
        b = state.b * ratio
        return dataclasses.replace(state, b=b, markers=markers.expand(state.markers, state.b, b))

    def relax(i: jax.Array, state: State) -> State:
        state = expand(state)
        for d in range(2):
            _, state = kick(state, i, d)
        return state

    def measure(i: jax.Array, carry: tuple[State, jax.Array]) -> tuple[State, jax.Array]:
        state, histogram = carry
        state = expand(state)
        for d in range(2):
            moved, after = kick(state, i, d)
            for q, s in ((moved.frame.q, state), (moved.q, after)):
                frame = moved.frame._replace(q=q)
                weights = growth.wave_frame_weight(parameters.background, s.amplitude, frame, s.markers, s.b)
                part = growth.resonant_histogram(parameters.grid, parameters.background, frame, *weights, s.b)
                histogram = histogram.at[d].add(part)
            state = after
        return state, histogram

    relaxing = RELAXING * refinement
    state = jax.lax.fori_loop(0, relaxing, relax, state)
    carry = (state, jnp.zeros((2, *growth.histogram_shape())))
    _, histogram = jax.lax.fori_loop(relaxing, relaxing + MEASURING, measure, carry)
    return histogram


def functional_rates(state: State, histogram: jax.Array, parameters: Parameters) -> jax.Array:
    """2 Gamma_j E_j/e_j by the functional, (2 directions, 2 helicities, bins), code units.

    histogram: sum of any number of `functional_sample`; amplitudes of F0 and field are those of ``state``.
    """
    velocity = jnp.asarray(SIGNS) * parameters.alfven_speed * jnp.sqrt(state.b)
    fixed = parameters.grid, parameters.background, state.amplitude
    return jnp.stack(
        [
            growth.functional_growth(*fixed, histogram[d], velocity[d], state.b, parameters.nu_coefficient)
            for d in range(2)
        ]
    )


def _scramble(x: jax.Array) -> jax.Array:
    """Fresh words from used ones (the finaliser of MurmurHash3); good enough for a copy that is thrown away."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return x ^ (x >> 16)
