"""Every test runs on the CPU and in 64-bit JAX, as crmc does; float32 is asked for by dtype."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Eight devices for the tests of layouts; everything else asks for one.
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "8")

import jax
import pytest


@pytest.fixture(autouse=True)
def double_precision():
    """64-bit small arrays.  Fixtures of a wider scope are set up before this one: they must ask for it themselves."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(autouse=True)
def relative_tolerance(monkeypatch):
    """``approx(x, rel=...)`` is relative: by itself it also allows 1e-12, which is more than most of our numbers."""
    approx = pytest.approx

    def relative(expected, rel=None, abs=None, **more):
        if abs is None:
            rel, abs = rel or 1e-6, 0.0
        return approx(expected, rel, abs, **more)

    monkeypatch.setattr(pytest, "approx", relative)
