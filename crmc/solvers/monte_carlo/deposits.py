"""Deposit the energy of the kicks in the bins of the waves that made them: the growth that drives the waves.

A kick q -> q' changes a marker's energy by gamma_w V s (q' - q).  With ``Psi_j(q) = int S_j/e dq``,
``sum_j e_j Psi_j(q) = q``, bin j receives

    - gamma_w V s wbar e_j [Psi_j(q') - Psi_j(q)],   wbar = (w_before + w_after)/2,

which sums to the particles' loss.  There is no separate F0 term: for a symmetric kernel the F0 part of the deposit
vanishes in expectation, and wbar holds what is left of it without bias.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.physics.exact import in_two_parts, rounded
from crmc.physics.flow import Stretch
from crmc.physics.spectrum import CELLS_PER_OCTAVE, DEPOSIT_CELLS, DEPOSIT_OCTAVES, SIGNS, SpectrumGrid
from crmc.solvers.monte_carlo.kernel import Kick
from crmc.solvers.monte_carlo.tables import deposited, deposited_beyond
from crmc.theory.distribution import Background


def _deposit_position(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the deposit cell of ``x`` and the weight, linear in q, of its upper node, (N,) each.

    The nodes are the numbers whose mantissa has log2(CELLS_PER_OCTAVE) bits: a float's own bits tell its cell.
    x: q in units of the first node, (N,)
    """
    dtype = x.dtype
    kind, exponent_of_one = (np.uint32, 127) if dtype == jnp.float32 else (np.uint64, 1023)
    mantissa = jnp.finfo(dtype).nmant
    shift, one = kind(mantissa - CELLS_PER_OCTAVE.bit_length() + 1), kind(exponent_of_one << mantissa)
    x = jnp.clip(x, 1.0, 2.0**DEPOSIT_OCTAVES * (1.0 - float(jnp.finfo(dtype).eps)))
    bits = jax.lax.bitcast_convert_type(jax.lax.stop_gradient(x), kind)
    cell = ((bits - one) >> shift).astype(jnp.int32)
    node = jax.lax.bitcast_convert_type((bits >> shift) << shift, dtype)
    # 2^-n from the exponent of 2^n.
    inverse = (kind(2 * exponent_of_one) - (bits >> kind(mantissa))) << kind(mantissa)
    return cell, (x - node) * jax.lax.bitcast_convert_type(inverse, dtype) * CELLS_PER_OCTAVE


def empty_histogram() -> jax.Array:
    """Return the histogram of no deposits, (2 helicities, DEPOSIT_CELLS + 1), float64."""
    return jnp.zeros((2, DEPOSIT_CELLS + 1))


class Deposit(NamedTuple):
    """Weights to add to the flattened histogram.

    cell: flat index of the lower node, (N,)
    below, above: weights for the lower node and the next, (N,) [code]
    """

    cell: jax.Array
    below: jax.Array
    above: jax.Array


def deposits(grid: SpectrumGrid, kick: Kick, weight: jax.Array, unit: jax.Array) -> tuple[Deposit, Deposit]:
    """Return the deposits of ``weight`` at q' and of minus ``weight`` at q, each shared linearly between two nodes.

    A q' < 0 lies in the other hemisphere, where the other helicity scatters.  Below the first node the weight falls
    to zero at q = 0, as Psi does.
    weight: wbar of each marker, (N,) [code]
    unit: momentum of x = 1, `Stretch.resonance`, () [m_p c]
    """

    def at(q: jax.Array, weight: jax.Array) -> Deposit:
        base = jnp.where(kick.frame.sign * q < 0.0, DEPOSIT_CELLS + 1, 0)
        x = jnp.abs(q) * (1.0 / (grid.x_gap * unit)).astype(q.dtype)
        cell, upper = _deposit_position(x)
        weight = weight * jnp.minimum(x, 1.0)
        share = weight * upper
        return Deposit(base + cell, weight - share, share)

    return at(kick.q, weight), at(kick.frame.q, -weight)


def node_sizes(grid: SpectrumGrid, background: Background, amplitude: jax.Array, at: Stretch) -> jax.Array:
    """Return the sizes of the deposits of both helicities at every node, (2 (DEPOSIT_CELLS + 1),) [code].

    What F0 weighs whose p can be at the lowest node of the octave: twice the y0 that p = y0 max(1/l_par, b^(1/2)) asks
    for, since expansion takes p no farther and kicks change it little.  A kick deposits a weight in two places.
    amplitude: of the components of F0, (K,) [code]; at: deformation of the tube at the kicks
    """
    y, dy = background.quadrature()
    weights = 2.0 * background.density(amplitude, y) * y**2 * dy
    farthest = jnp.maximum(1.0 / at.along(), jnp.sqrt(at.b))
    least = grid.x_gap * at.resonance * 2.0 ** np.arange(DEPOSIT_OCTAVES) / (2.0 * farthest)
    # Down to the last node of the quadrature below, and all in the first octave, which holds what is below it.
    counts = (jnp.append(y[1:], jnp.inf) >= least[:, None]) | (np.arange(DEPOSIT_OCTAVES) == 0)[:, None]
    size = jnp.sum(jnp.where(counts, weights, 0.0), axis=-1)
    nodes = jnp.append(jnp.repeat(size, CELLS_PER_OCTAVE), size[-1])
    return jnp.concatenate([nodes, nodes])


def add_deposits(histogram: jax.Array, found: Sequence[Deposit], sizes: jax.Array) -> jax.Array:
    """Return ``histogram`` with the deposits ``found`` added, in its shape [code].

    histogram: (2, DEPOSIT_CELLS + 1), or two of them, (2, 2, DEPOSIT_CELLS + 1), whose sum has more digits
    sizes: expected sums of all weights at every node, for which additions are exact, from `node_sizes`
    """
    count, nodes = math.prod(histogram.shape[:-2]), 2 * (DEPOSIT_CELLS + 1)
    flat = histogram.reshape(-1)
    for one in found:
        # Of the lower node for both: multiples of its quantum are multiples of the next one's.
        size = sizes[one.cell]
        for cell, weight in ((one.cell, one.below), (one.cell + 1, one.above)):
            parts = (rounded(weight, size),) if count == 1 else in_two_parts(weight, size)
            for place, part in enumerate(parts):
                flat = flat.at[cell + place * nodes].add(part, mode="promise_in_bounds")
    return flat.reshape(histogram.shape)


def deposits_taken(grid: SpectrumGrid, e: jax.Array, histograms: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the deposits given to each bin per unit e_j, (2, 2, 2, bins), and beyond k_max, (2, 2, 2).

    By the kicks and by their mirror images.
    e: wave power that made the kicks, (2, 2, bins)
    histograms: from `add_deposits` for kicks and images and each direction, (2, 2, 2, DEPOSIT_CELLS + 1) [code]
    """
    found = jnp.stack([deposited(grid, e, x) for x in histograms])
    return found, jnp.stack([deposited_beyond(grid, x) for x in histograms])


def branch_taken(i: jax.Array, grid: SpectrumGrid, e: jax.Array, histograms: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return entry i of what `deposits_taken` returns, of 8 in their order, (bins,) and ().

    e, histograms: as there, (4, bins) and (8, DEPOSIT_CELLS + 1)
    """
    histogram = jax.lax.dynamic_index_in_dim(histograms, i, keepdims=False)
    own = jax.lax.dynamic_index_in_dim(e, i & 3, keepdims=False)
    return deposited(grid, own, histogram), deposited_beyond(grid, histogram)


def kick_gain(grid: SpectrumGrid, e: jax.Array, V: jax.Array, histogram: jax.Array, b: jax.Array) -> jax.Array:
    """Return the energy density given to each bin by the kicks, divided by its e_j, (2, 2, bins) [code].

    e: wave power that made the kicks, (2, 2, bins)
    V: phase velocities of both directions' waves, (2,) [c]
    histogram: from `add_deposits` for each direction, (2, 2, DEPOSIT_CELLS + 1) [code]
    b: B/B0, (); its square is density times unit
    """
    return lost_per_deposit(V, b)[..., None] * deposited(grid, e, histogram)


def gain_beyond(grid: SpectrumGrid, V: jax.Array, histogram: jax.Array, b: jax.Array) -> jax.Array:
    """Return the energy density given to each branch's waves beyond k_max that no bin stands for, (2, 2) [code].

    V, histogram: as for `kick_gain`
    """
    return lost_per_deposit(V, b) * deposited_beyond(grid, histogram)


def lost_per_deposit(V: jax.Array, b: jax.Array) -> jax.Array:
    """Return the energy density that particles of each helicity lose per deposit, (2, 2) [code]."""
    gamma = 1.0 / jnp.sqrt(1.0 - V**2)
    return -(gamma * V * b * b)[:, None] * SIGNS
