"""A drift of strong waves, whose resonance is a tenth wide in mu, on a small mesh."""

import functools

import jax

from crmc.config.config import load_config
from crmc.setup.build import build
from crmc.solvers.fokker_planck.solver import FOKKER_PLANCK

#: A gradient 1e4 times steeper than that of the experiment makes waves as much stronger, dB/B = 0.12.
OVERRIDES = ["scattering.gap=resonance", "waves.bins=8", "drift.gradient_length=0.1 pc", "run.duration=2e6 s"]


@functools.cache
def built():
    """Return a run on the mesh that starts in the balance of growth and damping."""
    with jax.enable_x64(True):
        return build(load_config("drift", OVERRIDES), solver=FOKKER_PLANCK.name, cells=(12, 64))
