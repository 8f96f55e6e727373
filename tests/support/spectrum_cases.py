"""A small grid of the spectrum and uneven wave powers on it."""

import jax
import numpy as np

from crmc.physics.spectrum import make_grid
from crmc.solvers.monte_carlo.tables import bare_metric, compressed

BINS, K_MIN, K_MAX = 12, 0.02, 5.0


def grid_of(low=0.3, high=100.0):
    """Return the grid whose tables cover scaled momenta from low to high."""
    return make_grid(K_MIN, K_MAX, BINS, low, high)


def uneven_power(seed=1):
    """Return e ~ 1e-3 of both helicities of a direction, bins apart by a factor exp(N(0, 1/2)), (2, BINS)."""
    return 1e-3 * np.exp(np.random.default_rng(seed).normal(0.0, 0.5, (2, BINS)))


@jax.jit
def scattering_table(grid, e, wave_velocity, b, nu_dt, seed):
    """Table of `tables.compressed` from the metric of waves e, in float64."""
    return compressed(grid, bare_metric(grid, e, wave_velocity, b, seed), nu_dt)
