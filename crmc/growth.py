"""Wave growth: from the kicks (drives the waves) and from the functional A[f] (checks them).

From the kicks.  A kick q -> q' changes a marker's energy by gamma_w V s (q' - q).  With
``Psi_j(q) = int S_j/e dq``, ``sum_j e_j Psi_j(q) = q``, bin j receives

    - gamma_w V s wbar e_j [Psi_j(q') - Psi_j(q)],   wbar = (w_before + w_after)/2,

which sums to the particles' loss.  No separate F0 term: for a symmetric kernel the F0 part of
the deposit vanishes in expectation, and wbar holds what is left of it without bias.

From the functional.  2 Gamma_j E_j = gamma_w V s int int D_j d f/dq|_p' p' dp' dq, the exact
form of eqs. 13-15 (finite omega included), with df/dq by differences of a histogram of w and in
closed form for F0.  It knows D and f but not the kernel, so eq. 37 can fail.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from crmc.distribution import Background
from crmc.scattering import Kick, WaveFrame
from crmc.spectrum import CELLS, DEPOSIT_CELLS, ROWS, SIGNS, ScatteringTable, SpectrumGrid, range_fraction

#: Cells between gap and top in the histogram of the functional.
HISTOGRAM_CELLS = 32


def _deposit_position(grid: SpectrumGrid, q: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Deposit cell of q and the weight, linear in q, of its upper node."""
    step = jnp.log(grid.x_top / grid.x_gap) / DEPOSIT_CELLS
    log_floor = (jnp.log(grid.x_gap * b) / step).astype(q.dtype)
    r = jnp.log(q) * (1.0 / step).astype(q.dtype) - log_floor
    r = jnp.clip(r, 0.0, DEPOSIT_CELLS)
    cell = jnp.minimum(r.astype(jnp.int32), DEPOSIT_CELLS - 1)
    h = step.astype(q.dtype)
    return cell, jnp.expm1((r - cell) * h) / jnp.expm1(h)


def deposit(grid: SpectrumGrid, kick: Kick, weight: jax.Array, b: jax.Array) -> jax.Array:
    """Histogram of ``weight`` at q' minus at q on the deposit nodes, (2 helicities, nodes), float64."""
    nodes = DEPOSIT_CELLS + 1
    base = jnp.where(kick.frame.sign < 0.0, nodes, 0)
    histogram = jnp.zeros(2 * nodes)
    for q, w in ((kick.q, weight), (kick.frame.q, -weight)):
        cell, upper = _deposit_position(grid, q, b)
        index = base + cell
        histogram = histogram.at[index].add(w * (1.0 - upper), mode="promise_in_bounds")
        histogram = histogram.at[index + 1].add(w * upper, mode="promise_in_bounds")
    return histogram.reshape(2, nodes)


def kick_gain(table: ScatteringTable, frame: WaveFrame, histogram: jax.Array, b: jax.Array) -> jax.Array:
    """Energy density given to each bin divided by its e_j, (2 helicities, bins), code units."""
    V = frame.V.astype(histogram.dtype)
    gamma = 1.0 / jnp.sqrt(1.0 - V**2)
    moved = jnp.einsum("hn,hnj->hj", histogram, table.psi)
    return -(gamma * V * b * b) * SIGNS[:, None] * moved


def resonant_histogram(grid: SpectrumGrid, frame: WaveFrame, weight: jax.Array, b: jax.Array) -> jax.Array:
    """Sum of ``weight``/g over (helicity, row in ln p', cell between gap and top), float64.

    Markers in the gap or beyond the top take no part.
    """
    dtype = frame.q.dtype
    x, P = frame.q / b.astype(dtype), frame.momentum / b.astype(dtype)
    gap, top = grid.x_gap.astype(dtype), jnp.minimum(P, grid.x_top.astype(dtype))
    active = (x > gap) & (x < top)
    s = jnp.where(active, (x - gap) / jnp.where(active, top - gap, 1.0), 0.0)
    t = (2.0 / jnp.pi) * jnp.arcsin(jnp.sqrt(s))
    cell = jnp.minimum((t * HISTOGRAM_CELLS).astype(jnp.int32), HISTOGRAM_CELLS - 1)
    row = (jnp.log(P) - grid.row_start.astype(dtype)) / grid.row_step.astype(dtype)
    row = jnp.clip(jnp.round(row), 0, ROWS - 1).astype(jnp.int32)
    helicity = (frame.sign < 0.0).astype(jnp.int32)
    g = 1.0 + frame.V * frame.sign * frame.q / frame.energy
    index = (helicity * ROWS + row) * HISTOGRAM_CELLS + cell
    flat = jnp.zeros(2 * ROWS * HISTOGRAM_CELLS)
    flat = flat.at[index].add(jnp.where(active, weight / g, 0.0), mode="promise_in_bounds")
    return flat.reshape(2, ROWS, HISTOGRAM_CELLS)


def histogram_shape() -> tuple[int, int, int]:
    """Shape of ``resonant_histogram``."""
    return 2, ROWS, HISTOGRAM_CELLS


def _diffusion(P: jax.Array, x: jax.Array, b: jax.Array, nu_coefficient: jax.Array) -> jax.Array:
    """D_q/e in q^2 per unit time, at scaled momenta P and x: (nu_coefficient Omega0/2 gamma')(p'^2 - q^2)."""
    gamma = jnp.sqrt(1.0 + (b * P) ** 2)
    return 0.5 * nu_coefficient * b / gamma * b**2 * (P - x) * (P + x)


def anisotropic_growth(
    grid: SpectrumGrid, histogram: jax.Array, V: jax.Array, b: jax.Array, nu_coefficient: jax.Array
) -> jax.Array:
    """Energy per unit time given to each bin by f - F0, divided by e_j: (2 helicities, bins), code units."""
    stride = CELLS // HISTOGRAM_CELLS
    P, top = grid.row_momentum[:, None], grid.top[:, None]
    fraction = range_fraction(jnp.arange(HISTOGRAM_CELLS + 1) / HISTOGRAM_CELLS)
    edge = grid.x_gap + (top - grid.x_gap) * fraction
    gradient = jnp.diff(b * histogram / (b * jnp.diff(edge)), axis=-1)
    face = edge[:, 1:-1]
    flux = gradient * _diffusion(P, face, b, nu_coefficient)
    gamma = 1.0 / jnp.sqrt(1.0 - V**2)
    basis = grid.basis_node[:, stride:-1:stride]
    return gamma * V * SIGNS[:, None] * jnp.einsum("hrc,rcj->hj", flux, basis)


def isotropic_growth(
    grid: SpectrumGrid,
    background: Background,
    amplitude: jax.Array,
    V: jax.Array,
    b: jax.Array,
    nu_coefficient: jax.Array,
) -> jax.Array:
    """The same for F0, by quadrature over its momentum range: always damping, (2 helicities, bins)."""
    y, dy = background.quadrature()
    p, dp = y * jnp.cbrt(b), dy * jnp.cbrt(b)
    P, top = (p / b)[:, None], jnp.minimum(p / b, grid.x_top)[:, None]
    t = jnp.asarray((np.arange(CELLS) + 0.5) / CELLS)
    span = jnp.maximum(top - grid.x_gap, 0.0)
    x = grid.x_gap + span * range_fraction(t)
    dx = span * jnp.pi * jnp.sin(0.5 * jnp.pi * t) * jnp.cos(0.5 * jnp.pi * t) / CELLS
    gamma_w = 1.0 / jnp.sqrt(1.0 - V**2)
    s = SIGNS[:, None, None]
    energy = gamma_w * (jnp.sqrt(1.0 + p**2)[:, None] + V * s * b * x)
    momentum = jnp.sqrt(energy**2 - 1.0)
    # dF0/dq at fixed p' is (dF0/dp)(eps/p) gamma_w V s, at the lab momentum of (p', q).
    slope = background.slope(amplitude, momentum / jnp.cbrt(b)) * energy / momentum**2 * gamma_w * V * s
    flux = slope * _diffusion(P, x, b, nu_coefficient) * b * dx * (p * dp)[:, None]
    return gamma_w * V * SIGNS[:, None] * jnp.einsum("hpc,pcj->hj", flux, grid.basis(x))
