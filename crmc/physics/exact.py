"""Sums over the ensemble that do not depend on the order of addition, hence not on blocks, devices or processes.

Each entry is first rounded to a multiple of one quantum, a power of two far below the sum.  As long as the absolute
values add up to less than 2^53 quanta, every partial sum is itself a multiple that float64 holds exactly: no addition
rounds, and any order gives the same bits, atomic additions of a GPU included.  These are sums in fixed point, kept in
float64 rather than in integers: they have derivatives in both modes, of which rounding is no part; a NaN stays one; and
a sum that outgrows its range loses the independence of order, not its value.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

#: Bits by which the sum of the absolute values may exceed its expected size, at least; the quantum is at least
#: 2^-(52 - HEADROOM) and less than 2^-(51 - HEADROOM) of that size.
HEADROOM = 4
_EXPONENT = np.uint64(0x7FF << 52)


def rounded(x: jax.Array, size: jax.Array) -> jax.Array:
    """Return x as float64, rounded to a multiple of the quantum of sums of a given size; x itself where size is 0.

    Differentiated as x.
    x: entries, (...); size: expected sum of their absolute values, of a shape that broadcasts.
    """
    shift = _shift(size)
    return (x.astype(jnp.float64) + shift) - shift


def in_two_parts(terms: Any, sizes: Any) -> tuple[Any, Any]:
    """Return terms rounded, and what that takes off them rounded for sums as small as that.

    Both sums are exact, and their sum is rounded once: with these 2 (52 - HEADROOM) bits less some for the number of
    entries no digit of a sum is lost, however large its size was stated.
    terms, sizes: pytrees of the arguments of `rounded`.
    """
    high = jax.tree.map(rounded, terms, sizes)
    low = jax.tree.map(lambda x, y, size: rounded(x - y, size * 2.0 ** (HEADROOM - 50)), terms, high, sizes)
    return high, low


def _shift(size: jax.Array) -> jax.Array:
    """Return 1.5 times the power of two whose last digit is the quantum, in the shape of ``size``."""
    bits = jax.lax.bitcast_convert_type(jax.lax.stop_gradient(jnp.asarray(size, jnp.float64)), jnp.uint64)
    power = jax.lax.bitcast_convert_type(bits & _EXPONENT, jnp.float64)
    return jax.lax.stop_gradient(1.5 * 2.0**HEADROOM * power)
