"""Spectrum of parallel Alfven waves: four branches on quadratic B-splines in ln k, and the geometry of its tables.

A branch is (direction d, helicity h), d, h = +-1; axis order is [+1, -1] for both.  A
particle with sign(p_par') = h, p_par' measured in the frame of direction d, resonates
with branch (d, h) at k = m Omega0/|p_par'|.  The branch's power is

    e(ln k) = 8 pi k W_M(k)/B^2 = sum_j e_j S_j(ln k)

and the same S_j enter the kick, the deposit of energy and the growth functional.  A bin is one spline of a branch.

Particles of |p_par'| < m Omega0/k_max resonate with none of these waves.  What scatters them is a model, `Gap`:

    empty       nothing; splines fall to zero at k_max
    edge        waves as strong as at k_max, e(k > k_max) = e(k_max), kept there by whatever damps them: the energy that
                they take is the heat of the gas and grows no bin.  Splines end at k_max with a free value
    broadened   the splines as they are two knots below k_max; the energy grows the last bins, whose width therefore
                matters
    resonance   nothing beyond k_max, but waves broaden the resonance of each other (`crmc.physics.resonance`)

Because Omega0 falls with B while k stays, everything is tabulated in the scaled momenta
x = |p_par'|/(m c b) = Omega0(0)/(k c) and P = p'/(m c b), in which the grid is fixed.  Both are pure numbers, and
so is k in units of Omega0(0)/c.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from crmc.theory.distribution import Real

#: What scatters particles in the 90-degree gap.
Gap = Literal["empty", "edge", "broadened", "resonance"]
#: Signs along the direction and helicity axes.
SIGNS = np.array([1.0, -1.0])
#: Rows in ln P of the scattering tables, and their cells between the gap and p'.
ROWS, CELLS = 48, 128
#: Octaves above the gap that the deposit of energy covers, and its cells per octave, equal in x (a power of two).
DEPOSIT_OCTAVES, CELLS_PER_OCTAVE = 20, 64
DEPOSIT_CELLS = DEPOSIT_OCTAVES * CELLS_PER_OCTAVE


def bspline(u: jax.Array) -> jax.Array:
    """Return the cardinal quadratic B-spline on [0, 3], which has unit integral and a continuous slope, (...).

    u: distance from its first knot in knot spacings, (...).
    """
    from_middle = jnp.abs(u - 1.5)
    return 0.5 * jnp.maximum(1.5 - from_middle, 0.0) ** 2 - 1.5 * jnp.maximum(0.5 - from_middle, 0.0) ** 2


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class SpectrumGrid:
    """Fixed geometry of the spectrum and of its tables, float64.

    log_k_min: first knot in ln k, (); knot: spacing h of the knots, ().
    width: int S_j dln k, h but in the last two bins of an edge, (bins,).
    edge: 1 where splines end at k_max with a free value and waves beyond it are as strong, else 0, ().
    x_gap, x_top: scaled momenta resonant with k_max and k_min, (); no wave scatters outside (x_gap, x_top).
    x_low, x_high: ends of the range that is scattered: x_gap with an empty gap, else 0, and x_top, or more than any x
        where waves broaden the resonance, ().
    log_k_top: ln k above which particles meet waves as strong as those of this k, infinite where there are none
        beyond k_max, ().
    row_start: ln P of the first row, (); row_step: spacing of the rows in ln P, ().
    top: upper end min(P, x_high) of the scattering range of each row, (ROWS,).
    x_mid: x at the cell centres of each row, (ROWS, CELLS); basis_mid: S_j there, (bins, ROWS, CELLS).
    x_deposit: nodes of the deposit, x_gap 2^n (1 + m/CELLS_PER_OCTAVE), (DEPOSIT_CELLS + 1,).
    basis_deposit: S_j in the middle of the part of each cell below x_top, (bins, DEPOSIT_CELLS).
    basis_low: S_j that scatter below x_gap, zero where there are no waves beyond k_max, (bins,).
    centres: k at the centre of each bin, where ln k is its mean over S_j, (bins,).
    basis_centre: S_j at the centre of each bin, (centres, bins).
    """

    log_k_min: jax.Array
    knot: jax.Array
    width: jax.Array
    edge: jax.Array
    x_gap: jax.Array
    x_top: jax.Array
    x_low: jax.Array
    x_high: jax.Array
    log_k_top: jax.Array
    row_start: jax.Array
    row_step: jax.Array
    top: jax.Array
    x_mid: jax.Array
    basis_mid: jax.Array
    x_deposit: jax.Array
    basis_deposit: jax.Array
    basis_low: jax.Array
    centres: jax.Array
    basis_centre: jax.Array

    @property
    def bins(self) -> int:
        """Number of bins of a branch."""
        return self.centres.shape[0]

    @property
    def row_momentum(self) -> jax.Array:
        """Scaled momentum P of each row of the tables, (ROWS,), or of each of the rows that ``top`` has."""
        return jnp.exp(self.row_start + self.row_step * jnp.arange(self.top.shape[0]))

    def basis(self, x: jax.Array) -> jax.Array:
        """Return S_j at ln k = -ln x, (..., bins); zero outside of the spectrum.

        x: scaled momentum, (...).
        """
        # No rounding may cut off k_max itself.
        inside = x > self.x_gap * (1.0 - 1e-12)
        return jnp.where(inside[..., None], self._splines(-jnp.log(x)), 0.0)

    def resonant(self, x: jax.Array) -> jax.Array:
        """Return the S_j that scatter particles at x, (..., bins): `basis`, within a gap that is not empty its last.

        x: scaled momentum, (...).
        """
        return self._splines(jnp.minimum(-jnp.log(x), self.log_k_top))

    def beyond(self, low: jax.Array, high: jax.Array) -> jax.Array:
        """Return the part of a range of x in which waves beyond k_max scatter that no bin stands for, (...).

        low, high: ends of the range, low < high; negative ones lie in the other hemisphere, (...).
        """
        inside = jnp.minimum(high, self.x_gap) - jnp.maximum(low, -self.x_gap)
        return self.edge * jnp.clip(inside / (high - low), 0.0, 1.0)

    def _splines(self, log_k: jax.Array) -> jax.Array:
        """Return S_j at ln k without regard to the ends of the spectrum, (..., bins)."""
        return _basis(log_k, self.log_k_min, self.knot, self.bins, self.edge)

    def power(self, e: jax.Array, x: jax.Array) -> jax.Array:
        """Return e(ln k) of one branch at k = 1/x, (...).

        e: wave power of each bin of the branch, (bins,); x: scaled momentum, (...).
        """
        return self.basis(x) @ e


def _basis(log_k: jax.Array, log_k_min: jax.Array, knot: jax.Array, bins: int, edge: jax.Array) -> jax.Array:
    """Return S_j at ln k, (..., bins).

    edge: 1 where the last knot, at k_max, is triple: there the last spline alone is left, and is 1; else 0, ().
    """
    uniform = bspline((log_k[..., None] - log_k_min) / knot - jnp.arange(bins))
    return uniform + edge * uniform[..., -1:] * jnp.asarray([0.0] * (bins - 2) + [-1.0, 1.0])


#: With this, t -> s below is sin^2(pi t/2) to 1 %, yet needs square roots alone.
_SHAPE = 4.0 / 7.0


def _sides(t: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return rho_1 and rho_2 of `range_fraction`, (...) each."""
    return t * (1.0 + _SHAPE * (1.0 - t)), (1.0 - t) * (1.0 + _SHAPE * t)


def range_fraction(t: jax.Array) -> jax.Array:
    """Return s = (q - q_low)/(q_top - q_low) at a table coordinate, whose nodes are dense at both ends, (...).

    s = rho_1^2/(rho_1^2 + rho_2^2), rho_1 = t (1 + c (1 - t)), rho_2 = (1 - t)(1 + c t), so that s(1 - t) = 1 - s(t).
    t: table coordinate in [0, 1], (...).
    """
    one, two = _sides(t)
    return one**2 / (one**2 + two**2)


def range_slope(t: jax.Array) -> jax.Array:
    """Return ds/dt of `range_fraction` at table coordinate t, (...)."""
    one, two = _sides(t)
    d_one, d_two = 1.0 + _SHAPE * (1.0 - 2.0 * t), -1.0 + _SHAPE * (1.0 - 2.0 * t)
    return 2.0 * one * two * (d_one * two - one * d_two) / (one**2 + two**2) ** 2


def table_coordinate(above_low: jax.Array, below_top: jax.Array) -> jax.Array:
    """Return the table coordinate t at which `range_fraction` has a given value, the root of a quadratic, (...).

    above_low: q - q_low, (...); below_top: q_top - q, (...), of one unit.
    """
    a, b = jnp.sqrt(above_low), jnp.sqrt(below_top)
    half = (1.0 + _SHAPE) * b + (1.0 - _SHAPE) * a
    return 2.0 * a / (half + jnp.sqrt(half**2 - 4.0 * _SHAPE * a * (b - a)))


def make_grid(
    k_min: Real, k_max: Real, bins: int, momentum_min: Real, momentum_max: Real, gap: Gap = "empty"
) -> SpectrumGrid:
    """Return the grid of a spectrum and of its tables.

    k_min, k_max: ends of the spectrum, () [Omega0/c]; bins: number of bins of a branch, at least 2;
    momentum_min, momentum_max: range of scaled momenta P of the tables, (); markers beyond it use the last row, so the
        range needs some margin.
    gap: model of the 90-degree gap, see above.
    """
    kinds = gap == "edge", gap in ("edge", "broadened"), gap == "resonance"
    return _grid(k_min, k_max, bins, momentum_min, momentum_max, *(jnp.asarray(float(x)) for x in kinds))


#: Integrals of the last two of the splines with a triple knot at k_max, in knot spacings, and the distances of their
#: centres from k_max.
_LAST_WIDTHS, _LAST_CENTRES = np.array([2.0, 1.0]) / 3.0, np.array([0.75, 0.25])
#: A scaled momentum beyond all others, which float32 holds.
_BEYOND = 1e30


@functools.partial(jax.jit, static_argnames="bins")
def _grid(
    k_min: Real,
    k_max: Real,
    bins: int,
    momentum_min: Real,
    momentum_max: Real,
    edge: jax.Array,
    filled: jax.Array,
    wide: jax.Array,
) -> SpectrumGrid:
    """Return the grid of `make_grid`.

    edge, filled, wide: 1 with gap = "edge", where waves beyond k_max scatter, and with gap = "resonance", else 0, ().
    """
    log_k_min = jnp.log(jnp.asarray(k_min))
    # Without an edge all splines vanish at k_max.
    knot = jnp.log(k_max / k_min) / (bins + 2.0 * (1.0 - edge))
    x_gap, x_top = 1.0 / jnp.asarray(k_max), 1.0 / jnp.asarray(k_min)
    x_low = (1.0 - filled - wide) * x_gap
    x_high = jnp.where(wide > 0.0, _BEYOND, x_top)
    log_k_top = jnp.where(filled > 0.0, log_k_min + bins * knot, jnp.inf)

    low = jnp.log(jnp.maximum(momentum_min, 1.02 * x_low))
    row_step = (jnp.log(momentum_max) - low) / (ROWS - 1)
    top = jnp.minimum(jnp.exp(low + row_step * jnp.arange(ROWS)), x_high)
    span = (top - x_low)[:, None]
    x_mid = x_low + span * range_fraction((jnp.arange(CELLS) + 0.5) / CELLS)
    octave, part = np.divmod(np.arange(DEPOSIT_CELLS + 1), CELLS_PER_OCTAVE)
    x_deposit = x_gap * (2.0**octave * (1.0 + part / CELLS_PER_OCTAVE))
    middle = 0.5 * (x_deposit[:-1] + jnp.clip(x_deposit[1:], x_deposit[:-1], jnp.maximum(x_top, x_deposit[:-1])))
    log_centre = log_k_min + knot * _with_last(jnp.arange(bins) + 1.5, bins - _LAST_CENTRES, edge)
    # All of the splines at once, which is traced once.
    places = (x_mid, middle, jnp.reshape(0.5 * x_gap, 1))
    met = jnp.minimum(-jnp.log(jnp.concatenate([x.ravel() for x in places])), log_k_top)
    basis = _basis(jnp.append(met, log_centre), log_k_min, knot, bins, edge)
    mid, deposit, gap, centre = jnp.split(basis, np.cumsum([x.size for x in places]))
    return SpectrumGrid(
        log_k_min=log_k_min,
        knot=knot,
        width=knot * _with_last(jnp.ones(bins), _LAST_WIDTHS, edge),
        edge=edge,
        x_gap=x_gap,
        x_top=x_top,
        x_low=x_low,
        x_high=x_high,
        log_k_top=log_k_top,
        row_start=low,
        row_step=row_step,
        top=top,
        x_mid=x_mid,
        basis_mid=mid.T.reshape(bins, *x_mid.shape),
        x_deposit=x_deposit,
        basis_deposit=deposit.T,
        basis_low=gap[0],
        centres=jnp.exp(log_centre),
        basis_centre=centre,
    )


def _with_last(values: jax.Array, last: np.ndarray, edge: jax.Array) -> jax.Array:
    """Return ``values`` with other ones in the last two bins of an edge, (bins,)."""
    return values.at[-2:].set(jnp.where(edge > 0.0, last, values[-2:]))


def wave_energy_unit(grid: SpectrumGrid, alfven_speed: jax.Array, b: jax.Array) -> jax.Array:
    """Return the energy density, magnetic and kinetic, of each bin per unit e_j, (bins,) [code].

    2 int S_j dln k B^2/8 pi.

    alfven_speed: v_A/c at b = 1, (); b: B/B0, ().
    """
    return grid.width * (alfven_speed * b) ** 2
