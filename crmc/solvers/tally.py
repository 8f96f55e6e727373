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
    moment: sum over steps of the number of the step times the gain of all branches, and times ``damped``, (2,) [code]
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
    moment: jax.Array
    peak: jax.Array


def with_step(tally: Tally, last: Tally, number: jax.Array, one: bool = False) -> Tally:
    """Return the tally with one more step.

    last: tally of that step, whose ``moment`` is not read
    number: number of that step, ()
    one: whether all but the samples are added by one kernel
    """
    shape = jnp.broadcast_shapes(tally.functional.shape, last.functional.shape)
    # Few steps have a sample, which is far larger than all else.
    functional = jax.lax.cond(
        last.samples > 0.0,
        lambda: tally.functional + last.functional,
        lambda: jnp.broadcast_to(tally.functional, shape),
    )
    rest = [x._replace(functional=None) for x in (tally, last)]  # type: ignore[arg-type]
    return together(one, "tally", _summed, *rest, number, over=True)._replace(functional=functional)


def _summed(tally: Tally, last: Tally, number: jax.Array) -> Tally:
    """Return `with_step` for all but the samples."""
    last = last._replace(moment=number * jnp.stack([jnp.sum(last.gain), last.damped]))
    summed = {name: getattr(tally, name) + getattr(last, name) for name in Tally._fields if name != "functional"}
    largest = {name: jnp.maximum(getattr(tally, name), getattr(last, name)) for name in ("correction", "peak")}
    return Tally(**summed | largest, functional=None)  # type: ignore[arg-type]


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
        moment=jnp.zeros(2),
        peak=zero,
    )
