"""The division of markers among devices: the fill of blocks against a search, and where arrays are held."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from crmc.physics.layout import Layout


@pytest.mark.parametrize("block", [64, 100, 8192])
@pytest.mark.parametrize("share", [1, 63, 64, 65, 1003, 8192, 8193, 100_000])
def test_filled(share: int, block: int) -> None:
    """The least multiple of 64 times the fewest blocks that hold the share, found by counting up."""
    blocks = next(n for n in range(1, share + 1) if n * block >= share)
    want = next(n for n in range(share, share + 64 * blocks + 1) if n % (64 * blocks) == 0)
    assert Layout(1, block).filled(share) == want


@pytest.mark.parametrize("devices", [1, 2, 8])
def test_shardings(devices: int) -> None:
    """Of arrays along markers device i holds the i-th equal part, of other arrays every device holds all."""
    layout, x = Layout(devices), jnp.arange(80.0)
    parts = sorted(jax.device_put(x, layout.along_markers).addressable_shards, key=lambda part: part.device.id)
    assert [part.device for part in parts] == jax.devices()[:devices]
    for part, want in zip(parts, np.split(np.arange(80.0), devices), strict=True):
        np.testing.assert_array_equal(part.data, want)
    copies = jax.device_put(x, layout.everywhere).addressable_shards
    assert {copy.device for copy in copies} == set(jax.devices()[:devices])
    for copy in copies:
        np.testing.assert_array_equal(copy.data, x)
