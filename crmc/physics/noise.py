"""Random words of the markers by a counter-based generator: a word depends on seed, step and marker number alone."""

from __future__ import annotations

from collections.abc import Sequence

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


def word_pair(key_data: Sequence[jax.Array] | jax.Array, index: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the low and the high halves of `words`, (n,) uint32 each, in elementary operations (threefry, 20 rounds).

    key_data: as there, two () uint32; index: less than 2^32, (n,).
    """
    keys = key_data[0], key_data[1], key_data[0] ^ key_data[1] ^ np.uint32(0x1BD11BDA)
    x, y = jnp.zeros_like(index, jnp.uint32) + keys[0], index.astype(jnp.uint32) + keys[1]
    for turn in range(5):
        for bits in ((13, 15, 26, 6), (17, 29, 16, 24))[turn % 2]:
            x = x + y
            y = (y << np.uint32(bits) | y >> np.uint32(32 - bits)) ^ x
        x, y = x + keys[(turn + 1) % 3], y + keys[(turn + 2) % 3] + np.uint32(turn + 1)
    return y, x


def words(key_data: jax.Array, index: jax.Array) -> jax.Array:
    """Return the random words of given numbers, ``jax.random.bits(key, (N,), "uint64")[index]``, (n,) uint64.

    key_data: ``jax.random.key_data`` of a threefry key, (2,) uint32; index: numbers of the words, (n,).
    """
    index = index.astype(jnp.uint64)
    counter = jnp.concatenate([(index >> np.uint64(32)).astype(jnp.uint32), index.astype(jnp.uint32)])
    high, low = jnp.split(threefry_2x32(key_data, counter), 2)
    return (high.astype(jnp.uint64) << np.uint64(32)) | low.astype(jnp.uint64)
