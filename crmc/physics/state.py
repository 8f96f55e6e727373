"""State of a run: one frozen pytree that holds all evolving quantities, with the books that must balance."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from crmc.physics.markers import Markers


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Books:
    """Energy and number that crossed the tube's boundary since t = 0, per unit length of tube (density/b).

    injected: energy from the cosmic-ray source, the imposed gradient and the background heating of the gas, and energy
        that keeps waves at their seed, () [code].
    radiated: energy lost by cooling of the gas, () [code].
    work: work done on the surroundings, int P_total d(1/b), () [code].
    entered: number of cosmic rays from the source and the gradient, () [code].
    """

    injected: jax.Array
    radiated: jax.Array
    work: jax.Array
    entered: jax.Array

    def with_entered(self, number: jax.Array, energy: jax.Array) -> Books:
        """Return the books after cosmic rays have entered.

        number, energy: of those that entered, () [code].
        """
        return dataclasses.replace(self, entered=self.entered + number, injected=self.injected + energy)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State:
    """State of a run.

    step: number of the step, () int64; time is step dt.
    markers: the ensemble, or the cells of a mesh.
    amplitude: amplitudes c_k of the background F0, (K,) float64 [code].
    e: wave power e_j of each branch (direction, helicity) and bin, (2, 2, bins) float64.
    b: B/B0, ().
    gas_pressure: P_g, () [code].
    books: energy and number that crossed the boundary.
    """

    step: jax.Array
    markers: Markers
    amplitude: jax.Array
    e: jax.Array
    b: jax.Array
    gas_pressure: jax.Array
    books: Books


def zero_books() -> Books:
    """Return the books at t = 0."""
    return Books(*(jnp.zeros(()) for _ in range(4)))
