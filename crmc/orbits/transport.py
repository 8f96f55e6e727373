"""Measure transport coefficients on orbits from the statistics of displacements over a range of lags.

Particles start at given p and mu, at random gyrophases and places of independent slabs.  Their displacements after lags
T_1 < T_2 < ... have moments M(T), and

    D = [M(T_b) - M(T_a)]/[2 (T_b - T_a)],

from which the bounded beats with waves that are not resonant drop out.  With neighbouring lags this is the running
estimate, which shows whether there is a plateau.  Errors are those of realisations, as particles of one slab share its
field.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from crmc.orbits import pusher
from crmc.orbits.slab import Modes, random_slab

#: Last axis of `displacements`: means of d mu^2, d mu dp, dp^2, d mu, dp, dp_z^2 and dp_z d eps.
MOMENTS = ("mu_mu", "mu_p", "p_p", "mu", "p", "z_z", "z_energy")


class Sample(NamedTuple):
    """Size of a measurement.

    lags: number of lags
    particles: particles per cosine and slab
    realisations: number of independent slabs
    batch: slabs that run side by side
    """

    lags: int
    particles: int
    realisations: int
    batch: int = 1


def moments(u: pusher.Vector, p: jax.Array, mu: jax.Array) -> jax.Array:
    """Return the means `MOMENTS` of the displacements of n groups of particles, (n, 7), float64.

    u: momenta now, u_x, u_y, u_z, each (n particles,), one group after the other [m_p c]
    p: momentum at the start, () [m_p c]
    mu: pitch-angle cosine of each group at the start, (n,)
    """
    x, y, z = (component.astype(jnp.float64).reshape(mu.size, -1) for component in u)
    now = jnp.sqrt(x**2 + y**2 + z**2)
    gained = (now - p) * (now + p)
    d_mu, d_z, d_p = z / now - mu[:, None], z - p * mu[:, None], gained / (now + p)
    d_energy = gained / (jnp.sqrt(1.0 + now**2) + jnp.sqrt(1.0 + p**2))
    products = (d_mu**2, d_mu * d_p, d_p**2, d_mu, d_p, d_z**2, d_z * d_energy)
    return jnp.stack([jnp.mean(product, axis=1) for product in products], axis=-1)


@partial(jax.jit, static_argnames=("sample", "dtype"))
def displacements(
    modes: Modes,
    p: jax.Array,
    mu: jax.Array,
    dt: jax.Array,
    steps: jax.Array,
    key: jax.Array,
    *,
    sample: Sample,
    dtype: DTypeLike,
) -> jax.Array:
    """Return the means `MOMENTS` of the displacements at every lag, (realisations, lags, n, 7), float64.

    Realisation r draws from fold_in(key, r): its slab from fold_in(., 0), its particles from fold_in(., 1).

    p: momentum, () [m_p c]
    mu: pitch-angle cosine at the start, (n,)
    dt: length of a step, () [1/Omega0]
    steps: steps from one lag to the next, ()
    dtype: precision of orbits and field
    """
    everyone = jnp.repeat(mu, sample.particles)

    def one(number: jax.Array) -> jax.Array:
        own = jax.random.fold_in(key, number)
        slab = random_slab(modes, jax.random.fold_in(own, 0), dtype)
        words = jax.random.bits(jax.random.fold_in(own, 1), (2, everyone.size), "uint32")
        particles = pusher.start(p, everyone, words, slab)
        of = partial(moments, p=p, mu=mu)
        return pusher.observe(slab, particles, dt, outputs=sample.lags, steps=steps, of=of)

    return jax.lax.map(one, jnp.arange(sample.realisations), batch_size=sample.batch)


def slope(moment: np.ndarray, times: np.ndarray, first: int, last: int = -1) -> np.ndarray:
    """Return the diffusion coefficient between two lags, (..., n) [unit of moment Omega0].

    moment: mean of a squared displacement, (..., lags, n)
    times: lags, (lags,) [1/Omega0]
    first, last: numbers of the two lags
    """
    return 0.5 * (moment[..., last, :] - moment[..., first, :]) / (times[last] - times[first])


def running(moment: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the diffusion coefficient between each lag and the one before, (..., lags, n) [unit of moment Omega0].

    The one before the first lag is T = 0.

    moment: mean of a squared displacement, (..., lags, n)
    times: lags, (lags,) [1/Omega0]
    """
    change = np.diff(moment, axis=-2, prepend=np.zeros_like(moment[..., :1, :]))
    return 0.5 * change / np.diff(times, prepend=0.0)[:, None]
