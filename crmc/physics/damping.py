"""Damping rates Gamma_d of the waves by the thermal plasma.

Gamma_d is the rate of the waves' fields, so that wave power decays at 2 Gamma_d.  The mechanisms add up in each branch
and bin.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from crmc.physics.flow import Stretch
from crmc.physics.spectrum import SpectrumGrid

NonlinearLandau = Literal["none", "paper", "local", "cumulative"]

#: nu_in = 8.4e-9 (n_n/cm^-3) (T/1e4 K)^0.4 s^-1 (Kulsrud & Cesarsky 1971 as used by Wiener et al. 2013;
#: other authors differ by up to a factor 2).
ION_NEUTRAL_COLLISIONS = 8.4e-9


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class DampingRates:
    """Parameters of all mechanisms; a mechanism whose parameter is zero is absent.

    linear: Gamma_d at every k, for tests and estimates, () [code].
    ion_neutral: nu_in/2, the high-k limit (k v_A >> nu_in) of ion-neutral friction, known to a factor 2, () [code].
    thermal_speed: v_i/c with v_i = sqrt(kT/m_p), for nonlinear Landau damping, ().
    turbulent: (epsilon/v_A)^(1/2), so that Gamma_d = turbulent sqrt(k) (Farmer & Goldreich 2004), an
        order-of-magnitude rate, () [code].
    """

    linear: jax.Array
    ion_neutral: jax.Array
    thermal_speed: jax.Array
    turbulent: jax.Array

    def linear_rate(self, k: jax.Array) -> jax.Array:
        """Return the sum of the rates that do not depend on the waves, (...) [code].

        k: wavenumber, (...) [code].
        """
        return self.linear + self.ion_neutral + self.turbulent * jnp.sqrt(k)

    def rate(
        self,
        grid: SpectrumGrid,
        e: jax.Array,
        at: Stretch,
        nonlinear: NonlinearLandau,
        nu_coefficient: jax.Array,
    ) -> jax.Array:
        """Return Gamma_d of each branch and bin by all mechanisms, (2, 2, bins) [code].

        grid: geometry of the spectrum; e: wave power of each branch and bin, (2, 2, bins); at: deformation of the
        tube; nonlinear: form of nonlinear Landau damping; nu_coefficient: as in `Parameters`, ().
        """
        linear = self.linear_rate(at.wavenumber(grid.centres))
        return linear + self._nonlinear_landau(grid, e, at, nonlinear, nu_coefficient)

    def _nonlinear_landau(
        self, grid: SpectrumGrid, e: jax.Array, at: Stretch, form: NonlinearLandau, nu_coefficient: jax.Array
    ) -> jax.Array:
        """Return the rate of nonlinear Landau damping by thermal ions, (2, 2, bins) [code].

        form:
        "paper": Gamma_d = nu v_i/c (eq. 58) with nu = nu_coefficient (Omega0/gamma) e(ln k) of the branch itself,
            for the lowest-energy resonant proton, p = p1 = m Omega0/k (mu = 1).
        "local": Gamma_d = (1/2) sqrt(pi/2) v_i k (dB/B)^2 with (dB/B)^2 = e(ln k) summed over the four branches.
        "cumulative": as "local", with (dB/B)^2 = int e dln k over all waves longer than 1/k.
        "none": zero.
        Other authors' coefficients are 2 to 2.8 times lower.
        """
        if form == "none":
            return jnp.zeros_like(e)
        if form == "paper":
            gamma = jnp.sqrt(1.0 + (at.resonance / grid.centres) ** 2)
            return self.thermal_speed * nu_coefficient * at.b / gamma * _at_centres(grid, e)
        coefficient = 0.5 * np.sqrt(0.5 * np.pi) * self.thermal_speed * at.wavenumber(grid.centres)
        if form == "local":
            return jnp.broadcast_to(coefficient * _at_centres(grid, jnp.sum(e, axis=(0, 1))), e.shape)
        total = jnp.sum(e, axis=(0, 1)) * grid.width
        below = jnp.cumsum(total) - 0.5 * total
        return jnp.broadcast_to(coefficient * below, e.shape)


def _at_centres(grid: SpectrumGrid, e: jax.Array) -> jax.Array:
    """Return e(ln k) at the bins' centres, (..., bins).

    e: wave power of each bin, (..., bins).
    """
    return e @ grid.basis_centre.T
