"""Measure wave growth by the functional A[f], independently of the kicks, which drive the waves (`deposits`).

    2 Gamma_j E_j = gamma_w V s int int D_j d f/dq|_p' p' dp' dq

is the exact form of eqs. 13-15, finite omega included.  df/dq comes from differences of a histogram of f - F0(p'),
which has the same slope as f.  Near marginal stability f is almost isotropic in the frame of the wave, so that no two
large numbers are subtracted.  The functional knows D and f but not the kernel of the kicks, so eq. 37 can fail.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from crmc.physics.exact import in_two_parts
from crmc.physics.flow import Stretch
from crmc.physics.linear import solve_positive
from crmc.physics.markers import Markers
from crmc.physics.parameters import Parameters
from crmc.physics.resonance import broadened, spread_of
from crmc.physics.spectrum import SIGNS, SpectrumGrid
from crmc.physics.state import State
from crmc.physics.waves import wave_velocities
from crmc.solvers.monte_carlo.kernel import WaveFrame
from crmc.theory.distribution import Background
from crmc.theory.quadrature import gauss_legendre

#: Rows in ln p' and cells in q of the functional's histogram; quadrature nodes per row.
HISTOGRAM_ROWS, HISTOGRAM_CELLS, _ROW_NODES = 48, 48, 4
#: Number of neighbouring rows whose f has the same slopes at q = 0, where particles cross to the other hemisphere.
_JOINED_ROWS = 8


def wave_frame_weight(
    background: Background, amplitude: jax.Array, frame: WaveFrame, markers: Markers, density: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return the weights of f - F0(p') and of F0(p'), which is isotropic in the frame of the wave, (N,) [code] each.

    They are w + V [F0(p) - F0(p')] and V F0(p'), V the phase-space volume of a marker.
    """
    root = jnp.cbrt(density).astype(frame.q.dtype)
    # eps - eps', then (p/p')^2 - 1, without cancellation.
    change = (frame.gamma**2 / (frame.gamma + 1.0)) * frame.V**2 * frame.energy
    change += frame.gamma * frame.V * frame.sign * frame.q
    rise = change * (2.0 * frame.energy + change) / frame.momentum**2
    y = frame.momentum / root
    weight = markers.control_weight(background, amplitude) + markers.volume * background.change(amplitude, y, rise)
    return weight, markers.volume * background.density(amplitude, y)


def resonant_histogram(
    grid: SpectrumGrid,
    background: Background,
    frame: WaveFrame,
    weight: jax.Array,
    envelope: jax.Array,
    at: Stretch,
    size: jax.Array | float = 0.0,
) -> jax.Array:
    """Return the sums of ``weight``/(g x') and ``envelope``/(g x') by helicity, p' and q, in two parts [code].

    Shape (2, *histogram_shape()).  The parts are to be added last: each is exact, their sum is not.

    Rows are uniform in ln p', cells in ln x', x' = x - x_low + x_gap, which 1/(g x') makes the measure of the volume:
    ln q without scattering in the gap, else even in q towards q = 0.  Markers outside of what is scattered take no
    part.  A q < 0, after a kick across 90 degrees, lies in the other hemisphere.  Sums are float64.

    frame: markers in the frame of the wave
    weight, envelope: the two results of `wave_frame_weight`, (N,) [code]
    at: deformation of the tube
    size: expected sum of the envelopes, for which sums are exact (`physics.exact`), 0 for plain ones, () [code]
    """
    dtype = frame.q.dtype
    x, P = (q / at.resonance.astype(dtype) for q in (jnp.abs(frame.q), frame.momentum))
    low, top = grid.x_low.astype(dtype), jnp.minimum(P, grid.x_high.astype(dtype))
    active = (x > low) & (x < top)
    shift, unit = (grid.x_gap - grid.x_low).astype(dtype), grid.x_gap.astype(dtype)
    place = jnp.log(jnp.where(active, (x + shift) / unit, 1.0)) / jnp.log(jnp.where(active, (top + shift) / unit, 2.0))
    cell = jnp.minimum((place * HISTOGRAM_CELLS).astype(jnp.int32), HISTOGRAM_CELLS - 1)
    start, step = _rows(grid, background, at, HISTOGRAM_ROWS)
    row = ((jnp.log(P) - start.astype(dtype)) / step.astype(dtype)).astype(jnp.int32)
    row = jnp.clip(row, 0, HISTOGRAM_ROWS - 1)
    helicity = (frame.sign * frame.q < 0.0).astype(jnp.int32)
    g = 1.0 + frame.V * frame.sign * frame.q / frame.energy
    share = jnp.where(active, 1.0 / (g * (x + shift)), 0.0)
    index = (helicity * HISTOGRAM_ROWS + row) * HISTOGRAM_CELLS + cell
    shape = histogram_shape()
    empty = jnp.zeros(math.prod(shape[1:]))
    size = size / grid.x_gap
    # Two parts: what resonates at the smallest k is a tiny part of all.
    parts = zip(*(in_two_parts(share * x, size) for x in (weight, envelope)), strict=True)
    sums = [[empty.at[index].add(x, mode="promise_in_bounds") for x in part] for part in parts]
    return jnp.stack([jnp.stack(part) for part in sums]).reshape(2, *shape)


def histogram_shape() -> tuple[int, int, int, int]:
    """Return the shape of `resonant_histogram`: (2 sums, 2 helicities, rows, cells)."""
    return 2, 2, HISTOGRAM_ROWS, HISTOGRAM_CELLS


def in_rows(histogram: jax.Array, rows: int) -> jax.Array:
    """Return a histogram whose neighbouring rows are joined so that ``rows`` are left, a divisor of their number."""
    return jnp.sum(histogram.reshape(*histogram.shape[:-2], rows, -1, HISTOGRAM_CELLS), axis=-2)


def _rows(grid: SpectrumGrid, background: Background, at: Stretch, rows: int) -> tuple[jax.Array, jax.Array]:
    """Return the ln P where the histogram's rows start, and their width in ln P.

    They fill the part of F0's range of momenta that resonates.
    """
    unit = _comoving(at)
    low = jnp.log(jnp.maximum(background.momentum_min / unit, grid.x_low))
    high = jnp.log(background.momentum_max / unit)
    return low, jnp.maximum(high - low, 1e-6) / rows


def _comoving(at: Stretch) -> jax.Array:
    """Return the comoving momentum y of the scaled momentum P = 1, resonance/density^(1/3), () [m_p c]."""
    unit = jnp.cbrt(at.b) ** 2
    return unit if at.length is None else unit * jnp.cbrt(at.length) ** 4


def _ratio(weight: jax.Array, envelope: jax.Array) -> jax.Array:
    """Return weight/envelope of every cell, with empty cells on the line between their neighbours in the row.

    weight, envelope: the two sums of a histogram, (2, rows, cells)
    """
    filled = envelope > 0.0
    value = jnp.where(filled, weight / jnp.where(filled, envelope, 1.0), 0.0)
    place = jnp.broadcast_to(jnp.arange(HISTOGRAM_CELLS), value.shape)
    axis = value.ndim - 1
    left = jax.lax.cummax(jnp.where(filled, place, -1), axis)
    right = jax.lax.cummin(jnp.where(filled, place, HISTOGRAM_CELLS), axis, reverse=True)
    left, right = jnp.where(left < 0, right, left), jnp.where(right == HISTOGRAM_CELLS, left, right)
    # A row without markers has left = HISTOGRAM_CELLS; its values are all zero.
    left, right = (jnp.clip(i, 0, HISTOGRAM_CELLS - 1) for i in (left, right))
    share = (place - left) / jnp.maximum(right - left, 1)
    low, high = (jnp.take_along_axis(value, i, axis) for i in (left, right))
    return low + share * (high - low)


def _at_90_degrees(
    value: jax.Array, envelope: jax.Array, x: jax.Array, x_gap: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return f/F0 - 1 at q = 0 of every row, (rows, 1), and ``value`` with the empty cells next to q = 0 filled.

    Empty cells lie on a line between q = 0 and the first filled cell.
    Where particles cross, f is continuous at q = 0 but its slope jumps if the helicities scatter unequally.  Hence a
    least-squares fit of two lines that meet there, to what lies in the gap and the first markers beyond; the slopes
    are common to _JOINED_ROWS rows, each of which may have few markers so close to 90 degrees.

    value: f/F0 - 1 of each cell, (2, rows, cells)
    envelope: the histogram's sum for F0, (2, rows, cells)
    x: |p_par'|/b at the centres of the cells, (rows, cells) [m_p c]
    x_gap: upper end of the gap [m_p c]
    """
    first = jnp.argmax(envelope > 0.0, axis=-1, keepdims=True)
    place = jnp.arange(HISTOGRAM_CELLS)
    weight = jnp.where((x < x_gap) | (place == first), envelope, 0.0)

    def over(*factors: jax.Array) -> jax.Array:
        return jnp.einsum("hrc->hr", math.prod(factors, start=weight))

    number, along = jnp.sum(over(), axis=0), over(x)
    number = jnp.where(number > 0.0, number, 1.0)
    mean, centre = jnp.sum(over(value), axis=0) / number, along / number
    square = jnp.einsum("hr,hi->rhi", over(x, x), jnp.eye(2)) - jnp.einsum("hr,ir->rhi", along, centre)
    product = (over(x, value) - along * mean).T
    square, product = (jnp.sum(y.reshape(-1, _JOINED_ROWS, *y.shape[1:]), axis=1) for y in (square, product))
    ridge = 1e-9 * jnp.trace(square, axis1=1, axis2=2)[:, None, None] + 1e-300
    slope = solve_positive(square + ridge * jnp.eye(2), product)
    origin = (mean - jnp.sum(jnp.repeat(slope, _JOINED_ROWS, axis=0).T * centre, axis=0))[:, None]
    empty = jnp.sum(envelope, axis=-1, keepdims=True) == 0.0
    line = origin + (value - origin) * (place + 0.5) / (first + 0.5)
    return origin, jnp.where(empty, origin, jnp.where(place < first, line, value))


def _differences(grid: SpectrumGrid, histogram: jax.Array, x: jax.Array) -> jax.Array:
    """Return the difference of f/F0 over each face but the last one of every row, (2, rows, cells), to fourth order.

    The first one lies between q_low and the middle of the first cell.
    histogram: from `resonant_histogram`
    x: |p_par'|/b at the centres of the cells, (rows, cells) [m_p c]
    """
    across = grid.x_low == 0.0
    value = _ratio(*histogram)
    origin, joined = _at_90_degrees(value, histogram[1], x, grid.x_gap)
    value = jnp.where(across, joined, value)
    difference = jnp.diff(value)
    padded = jnp.pad(difference, [(0, 0), (0, 0), (1, 1)], mode="edge")
    difference = difference - jnp.diff(padded, 2) / 12.0
    return jnp.concatenate([jnp.where(across, value[..., :1] - origin, 0.0), difference], axis=-1)


def _places(grid: SpectrumGrid, P: jax.Array, cell: jax.Array) -> jax.Array:
    """Return |p_par'|/b at places counted in cells, whole numbers at the faces [m_p c].

    P: scaled momenta p'/b of the rows, (..., 1) [m_p c]
    cell: places in a row, (n,)
    """
    shift = grid.x_gap - grid.x_low
    x = grid.x_gap * ((jnp.minimum(P, grid.x_high) + shift) / grid.x_gap) ** (cell / HISTOGRAM_CELLS) - shift
    return jnp.maximum(x, 1e-3 * grid.x_gap)


def _diffusion(P: jax.Array, x: jax.Array, at: Stretch, nu_coefficient: jax.Array) -> jax.Array:
    """Return the diffusion coefficient of q per unit e, (nu_coefficient Omega0/2 gamma')(p'^2 - q^2) [code].

    P, x: scaled p' and |p_par'|, of shapes that broadcast
    """
    unit = at.resonance
    gamma = jnp.sqrt(1.0 + (unit * P) ** 2)
    return 0.5 * nu_coefficient * at.b / gamma * unit**2 * (P - x) * (P + x)


def functional_growth(
    grid: SpectrumGrid,
    background: Background,
    amplitude: jax.Array,
    histogram: jax.Array,
    V: jax.Array,
    at: Stretch,
    nu_coefficient: jax.Array,
    spread: jax.Array | None = None,
) -> jax.Array:
    """Return the power that f gives to each bin of one direction, divided by e_j, (2, bins + 1) [code].

    The last entry is the power into waves beyond k_max that no bin stands for, divided by e of the last bin.

    f/F0(p') - 1 of a cell is the ratio of its two sums, so that neither the number of markers that happen to be in it
    nor their place in the row matters.  Its differences are of fourth order, with f continuous where particles cross 90
    degrees; F0 and D are integrated over each row by quadrature.

    histogram: from `resonant_histogram`
    spread: Delta mu of the resonance, (); None where the waves do not broaden it
    """
    node, share = gauss_legendre(_ROW_NODES)
    rows = histogram.shape[-2]
    start, step = _rows(grid, background, at, rows)
    log_P = start + step * (jnp.arange(rows)[:, None] + 0.5 * (node + 1.0))
    P = jnp.exp(log_P)[..., None]
    cell = jnp.arange(HISTOGRAM_CELLS)
    x = _places(grid, P, cell)
    centre = jnp.exp(start + step * (jnp.arange(rows) + 0.5))
    difference = _differences(grid, histogram, _places(grid, centre[:, None], cell + 0.5))
    # F0 p' dp' = F0 p'^2 dln p'
    measure = background.density(amplitude, P * _comoving(at)) * (at.resonance * P) ** 2 * (0.5 * step * share)[:, None]
    # D falls to zero linearly at q = p': the trapezoidal rule with the end term of Euler and Maclaurin.
    rule = np.ones(HISTOGRAM_CELLS)
    rule[-2:] += -1.0 / 24.0, 1.0 / 6.0
    flux = measure * _diffusion(P, x, at, nu_coefficient) * rule
    gamma = 1.0 / jnp.sqrt(1.0 - V**2)
    if spread is not None:
        signs = SIGNS[:, None, None, None]
        power = gamma * V * signs * difference[:, :, None] * flux
        places, widths = jnp.broadcast_arrays(signs * x, P * spread)
        found = broadened(grid, places.reshape(1, -1), widths.ravel()).taken(power.reshape(1, -1))[0]
        return jnp.pad(found, ((0, 0), (0, 1)))
    # A face stands for all between the middles of the two cells.
    beyond = grid.beyond(_places(grid, P, cell - 0.5), _places(grid, P, cell + 0.5))[..., None]
    basis = jnp.concatenate([(1.0 - beyond) * grid.resonant(x), beyond], axis=-1)
    return gamma * V * SIGNS[:, None] * jnp.einsum("hrc,rmc,rmcj->hj", difference, flux, basis)


def functional_rates(
    state: State, histogram: jax.Array, parameters: Parameters, broadens: bool = False, rows: int = HISTOGRAM_ROWS
) -> jax.Array:
    """Return 2 Gamma_j E_j/e_j by the functional at the F0 and field of ``state``, (2, 2, bins + 1) [code].

    The last entry is that of `functional_growth`.

    histogram: sum of any number of results of `samples.functional_sample`
    broadens: whether the waves broaden the resonance; its width is that of the waves of ``state``
    rows: number of rows to which those of the histogram are joined, `Model.functional_rows`
    """
    histogram = in_rows(histogram, rows)
    velocity = wave_velocities(state, parameters)
    grid, at, to_nu = parameters.grid, state.stretch, parameters.nu_coefficient
    spread = spread_of(grid, state.e, parameters.broadening) if broadens else None

    def rates(histogram: jax.Array, V: jax.Array) -> jax.Array:
        fixed = grid, parameters.background, state.amplitude, histogram
        return functional_growth(*fixed, V, at, to_nu, spread)

    # The splines, which take most of the time, are the same for both directions.
    return jax.vmap(rates)(histogram, velocity)
