"""Deposit the energy of the kicks in the bins of the waves that made them: the growth that drives the waves.

A kick q -> q' changes a marker's energy by gamma_w V s (q' - q).  With ``Psi_j(q) = int S_j/e dq``,
``sum_j e_j Psi_j(q) = q``, bin j receives

    - gamma_w V s wbar e_j [Psi_j(q') - Psi_j(q)],   wbar = (w_before + w_after)/2,

which sums to the particles' loss.  There is no separate F0 term: for a symmetric kernel the F0 part of the deposit
vanishes in expectation, and wbar holds what is left of it without bias.

Where waves broaden the resonance, Psi depends on p', too: deposits are kept in bands of P Delta mu (`physics.bands`),
shared linearly between two of them, and both helicities take of each hemisphere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.physics import bands as banded
from crmc.physics.bands import Bands
from crmc.physics.exact import in_two_parts, rounded
from crmc.physics.flow import Stretch
from crmc.physics.spectrum import CELLS_PER_OCTAVE, DEPOSIT_CELLS, DEPOSIT_OCTAVES, SIGNS, SpectrumGrid
from crmc.solvers.monte_carlo.kernel import Kick
from crmc.solvers.monte_carlo.tables import deposited, deposited_beyond, metric_floor
from crmc.theory.distribution import Background


def _deposit_position(
    x: jax.Array, octaves: int = DEPOSIT_OCTAVES, per_octave: int = CELLS_PER_OCTAVE
) -> tuple[jax.Array, jax.Array]:
    """Return the deposit cell of ``x`` and the weight, linear in q, of its upper node, (N,) each.

    The nodes are the numbers whose mantissa has log2(per_octave) bits: a float's own bits tell its cell.
    x: q in units of the first node, (N,)
    """
    dtype = x.dtype
    kind, exponent_of_one = (np.uint32, 127) if dtype == jnp.float32 else (np.uint64, 1023)
    mantissa = jnp.finfo(dtype).nmant
    shift, one = kind(mantissa - per_octave.bit_length() + 1), kind(exponent_of_one << mantissa)
    x = jnp.clip(x, 1.0, 2.0**octaves * (1.0 - float(jnp.finfo(dtype).eps)))
    bits = jax.lax.bitcast_convert_type(jax.lax.stop_gradient(x), kind)
    cell = ((bits - one) >> shift).astype(jnp.int32)
    node = jax.lax.bitcast_convert_type((bits >> shift) << shift, dtype)
    # 2^-n from the exponent of 2^n.
    inverse = (kind(2 * exponent_of_one) - (bits >> kind(mantissa))) << kind(mantissa)
    return cell, (x - node) * jax.lax.bitcast_convert_type(inverse, dtype) * per_octave


def empty_histogram(*, in_bands: bool = False) -> jax.Array:
    """Return the histogram of no deposits, (2 helicities, DEPOSIT_CELLS + 1), float64; (2, BANDS, NODES) in bands."""
    return jnp.zeros((2, banded.BANDS, banded.NODES) if in_bands else (2, DEPOSIT_CELLS + 1))


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


def deposits_in_bands(
    bands: Bands, spread: jax.Array, kick: Kick, weight: jax.Array, unit: jax.Array
) -> tuple[Deposit, ...]:
    """Return `deposits` where waves broaden the resonance, each shared between two bands of p'.

    spread: Delta mu, (); weight, unit: as there
    """
    dtype = kick.q.dtype
    band, share = bands.position(kick.frame.momentum * (spread / unit).astype(dtype))
    parts = (band * banded.NODES, 1.0 - share), ((band + 1) * banded.NODES, share)

    def at(q: jax.Array, weight: jax.Array) -> list[Deposit]:
        base = jnp.where(kick.frame.sign * q < 0.0, banded.BANDS * banded.NODES, 0)
        x = jnp.abs(q) * (1.0 / (bands.x[1] * unit)).astype(dtype)
        cell, upper = _deposit_position(x, banded.OCTAVES, banded.PER_OCTAVE)
        weight = weight * jnp.minimum(x, 1.0)
        found = ((first, weight * part) for first, part in parts)
        return [Deposit(base + first + cell, mine - mine * upper, mine * upper) for first, mine in found]

    return *at(kick.q, weight), *at(kick.frame.q, -weight)


def node_sizes(grid: SpectrumGrid, background: Background, amplitude: jax.Array, at: Stretch) -> jax.Array:
    """Return the sizes of the deposits of both helicities at every node, (2 (DEPOSIT_CELLS + 1),) [code].

    What F0 weighs whose p can be at the lowest node of the octave: twice the y0 that p = y0 max(1/l_par, b^(1/2)) asks
    for, since expansion takes p no farther and kicks change it little.  A kick deposits a weight in two places.
    amplitude: of the components of F0, (K,) [code]; at: deformation of the tube at the kicks
    """
    y, dy = background.quadrature()
    weights = 2.0 * background.density(amplitude, y) * y**2 * dy
    least = grid.x_gap * at.resonance * 2.0 ** np.arange(DEPOSIT_OCTAVES) / (2.0 * _farthest(at))
    # Down to the last node of the quadrature below, and all in the first octave, which holds what is below it.
    counts = (jnp.append(y[1:], jnp.inf) >= least[:, None]) | (np.arange(DEPOSIT_OCTAVES) == 0)[:, None]
    size = jnp.sum(jnp.where(counts, weights, 0.0), axis=-1)
    nodes = jnp.append(jnp.repeat(size, CELLS_PER_OCTAVE), size[-1])
    return jnp.concatenate([nodes, nodes])


def _farthest(at: Stretch) -> jax.Array:
    """Return the largest factor by which p may have grown since birth, ()."""
    return jnp.maximum(1.0 / at.along(), jnp.sqrt(at.b))


def sizes_in_bands(
    bands: Bands, spread: jax.Array, background: Background, amplitude: jax.Array, at: Stretch
) -> jax.Array:
    """Return `node_sizes` of deposits in bands, (2 BANDS NODES,) [code]: p must be that of the band below, too.

    spread: Delta mu, (); amplitude, at: as there
    """
    y, dy = background.quadrature()
    weights = 2.0 * background.density(amplitude, y) * y**2 * dy
    to_birth = at.resonance / (2.0 * _farthest(at))
    octaves = jnp.append(0.0, bands.x[1] * 2.0 ** np.arange(1, banded.OCTAVES)) * to_birth
    # The first two bands hold all that are narrower.
    momenta = jnp.append(jnp.zeros(2), bands.width[1:-1]) / spread * to_birth
    # Sums over all y above each node of the quadrature, and what lies below the first one.
    above = jnp.append(jnp.flip(jnp.cumsum(jnp.flip(weights))), 0.0)
    place = jnp.searchsorted(y, jnp.maximum(octaves, momenta[:, None]))
    size = above[jnp.maximum(place - 1, 0)]
    nodes = jnp.concatenate([jnp.repeat(size, banded.PER_OCTAVE, axis=-1), size[:, -1:]], axis=-1).ravel()
    return jnp.concatenate([nodes, nodes])


def add_deposits(histogram: jax.Array, found: Sequence[Deposit], sizes: jax.Array) -> jax.Array:
    """Return ``histogram`` with the deposits ``found`` added, in its shape [code].

    histogram: from `empty_histogram`, or two of them, (2, ...), whose sum has more digits
    sizes: expected sums of all weights at every node, for which additions are exact, from `node_sizes`
    """
    nodes = sizes.shape[0]
    count = math.prod(histogram.shape) // nodes
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


def taken_in_bands(
    bands: Bands, e: jax.Array, V: jax.Array, b: jax.Array, seed: jax.Array, histograms: jax.Array, imaged: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return what `deposits_taken` does of deposits in bands, per `lost_per_deposit` of the branch that takes them.

    Particles of both helicities feed each of the waves, with the signs of what they lose.
    V: phase velocities of both directions' waves, (2,) [c]; b: B/B0, (); seed: floor of e, ();
    histograms: (2, 2, 2, BANDS, NODES) [code]; imaged: whether there are mirror images, ()
    """
    lost, (kicks, images) = lost_per_deposit(V, b), histograms

    def taken(histogram: jax.Array) -> jax.Array:
        return bands.shared(e, lost[..., None, None] * histogram, metric_floor(seed)) / lost[..., None]

    mirrored = jax.lax.cond(imaged, taken, lambda _: jnp.zeros_like(e), images)
    return jnp.stack([taken(kicks), mirrored]), jnp.zeros((2, 2, 2))


def lost_per_deposit(V: jax.Array, b: jax.Array) -> jax.Array:
    """Return the energy density that particles of each helicity lose per deposit, (2, 2) [code]."""
    gamma = 1.0 / jnp.sqrt(1.0 - V**2)
    return -(gamma * V * b * b)[:, None] * SIGNS
