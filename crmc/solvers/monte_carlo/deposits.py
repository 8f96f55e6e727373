"""Energy of the kicks, deposited in the wave bins that made them."""

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
    """Deposit cell of ``x``, q in units of the first node, and the weight, linear in q, of its upper node.

    The nodes are the numbers whose mantissa has log2(CELLS_PER_OCTAVE) bits: a float's own bits tell its cell.
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
    """Histogram of no deposits, (2 helicities, nodes), float64."""
    return jnp.zeros((2, DEPOSIT_CELLS + 1))


class Deposit(NamedTuple):
    """Weights to add to the flat histogram at ``cell`` and ``cell`` + 1, (N,) each."""

    cell: jax.Array
    below: jax.Array
    above: jax.Array


def deposits(grid: SpectrumGrid, kick: Kick, weight: jax.Array, b: jax.Array) -> tuple[Deposit, Deposit]:
    """``weight`` at q' and minus ``weight`` at q, shared linearly between two deposit nodes.

    A q' < 0 lies in the other hemisphere, where the other helicity scatters.  Below the first node the weight falls
    to zero at q = 0, as Psi does.
    """

    def at(q: jax.Array, weight: jax.Array) -> Deposit:
        base = jnp.where(kick.frame.sign * q < 0.0, DEPOSIT_CELLS + 1, 0)
        x = jnp.abs(q) * (1.0 / (grid.x_gap * b)).astype(q.dtype)
        cell, upper = _deposit_position(x)
        weight = weight * jnp.minimum(x, 1.0)
        share = weight * upper
        return Deposit(base + cell, weight - share, share)

    return at(kick.q, weight), at(kick.frame.q, -weight)


def add_deposits(histogram: jax.Array, found: Sequence[Deposit]) -> jax.Array:
    """``histogram`` with `deposits` added."""
    flat = histogram.reshape(-1)
    for one in found:
        flat = flat.at[one.cell].add(one.below.astype(flat.dtype), mode="promise_in_bounds")
        flat = flat.at[one.cell + 1].add(one.above.astype(flat.dtype), mode="promise_in_bounds")
    return flat.reshape(histogram.shape)


def kick_gain(grid: SpectrumGrid, e: jax.Array, V: jax.Array, histogram: jax.Array, b: jax.Array) -> jax.Array:
    """Energy density given to each bin divided by its e_j, (2 directions, 2 helicities, bins), code units.

    e: amplitudes of that shape, V: phase velocities (2,), histogram: that of `add_deposits`; directions come first.
    """
    gamma = 1.0 / jnp.sqrt(1.0 - V**2)
    return -(gamma * V * b * b)[:, None, None] * SIGNS[:, None] * deposited(grid, e, histogram)
