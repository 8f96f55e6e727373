"""State of a run: one frozen pytree that holds all evolving quantities, with the books that must balance."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from crmc.physics.flow import Stretch
from crmc.physics.markers import Markers


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Books:
    """Energy and number that crossed the tube's boundary since t = 0, in the volume of t = 0 (per volume/density).

    injected: energy from the cosmic-ray source, the imposed gradient and the background heating of the gas, and energy
        that keeps waves at their seed, () [code].
    radiated: energy lost by cooling of the gas, () [code].
    work: work done on the surroundings, int (P_par d ln l_par - P_perp d ln b)/density of all, () [code].
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
    length: length of the tube relative to that at t = 0, (); None where it stays, and no array is carried along.
    """

    step: jax.Array
    markers: Markers
    amplitude: jax.Array
    e: jax.Array
    b: jax.Array
    gas_pressure: jax.Array
    books: Books
    length: jax.Array | None = None

    @property
    def stretch(self) -> Stretch:
        """Deformation of the tube since t = 0."""
        return Stretch(self.b, self.length)

    @property
    def density(self) -> jax.Array:
        """Density of what moves with the tube, rho/rho0, ()."""
        return self.stretch.density

    @property
    def resonance(self) -> jax.Array:
        """Momentum |p_par| in resonance with k = Omega0(0)/c of t = 0, and (v_A/v_A0)^2, () [m_p c]."""
        return self.stretch.resonance


def zero_books() -> Books:
    """Return the books at t = 0."""
    return Books(*(jnp.zeros(()) for _ in range(4)))
