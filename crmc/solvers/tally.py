"""Add up the energies that particles, waves and gas exchange in a number of steps."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Tally(NamedTuple):
    """Energies exchanged in a number of steps, per volume.

    Fields add up over steps, except `peak` and `correction`, which are maxima.

    gain: energy given by the particles to each branch, (2, 2) [code]
    gain_variance: sum of squares of the markers' shares of the gain [code^2]
    absolute_exchange: sum of |W d eps| over markers and kicks [code]
    imbalance: energy lost by the particles minus energy gained by the waves, after balancing [code]
    correction: largest relative change of the particles' energy by the balancing of a step
    functional: sum of the samples of the growth functional, in the shape that the solver's ``init`` gives it
    samples: number of samples in ``functional``
    damped: wave energy turned into heat of the gas [code]
    peak: largest nu dt of a step
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


def combine(a: Tally, b: Tally) -> Tally:
    """Return the tally of two consecutive spans of steps."""
    summed = Tally(*(x + y for x, y in zip(a, b, strict=True)))
    return summed._replace(correction=jnp.maximum(a.correction, b.correction), peak=jnp.maximum(a.peak, b.peak))


def empty_tally(functional: jax.Array) -> Tally:
    """Return the tally of no steps.

    functional: zeros, in the shape of the solver's samples
    """
    zero = jnp.zeros(())
    return Tally(
        gain=jnp.zeros((2, 2)),
        gain_variance=zero,
        absolute_exchange=zero,
        imbalance=zero,
        correction=zero,
        functional=functional,
        samples=zero,
        damped=zero,
        peak=zero,
    )
