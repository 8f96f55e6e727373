"""The random words of a step: a counter-based stream, in which a marker's word depends on its number and step alone."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

#: Threefry-2x32 (Salmon et al. 2011): rotations of the rounds, and the constant that completes the key schedule.
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = np.uint32(0x1BD11BDA)


def step_noise(key: jax.Array, step: jax.Array) -> jax.Array:
    """Key of the words of one step, by its global number."""
    return jax.random.fold_in(key, step)


def words(key_data: jax.Array, index: jax.Array) -> jax.Array:
    """Words number ``index`` (n,) of a stream, uint64: ``jax.random.bits(key, (N,), "uint64")[index]``.

    Written out, so that a block's words are one fused computation in cache; JAX's own, a loop over rounds, goes through
    memory for each (measured: 13 against 2 ns a word on one core).

    key_data: ``jax.random.key_data`` of a threefry key.
    """
    index = index.astype(jnp.uint64)
    counter = (index >> np.uint64(32)).astype(jnp.uint32), index.astype(jnp.uint32)
    high, low = _threefry(key_data, counter)
    return (high.astype(jnp.uint64) << np.uint64(32)) | low.astype(jnp.uint64)


def _threefry(key: jax.Array, counter: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
    """Threefry-2x32 with 20 rounds."""
    schedule = key[0], key[1], key[0] ^ key[1] ^ _PARITY
    x, y = counter[0] + schedule[0], counter[1] + schedule[1]
    for group in range(5):
        for rotation in _ROTATIONS[group % 2]:
            x = x + y
            y = ((y << np.uint32(rotation)) | (y >> np.uint32(32 - rotation))) ^ x
        x = x + schedule[(group + 1) % 3]
        y = y + schedule[(group + 2) % 3] + np.uint32(group + 1)
    return x, y
