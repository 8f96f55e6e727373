"""The nodes in x = 1/k at which a cell's waves are found, and the weights of its integrals over mu.

Integrals over x run over intervals between the momenta of averages, with some below and above, NODES Gauss nodes each.
A momentum that is asked for ends amid an interval, whose part below it has nodes of its own.  All integrals over
mu = x/p are therefore sums over one list of nodes with weights that know nothing of the waves:

    int_0^1 mu^m (1 - mu^2) y(p mu) dmu = sum_n kernel[m, p, n] y(x_n),

the last node stands for the gap x < x_gap = 1/k_max, where the waves are those of the edge.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.closure.balance import NODES, Damping, Fluxes, NonlinearLandau, Waves, cumulative_power, waves
from crmc.closure.spectrum import Spectrum
from crmc.theory.quadrature import gauss_legendre

#: Intervals of integrals over x between the gap and momentum_min, and between the cut and momentum_max.
BELOW, ABOVE = 3, 14
#: Powers mu^m of the kernels.
POWERS = 3


class Mesh(NamedTuple):
    """Nodes and weights; of N nodes the first are those of the intervals, the last is the gap's edge.

    momentum: p, those of the spectrum first, then the M that are asked for, (P,) [m_p c].
    x: 1/k, (N,) [m_p c]; drives: G and E there, (N,) each.
    lower, upper: ends in ln x of the intervals, or of the part that waves scatter, ascending, (intervals,).
    width: dln x of the nodes in the intervals, (intervals, NODES).
    kernel: weights of integrals over mu, (POWERS, P, N); mean: those of int_0^1 dmu, (M, N).
    interval: that in which nodes of no interval lie, (N - 1 - intervals NODES,).
    """

    momentum: jax.Array
    x: jax.Array
    drives: tuple[jax.Array, jax.Array]
    lower: jax.Array
    upper: jax.Array
    width: jax.Array
    kernel: jax.Array
    mean: jax.Array
    interval: jax.Array

    @property
    def x_gap(self) -> jax.Array:
        """1/k_max, () [m_p c]."""
        return self.x[-1]

    def inside(self, values: jax.Array) -> jax.Array:
        """Return the part of values at the nodes that belongs to the intervals, (..., intervals, NODES).

        values: (..., N).
        """
        return values[..., : self.width.size].reshape(*values.shape[:-1], *self.width.shape)


def make_mesh(spectrum: Spectrum, x_gap: jax.Array, momentum: jax.Array) -> Mesh:
    """Return the mesh of a spectrum.

    x_gap: 1/k_max, () [m_p c]; momentum: p that are asked for, (M,) [m_p c].
    """
    edges = edges_of(spectrum, x_gap)
    ends = jnp.log(jnp.maximum(edges, x_gap))
    lower, upper = ends[:-1], ends[1:]
    x, width = nodes_of(lower, upper)
    # Where a momentum ends amid an interval.
    found = jnp.clip(jnp.searchsorted(edges, momentum, side="right") - 1, 0, edges.shape[0] - 1)
    partial, partial_width = nodes_of(ends[found], jnp.log(jnp.maximum(momentum, x_gap)))
    halfway = jnp.maximum(0.5 * momentum, x_gap)
    of_halfway = jnp.clip(jnp.searchsorted(edges, halfway, side="right") - 1, 0, edges.shape[0] - 1)

    every = jnp.concatenate([spectrum.momenta, momentum])
    first = BELOW + 1
    below = jnp.concatenate([jnp.arange(first, first + spectrum.momenta.shape[0]), found])
    scattering = jnp.where(jnp.arange(lower.shape[0]) < below[:, None], 1.0, 0.0)
    intervals = scattering[..., None] * (width * x) / every[:, None, None]
    own = jnp.zeros((*every.shape, *partial.shape))
    asked = jnp.arange(momentum.shape[0])
    own = own.at[asked + spectrum.momenta.shape[0], asked].set(partial_width * partial / momentum[:, None])
    none = jnp.zeros((every.shape[0], momentum.shape[0]))
    dmu = jnp.concatenate([intervals.reshape(every.shape[0], -1), own.reshape(every.shape[0], -1), none], axis=-1)
    nodes = jnp.concatenate([x.ravel(), partial.ravel(), halfway])
    mu, edge = nodes / every[:, None], jnp.minimum(x_gap / every, 1.0)[:, None]
    kernels, m = [], np.arange(POWERS)
    for power in m:
        of_gap = edge ** (power + 1) / (power + 1) - edge ** (power + 3) / (power + 3)
        kernels.append(jnp.append(dmu * mu**power * (1.0 - mu**2), of_gap, axis=-1))
    places = jnp.append(nodes, x_gap)
    return Mesh(
        momentum=every,
        x=places,
        drives=spectrum.drives(places),
        lower=lower,
        upper=upper,
        width=width,
        kernel=jnp.stack(kernels),
        mean=jnp.append(dmu, edge, axis=-1)[spectrum.momenta.shape[0] :],
        interval=jnp.append(jnp.repeat(found, NODES), of_halfway),
    )


def edges_of(spectrum: Spectrum, x_gap: jax.Array) -> jax.Array:
    """Return the ends of the intervals, ascending: as if waves scattered everywhere, (intervals + 1,) [m_p c]."""
    bottom = jnp.exp(spectrum.start)
    low = jnp.minimum(x_gap, bottom)
    below = low * (bottom / low) ** jnp.asarray(np.arange(BELOW) / BELOW)
    above = spectrum.cut * (spectrum.top / spectrum.cut) ** jnp.asarray(np.arange(ABOVE + 1) / ABOVE)
    return jnp.concatenate([below, bottom[None], spectrum.momenta, above])


def nodes_of(lower: jax.Array, upper: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return Gauss nodes x and weights dln x between ends in ln x, (..., NODES) each."""
    node, weight = gauss_legendre(NODES)
    width = jnp.maximum(upper - lower, 0.0)[..., None]
    return jnp.exp(lower[..., None] + width * (0.5 * (node + 1.0))), jnp.asarray(0.5 * weight) * width


def waves_on(mesh: Mesh, form: NonlinearLandau, fluxes: Fluxes, damping: Damping) -> Waves:
    """Return the waves at the nodes, (2, N).

    form: form of nonlinear Landau damping.
    """
    longer = _longer(mesh, fluxes, damping) if form == "cumulative" else None
    return waves(form, fluxes, damping, mesh.x, mesh.drives, longer)


def _longer(mesh: Mesh, fluxes: Fluxes, damping: Damping) -> jax.Array:
    """Return E(k), the power of longer waves in the cumulative form, at the nodes, (N,)."""
    drives = mesh.inside(mesh.drives[0]), mesh.inside(mesh.drives[1])
    inside, at_lower = cumulative_power(fluxes, damping, mesh.lower, mesh.upper, mesh.inside(mesh.x), drives)
    known = jnp.concatenate([at_lower[:, None], inside, jnp.append(at_lower[1:], 0.0)[:, None]], axis=-1)
    last = mesh.lower.shape[0] - 1
    place = jnp.minimum(mesh.interval, last)
    x = mesh.x[mesh.width.size : -1]
    span = jnp.maximum((mesh.upper - mesh.lower)[place], 1e-12)
    t = jnp.clip((jnp.log(x) - mesh.lower[place]) / span, 0.0, 1.0)
    # The polynomial through both ends and the nodes of an interval.
    points = np.concatenate([[0.0], 0.5 * (gauss_legendre(NODES)[0] + 1.0), [1.0]])
    to_powers = jnp.asarray(np.linalg.inv(points[:, None] ** np.arange(NODES + 2)))
    powers = jnp.stack([t**m for m in range(NODES + 2)], axis=-1)
    between = jnp.einsum("nm,mj,nj->n", powers, to_powers, known[place])
    between = jnp.where(mesh.interval > last, 0.0, between)
    return jnp.concatenate([inside.ravel(), between, at_lower[:1]])
