"""Measure wave growth on the mesh by the functional A[f], independently of the fluxes that drive the waves.

    2 Gamma_j E_j/e_j = V int kappa_j (L f) p^4 d ln p dmu,   kappa_j, L of `diffusion`,

is the functional of eq. 13 with finite omega on the solver's momentum range, by Gauss-Legendre points in ln y and two
in each cell in mu, from local cubics through df.  It knows D and f, but neither the fluxes of the solver nor its
derivative in p, so eq. 37 can fail.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from crmc.physics.parameters import Parameters
from crmc.physics.resonance import broadened, spread_of
from crmc.physics.spectrum import SIGNS
from crmc.physics.state import State
from crmc.physics.waves import wave_velocities
from crmc.solvers.fokker_planck.diffusion import splines
from crmc.solvers.fokker_planck.mesh import cosine_at, gap_cells
from crmc.theory.quadrature import gauss_legendre

#: Gauss-Legendre points in ln y.
_POINTS = 64


def _cubic(position: np.ndarray, segments: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrices of value and derivative of local cubics through values at 0, 1, ..., (n, count) each.

    No cubic reaches across the end of a segment.
    position: places of the results, (n,)
    segments: first value and end, exclusive, of each segment; the last end is count
    """
    count = segments[-1][1]
    value, slope = (np.zeros((len(position), count)) for _ in range(2))
    for row, x in enumerate(position):
        low, high = next(segment for segment in segments if x < segment[1] - 0.5 or segment[1] == count)
        order = min(4, high - low)
        first = int(np.clip(np.floor(x) - 1, low, high - order))
        for m in range(order):
            others = [n for n in range(order) if n != m]
            polynomial = np.poly(others) / np.prod([m - n for n in others])
            value[row, first + m] = np.polyval(polynomial, x - first)
            slope[row, first + m] = np.polyval(np.polyder(polynomial), x - first)
    return value, slope


def mesh_functional(state: State, parameters: Parameters, broadens: bool = False) -> jax.Array:
    """Return 2 Gamma_j E_j/e_j of f = F0 + df, (2, 2, bins + 1) [code].

    The last entry is the power into waves beyond k_max that no bin stands for, per e of the last bin.
    broadens: whether the waves broaden the resonance
    """
    n_p, n_mu = state.markers.rise.shape
    grid, background, at, half = parameters.grid, parameters.background, state.stretch, n_mu // 2
    nodes, weights = gauss_legendre(_POINTS)
    in_p, in_p_slope = _cubic(0.5 * (nodes + 1.0) * n_p - 0.5, [(0, n_p)])
    gap = gap_cells(half)
    place = (np.arange(n_mu)[:, None] + 0.5 + np.array([-0.5, 0.5]) / np.sqrt(3.0)).ravel()
    # f has a kink at 90 degrees, too, where the hemispheres are isotropic in the frames of opposite waves.
    in_mu, in_mu_slope = _cubic(
        place - 0.5, [(0, half - gap), (half - gap, half), (half, half + gap), (half + gap, n_mu)]
    )
    length = jnp.log(background.momentum_max / background.momentum_min)
    log_y = jnp.log(background.momentum_min) + 0.5 * length * (nodes + 1.0)
    log_p, y = log_y + jnp.log(at.density) / 3.0, jnp.exp(log_y)[:, None]

    def position(log_p: jax.Array, place: jax.Array) -> jax.Array:
        return cosine_at(parameters, log_p, place, at, half)

    where = (log_p, jnp.asarray(place - half))
    mu, tilt = jax.jvp(position, where, (jnp.ones_like(where[0]), jnp.zeros_like(where[1])))
    _, spread = jax.jvp(position, where, (jnp.zeros_like(where[0]), jnp.ones_like(where[1])))
    # Each point stands for half of a cell.
    ends = position(log_p, jnp.arange(2 * n_mu + 1) / 2.0 - half)
    halves = ends[:, :-1], ends[:, 1:]
    # y^a df is what varies slowly.
    index = background.index[0]
    markers = state.markers
    scaled = markers.birth_momentum**index * markers.excess / markers.volume
    in_place = y**-index * (in_p @ scaled @ in_mu_slope.T) / spread
    along = y**-index * ((in_p_slope * (n_p / length) - index * in_p) @ scaled @ in_mu.T)
    p = jnp.exp(log_p)[:, None]
    gamma = jnp.sqrt(1.0 + p**2)
    measure = 0.5 * length * weights[:, None] * y**3 * 0.5 * spread
    slope = background.slope(state.amplitude, y)
    rates: list[jax.Array] = []
    powers, places = [], []
    for V in wave_velocities(state, parameters):
        a, boost2 = V * gamma / p, 1.0 / (1.0 - V**2)
        kappa = 0.5 * parameters.nu_coefficient * at.b / gamma * boost2 * (1.0 - mu**2)
        power = at.density * V * p * measure * kappa * (a * (along + slope) + (1.0 - a * (mu + tilt)) * in_place)
        x, low, high = (jnp.sqrt(boost2) * (p * cosine - V * gamma) / at.resonance for cosine in (mu, *halves))
        if broadens:
            powers.append(power.ravel())
            places.append(x.ravel())
            continue
        basis, beyond = splines(grid, x), grid.beyond(low, high)[..., None]
        basis = jnp.concatenate([(1.0 - beyond) * basis, beyond], axis=-1)
        rates.append(jnp.stack([jnp.einsum("pm,pmj->j", jnp.where(h * x > 0.0, power, 0.0), basis) for h in SIGNS]))
    if not broadens:
        return jnp.stack(rates)
    spread = p / at.resonance * spread_of(grid, state.e, parameters.broadening)
    shares = broadened(grid, jnp.stack(places), jnp.broadcast_to(spread, mu.shape).ravel())
    return jnp.pad(shares.taken(jnp.stack(powers)), ((0, 0), (0, 0), (0, 1)))
