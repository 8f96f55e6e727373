"""The growth functional A[f] on the mesh, for eq. 37 as a check that can fail.

    2 Gamma_j E_j/e_j = V int kappa_j (L df) p^4 d ln p dmu,   kappa_j, L of ``diffusion``,

the functional of eq. 13 with finite omega, by Gauss-Legendre points in ln y and two in each cell in mu, from local cubics
through df.  It knows D and f, but neither the fluxes of the solver nor its derivative in p.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from crmc.mesh import Mesh
from crmc.parameters import Parameters
from crmc.spectrum import SIGNS
from crmc.state import State

#: Gauss-Legendre points in ln y.
_POINTS = 64


def _cubic(count: int, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Matrices of the local cubics through values at 0 .. count - 1: value and derivative at ``position``."""
    first = np.clip(np.floor(position).astype(int) - 1, 0, count - 4)
    t = position - first
    value, slope = (np.zeros((len(position), count)) for _ in range(2))
    rows = np.arange(len(position))
    for m in range(4):
        others = [n for n in range(4) if n != m]
        scale = float(np.prod([m - n for n in others]))
        polynomial = np.poly(others) / scale
        value[rows, first + m] = np.polyval(polynomial, t)
        slope[rows, first + m] = np.polyval(np.polyder(polynomial), t)
    return value, slope


def mesh_functional(state: State, mesh: Mesh, parameters: Parameters) -> jax.Array:
    """2 Gamma_j E_j/e_j of f - F0, (2 directions, 2 helicities, bins), code units."""
    n_p, n_mu = state.markers.delta.shape
    grid, b = parameters.grid, state.b
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    in_p, in_p_slope = _cubic(n_p, 0.5 * (nodes + 1.0) * n_p - 0.5)
    place = (np.arange(n_mu)[:, None] + 0.5 + np.array([-0.5, 0.5]) / np.sqrt(3.0)).ravel()
    in_mu, in_mu_slope = _cubic(n_mu, place - 0.5)
    length = jnp.log(parameters.background.momentum_max / parameters.background.momentum_min)
    y = parameters.background.momentum_min * jnp.exp(0.5 * length * (nodes + 1.0))
    s = 2.0 * place / n_mu - 1.0
    mu = jnp.sinh(mesh.stretch * s) / jnp.sinh(mesh.stretch)
    ds_dmu = jnp.sinh(mesh.stretch) / (mesh.stretch * jnp.cosh(mesh.stretch * s))
    # y^a df is what varies slowly.
    rise = (mesh.y**mesh.index)[:, None] * state.markers.excess / mesh.volume
    fall = (y**-mesh.index)[:, None]
    across = fall * (in_p @ rise @ in_mu_slope.T) * (0.5 * n_mu * ds_dmu)
    along = fall * ((in_p_slope * (n_p / length) - mesh.index * in_p) @ rise @ in_mu.T)
    p = (y * jnp.cbrt(b))[:, None]
    gamma = jnp.sqrt(1.0 + p**2)
    measure = 0.5 * length * weights[:, None] * y[:, None] ** 3 / (n_mu * ds_dmu)
    rates = []
    for V in jnp.asarray(SIGNS) * parameters.alfven_speed * jnp.sqrt(b):
        a, boost2 = V * gamma / p, 1.0 / (1.0 - V**2)
        kappa = 0.5 * parameters.nu_coefficient * b / gamma * boost2 * (1.0 - mu**2)
        power = b * V * p * measure * kappa * (a * along + (1.0 - a * mu) * across)
        x = jnp.sqrt(boost2) * (p * mu - V * gamma) / b
        basis = grid.basis(jnp.maximum(jnp.abs(x), 1e-3 * grid.x_gap))
        rates.append([jnp.einsum("pm,pmj->j", jnp.where(h * x > 0.0, power, 0.0), basis) for h in SIGNS])
    return jnp.stack([jnp.stack(rate) for rate in rates])
