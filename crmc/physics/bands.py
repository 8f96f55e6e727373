"""Weights of waves that broaden the resonance, tabulated once in bands of its width, for many particles in each step.

`crmc.physics.resonance` gives the weights w_hj(x) of all waves for a Gaussian of width P Delta mu in x.  They depend on
this width and on x alone, not on the waves: tabulated at nodes x_n for widths sigma_m, they give in every step

    power(x_n, sigma_m) = sum_hj e_hj w_hj            what scatters, linear in x and in the width between nodes
    Psi_hj(x_n, sigma_m) = int_0^x_n w_hj/power dx    how the bins share a kick from one x to another, e_hj Psi_hj each

with sum_hj e_hj Psi_hj = x exactly for each width: nothing of what a particle loses is lost.  In a cell between two
nodes w_hj and power are their means over both.  The table is that of the hemisphere x > 0; in the other one the
helicities change places.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.physics.resonance import broadened
from crmc.physics.spectrum import SpectrumGrid
from crmc.theory.distribution import Real

#: Number of widths, equal in their logarithm, and the ends of their range: of x_gap, and of the largest momentum.
#: Particles cross 90 degrees where weights are tails of a Gaussian, which 32 widths and nodes from x_gap/4 on made too
#: large: momenta of 0.5 to 0.9 m_p c crossed 1 to 12 % too fast (experiment gap).
BANDS, _NARROWEST, _WIDEST = 64, 1.0 / 32.0, 0.5
#: Octaves of the nodes in x, and nodes of each octave, equal in x (a power of two); where they begin, in x_gap.
OCTAVES, PER_OCTAVE, _FIRST = 24, 16, 1.0 / 16.0
#: Number of nodes x > 0.
NODES = OCTAVES * PER_OCTAVE + 1


class Bands(NamedTuple):
    """Weights of all waves at the nodes of every band.

    low: ln of the least width in x, (); step: spacing of the bands in ln width, ().
    x: nodes, the first of which is 0, (NODES + 1,).
    cell: cell between two nodes in which each cell of the grid's rows has its centre, (ROWS, CELLS), int32.
    weight: w_hj of the helicity h that the hemisphere resonates with, then of the other one, at each node of each band,
        (2 bins, BANDS (NODES + 1)).
    """

    low: jax.Array
    step: jax.Array
    x: jax.Array
    cell: jax.Array
    weight: jax.Array

    @property
    def width(self) -> jax.Array:
        """Width of each band in x, (BANDS,)."""
        return jnp.exp(self.low + self.step * jnp.arange(BANDS))

    def position(self, width: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return the band below a width in x and the share, linear in the width, of the band above it, (...) each.

        width: P Delta mu, in the precision of the result, (...)
        """
        step = self.step.astype(width.dtype)
        place = (jnp.log(jnp.maximum(width, 1e-30)) - self.low.astype(width.dtype)) / step
        place = jnp.clip(place, 0.0, BANDS - 1.0)
        band = jnp.minimum(jax.lax.stop_gradient(place).astype(jnp.int32), BANDS - 2)
        return band, jnp.expm1(step * (place - band)) / jnp.expm1(step)

    def power(self, e: jax.Array) -> jax.Array:
        """Return the power that scatters in each hemisphere, sum_hj e_hj w_hj, (..., 2, BANDS, NODES + 1).

        e: wave power of each helicity and bin, (..., 2, bins)
        """
        # Flat products: small matrices times a large one, which is read once.
        both = jnp.concatenate([e, jnp.flip(e, axis=-2)], axis=-1)
        return (both @ self.weight).reshape(*e.shape[:-1], BANDS, NODES + 1)

    def shared(self, e: jax.Array, amount: jax.Array, floor: jax.Array) -> jax.Array:
        """Return sum_n H_n Psi_hj(x_n), what all bins take of amounts per unit e_hj, (..., 2, bins).

        Where the power is below the floor all bins take the same per unit e_hj.
        e: wave power of each helicity and bin, (..., 2, bins)
        amount: H of each hemisphere and band at the nodes x > 0, (..., 2, BANDS, NODES)
        floor: least power that counts, of a shape that broadcasts with (..., 2, BANDS, NODES)
        """
        # By parts: each cell serves all that lies above it.
        above = jax.lax.cumsum(amount, axis=amount.ndim - 1, reverse=True) * jnp.diff(self.x)
        power = self.power(e)
        power = 0.5 * (power[..., 1:] + power[..., :-1])
        lit = power > floor
        share = 0.5 * jnp.where(lit, above / jnp.where(lit, power, 1.0), 0.0)
        ends = [(0, 0)] * (share.ndim - 1)
        share = jnp.pad(share, [*ends, (1, 0)]) + jnp.pad(share, [*ends, (0, 1)])
        own, other = jnp.split(share.reshape(*e.shape[:-1], -1) @ self.weight.T, 2, axis=-1)
        dark = jnp.sum(jnp.where(lit, 0.0, above), axis=(-3, -2, -1)) / jnp.sum(e, axis=(-2, -1))
        return own + jnp.flip(other, axis=-2) + dark[..., None, None]


def make_bands(grid: SpectrumGrid, momentum_max: Real) -> Bands:
    """Return the bands of a spectrum.

    momentum_max: largest scaled momentum P of the particles, ()
    """
    low = jnp.log(_NARROWEST * grid.x_gap)
    step = (jnp.log(_WIDEST * jnp.asarray(momentum_max)) - low) / (BANDS - 1)
    octave, part = np.divmod(np.arange(NODES), PER_OCTAVE)
    nodes = _FIRST * grid.x_gap * (2.0**octave * (1.0 + part / PER_OCTAVE))
    x = jnp.concatenate([jnp.zeros(1), nodes])

    def band(width: jax.Array) -> jax.Array:
        return broadened(grid, x[None], width).matrix()[0]

    weight = jax.lax.map(band, jnp.exp(low + step * jnp.arange(BANDS)))
    cell = jnp.clip(jnp.searchsorted(x, jax.lax.stop_gradient(grid.x_mid)) - 1, 0, NODES - 1)
    return Bands(low, step, x, cell.astype(jnp.int32), jnp.moveaxis(weight, (2, 3), (0, 1)).reshape(2 * grid.bins, -1))
