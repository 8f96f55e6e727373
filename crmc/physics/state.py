"""What evolves: one frozen pytree, and the books that must balance."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from crmc.physics.markers import Markers


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Books:
    """What crossed the tube's boundary since t = 0, per unit length of tube (density/b), code units.

    injected: cosmic-ray source, what an imposed gradient brings in, background heating of the gas, and energy that
        keeps waves at their seed.
    radiated: cooling of the gas.
    work: done on the surroundings, int P_total d(1/b).
    entered: number of cosmic rays, by the source and the gradient.
    """

    injected: jax.Array
    radiated: jax.Array
    work: jax.Array
    entered: jax.Array

    def with_entered(self, number: jax.Array, energy: jax.Array) -> Books:
        """Books after so many cosmic rays came in."""
        return dataclasses.replace(self, entered=self.entered + number, injected=self.injected + energy)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State:
    """State of a run.

    step: integer; time is step*dt.
    markers: the ensemble.
    amplitude: amplitudes c_k of the background F0, (K,), float64.
    e: wave power e_j of each branch and bin, (2 directions, 2 helicities, bins), float64.
    b: B/B0.
    gas_pressure: P_g, code units.
    """

    step: jax.Array
    markers: Markers
    amplitude: jax.Array
    e: jax.Array
    b: jax.Array
    gas_pressure: jax.Array
    books: Books


def zero_books() -> Books:
    """Books at t = 0."""
    return Books(*(jnp.zeros(()) for _ in range(4)))
