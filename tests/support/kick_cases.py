"""Markers in the frame of a wave, random words of their kicks, and growth rates that ensembles of them should have."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from support.growth_cases import BINS, DENSITY, V_A, case, geometry, smeared

from crmc import theory
from crmc.physics.markers import initial_markers
from crmc.physics.spectrum import SIGNS
from crmc.solvers.monte_carlo.kernel import WaveFrame

#: Markers of an `ensemble`.
COUNT = 65536


@jax.jit
def frame_of(V, p, q, sign):
    """Wave frame with given p', q, s."""
    V, q = jnp.asarray(V), jnp.asarray(q)
    p = jnp.broadcast_to(jnp.asarray(p), q.shape)
    return WaveFrame(V, 1.0 / jnp.sqrt(1.0 - V**2), p, jnp.sqrt(1.0 + p**2), q, jnp.asarray(sign) * jnp.ones_like(q))


def every_word(n=128):
    """n x n words with (o, u) at the midpoints of a square lattice: an average over them is a quadrature."""
    level = ((np.arange(n) + 0.5) / n * 65536).astype(np.uint32)
    return ((level[:, None] << 16) | level[None, :]).ravel().astype(np.uint32)


def ensemble(name, seed, count=COUNT):
    """Quasi-random markers of a case of `growth_cases`, and their w."""
    rays, amplitude, deviation = case(name)
    m = initial_markers(count, rays, amplitude, seed=seed, dtype=np.float64, **deviation)
    return m, m.control_weight(rays, amplitude)


@functools.cache
def smeared_growth(name):
    """Smeared quadrature of eq. 15 for a case of `growth_cases`, (2, 2, BINS)."""
    rays, amplitude, _ = case(name)
    grid = geometry()
    want = np.empty((2, 2, BINS))
    for i, d in enumerate(SIGNS):
        for j, h in enumerate(SIGNS):
            if name == "kappa":
                rate = lambda k, d=d: theory.growth_drift_kappa(k, 1.25, DENSITY, 2.0 * d)  # noqa: E731
            else:
                rate = functools.partial(
                    theory.growth_rate,
                    background=rays,
                    amplitude=amplitude,
                    v_alfven=V_A,
                    branch=(d, h),
                    zeta=3.0 * V_A,
                )
            want[i, j] = smeared(grid, rate)
    return want
