"""Follow full gyro-orbits of relativistic protons through the waves of a `slab` by the Higuera-Cary pusher.

Code units, B0 = 1 along z; u = p/(m c), gamma^2 = 1 + u^2:

    du/dt = E + u x B/gamma,    dz/dt = u_z/gamma,    B = z + sum_d b_d(z - V_d t),    E = -sum_d V_d z x b_d.

A step is half a drift, a kick, half a drift, with the kick of Higuera & Cary (2017, Phys. Plasmas 24, 052104): second
order, volume-preserving, reversible, and exact in energy where E = 0, that is for waves of one direction in their own
frame.  In the laboratory the equations imply d gamma = V du_z for waves of one direction; the pusher keeps this to
second order.  Gyration is slower by (Omega dt)^2 (1/12 - v_perp^2/8 c^2), so that particles resonate with k lower by
that fraction; waves with k |v_par - V| dt near 2 pi would be mistaken for resonant ones.

A particle's place is kept per direction, in that direction's frame, as a whole cell and a fraction: a float32 loses no
digits as time and distance grow, and the field costs four gathers per direction and step, for any number of modes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from crmc.orbits.slab import Slab, field

#: Components along x, y and z, each (N,).
Vector = tuple[jax.Array, jax.Array, jax.Array]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Particles:
    """Momenta and places of N particles; places are kept in the frame of each direction d of the slab.

    momentum: u_x, u_y, u_z, each (N,) [m_p c]
    cell: node below z - V_d t, one array for each direction, (N,), int32
    fraction: distance from that node, one array for each direction, (N,) [cell]
    """

    momentum: Vector
    cell: tuple[jax.Array, ...]
    fraction: tuple[jax.Array, ...]


def start(p: jax.Array, mu: jax.Array, words: jax.Array, slab: Slab) -> Particles:
    """Return particles at t = 0, at random gyrophases and places, in the precision of the slab.

    p: momentum, () [m_p c]
    mu: pitch-angle cosine, (N,)
    words: random words for gyrophase and place, (2, N), uint32
    """
    phase = 2.0 * np.pi * 2.0**-32 * words[0].astype(jnp.float64)
    place = slab.cells * 2.0**-32 * words[1].astype(jnp.float64)
    across = p * jnp.sqrt((1.0 - mu) * (1.0 + mu))
    return at(slab, (across * jnp.cos(phase), across * jnp.sin(phase), p * mu), place * slab.cell)


def at(slab: Slab, momentum: Vector, z: jax.Array) -> Particles:
    """Return particles of given momentum and place at t = 0, in the precision of the slab.

    momentum: u_x, u_y, u_z, each (N,) [m_p c]
    z: place, (N,) [c/Omega0]
    """
    dtype, directions = slab.table.dtype, slab.table.shape[0]
    place = z.astype(jnp.float64) / slab.cell.astype(jnp.float64)
    whole = jnp.floor(place)
    cell, fraction = whole.astype(jnp.int32) & (slab.cells - 1), (place - whole).astype(dtype)
    x, y, z = (component.astype(dtype) for component in momentum)
    return Particles((x, y, z), (cell,) * directions, (fraction,) * directions)


def fields(slab: Slab, particles: Particles) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Return E_x, E_y, dB_x, dB_y at the particles, each (N,) [B0]."""
    e_x = e_y = b_x = b_y = jnp.zeros((), slab.table.dtype)
    for d, (cell, fraction) in enumerate(zip(particles.cell, particles.fraction, strict=True)):
        V, (x, y) = slab.velocity[d], field(slab, d, cell, fraction)
        b_x, b_y, e_x, e_y = b_x + x, b_y + y, e_x + V * y, e_y - V * x
    return e_x, e_y, b_x, b_y


def kick(u: Vector, at_particles: tuple[jax.Array, jax.Array, jax.Array, jax.Array], dt: jax.Array) -> Vector:
    """Return the momenta after a kick of length dt in the fields at the particles, with B_z = 1 (Higuera & Cary 2017).

    u: u_x, u_y, u_z, each (N,) [m_p c]
    at_particles: E_x, E_y, dB_x, dB_y, each (N,) [B0]
    dt: time, () [1/Omega0]
    """
    e_x, e_y, t_x, t_y = (0.5 * dt * component for component in at_particles)
    t_z = 0.5 * dt
    x, y, z = u[0] + e_x, u[1] + e_y, u[2]
    t2, along = t_x**2 + t_y**2 + t_z**2, x * t_x + y * t_y + z * t_z
    # gamma in the middle of the step, from sigma = gamma_-^2 - t^2.
    sigma = 1.0 + x**2 + y**2 + z**2 - t2
    inverse = jax.lax.rsqrt(0.5 * (sigma + jnp.sqrt(sigma**2 + 4.0 * (t2 + along**2))))
    t_x, t_y, t_z, along = (component * inverse for component in (t_x, t_y, t_z, along))
    part = 1.0 / (1.0 + t2 * inverse**2)
    x, y, z = (
        part * (x + along * t_x + y * t_z - z * t_y),
        part * (y + along * t_y + z * t_x - x * t_z),
        part * (z + along * t_z + x * t_y - y * t_x),
    )
    return x + e_x + y * t_z - z * t_y, y + e_y + z * t_x - x * t_z, z + x * t_y - y * t_x


def drift(slab: Slab, particles: Particles, dt: jax.Array) -> Particles:
    """Return the particles after a time dt [1/Omega0] at constant velocity."""
    x, y, z = particles.momentum
    speed = z * jax.lax.rsqrt(1.0 + x**2 + y**2 + z**2)
    cells, fractions = [], []
    for d, (cell, fraction) in enumerate(zip(particles.cell, particles.fraction, strict=True)):
        place = fraction + (speed - slab.velocity[d]) * (dt / slab.cell)
        whole = jnp.floor(place)
        # `&` takes the remainder by a power of two, of negative numbers too.
        cells.append((cell + whole.astype(jnp.int32)) & (slab.cells - 1))
        fractions.append(place - whole)
    return Particles(particles.momentum, tuple(cells), tuple(fractions))


def advance(slab: Slab, particles: Particles, dt: jax.Array, steps: int | jax.Array) -> Particles:
    """Return the particles after a number of steps of length dt [1/Omega0]."""
    dt = jnp.asarray(dt, slab.table.dtype)

    def body(_: Any, now: Particles) -> Particles:
        pushed = kick(now.momentum, fields(slab, now), dt)
        return drift(slab, dataclasses.replace(now, momentum=pushed), dt)

    # The half drifts of neighbouring steps are one.
    ahead = drift(slab, particles, 0.5 * dt)
    return drift(slab, jax.lax.fori_loop(0, steps, body, ahead), -0.5 * dt)


def observe(
    slab: Slab,
    particles: Particles,
    dt: jax.Array,
    *,
    outputs: int,
    steps: int | jax.Array,
    of: Callable[[Vector], Any],
) -> Any:
    """Return ``of(u)`` at the times n steps dt, n = 1 .. outputs, stacked on a leading axis.

    dt: length of a step, () [1/Omega0]
    of: function of the momenta u_x, u_y, u_z, each (N,) [m_p c]
    """

    def body(now: Particles, _: None) -> tuple[Particles, Any]:
        now = advance(slab, now, dt, steps)
        return now, of(now.momentum)

    return jax.lax.scan(body, particles, length=outputs)[1]
