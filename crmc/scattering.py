"""The elastic kick: random-interval reinjection in the frame of the wave.

In the wave frame p' is fixed and q = |p_par'| diffuses.  Per unit lab time

    df/dt = (1/g) d/dq ( D_q df/dq ),   D_q = (nu/2)(p'^2 - q^2),   g = gamma/gamma' = 1 + V s q/eps'

(up to a constant), so the measure g dq, i.e. d^3p in the lab, must stay uniform.  Let Y(q) be
any increasing coordinate and c an interval length.  Draw o, u ~ U(0,1); the interval
[Y - o c, Y + (1 - o) c], clipped to the range of Y, maps to [A, E] in q; q' is uniform in
g dq on [A, E].  Intervals are placed without regard to q, so the kernel is exactly symmetric
with respect to g dq for any c.  With Y the metric of D_q and c^2 = 12 C dt its variance is
2 D_q dt.  The gap q < q_gap is never entered or left, nothing is rejected, and q' is a
continuous function of q and of every parameter.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from crmc.markers import Markers
from crmc.spectrum import CELLS, ROWS, ScatteringTable, SpectrumGrid, pole_angle, pole_distance


class WaveFrame(NamedTuple):
    """Marker variables seen by waves of phase velocity V (code units); arrays (N,)."""

    V: jax.Array  # signed phase velocity, scalar
    gamma: jax.Array  # Lorentz factor of V, scalar
    momentum: jax.Array  # p'
    energy: jax.Array  # eps' (total)
    q: jax.Array  # |p_par'|
    sign: jax.Array  # s = sign(p_par'); a marker resonates with helicity h = s


class Kick(NamedTuple):
    """A proposed kick: the interval [start, start + length] in q and the fraction landed at."""

    frame: WaveFrame
    start: jax.Array
    length: jax.Array
    fraction: jax.Array

    @property
    def q(self) -> jax.Array:
        """|p_par'| after the kick."""
        return self.start + self.length * self.fraction


def wave_frame(momentum: jax.Array, parallel: jax.Array, V: jax.Array) -> WaveFrame:
    """Boost (p, p_par) to the frame moving at V."""
    V = V.astype(momentum.dtype)
    gamma = 1.0 / jnp.sqrt(1.0 - V**2)
    energy = jnp.sqrt(1.0 + momentum**2)
    p_par = gamma * (parallel - V * energy)
    perp2 = jnp.maximum((momentum - jnp.abs(parallel)) * (momentum + jnp.abs(parallel)), 0.0)
    p = jnp.sqrt(perp2 + p_par**2)
    sign = jnp.where(p_par < 0.0, -1.0, 1.0).astype(momentum.dtype)
    return WaveFrame(V, gamma, p, gamma * (energy - V * parallel), jnp.abs(p_par), sign)


def energy_change(kick: Kick) -> jax.Array:
    """d eps = V d p_par of each marker, exact for every elastic kick."""
    f = kick.frame
    return f.V * f.gamma * f.sign * (kick.q - f.q)


def apply(markers: Markers, kick: Kick, b: jax.Array) -> Markers:
    """Markers after the kick: p_par by the boost back to the lab, |p| by d eps = V d p_par."""
    f = kick.frame
    change = f.gamma * f.sign * (kick.q - f.q)
    gained = f.V * change
    p2 = markers.momentum(b) ** 2
    relative = gained * (2.0 * jnp.sqrt(1.0 + p2) + gained) / p2
    return dataclasses.replace(
        markers,
        parallel_momentum=markers.parallel_momentum + change,
        delta=markers.delta + 0.5 * jnp.log1p(relative),
    )


def uniform_pair(bits: jax.Array, dtype: jnp.dtype) -> tuple[jax.Array, jax.Array]:
    """Two independent uniforms in (0, 1), 16 bits each, from one uint32 word."""
    scale = jnp.asarray(2.0**-16, dtype)
    high = (bits >> 16).astype(dtype)
    low = (bits & 0xFFFF).astype(dtype)
    return (high + 0.5) * scale, (low + 0.5) * scale


def reinject(frame: WaveFrame, start: jax.Array, end: jax.Array, u: jax.Array, s: jax.Array) -> Kick:
    """Landing point uniform in g dq on [start, end], g = 1 + kappa q with kappa = V s/eps'."""
    kappa = frame.V * s / frame.energy
    length = end - start
    g = 1.0 + kappa * start
    target = u * (g + 0.5 * kappa * length)
    fraction = 2.0 * target / (g + jnp.sqrt(g**2 + 2.0 * kappa * length * target))
    return Kick(frame, start, length, fraction)


def spectrum_kick(
    grid: SpectrumGrid,
    table: ScatteringTable,
    frame: WaveFrame,
    b: jax.Array,
    nu_dt: jax.Array,
    bits: jax.Array,
) -> Kick:
    """Kick by one direction's waves, both helicities: nu dt = nu_dt e(ln k_res)/gamma'.

    ``table`` must have been made with the same ``nu_dt`` = nu_coefficient Omega0 dt.
    """
    dtype = frame.q.dtype
    o, u = uniform_pair(bits, dtype)
    q_gap = (grid.x_gap * b).astype(dtype)
    q_top = jnp.minimum(frame.momentum, (grid.x_top * b).astype(dtype))
    span = q_top - q_gap
    active = (frame.q > q_gap) & (frame.q < q_top)
    span = jnp.where(active, span, 1.0)
    scale = jnp.sqrt(6.0 * nu_dt * table.reference).astype(dtype)
    c = scale * jax.lax.rsqrt(frame.energy)

    rows = _Rows(grid, table, frame, b)
    t = (2.0 / jnp.pi) * jnp.arcsin(jnp.sqrt(jnp.clip((frame.q - q_gap) / span, 0.0, 1.0)))
    y = rows.value(CELLS * t)
    low = jnp.maximum(y - o * c, rows.node(jnp.zeros_like(rows.base)))
    high = jnp.minimum(y + (1.0 - o) * c, rows.node(jnp.full_like(rows.base, CELLS)))
    start = q_gap + span * jnp.sin((0.5 * jnp.pi / CELLS) * rows.inverse(low)) ** 2
    end = q_gap + span * jnp.sin((0.5 * jnp.pi / CELLS) * rows.inverse(high)) ** 2
    start = jnp.where(active, start, frame.q)
    end = jnp.where(active, end, frame.q)
    return reinject(frame, start, end, u, frame.sign)


class _Rows:
    """The metric Y on the two table rows next to each marker's ln p', mixed linearly."""

    def __init__(self, grid: SpectrumGrid, table: ScatteringTable, frame: WaveFrame, b: jax.Array):
        dtype = frame.q.dtype
        offset = ((grid.row_start + jnp.log(b)) / grid.row_step).astype(dtype)
        r = jnp.log(frame.momentum) * (1.0 / grid.row_step).astype(dtype) - offset
        r = jnp.clip(r, 0.0, ROWS - 1.0)
        row = jnp.minimum(r.astype(jnp.int32), ROWS - 2)
        helicity = (frame.sign < 0.0).astype(jnp.int32)
        self.mix = r - row
        self.base = (helicity * ROWS + row) * (CELLS + 1)
        self.table = table.y.astype(dtype).reshape(-1)

    def node(self, i: jax.Array) -> jax.Array:
        """Y at node i."""
        low = self.table.at[self.base + i].get(mode="promise_in_bounds")
        high = self.table.at[self.base + (i + (CELLS + 1))].get(mode="promise_in_bounds")
        return low + self.mix * (high - low)

    def value(self, t: jax.Array) -> jax.Array:
        """Y at table coordinate t in [0, CELLS], linear within a cell."""
        i = jnp.minimum(t.astype(jnp.int32), CELLS - 1)
        left = self.node(i)
        return left + (t - i) * (self.node(i + 1) - left)

    def inverse(self, y: jax.Array) -> jax.Array:
        """Table coordinate of Y: the exact inverse of ``value``, by bisection on the nodes."""
        i = jnp.zeros_like(self.base)
        for shift in (CELLS >> k for k in range(1, CELLS.bit_length())):
            i = jnp.where(self.node(i + shift) <= y, i + shift, i)
        left, right = self.node(i), self.node(i + 1)
        width = right - left
        return i + jnp.where(width > 0.0, jnp.clip((y - left) / jnp.where(width > 0.0, width, 1.0), 0.0, 1.0), 0.5)


def constant_kick(frame: WaveFrame, frequency: jax.Array, dt: jax.Array, bits: jax.Array, *, co_moving: bool) -> Kick:
    """Kick with a constant nu (code units), D_mu'mu' = nu (1 - mu'^2)/2, no spectrum and no gap.

    co_moving: waves of direction V scatter only the hemisphere that moves with them, 0 <= q <= p';
    otherwise the whole range -p' <= p_par' <= p', so that <P_l(mu')> decays at nu l (l + 1)/2.
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
