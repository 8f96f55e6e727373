"""Sums over the ensemble that do not depend on the order of addition, hence not on blocks, devices or processes.

Each entry is first rounded to a multiple of one quantum, a power of two far below the sum.  As long as the absolute
values add up to less than 2^53 quanta, every partial sum is itself a multiple that float64 holds exactly: no addition
rounds, and any order gives the same bits, atomic additions of a GPU included.  These are sums in fixed point, kept in
float64 rather than in integers: they have derivatives in both modes, of which rounding is no part; a NaN stays one; and
a sum that outgrows its range loses the independence of order, not its value.

The range cannot be outgrown while no marker's |W| is more than `FARTHEST` V F0(y0), F0 at its birth: then |w| is at
most V F0(y) more, and all sums are within 2^HEADROOM of the sizes stated for F0, since p v mu^2 <= 2 eps and a step's
kicks change the energy by at most 4 v_A p.  Rows count the markers beyond (`heavy_markers`), and a run that has any
says so.

Exact sums do not make two programs equal: where XLA compiles single operations otherwise, entries may differ in their
last digit.  It does so for one device and for several, not for every set-up.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

#: Bits by which the sum of the absolute values may exceed its expected size, at least; the quantum is more
#: than 2^-(53 - HEADROOM) and at most 2^-(52 - HEADROOM) of that size.
HEADROOM = 6
#: Largest |W| of a marker, in units of V F0(y0), for which the range is known to suffice.
FARTHEST = 8.0
#: Most entries of a sum in two parts: 2^31 residues of at most half a quantum are within 2^53 of the second quantum.
MOST_ENTRIES = 1 << 31
_EXPONENT = np.uint64(0x7FF << 52)


def rounded(x: jax.Array, size: jax.Array) -> jax.Array:
    """Return x as float64, rounded to a multiple of the quantum of sums of a given size; x itself where size is 0.

    Differentiated as x.
    x: entries, (...); size: expected sum of their absolute values, of a shape that broadcasts.
    """
    return _to_multiples(x.astype(jnp.float64), _shift(size))


def in_two_parts(terms: Any, sizes: Any) -> tuple[Any, Any]:
    """Return terms rounded, and what that takes off them, rounded to a multiple of a second quantum 2^-23 of the first.

    Both sums are exact, the second one whatever the terms are, for up to `MOST_ENTRIES` of them; their sum is rounded
    once.  The second quantum is at most 2^-(75 - HEADROOM) of the size.
    terms, sizes: pytrees of the arguments of `rounded`.
    """
    shifts = jax.tree.map(_shift, sizes)
    high = jax.tree.map(lambda x, shift: _to_multiples(x.astype(jnp.float64), shift), terms, shifts)
    low = jax.tree.map(lambda x, y, shift: _to_multiples(x - y, shift * 2.0**-23), terms, high, shifts)
    return high, low


def _to_multiples(x: jax.Array, shift: jax.Array) -> jax.Array:
    """Return float64 x rounded to a multiple of the last digit of ``shift``, from `_shift`."""
    return (x + shift) - shift


def _shift(size: jax.Array) -> jax.Array:
    """Return 1.5 times the power of two whose last digit is the quantum, in the shape of ``size``."""
    bits = jax.lax.bitcast_convert_type(jax.lax.stop_gradient(jnp.asarray(size, jnp.float64)), jnp.uint64)
    power = jax.lax.bitcast_convert_type(bits & _EXPONENT, jnp.float64)
    return jax.lax.stop_gradient(1.5 * 2.0**HEADROOM * power)
