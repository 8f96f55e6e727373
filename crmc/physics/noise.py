"""The random words of a step: a counter-based stream, in which a marker's word depends on its number and step alone."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.random import threefry_2x32


def run_key(seed: int) -> jax.Array:
    """Return the random key of a run, from which every step draws."""
    return jax.random.key(seed, impl="threefry2x32")


def step_noise(key: jax.Array, step: jax.Array) -> jax.Array:
    """Key of the words of one step, by its global number."""
    return jax.random.fold_in(key, step)


def words(key_data: jax.Array, index: jax.Array) -> jax.Array:
    """Words number ``index`` (n,) of a stream, uint64: ``jax.random.bits(key, (N,), "uint64")[index]``.

    key_data: ``jax.random.key_data`` of a threefry key.
    """
    index = index.astype(jnp.uint64)
    counter = jnp.concatenate([(index >> np.uint64(32)).astype(jnp.uint32), index.astype(jnp.uint32)])
    high, low = jnp.split(threefry_2x32(key_data, counter), 2)
    return (high.astype(jnp.uint64) << np.uint64(32)) | low.astype(jnp.uint64)
