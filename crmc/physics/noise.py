"""Random words of the markers by a counter-based generator: a word depends on seed, step and marker number alone."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.random import threefry_2x32


def run_key(seed: int, replica: int = 0) -> jax.Array:
    """Return the random key of a replica of a run, from which every step draws.

    replica: number of the replica; the key of replica 0 is that of the run's seed itself.
    """
    key = jax.random.key(seed, impl="threefry2x32")
    return jax.random.fold_in(key, replica) if replica else key


def step_noise(key: jax.Array, step: jax.Array) -> jax.Array:
    """Return the random key of a step.

    key: random key of the replica; step: number of the step since the start of the run, ().
    """
    return jax.random.fold_in(key, step)


def words(key_data: jax.Array, index: jax.Array) -> jax.Array:
    """Return the random words of given numbers, ``jax.random.bits(key, (N,), "uint64")[index]``, (n,) uint64.

    key_data: ``jax.random.key_data`` of a threefry key, (2,) uint32; index: numbers of the words, (n,).
    """
    index = index.astype(jnp.uint64)
    counter = jnp.concatenate([(index >> np.uint64(32)).astype(jnp.uint32), index.astype(jnp.uint32)])
    high, low = jnp.split(threefry_2x32(key_data, counter), 2)
    return (high.astype(jnp.uint64) << np.uint64(32)) | low.astype(jnp.uint64)
