"""Markers in the frame of a wave, and the random words of their kicks."""

import jax.numpy as jnp
import numpy as np

from crmc.solvers.monte_carlo.kernel import (
    WaveFrame,
)


def frame_of(V, p, q, sign):
    """Wave frame with given p', q, s."""
    V, q = jnp.asarray(V), jnp.asarray(q)
    p = jnp.broadcast_to(jnp.asarray(p), q.shape)
    return WaveFrame(V, 1.0 / jnp.sqrt(1.0 - V**2), p, jnp.sqrt(1.0 + p**2), q, jnp.asarray(sign) * jnp.ones_like(q))


def every_word(n=128):
    """n x n words with (o, u) at the midpoints of a square lattice: an average over them is a quadrature."""
    level = ((np.arange(n) + 0.5) / n * 65536).astype(np.uint32)
    return ((level[:, None] << 16) | level[None, :]).ravel().astype(np.uint32)
