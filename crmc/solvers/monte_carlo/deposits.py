"""Deposit the energy of the kicks in the bins of the waves that made them: the growth that drives the waves.

A kick q -> q' changes a marker's energy by gamma_w V s (q' - q).  With ``Psi_j(q) = int S_j/e dq``,
``sum_j e_j Psi_j(q) = q``, bin j receives

    - gamma_w V s wbar e_j [Psi_j(q') - Psi_j(q)],   wbar = (w_before + w_after)/2,

which sums to the particles' loss.  There is no separate F0 term: for a symmetric kernel the F0 part of the deposit
vanishes in expectation, and wbar holds what is left of it without bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.physics.spectrum import CELLS_PER_OCTAVE, DEPOSIT_CELLS, DEPOSIT_OCTAVES, SIGNS, SpectrumGrid
from crmc.solvers.monte_carlo.kernel import Kick
from crmc.solvers.monte_carlo.tables import deposited


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


def add_deposits(histogram: jax.Array, found: Sequence[Deposit]) -> jax.Array:
    """Return ``histogram`` with the deposits ``found`` added, (2, DEPOSIT_CELLS + 1) [code]."""
    flat = histogram.reshape(-1)
    for one in found:
        flat = flat.at[one.cell].add(one.below.astype(flat.dtype), mode="promise_in_bounds")
        flat = flat.at[one.cell + 1].add(one.above.astype(flat.dtype), mode="promise_in_bounds")
    return flat.reshape(histogram.shape)


def kick_gain(grid: SpectrumGrid, e: jax.Array, V: jax.Array, histogram: jax.Array, b: jax.Array) -> jax.Array:
    """Return the energy density given to each bin by the kicks, divided by its e_j, (2, 2, bins) [code].

    e: wave power that made the kicks, (2, 2, bins)
    V: phase velocities of both directions' waves, (2,) [c]
    histogram: from `add_deposits` for each direction, (2, 2, DEPOSIT_CELLS + 1) [code]
    b: B/B0, (); its square is density times unit
    """
    gamma = 1.0 / jnp.sqrt(1.0 - V**2)
    return -(gamma * V * b * b)[:, None, None] * SIGNS[:, None] * deposited(grid, e, histogram)
