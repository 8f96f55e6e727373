"""Every test runs on the CPU and in 64-bit JAX, as crmc does; float32 is asked for by dtype."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import pytest


@pytest.fixture(autouse=True)
def double_precision():
    """64-bit small arrays.  Fixtures of a wider scope are set up before this one: they must ask for it themselves."""
    with jax.enable_x64(True):
        yield
