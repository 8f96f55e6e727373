"""Add up the energies that particles, waves and gas exchange in a number of steps."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from crmc.solvers.one_kernel import together


class Tally(NamedTuple):
    """Energies exchanged in a number of steps, per volume.

    Fields add up over steps, except `peak` and `correction`, which are maxima.

    power: sum of the wave power e that scattered in each step, (2, 2, bins)
    gain: energy given by the particles to each branch, (2, 2) [code]
    absolute_exchange: sum of |W d eps| over markers and kicks [code]
    imbalance: energy lost by the particles minus energy gained by the waves, after balancing [code]
    correction: largest relative change of the particles' energy by the balancing of a step
    functional: sum of the samples of the growth functional, in the shape that the solver's ``init`` gives it
    samples: number of samples in ``functional``
    damped: wave energy turned into heat of the gas [code]
    peak: largest nu dt of a step
    """

    power: jax.Array
    gain: jax.Array
    absolute_exchange: jax.Array
    imbalance: jax.Array
    correction: jax.Array
    functional: jax.Array
    samples: jax.Array
    damped: jax.Array
    peak: jax.Array


def combine(a: Tally, b: Tally, one: bool = False) -> Tally:
    """Return the tally of two consecutive spans of steps; all but the samples by one kernel if ``one`` is true."""
    shape = jnp.broadcast_shapes(a.functional.shape, b.functional.shape)
    # Few steps have a sample, which is far larger than all else.
    functional = jax.lax.cond(
        b.samples > 0.0, lambda: a.functional + b.functional, lambda: jnp.broadcast_to(a.functional, shape)
    )
    rest = [x._replace(functional=None) for x in (a, b)]  # type: ignore[arg-type]
    return together(one, "tally", _combined, *rest, over=True)._replace(functional=functional)


def _combined(a: Tally, b: Tally) -> Tally:
    """Return `combine` for all but the samples."""
    summed = {name: getattr(a, name) + getattr(b, name) for name in Tally._fields if name != "functional"}
    summed |= {"correction": jnp.maximum(a.correction, b.correction), "peak": jnp.maximum(a.peak, b.peak)}
    return Tally(**summed, functional=None)  # type: ignore[arg-type]


def empty_tally(power: jax.Array, functional: jax.Array) -> Tally:
    """Return the tally of no exchange of energy.

    power: wave power, or zeros in its shape where there was no step, (2, 2, bins)
    functional: zeros, in the shape of the solver's samples
    """
    zero = jnp.zeros(())
    return Tally(
        power=power,
        gain=jnp.zeros((2, 2)),
        absolute_exchange=zero,
        imbalance=zero,
        correction=zero,
        functional=functional,
        samples=zero,
        damped=zero,
        peak=zero,
    )
