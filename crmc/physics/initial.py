"""Initial deviation f - F0 for markers and mesh: harmonics of given size, or a steady state tabulated over p and mu."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from crmc.theory.distribution import Background


class Harmonics(NamedTuple):
    """Deviation f - F0 = -(v_D/v) p F0' P1(mu) - zeta p F0' P2(mu): eq. 16, for any particle speed v, and eq. 20.

    drift: v_D/c, (); anisotropy: zeta, ().
    """

    drift: jax.Array
    anisotropy: jax.Array

    def at(self, background: Background, amplitude: jax.Array, y: jax.Array, mu: jax.Array, p2: jax.Array) -> jax.Array:
        """Return f - F0 at given momenta and cosines, (...) [code].

        background: F0; amplitude: c_k of F0, (K,) [code]; y: momentum, (...) [m_p c]; mu: pitch-angle cosine, (...);
        p2: P2(mu) or its mean over a cell, (...).
        """
        dipole = self.drift * jnp.sqrt(1.0 + y**2) / y
        return -background.slope(amplitude, y) * (dipole * mu + self.anisotropy * p2)


class Tabulated(NamedTuple):
    """Deviation tabulated as (f - F0)/F0 on nodes uniform in ln y, over the background's momenta, and in ln |mu|.

    ratio: (f - F0)/F0, mu > 0 first, (2, nodes in ln y, nodes in ln |mu|).
    low: ln |mu| of the first node, (); the last node is |mu| = 1.
    Values are linear between nodes, and constant from the first node in |mu| to mu = 0.
    """

    ratio: jax.Array
    low: jax.Array

    def at(self, background: Background, amplitude: jax.Array, y: jax.Array, mu: jax.Array, p2: jax.Array) -> jax.Array:
        """Return f - F0 at given momenta and cosines, (...) [code]; arguments as in `Harmonics.at`, p2 is not used."""
        del p2
        _, rows, places = self.ratio.shape
        first, last = jnp.log(background.momentum_min), jnp.log(background.momentum_max)
        row, up = _position((jnp.log(y) - first) / (last - first), rows)
        steep = jnp.maximum(jnp.abs(mu), jnp.exp(self.low))
        place, on = _position(1.0 - jnp.log(steep) / self.low, places)
        side = (mu < 0.0).astype(jnp.int32)
        near, far = (
            (1.0 - on) * self.ratio[side, row + i, place] + on * self.ratio[side, row + i, place + 1] for i in (0, 1)
        )
        return background.density(amplitude, y) * ((1.0 - up) * near + up * far)


#: Forms of f - F0 at t = 0.
Departure = Harmonics | Tabulated


def _position(part: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
    """Return the interval between even nodes in which a place lies, and the place within it in [0, 1], (...).

    part: place within the range of the nodes, clipped to [0, 1], (...); count: number of nodes.
    """
    place = jnp.clip(part, 0.0, 1.0) * (count - 1)
    index = jnp.minimum(place.astype(jnp.int32), count - 2)
    return index, place - index
