"""The random words of the markers against JAX's own generator and published vectors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from crmc.physics import noise


def test_words_are_those_of_the_stream() -> None:
    """Words drawn by number, in any order, are ``jax.random.bits`` of the same key; beyond 2^32 they go on."""
    key = jax.random.key(5)
    index = jnp.asarray(np.random.default_rng(1).permutation(5000)[:777])
    drawn = noise.words(jax.random.key_data(key), index)
    np.testing.assert_array_equal(drawn, jax.random.bits(key, (5000,), "uint64")[index])
    far = noise.words(jax.random.key_data(key), jnp.asarray([7, 7 + 2**32]))
    assert far[0] != far[1]


@pytest.mark.parametrize(
    ("key", "counter", "want"),
    [
        ((0x00000000, 0x00000000), 0x00000000_00000000, 0x6B200159_99BA4EFE),
        ((0xFFFFFFFF, 0xFFFFFFFF), 0xFFFFFFFF_FFFFFFFF, 0x1CB996FC_BB002BE7),
        ((0x13198A2E, 0x03707344), 0x243F6A88_85A308D3, 0xC4923A9C_483DF7A0),
    ],
)
def test_words_are_those_of_threefry(key: tuple[int, int], counter: int, want: int) -> None:
    """Known answers of Threefry-2x32 with 20 rounds, from the tests of Random123 (Salmon et al. 2011)."""
    found = noise.words(jnp.asarray(key, jnp.uint32), jnp.asarray([counter], jnp.uint64))
    assert int(found[0]) == want


def test_steps_and_seeds_have_their_own_words() -> None:
    """No word is shared by 100 markers in three steps of two seeds, and a key depends on seed and step alone."""
    index, found = jnp.arange(100), set()
    for seed in (0, 1):
        for step in (0, 1, 10**6):
            key = jax.random.key_data(noise.step_noise(noise.run_key(seed), jnp.asarray(step)))
            again = jax.random.key_data(noise.step_noise(noise.run_key(seed), jnp.asarray(step)))
            np.testing.assert_array_equal(noise.words(key, index), noise.words(again, index))
            found |= set(np.asarray(noise.words(key, index)).tolist())
    assert len(found) == 600
