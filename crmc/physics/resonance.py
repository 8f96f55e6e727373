"""Resonance that the waves themselves broaden: particles at mu meet waves in resonance with cosines near mu.

In waves of r.m.s. amplitude dB the cosine of a particle quivers, and it scatters as

    nu(p, mu) = (nu_coefficient Omega0/gamma) int e_h(ln k) G(mu' - mu) dmu',   k = m Omega0/(p |mu'|),  h = sign(mu'),

with G a Gaussian of standard deviation Delta mu = a dB/B, dB of all waves together; a was measured on orbits
(experiment qlt).  Near 90 degrees waves of both helicities scatter a particle, and it crosses.  Scattering stays
elastic in the frame of the wave, and the bins get energy by the same weights as they scatter: `taken` is the transpose
of `power`.

Everything is in the scaled momenta of `crmc.physics.spectrum`, x = p' mu'/(m c b), here with the sign of mu'.  G is
constant in cells, and e(ln k) between the nodes of a table of its integral over x: both operators are then exact sums.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.physics.spectrum import SpectrumGrid

#: Number of equal cells of G, over `_REACH` standard deviations to each side, and of the table, equal in ln x.
_CELLS, _REACH, _NODES = 16, 3.5, 1024
#: Weights below this are what rounding leaves of none.
_ROUNDING = 1e-10
#: Least standard deviation of G in cells of the table at x_gap.
_NARROWEST = 1e-6


def _kernel() -> tuple[np.ndarray, np.ndarray]:
    """Return the edges of the cells of G and its steps there, (cells + 1,) each; its variance and integral are 1."""
    edge = np.linspace(-_REACH, _REACH, _CELLS + 1)
    share = np.diff([math.erf(z / math.sqrt(2.0)) for z in edge])
    share /= share.sum()
    edge /= math.sqrt(np.sum(share * np.diff(edge**3) / (3.0 * np.diff(edge))))
    return edge, -np.diff(share / np.diff(edge), prepend=0.0, append=0.0)


_EDGE, _STEP = _kernel()


def spread_of(grid: SpectrumGrid, e: jax.Array, broadening: jax.Array) -> jax.Array:
    """Return Delta mu = a dB/B with (dB/B)^2 = sum of int e dln k over all branches, ().

    e: wave power of each branch and bin, (2, 2, bins); broadening: a, ().
    """
    return broadening * jnp.sqrt(jnp.sum(e * grid.width))


def kernel_points() -> tuple[np.ndarray, np.ndarray]:
    """Return the middles of the cells of G in standard deviations, and the share of each, (cells,) each."""
    return 0.5 * (_EDGE[1:] + _EDGE[:-1]), np.cumsum(-_STEP[:-1]) * -np.diff(_EDGE)


def primitive(grid: SpectrumGrid, x: jax.Array) -> jax.Array:
    """Return int S_j(-ln x') dx' from 0 to x in closed form, (..., bins); 0 for x <= 0.

    grid: without an edge; x: scaled momentum, (...).
    """
    h, j = grid.knot, jnp.arange(grid.bins)
    u = jnp.clip((-jnp.log(jnp.maximum(x, 1e-300)) - grid.log_k_min)[..., None] / h - j, 0.0, 3.0)

    def whole(u: jax.Array | float, piece: int) -> jax.Array:
        # Minus the integral of (spline) h e^{-hu} du, by parts.
        value, slope, bend = (
            (0.5 * u**2, u, 1.0),
            (-(u**2) + 3.0 * u - 1.5, 3.0 - 2.0 * u, -2.0),
            (0.5 * (3.0 - u) ** 2, u - 3.0, 1.0),
        )[piece]
        return jnp.exp(-h * u) * (value + slope / h + bend / h**2)

    found = sum(whole(jnp.clip(u, i, i + 1.0), i) - whole(i + 1.0, i) for i in range(3))
    return jnp.exp(-grid.log_k_min - h * j) * found


class Broadened(NamedTuple):
    """Weights of the waves that scatter at given places, prepared by `broadened`.

    table: int S_j dx from 0 to the nodes x of the table, (nodes + 1, bins)
    node: node below each edge of G about each place, (..., edges), int32
    above: distance from it in cells of the table, (..., edges)
    step: step of G there over its width in x, for helicity +; minus that for helicity -, (..., edges)
    positive: whether the edge is at x > 0, where waves of helicity + resonate, (..., edges)
    """

    table: jax.Array
    node: jax.Array
    above: jax.Array
    step: jax.Array
    positive: jax.Array

    def power(self, e: jax.Array) -> jax.Array:
        """Return sum_j e_j w_j of each direction at its places, (2, ...).

        e: wave power of each branch and bin, (2, 2, bins)
        """
        table = jnp.einsum("nj,dhj->dhn", self.table, e)

        def direction(
            table: jax.Array, node: jax.Array, above: jax.Array, step: jax.Array, positive: jax.Array
        ) -> jax.Array:
            row = jnp.where(positive, 0, 1)
            low, high = table[row, node], table[row, node + 1]
            return jnp.sum(step * (low + above * (high - low)), axis=-1)

        return jax.vmap(direction)(table, self.node, self.above, self.step, self.positive)

    def power_at(self, e: jax.Array) -> jax.Array:
        """Return `power` at places that are the same for both directions, given once: (2, ...).

        The leading axis of the places has length 1.
        e: wave power of each branch and bin, (2, 2, bins)
        """
        table = jnp.einsum("nj,dhj->hnd", self.table, e)
        row = jnp.where(self.positive[0], 0, 1)
        low, high = table[row, self.node[0]], table[row, self.node[0] + 1]
        return jnp.einsum("...n,...nd->d...", self.step[0], low + self.above[0][..., None] * (high - low))

    def taken(self, amount: jax.Array) -> jax.Array:
        """Return sum over places of w_j times an amount, (2, 2, bins), the transpose of `power`.

        amount: of each direction at each place, (2, ...)
        """

        def direction(
            amount: jax.Array, node: jax.Array, above: jax.Array, step: jax.Array, positive: jax.Array
        ) -> jax.Array:
            put, row = amount[..., None] * step, jnp.where(positive, 0, 1)
            histogram = jnp.zeros((2, self.table.shape[0]))
            return histogram.at[row, node].add((1.0 - above) * put).at[row, node + 1].add(above * put)

        histogram = jax.vmap(direction)(amount, self.node, self.above, self.step, self.positive)
        return jnp.einsum("dhn,nj->dhj", histogram, self.table)

    def matrix(self) -> jax.Array:
        """Return the weights w_hj themselves, (..., 2, bins), for places of one kind for all directions."""
        low = self.table[self.node]
        rows = low + self.above[..., None] * (self.table[self.node + 1] - low)
        signs = (self.positive, ~self.positive)
        found = jnp.stack([jnp.einsum("...n,...nj->...j", self.step * own, rows) for own in signs], axis=-2)
        return jnp.where(found > _ROUNDING, found, 0.0)


def broadened(grid: SpectrumGrid, x: jax.Array, spread: jax.Array) -> Broadened:
    """Return the weights w_hj = int S_j G dx' over x' of the sign h, at places of particles.

    x: scaled p_par' of each direction, (2, ...); spread: standard deviation of G in x, P Delta mu, broadcast with x.
    """
    cell = jnp.log(grid.x_top / grid.x_gap) / _NODES
    spread = jnp.maximum(spread, _NARROWEST * cell * grid.x_gap)
    place = x[..., None] + spread[..., None] * _EDGE
    t = jnp.log(jnp.maximum(jnp.abs(place), grid.x_gap) / grid.x_gap) / cell
    node = jnp.clip(jnp.floor(jax.lax.stop_gradient(t)).astype(jnp.int32), 0, _NODES - 1)
    # In a cell the integral is linear in x.
    low = grid.x_gap * jnp.exp(cell * node)
    above = jnp.clip((jnp.abs(place) - low) / (low * jnp.expm1(cell)), 0.0, 1.0)
    positive = place > 0.0
    step = jnp.where(positive, 1.0, -1.0) * jnp.asarray(_STEP) / spread[..., None]
    table = primitive(grid, grid.x_gap * jnp.exp(cell * jnp.arange(_NODES + 1)))
    return Broadened(table, node, above, step, positive)
