"""Slabs of few or many waves, and measurements on them, that several tests share."""

from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.orbits import transport
from crmc.orbits.slab import Modes, Slab, make_modes, random_slab
from crmc.physics.spectrum import make_grid

BINS, K_MIN, K_MAX = 16, 0.05, 20.0
LENGTH, CELLS = 2048.0, 32768
V_A = 0.02
DOUBLE = np.dtype("float64")
#: The four branches (d, h).
BRANCHES = ((1, 1), (1, -1), (-1, 1), (-1, -1))
#: Cosines well between the ends of the spectrum.
COSINES = np.array([0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])


class Measured(NamedTuple):
    """A measurement: lags, displacement moments (realisations, lags, mu, 7), and what was measured."""

    times: np.ndarray
    moments: np.ndarray
    modes: Modes
    e: jax.Array
    velocity: jax.Array

    def of(self, name):
        """One of the moments, (realisations, lags, mu)."""
        return self.moments[..., transport.MOMENTS.index(name)]


def spectrum(amplitude, branches):
    """e (D, 2, BINS) flat in ln k, with (dB/B)^2 shared by ``branches`` {(d, h)}, and the velocities of its directions."""
    directions = sorted({d for d, _ in branches}, reverse=True)
    knot = np.log(K_MAX / K_MIN) / (BINS + 2)
    e = np.zeros((len(directions), 2, BINS))
    for d, h in branches:
        e[directions.index(d), 0 if h > 0 else 1] = amplitude**2 / (len(branches) * BINS * knot)
    return jnp.asarray(e), V_A * jnp.asarray(directions, float)


def grid():
    """Splines of the spectrum in ln k."""
    return make_grid(K_MIN, K_MAX, BINS, 0.3, 30.0)


def full_slab(dtype: np.dtype = DOUBLE, amplitude: float = 0.05) -> tuple[Modes, Slab]:
    """Modes of all four branches in the long box, and one realisation of them."""
    e, velocity = spectrum(amplitude, BRANCHES)
    modes = make_modes(grid(), e, velocity, length=LENGTH, cells=CELLS)
    return modes, random_slab(modes, jax.random.key(3), dtype)


def one_wave(direction, helicity, mode, amplitude, velocity, cells=1024, length=64.0):
    """Modes of a single wave, and its phase table (all zero)."""
    a = np.zeros((1, 2, cells // 2))
    a[0, 0 if helicity > 0 else 1, mode] = amplitude
    return Modes(jnp.array([direction * velocity]), jnp.asarray(length / cells), jnp.asarray(a)), jnp.zeros(a.shape)


@lru_cache
def measure(amplitude, branches, p=1.0, realisations=128, particles=64, gyrations=8, lags=8, dtype="float64", seed=0):
    """Displacements of particles of momentum p at +-COSINES over ``gyrations``, by steps of Omega dt = 0.14."""
    with jax.enable_x64(True):
        e, velocity = spectrum(amplitude, branches)
        modes = make_modes(grid(), e, velocity, length=LENGTH, cells=CELLS)
        period = 2.0 * np.pi * np.sqrt(1.0 + p**2)
        steps = round(45 * gyrations / lags)
        lag = period * gyrations / lags
        mu = np.concatenate([-COSINES[::-1], COSINES])
        moments = transport.displacements(
            modes,
            jnp.asarray(p),
            jnp.asarray(mu),
            jnp.asarray(lag / steps),
            jnp.asarray(steps),
            jax.random.key(seed, impl="threefry2x32"),
            sample=transport.Sample(lags, particles, realisations),
            dtype=np.dtype(dtype),
        )
        return Measured(lag * np.arange(1, lags + 1), np.asarray(moments), modes, e, velocity)
