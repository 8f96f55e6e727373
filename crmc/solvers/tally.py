"""What steps measure."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from crmc.solvers.monte_carlo import functional as growth


class Record(NamedTuple):
    """What a step measured; code units, energies per volume. Sums over steps are meaningful except ``peak``-like ones.

    gain: energy given by the particles to each branch, (2 directions, 2 helicities).
    gain_variance: sum of squares of the markers' shares of the gain.
    absolute_exchange: sum |W d eps|.
    imbalance: particle loss minus wave gain after balancing.
    correction: largest relative change of the particles' energy by the balancing of a step (``peak``-like).
    functional: sum of samples for the growth functional, histograms of f (identity.py), (2, *growth.histogram_shape()).
    samples: number of samples.
    damped: wave energy turned into heat of the gas.
    peak: largest nu dt of the step.
    """

    gain: jax.Array
    gain_variance: jax.Array
    absolute_exchange: jax.Array
    imbalance: jax.Array
    correction: jax.Array
    functional: jax.Array
    samples: jax.Array
    damped: jax.Array
    peak: jax.Array


def combine(a: Record, b: Record) -> Record:
    """Record of two consecutive spans of steps."""
    summed = Record(*(x + y for x, y in zip(a, b, strict=True)))
    return summed._replace(correction=jnp.maximum(a.correction, b.correction), peak=jnp.maximum(a.peak, b.peak))


def empty_record() -> Record:
    """Record of no steps."""
    zero = jnp.zeros(())
    return Record(
        gain=jnp.zeros((2, 2)),
        gain_variance=zero,
        absolute_exchange=zero,
        imbalance=zero,
        correction=zero,
        functional=jnp.zeros((2, *growth.histogram_shape())),
        samples=zero,
        damped=zero,
        peak=zero,
    )
