"""Estimate the least time of a marker-step from the measured bandwidth and arithmetic of the machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

#: Bytes of a marker-step that a step must move when the markers do not fit into the cache.  The balancing of the energy
#: needs sums over all kicked markers, so there are two passes: five float32 are read and p_par and rise written, then
#: five are read and rise and excess written.
BYTES = 4 * (5 + 2 + 5 + 2)
#: Arithmetic of a marker-step, to some two per cent, as counted in experiments/bench/reference.cpp but for the random
#: words, a comparison, a conversion, a division, a square root and a sum of indices being one operation each; and
#: logarithms and exponentials, of some twenty operations each.
FLOPS, TRANSCENDENTALS, FLOPS_PER_TRANSCENDENTAL = 730, 14, 20
#: Reads from the scattering tables, of two numbers each, and additions to the histograms; they are not in the estimate.
GATHERS, SCATTERS = 36, 8
#: Elements of the triad's arrays and size of the matrix product.
_TRIAD, _MATRIX = 1 << 25, 2048


def machine() -> dict[str, float]:
    """Measure the bandwidth and the arithmetic of all cores, each the best of five.

    bandwidth: that of the triad b + 3 c in place, two reads and one write of float32 per element [bytes/s]
    arithmetic: that of a float32 matrix product [flop/s]
    """
    import jax
    import jax.numpy as jnp

    arrays = [jnp.ones(_TRIAD, jnp.float32), jnp.ones(_TRIAD, jnp.float32)]
    # Into the memory of b: fresh memory would be timed with its page faults.
    add = jax.jit(lambda b, c: b + jnp.float32(3.0) * c, donate_argnums=0)

    def triad() -> None:
        """Run the triad once."""
        arrays[0] = jax.block_until_ready(add(*arrays))

    matrix = jnp.ones((_MATRIX, _MATRIX), jnp.float32)
    product = jax.jit(lambda x: x @ x)
    return {
        "bandwidth": 12.0 * _TRIAD / _best(triad),
        "arithmetic": 2.0 * _MATRIX**3 / _best(lambda: jax.block_until_ready(product(matrix))),
    }


def _best(work: Callable[[], Any]) -> float:
    """Return the shortest of five run times, after a first run that is not counted [s]."""
    times = []
    for _ in range(6):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times[1:])


def estimate(found: Mapping[str, float]) -> dict[str, Any]:
    """Return the least time of a marker-step [ns] on a machine, and the counts on which it rests.

    found: "bandwidth" [bytes/s] and "arithmetic" [flop/s], as from `machine`
    """
    operations = FLOPS + FLOPS_PER_TRANSCENDENTAL * TRANSCENDENTALS
    moving, computing = BYTES / found["bandwidth"] * 1e9, operations / found["arithmetic"] * 1e9
    return {
        "bandwidth_bytes_per_second": found["bandwidth"],
        "arithmetic_flops_per_second": found["arithmetic"],
        "bytes_per_marker_step": BYTES,
        "flops_per_marker_step": FLOPS,
        "transcendentals_per_marker_step": TRANSCENDENTALS,
        "flops_per_transcendental": FLOPS_PER_TRANSCENDENTAL,
        "gathers_per_marker_step": GATHERS,
        "scatters_per_marker_step": SCATTERS,
        "bandwidth_ns_per_marker_step": moving,
        "arithmetic_ns_per_marker_step": computing,
        "least_ns_per_marker_step": max(moving, computing),
        "limited_by": "bandwidth" if moving > computing else "arithmetic",
    }
