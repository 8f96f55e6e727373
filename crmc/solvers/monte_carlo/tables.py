"""Tabulate the metric of the kicks for each direction, helicity and momentum."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.physics.bands import Bands
from crmc.physics.parameters import Parameters
from crmc.physics.resonance import spread_of
from crmc.physics.spectrum import CELLS, ROWS, SIGNS, SpectrumGrid, range_fraction, range_slope
from crmc.physics.state import State
from crmc.physics.waves import wave_velocities


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ScatteringTable:
    """Metric Y of one direction's waves, or of several, in which pitch-angle diffusion has unit speed.

    y: int dq sqrt(g/(e/e_ref (p'^2 - q^2))) at the nodes of each helicity and row, (..., 2, ROWS, CELLS + 1),
       compressed near mu' = 1 (`pole_distance`); piecewise linear in the table coordinate t and in ln P;
       g is the measure of d^3p on the shell p'
    reference: e_ref, the largest wave power e_j of the direction, (...)
    """

    y: jax.Array
    reference: jax.Array


def _cumulate(steps: jax.Array) -> jax.Array:
    """Return the sums 0, s_0, s_0 + s_1, ... along the last axis, (..., n + 1) for ``steps`` (..., n).

    Products with small triangular matrices: XLA on CPU neither vectorises a running sum nor fuses a product into its
    consumers, which would otherwise compute the table again at every look-up.
    """
    shape = steps.shape
    rows = steps.reshape(*shape[:-1], -1, 16)
    within = rows @ jnp.asarray(np.triu(np.ones((16, 16))))
    before = within[..., -1] @ jnp.asarray(np.triu(np.ones((rows.shape[-2],) * 2), 1))
    return jnp.pad((within + before[..., None]).reshape(shape), [(0, 0)] * (steps.ndim - 1) + [(1, 0)])


#: h(u) = u^2 + 0.594 u + 0.047 (1 - e^{-5.5 u}) of `pole_distance`.
_POLE_LINEAR, _POLE_OFFSET, _POLE_RATE = 0.594, 0.047, 5.5


def pole_distance(distance: jax.Array) -> jax.Array:
    """Return the coordinate in which an interval clipped at the pole mu' = 1 still diffuses at the full rate.

    Clipping shortens the intervals that reach the pole, so with the bare metric the diffusion there is up to two times
    too slow.  Requiring E[theta'^2] = theta^2 + 4 D dt at every
    distance theta = sqrt(h(u)) from the pole of a disc gives h(u) = (1/2) int_{u-1}^{u+1} h - 1/3, h = 0 for u <= 0,
    solved by the h above to 1 %; this function is its inverse, u(theta).

    distance: theta, distance from the pole; like the result in units of the interval c, any shape
    """
    theta2 = distance**2
    u = distance - pole_shift(distance)
    for _ in range(2):
        decay = _POLE_OFFSET * jnp.exp(-_POLE_RATE * u)
        residual = u**2 + _POLE_LINEAR * u + _POLE_OFFSET - decay - theta2
        u = u - residual / (2.0 * u + _POLE_LINEAR + _POLE_RATE * decay)
    return jnp.maximum(u, 0.0)


def pole_shift(distance: jax.Array) -> jax.Array:
    """Return theta - `pole_distance` to 3e-3 in closed form, for a coordinate whose inverse is a table of its own.

    u = theta^2/(0.297 + S), S^2 = theta^2 + r, has the limits of h: theta^2/h'(0) at the pole, theta - 0.297 +
    0.021/theta far from it.  The difference is formed without cancellation, so that float32 serves.
    distance: as there
    """
    rest = 0.135 + 0.1736 / (1.0 + 3.4 * distance**2)
    root = jnp.sqrt(distance**2 + rest)
    return distance * (0.297 + rest / (root + distance)) / (0.297 + root)


def pole_angle(u: jax.Array) -> jax.Array:
    """Return theta = sqrt(h(u)), the inverse of `pole_distance`, in the shape of ``u``."""
    return jnp.sqrt(u**2 + _POLE_LINEAR * u - _POLE_OFFSET * jnp.expm1(-_POLE_RATE * u))


class Metric(NamedTuple):
    """Metric of one direction's waves, or of several, before its compression near mu' = 1.

    from_pole: int dq sqrt(g/(e/e_ref (p'^2 - q^2))) from the nodes of each helicity and row to the top of the row,
        (..., 2, ROWS, CELLS + 1)
    fast: weights of the nodes but the first, largest where diffusion is fast, (..., 2, ROWS, CELLS)
    reference: e_ref, (...)
    gamma: Lorentz factor gamma' of each row, (ROWS,)
    """

    from_pole: jax.Array
    fast: jax.Array
    reference: jax.Array
    gamma: jax.Array


def metric_floor(seed: jax.Array) -> jax.Array:
    """Return the least power that scatters, which keeps the metric finite where the splines vanish, ().

    seed: floor of e, ()
    """
    return 1e-3 * seed


def bare_metric(
    grid: SpectrumGrid,
    e: jax.Array,
    wave_velocity: jax.Array,
    unit: jax.Array,
    seed: jax.Array,
    dtype: np.dtype | type = np.float64,
    power: jax.Array | None = None,
) -> Metric:
    """Return the metric for the waves of one direction or of several; leading axes (...) are the directions.

    e: wave power of each helicity and bin, (..., 2, bins)
    wave_velocity: signed phase velocity d v_A, (...) [c]
    unit: momentum of x = 1, `Stretch.resonance`, () [m_p c]
    seed: floor of e, for `metric_floor`
    dtype: of the integrand; its integral is float64
    power: what scatters at the centres of the cells where it is not that of the splines, (..., 2, ROWS, CELLS)
    """
    reference = jnp.max(e, axis=(-2, -1))
    if power is None:
        power = jnp.tensordot((e / reference[..., None, None]).astype(dtype), grid.basis_mid.astype(dtype), 1)
    else:
        power = (power / reference[..., None, None, None]).astype(dtype)
    floor = (metric_floor(seed) / reference).astype(dtype)[..., None, None, None]
    P = grid.row_momentum
    t = (jnp.arange(CELLS) + 0.5) / CELLS
    span = (grid.top - grid.x_low)[:, None]
    dx_dt = span * range_slope(t)
    # P - x without cancellation where the range ends at P.
    to_top = span * range_fraction(1.0 - t) + (P - grid.top)[:, None]
    fixed = (dx_dt / CELLS) ** 2 / (to_top * (P[:, None] + grid.x_mid))
    gamma = jnp.sqrt(1.0 + (unit * P) ** 2)
    kappa = SIGNS[:, None, None] * wave_velocity[..., None, None, None] * (unit / gamma)[:, None]
    g = 1.0 + kappa.astype(dtype) * grid.x_mid.astype(dtype)
    step = jnp.sqrt(g * fixed.astype(dtype) / jnp.maximum(power, floor))
    speed = dx_dt.astype(dtype) / step
    fast = speed / jnp.sum(speed, axis=-1, keepdims=True)
    y = _cumulate(step.astype(jnp.float64))
    return Metric(y[..., -1:] - y, fast, reference, gamma)


def compressed(grid: SpectrumGrid, metric: Metric, nu_dt: jax.Array) -> ScatteringTable:
    """Return the table for kicks of a given length, with the metric compressed where rows reach the pole.

    nu_dt: scattering per step of a marker at rest per unit e, nu_coefficient Omega0 dt
    """
    interval = jnp.sqrt(6.0 * nu_dt * metric.reference[..., None, None, None] / metric.gamma[:, None])
    shift = interval * pole_shift((metric.from_pole / interval).astype(metric.fast.dtype))
    reaches = (grid.x_high >= grid.row_momentum)[:, None]
    y = jnp.where(reaches, shift, 0.0) - metric.from_pole
    # Y = 0 where diffusion is fast: a float32 Y has its digits there, not at the ends where e -> 0 and Y is huge.
    return ScatteringTable(y - jnp.sum(metric.fast * y[..., 1:], axis=-1, keepdims=True), metric.reference)


def deposited(grid: SpectrumGrid, e: jax.Array, histogram: jax.Array) -> jax.Array:
    """Return sum_n H_n Psi_j(x_n), the deposits given to each bin per unit e_j, (..., bins).

    Psi_j(x) = int S_j/e dx from x_low to x, so that sum_j e_j Psi_j = x - x_low exactly.  With an edge the gap
    belongs to no bin (`deposited_beyond`) and the integral starts at x_gap.  The sum is by parts, from the top: Psi
    itself is not needed.
    e: wave power of each bin, (..., bins)
    histogram: H, deposits at the nodes x_n, (..., DEPOSIT_CELLS + 1)
    """
    above = jnp.flip(_cumulate(jnp.flip(histogram[..., 1:], axis=-1))[..., 1:], axis=-1)
    total = jnp.tensordot(e, grid.basis_deposit, 1)
    # Beyond x_top no branch takes anything.
    per_power = above * jnp.diff(grid.x_deposit) / jnp.where(total > 0.0, total, 1.0)
    found = jnp.tensordot(per_power, grid.basis_deposit.T, 1)
    below, everything = e @ grid.basis_low, above[..., 0] + histogram[..., 0]
    per_power = (1.0 - grid.edge) * everything * (grid.x_gap - grid.x_low) / jnp.where(below > 0.0, below, 1.0)
    return found + per_power[..., None] * grid.basis_low


def deposited_beyond(grid: SpectrumGrid, histogram: jax.Array) -> jax.Array:
    """Return sum_n H_n min(x_n, x_gap), the deposits given to waves beyond k_max that no bin stands for, (...).

    histogram: as for `deposited`
    """
    return grid.edge * grid.x_gap * jnp.sum(histogram, axis=-1)


def power_on_rows(grid: SpectrumGrid, bands: Bands, e: jax.Array, spread: jax.Array) -> jax.Array:
    """Return the power that scatters at the centres of the cells of all rows, (..., 2, ROWS, CELLS).

    bands: weights of waves that broaden the resonance; e: wave power of each helicity and bin, (..., 2, bins)
    spread: Delta mu, ()
    """
    band, share = bands.position(grid.row_momentum * spread)
    power = bands.power(e)
    power = power[..., band, :] + share[:, None] * (power[..., band + 1, :] - power[..., band, :])
    cell, rows = bands.cell, jnp.arange(ROWS)[:, None]
    part = (grid.x_mid - bands.x[cell]) / (bands.x[cell + 1] - bands.x[cell])
    low, high = power[..., rows, cell], power[..., rows, cell + 1]
    return low + jnp.clip(part, 0.0, 1.0) * (high - low)


def metric_of(state: State, parameters: Parameters) -> Metric:
    """Return the metric of both directions' waves, stacked on a leading axis, in the precision of the markers."""
    V, dtype, grid = wave_velocities(state, parameters), state.markers.rise.dtype, parameters.grid
    if (bands := parameters.bands) is None:
        return bare_metric(grid, state.e, V, state.resonance, parameters.seed, dtype)
    power = power_on_rows(grid, bands, state.e, spread_of(grid, state.e, parameters.broadening))
    return bare_metric(grid, state.e, V, state.resonance, parameters.seed, dtype, power)


def row_pairs(
    i: jax.Array,
    grid: SpectrumGrid,
    e: jax.Array,
    V: jax.Array,
    unit: jax.Array,
    seed: jax.Array,
    nu_dt: jax.Array,
    dtype: np.dtype | type,
) -> jax.Array:
    """Return row i of the ``pairs`` of a `kernel.Lookup` of both directions, (2, 2, CELLS + 1).

    The last row, which nothing reads as the lower one of two, has itself above it.
    e, V, unit, seed, dtype: as for `bare_metric`, e (2, 2, bins) and V (2,); nu_dt: as for `compressed`
    """
    first = jnp.minimum(i, ROWS - 2)
    two = {name: jax.lax.dynamic_slice_in_dim(getattr(grid, name), first, 2) for name in ("top", "x_mid")}
    basis = jax.lax.dynamic_slice_in_dim(grid.basis_mid, first, 2, axis=1)
    rows = dataclasses.replace(grid, row_start=grid.row_start + grid.row_step * first, basis_mid=basis, **two)
    y = compressed(rows, bare_metric(rows, e, V, unit, seed, dtype), nu_dt).y.astype(dtype)
    low = jnp.where(i > first, y[:, :, 1], y[:, :, 0])
    return row_words(low, y[:, :, 1]) if low.dtype == jnp.float32 else low


def row_words(low: jax.Array, high: jax.Array) -> jax.Array:
    """Return words whose lower half is float32 ``low`` and whose upper half is ``high``, uint64, in their shape."""
    lower, upper = (jax.lax.bitcast_convert_type(x, jnp.uint32).astype(jnp.uint64) for x in (low, high))
    return lower | upper << np.uint64(32)
