"""Kick markers elastically, by reinjection into a random interval in the frame of the wave.

In the wave frame p' is fixed and q = |p_par'| diffuses.  Per unit lab time

    df/dt = (1/g) d/dq ( D_q df/dq ),   D_q = (nu/2)(p'^2 - q^2),   g = gamma/gamma' = 1 + V s q/eps'

up to a constant.  The measure g dq, that is d^3p in the lab, must stay uniform.  Let Y(q) be any increasing
coordinate and c an interval length.  Draw o, u ~ U(0, 1); the interval [Y - o c, Y + (1 - o) c], clipped to the range
of Y, maps to [A, E] in q; q' is uniform in g dq on [A, E].  Intervals are placed without regard to q, so the kernel is
exactly symmetric with respect to g dq for any c.  With Y the metric of D_q and c^2 = 12 C dt its variance is 2 D_q dt.
The gap q < q_gap is never entered or left, nothing is rejected, and q' is a continuous function of q and of every
parameter.

Where a broadened resonance scatters particles in the gap, too, Y reaches down to q = 0 and goes on, odd in p_par', in
the other hemisphere, whose waves are those of the other helicity.  An interval may then lie across q = 0, and start and
q' are negative in the other hemisphere.  o and u count from the same end of p_par' in both hemispheres, so that q'
stays a continuous function of q there, too; nothing else changes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.physics.markers import Markers
from crmc.physics.spectrum import CELLS, ROWS, SpectrumGrid, range_fraction, table_coordinate
from crmc.physics.state import State
from crmc.solvers.monte_carlo.tables import ScatteringTable, pole_angle, pole_distance


class WaveFrame(NamedTuple):
    """Variables of markers in the frame of waves of one direction.

    V: signed phase velocity [c]
    gamma: Lorentz factor of V
    momentum: p', (N,) [m_p c]
    energy: eps', total, (N,) [m_p c^2]
    q: |p_par'|, (N,) [m_p c]
    sign: s = sign(p_par'), (N,); a marker resonates with helicity h = s
    """

    V: jax.Array
    gamma: jax.Array
    momentum: jax.Array
    energy: jax.Array
    q: jax.Array
    sign: jax.Array


class Kick(NamedTuple):
    """A proposed kick into the interval [start, start + length] of q.

    Negative places lie in the other hemisphere, where p_par' has the sign -s.

    frame: markers before the kick
    start, length: start and length of the interval, (N,) [m_p c]
    fraction: part of the interval below q', (N,)
    """

    frame: WaveFrame
    start: jax.Array
    length: jax.Array
    fraction: jax.Array

    @property
    def q(self) -> jax.Array:
        """q' = |p_par'| after the kick, negative in the other hemisphere, (N,) [m_p c]."""
        return self.start + self.length * self.fraction


def wave_frame(momentum_squared: jax.Array, parallel: jax.Array, V: jax.Array) -> WaveFrame:
    """Return markers in the frame that moves at V.

    momentum_squared: p^2, (N,) [(m_p c)^2]
    parallel: p_par, (N,) [m_p c]
    """
    V = V.astype(parallel.dtype)
    gamma = 1.0 / jnp.sqrt(1.0 - V**2)
    energy = jnp.sqrt(1.0 + momentum_squared)
    p_par = gamma * (parallel - V * energy)
    p = jnp.sqrt(jnp.maximum(momentum_squared - parallel**2, 0.0) + p_par**2)
    sign = jnp.where(p_par < 0.0, -1.0, 1.0).astype(parallel.dtype)
    return WaveFrame(V, gamma, p, gamma * (energy - V * parallel), jnp.abs(p_par), sign)


def frame_of_waves(state: State, velocity: jax.Array, direction: jax.Array | int) -> WaveFrame:
    """Return the markers of ``state`` in the frame of the waves of direction number ``direction``.

    velocity: phase velocities of both directions' waves, (2,) [c]
    """
    m = state.markers
    return wave_frame(m.momentum_squared(state.density), m.parallel_momentum, velocity[direction])


def energy_change(kick: Kick) -> jax.Array:
    """Return d eps = V d p_par of each marker, exact for every elastic kick, (N,) [m_p c^2]."""
    f = kick.frame
    return f.V * f.gamma * f.sign * (kick.q - f.q)


def apply(markers: Markers, kick: Kick, density: jax.Array) -> Markers:
    """Return the markers after the kick: p_par from the boost back to the lab, p from d eps = V d p_par."""
    f = kick.frame
    change = f.gamma * f.sign * (kick.q - f.q)
    gained = f.V * change
    p2 = markers.momentum_squared(density)
    relative = gained * (2.0 * jnp.sqrt(1.0 + p2) + gained) / p2
    return dataclasses.replace(
        markers,
        parallel_momentum=markers.parallel_momentum + change,
        rise=markers.rise + (1.0 + markers.rise) * relative,
    )


def after_kick(state: State, kick: Kick) -> State:
    """Return the state with its markers after the kick."""
    return dataclasses.replace(state, markers=apply(state.markers, kick, state.density))


def uniform_pair(bits: jax.Array, dtype: jnp.dtype) -> tuple[jax.Array, jax.Array]:
    """Return two independent uniform numbers in (0, 1), (N,) each, with 16 bits each from one word.

    bits: random words, (N,) uint32
    """
    scale = jnp.asarray(2.0**-16, dtype)
    high = (bits >> 16).astype(dtype)
    low = (bits & 0xFFFF).astype(dtype)
    return (high + 0.5) * scale, (low + 0.5) * scale


def reinject(frame: WaveFrame, start: jax.Array, end: jax.Array, u: jax.Array, s: jax.Array) -> Kick:
    """Return the kick to a place uniform in g dq on [start, end], g = 1 + kappa q with kappa = V s/eps'.

    start, end: ends of the interval, (N,) [m_p c]
    u: uniform number, (N,)
    s: sign of p_par' where q > 0, (N,)
    """
    kappa = frame.V * s / frame.energy
    length = end - start
    g = 1.0 + kappa * start
    target = u * (g + 0.5 * kappa * length)
    fraction = 2.0 * target / (g + jnp.sqrt(g**2 + 2.0 * kappa * length * target))
    return Kick(frame, start, length, fraction)


class Lookup(NamedTuple):
    """The metric of a `tables.ScatteringTable` of all directions, ready for the markers' look-ups.

    values: Y, (directions 2 ROWS (CELLS + 1),), in the markers' dtype
    pairs: each Y and that of the next row in one word, if both fit: one access instead of two; else ``values``
    reference: e_ref, (directions,)
    """

    values: jax.Array
    pairs: jax.Array
    reference: jax.Array

    def node(self, index: jax.Array, mix: jax.Array) -> jax.Array:
        """Return Y at flat node ``index`` of the lower row, mixed with the next row by its share ``mix``, (N,)."""
        return _node(self, index, mix)


def make_lookup(table: ScatteringTable, dtype: jnp.dtype) -> Lookup:
    """Return the look-up of a table, of one direction or stacked, for markers of ``dtype``."""
    y = table.y.astype(dtype)
    pairs = y
    if dtype == jnp.float32:
        bits = jax.lax.bitcast_convert_type(y, jnp.uint32).astype(jnp.uint64)
        pairs = bits | jnp.roll(bits, -1, axis=-2) << np.uint64(32)
    return Lookup(y.reshape(-1), pairs.reshape(-1), table.reference.reshape(-1))


@jax.custom_jvp
def _node(lookup: Lookup, index: jax.Array, mix: jax.Array) -> jax.Array:
    """Return Y at flat node ``index``, mixed with that of the next row, (N,).

    index: flat index of the lower row's node, (N,)
    mix: share of the next row, (N,)
    """
    if lookup.pairs.dtype == jnp.uint64:
        pair = lookup.pairs.at[index].get(mode="promise_in_bounds")
        low, high = (
            jax.lax.bitcast_convert_type(half.astype(jnp.uint32), mix.dtype) for half in (pair, pair >> np.uint64(32))
        )
    else:
        low, high = _rows_at(lookup.values, index)
    return low + mix * (high - low)


@_node.defjvp
def _node_jvp(primals: tuple, tangents: tuple) -> tuple[jax.Array, jax.Array]:
    """Differentiate `_node` with respect to the values and ``mix``; the words of ``pairs`` have no derivative."""
    lookup, index, mix = primals
    d_lookup, _, d_mix = tangents
    low, high = _rows_at(lookup.values, index)
    d_low, d_high = _rows_at(d_lookup.values, index)
    return _node(lookup, index, mix), d_low + mix * (d_high - d_low) + d_mix * (high - low)


def _rows_at(values: jax.Array, index: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the values at flat node ``index`` and at that of the next row, (N,) each."""
    low = values.at[index].get(mode="promise_in_bounds")
    return low, values.at[index + (CELLS + 1)].get(mode="promise_in_bounds")


class _Rows(NamedTuple):
    """The two table rows next to each marker's ln p', mixed linearly.

    base: flat index of node 0 of the lower row, (N,)
    mix: share of the next row, (N,)
    """

    lookup: Lookup
    base: jax.Array
    mix: jax.Array

    def node(self, i: jax.Array | int) -> jax.Array:
        """Return Y at node i, (N,)."""
        return self.lookup.node(self.base + i, self.mix)

    def value(self, t: jax.Array) -> jax.Array:
        """Return Y at table coordinate t in [0, CELLS], linear within a cell, (N,)."""
        i = jnp.minimum(t.astype(jnp.int32), CELLS - 1)
        left = self.node(i)
        return left + (t - i) * (self.node(i + 1) - left)

    def opposite(self, sign: jax.Array) -> _Rows:
        """Return the rows of the other helicity; ``sign`` is s of these rows, (N,)."""
        shift = ROWS * (CELLS + 1)
        return self._replace(base=self.base + jnp.where(sign < 0.0, -shift, shift))

    def inverse(self, ys: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        """Return the table coordinate of each Y, (N,), within the table's range: the exact inverse of ``value``."""
        return _inverse(tuple((self, y) for y in ys))

    def _within(self, at: jax.Array, y: jax.Array) -> jax.Array:
        """Return the table coordinate of y in one of the two cells that meet at the flat node ``at``, (N,)."""
        near = self.lookup.node(at, self.mix)
        above = near <= y
        far = self.lookup.node(at + jnp.where(above, 1, -1), self.mix)
        left, width = jnp.where(above, near, far), jnp.abs(far - near)
        share = jnp.where(width > 0.0, jnp.clip((y - left) / jnp.where(width > 0.0, width, 1.0), 0.0, 1.0), 0.5)
        return (at - self.base) - jnp.where(above, 0, 1) + share


def _inverse(pairs: tuple[tuple[_Rows, jax.Array], ...]) -> tuple[jax.Array, ...]:
    """Return the table coordinates of several Y, each (N,) within rows of its own."""
    return tuple(rows._within(at, y) for at, (rows, y) in zip(_odd_nodes(pairs), pairs, strict=True))


def _odd_nodes(pairs: tuple[tuple[_Rows, jax.Array], ...]) -> tuple[jax.Array, ...]:
    """Return the flat index of the odd node at one end of the cell in which each Y lies, by bisection on the nodes.

    On a CPU a loop, not unrolled: what it reads is then computed once and not within each of its look-ups.
    """
    pairs = jax.lax.stop_gradient(pairs)

    def halve(_: jax.Array | int, carry: tuple) -> tuple:
        at, half = carry
        reached = (rows.lookup.node(i, rows.mix) <= y for i, (rows, y) in zip(at, pairs, strict=True))
        return tuple(i + jnp.where(up, half, -half) for i, up in zip(at, reached, strict=True)), half // 2

    middle = tuple(rows.base + CELLS // 2 for rows, _ in pairs)
    turns = CELLS.bit_length() - 2
    if jax.default_backend() == "cpu":
        return jax.lax.fori_loop(0, turns, halve, (middle, jnp.asarray(CELLS // 4, jnp.int32)))[0]
    carry: tuple = middle, CELLS // 4
    for turn in range(turns):
        carry = halve(turn, carry)
    return carry[0]


def _rows(grid: SpectrumGrid, lookup: Lookup, direction: jax.Array | int, frame: WaveFrame, unit: jax.Array) -> _Rows:
    """Return the table rows next to each marker's ln p', of the direction, and of the helicity it resonates with."""
    dtype = frame.q.dtype
    offset = ((grid.row_start + jnp.log(unit)) / grid.row_step).astype(dtype)
    r = jnp.log(frame.momentum) * (1.0 / grid.row_step).astype(dtype) - offset
    r = jnp.clip(r, 0.0, ROWS - 1.0)
    row = jnp.minimum(r.astype(jnp.int32), ROWS - 2)
    first = 2 * ROWS * direction + jnp.where(frame.sign < 0.0, ROWS, 0)
    return _Rows(lookup, (first + row) * (CELLS + 1), r - row)


def spectrum_kick(
    grid: SpectrumGrid,
    lookup: Lookup,
    frame: WaveFrame,
    unit: jax.Array,
    nu_dt: jax.Array,
    bits: jax.Array,
    *,
    direction: jax.Array | int = 0,
    across: bool = False,
) -> Kick:
    """Return the kick by one direction's waves of both helicities, with nu dt = nu_dt e(ln k_res)/gamma'.

    frame: markers in the frame of that direction's waves
    lookup: look-up of a table made with the same ``nu_dt``
    unit: momentum of x = 1, `Stretch.resonance`, () [m_p c]
    nu_dt: nu_coefficient Omega0 dt
    bits: random words, (N,) uint32
    direction: its number among those of the table, ()
    across: whether markers are scattered in the gap, too, and may cross it; ``grid`` must have been made so
    """
    dtype = frame.q.dtype
    if across:
        # 1 - o and 1 - u: an interval lies the same way along p_par' on both sides of q = 0, or paths would jump.
        bits = jnp.where(frame.sign < 0.0, ~bits, bits)
    o, u = uniform_pair(bits, dtype)
    q_low = (grid.x_low * unit).astype(dtype)
    q_top = jnp.minimum(frame.momentum, (grid.x_high * unit).astype(dtype))
    active = (frame.q > q_low) & (frame.q < q_top)
    above, below = (jnp.where(active, x, 1.0) for x in (frame.q - q_low, q_top - frame.q))
    c = jnp.sqrt(6.0 * nu_dt * lookup.reference[direction]).astype(dtype) * jax.lax.rsqrt(frame.energy)

    def place(t: jax.Array) -> jax.Array:
        return q_low + (above + below) * range_fraction(t / CELLS)

    rows = _rows(grid, lookup, direction, frame, unit)
    y = rows.value(CELLS * table_coordinate(above, below))
    # An interval that reaches beyond the range of Y is clipped by ``inverse``.
    low, high = y - o * c, y + (1.0 - o) * c
    if across:
        start, end = _across(rows, low, high, frame.sign, place)
    else:
        start, end = (place(t) for t in rows.inverse((low, high)))
    start, end = (jnp.where(active, q, frame.q) for q in (start, end))
    return reinject(frame, start, end, u, frame.sign)


def _across(
    rows: _Rows, low: jax.Array, high: jax.Array, sign: jax.Array, place: Callable[[jax.Array], jax.Array]
) -> tuple[jax.Array, jax.Array]:
    """Return the ends in q of an interval of Y, (N,) [m_p c], the lower one negative in the other hemisphere.

    low, high: ends of the interval in Y, (N,)
    sign: s of the markers, (N,)
    place: function from the table coordinate to q
    """
    other, origin = rows.opposite(sign), rows.node(0)
    beyond = low < origin
    where = rows._replace(base=jnp.where(beyond, other.base, rows.base))
    ends = (where, jnp.where(beyond, other.node(0) + (origin - low), low)), (rows, high)
    start, end = (place(t) for t in _inverse(ends))
    return jnp.where(beyond, -start, start), end


def constant_kick(frame: WaveFrame, frequency: jax.Array, dt: jax.Array, bits: jax.Array, *, co_moving: bool) -> Kick:
    """Return the kick by a constant nu, D_mu'mu' = nu (1 - mu'^2)/2, without spectrum and gap.

    frequency: nu [Omega0]
    dt: time step [1/Omega0]
    bits: random words, (N,) uint32
    co_moving: whether waves scatter only the hemisphere that moves with them, 0 <= q <= p'; otherwise the whole range
        -p' <= p_par' <= p' is scattered, so that <P_l(mu')> decays at nu l (l + 1)/2
    """
    dtype = frame.q.dtype
    o, u = uniform_pair(bits, dtype)
    # Without scattering nothing moves; a tiny interval keeps the compression finite.
    c = jnp.sqrt(jnp.maximum(6.0 * frequency * dt, 1e-12)).astype(dtype)
    s = frame.sign if co_moving else jnp.ones_like(frame.sign)
    p_par = frame.sign * frame.q if not co_moving else frame.q
    # Odd in p_par, compressed near both poles.
    equator = c * pole_distance(0.5 * jnp.pi / c)
    angle = jnp.arccos(jnp.clip(jnp.abs(p_par) / frame.momentum, 0.0, 1.0))
    y = jnp.sign(p_par) * (equator - c * pole_distance(angle / c))

    def place(y: jax.Array) -> jax.Array:
        from_pole = jnp.maximum(equator - jnp.abs(y), 0.0)
        return frame.momentum * jnp.sign(y) * jnp.cos(jnp.minimum(c * pole_angle(from_pole / c), 0.5 * jnp.pi))

    start = place(jnp.maximum(y - o * c, 0.0 if co_moving else -equator))
    end = place(jnp.minimum(y + (1.0 - o) * c, equator))
    active = frequency * dt > 0.0
    if co_moving:
        active &= frame.sign * frame.V > 0.0
    start, end = jnp.where(active, start, p_par), jnp.where(active, end, p_par)
    if co_moving:
        return reinject(frame, start, end, u, s)
    return reinject(frame._replace(q=p_par, sign=s), start, end, u, s)
