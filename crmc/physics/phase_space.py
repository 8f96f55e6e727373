"""Read f(p, mu) of an ensemble: cells equal in the logarithm of the comoving momentum and in the pitch cosine.

In a cell f is the mean of F0, by quadrature, and what the control variates w of the markers in it add (`markers`),
whatever estimator the run takes for its moments:

    f = <F0> + sum w/(dmu int y^2 dy),   y = p rho^{-1/3},   n_c = int f p^2 dp dmu
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.physics.ensemble import BlockResult, pass_over
from crmc.physics.exact import rounded
from crmc.physics.moments import expected_sizes
from crmc.physics.parameters import Model, Parameters
from crmc.physics.state import State
from crmc.theory.distribution import Background

#: Cells in momentum, from the smallest to the largest of F0 (a mesh has its own), and in pitch cosine, from -1 to 1.
MOMENTA, COSINES = 32, 32
#: Gauss-Legendre nodes and weights of the mean over a cell in ln y.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(4)


class PhaseSpace(NamedTuple):
    """Phase-space density of the cosmic rays in cells.

    momentum: p at the middle of each cell in ln p, (cells,) [m_p c].
    f: mean of f(p, mu) over each cell, (cells, COSINES) [n_i (m_p c)^-3].
    """

    momentum: jax.Array
    f: jax.Array


def middle_cosines() -> np.ndarray:
    """Return mu at the middle of each cell, (COSINES,)."""
    return (np.arange(COSINES) + 0.5) * (2.0 / COSINES) - 1.0


def log_edges(background: Background, count: int = MOMENTA) -> tuple[jax.Array, jax.Array]:
    """Return ln y at the lower end of ``count`` cells in momentum, and their width in ln y, () each."""
    low, high = jnp.log(background.momentum_min), jnp.log(background.momentum_max)
    return low, (high - low) / count


class Cells(NamedTuple):
    """Cells in comoving momentum, (cells,) each.

    y: their middles in ln y [m_p c]; volume: int y^2 dy [(m_p c)^3]; F0: mean of F0 over y^2 dy [code].
    """

    y: jax.Array
    volume: jax.Array
    F0: jax.Array


def cells(background: Background, amplitude: jax.Array, count: int = MOMENTA) -> Cells:
    """Return ``count`` cells in momentum; amplitude: c_k of F0, (K,) [code]."""
    low, width = log_edges(background, count)
    middle = low + width * (jnp.arange(count) + 0.5)
    y = jnp.exp(middle[:, None] + 0.5 * width * _NODES)
    weight = _WEIGHTS * y**3
    F0 = jnp.sum(weight * background.density(amplitude, y), axis=-1) / jnp.sum(weight, axis=-1)
    y = jnp.exp(middle)
    return Cells(y, y**3 * 2.0 / 3.0 * jnp.sinh(1.5 * width), F0)


def phase_space_of(state: State, each: Cells, departure: jax.Array) -> PhaseSpace:
    """Return f in cells from its departure f - F0, averaged over them, (cells, COSINES) [code]."""
    return PhaseSpace(each.y * jnp.cbrt(state.density), each.F0[:, None] + departure)


def phase_space(state: State, parameters: Parameters, model: Model) -> PhaseSpace:
    """Return f in the cells from the control variates of the markers; those beyond the ends of F0 are in no cell."""
    background = parameters.background
    number = expected_sizes(background, state.amplitude, state.density).number

    def body(state: State, shared: tuple, words: None, sums: jax.Array) -> BlockResult:
        parameters, number = shared
        m, (low, width) = state.markers, log_edges(parameters.background)
        weight = m.control_weight(parameters.background, state.amplitude)
        i = jnp.floor((jnp.log(m.comoving_momentum) - low.astype(weight.dtype)) / width.astype(weight.dtype))
        mu = m.parallel_momentum / m.momentum(state.density)
        j = jnp.clip(jnp.floor(0.5 * (mu + 1.0) * COSINES), 0, COSINES - 1)
        # What lies beyond the ends goes to a last entry, which is left out.
        cell = jnp.where((i >= 0) & (i < MOMENTA), i * COSINES + j, MOMENTA * COSINES).astype(jnp.int32)
        return {}, sums.at[cell].add(rounded(weight, number), mode="promise_in_bounds"), ()

    zeros = jnp.zeros(MOMENTA * COSINES + 1)
    _, sums, _ = pass_over(model.layout, body, state, (parameters, number), zeros=zeros)
    each = cells(background, state.amplitude)
    departure = sums[:-1].reshape(MOMENTA, COSINES) / (each.volume[:, None] * (2.0 / COSINES))
    return phase_space_of(state, each, departure)
