"""Advance the small arrays of a step in NumPy, float64: tables, growth, damping, sources.

Their cost does not depend on the number of markers.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from .problem import CELLS, ROWS, SHAPE, SIGNS, Constants, Record, Tube

#: e + gain is used while gain/e exceeds this; below, an exponential keeps e positive.
_ADDITIVE_LIMIT = -0.6
#: Two-point Gauss-Legendre nodes of the work integral.
_GAUSS = (-1.0 / np.sqrt(3.0), 1.0 / np.sqrt(3.0))


class Table(NamedTuple):
    """Scattering tables of one direction: Y (2, ROWS, CELLS + 1), Psi (2, DEPOSIT_CELLS + 1, bins), e_ref and V."""

    y: np.ndarray
    reference: float
    velocity: float


def _pole_distance(distance: np.ndarray) -> np.ndarray:
    """Return the coordinate at ``distance`` from the pole.

    See crmc.solvers.monte_carlo.tables.pole_shift.
    """
    theta2 = distance**2
    return theta2 / (0.297 + np.sqrt(theta2 + 0.135 + 0.1736 / (1.0 + 3.4 * theta2)))


def _range(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the fraction of the range at table coordinate t, and its slope.

    See crmc.physics.spectrum.range_fraction.
    """
    one, two = t * (1.0 + SHAPE * (1.0 - t)), (1.0 - t) * (1.0 + SHAPE * t)
    d_one, d_two = 1.0 + SHAPE * (1.0 - 2.0 * t), -1.0 + SHAPE * (1.0 - 2.0 * t)
    both = one**2 + two**2
    return one**2 / both, 2.0 * one * two * (d_one * two - one * d_two) / both**2


def table(c: Constants, e: np.ndarray, direction: int, b: float) -> Table:
    """Return the tables of one direction's waves ``e``, (2, bins), at field b.

    See crmc.solvers.monte_carlo.tables.bare_metric.
    """
    velocity = SIGNS[direction] * c.alfven_speed * np.sqrt(b)
    nu_dt = c.nu_coefficient * b * c.dt
    reference = float(e.max())
    power = (e / reference @ c.basis_mid.reshape(-1, c.bins).T).reshape(2, ROWS, CELLS)
    P = np.exp(c.row_start + c.row_step * np.arange(ROWS))[:, None]
    t = (np.arange(CELLS) + 0.5) / CELLS
    span = (c.top - c.x_gap)[:, None]
    fraction, slope = _range(t)
    dx_dt = span * slope
    to_top = span * fraction[::-1] + (P - c.top[:, None])
    gamma = np.sqrt(1.0 + (b * P) ** 2)
    measure = 1.0 + SIGNS[:, None, None] * velocity * b * c.x_mid / gamma
    speed = np.sqrt(np.maximum(power, 1e-3 * c.seed / reference) * to_top * (P + c.x_mid) / measure)
    y = np.zeros((2, ROWS, CELLS + 1))
    np.cumsum(dx_dt / speed / CELLS, axis=-1, out=y[..., 1:])
    interval = np.sqrt(6.0 * nu_dt * reference / gamma)
    y = np.where(c.x_top >= P, -interval * _pole_distance((y[..., -1:] - y) / interval), y)
    y -= np.sum(speed * y[..., 1:], axis=-1, keepdims=True) / np.sum(speed, axis=-1, keepdims=True)
    return Table(y, reference, velocity)


def _deposited(c: Constants, e: np.ndarray, histogram: np.ndarray) -> np.ndarray:
    """Return sum_n H_n Psi_j(x_n), (2, bins), for the deposits (2, nodes).

    See crmc.solvers.monte_carlo.tables.deposited.
    """
    above = np.cumsum(histogram[:, :0:-1], axis=-1)[:, ::-1]
    total = e @ c.basis_deposit.T
    return above * np.diff(c.x_deposit) / np.where(total > 0.0, total, 1.0) @ c.basis_deposit


def _wave_energy_unit(c: Constants, b: float) -> float:
    """Return the energy density of one bin per unit e."""
    return c.knot * (c.alfven_speed * b) ** 2


def _offered(c: Constants, tube: Tube, tables: tuple[Table, Table], histogram: np.ndarray) -> np.ndarray:
    """Return the energy density that the kicks by ``tube.waves`` offer each bin.

    histogram: deposits, (2 directions, 2 helicities, nodes).
    """
    offered = np.empty_like(tube.waves)
    for direction, found in enumerate(tables):
        V, e = found.velocity, tube.waves[direction]
        gamma = 1.0 / np.sqrt(1.0 - V**2)
        offered[direction] = -(gamma * V * tube.b**2) * SIGNS[:, None] * e * _deposited(c, e, histogram[direction])
    return offered


def _grow(c: Constants, tube: Tube, offered: np.ndarray, record: Record) -> None:
    """Let the amplitudes grow by the energy ``offered``."""
    unit, e = _wave_energy_unit(c, tube.b), tube.waves
    relative, limit = offered / (unit * e), 1.0 + _ADDITIVE_LIMIT
    soft = limit * np.exp(np.minimum(relative - _ADDITIVE_LIMIT, 0.0) / limit)
    factor = np.where(relative > _ADDITIVE_LIMIT, 1.0 + relative, soft)
    given = np.maximum(e * factor, c.seed) - e
    tube.waves = e + c.growth_coefficient * given
    record.gain = unit * given.sum(axis=-1)


def _damping_rate(c: Constants, e: np.ndarray, b: float) -> np.ndarray:
    """Return the rate of nonlinear Landau damping in the paper's form, eq. 58, by amplitudes ``e``."""
    padded = np.pad(e, [(0, 0), (0, 0), (1, 1)])
    centred = 0.125 * padded[..., :-2] + 0.75 * e + 0.125 * padded[..., 2:]
    gamma = np.sqrt(1.0 + (b / c.centres) ** 2)
    return c.thermal_speed * c.nu_coefficient * b / gamma * centred


def _damp(c: Constants, tube: Tube) -> float:
    """Damp the waves over half a step at the rate of its middle; return the energy, which heats the gas."""
    e, dt = tube.waves, 0.5 * c.dt
    middle = e * np.exp(-_damping_rate(c, e, tube.b) * dt)
    damped = e * np.exp(-2.0 * _damping_rate(c, middle, tube.b) * dt)
    floored = np.maximum(damped, c.seed)
    unit = _wave_energy_unit(c, tube.b)
    heat = unit * float(np.sum(e - damped))
    tube.injected += unit * float(np.sum(floored - damped)) / tube.b
    tube.gas_pressure += (c.adiabatic_index - 1.0) * heat
    tube.waves = floored
    return heat


def _apply_sources(c: Constants, tube: Tube) -> None:
    """Heat and cool the gas over half a step."""
    heat, cool = 0.5 * c.heating * tube.b * c.dt, 0.5 * c.cooling * tube.b**2 * c.dt
    tube.injected += heat / tube.b
    tube.radiated += cool / tube.b
    tube.gas_pressure += (c.adiabatic_index - 1.0) * (heat - cool)


class Expansion(NamedTuple):
    """Change of the field from ``b`` to ``b_new``; the work needs P_perp at the fields ``nodes`` on the way."""

    b: float
    b_new: float
    nodes: tuple[float, float]


def _next_field(c: Constants, tube: Tube, end: float) -> Expansion:
    """Return the change of the field to ``end``, a fraction of the step."""
    b_new = float(np.exp(-c.expansion_rate * c.dt * (tube.step + end)))
    log_ratio = np.log(b_new / tube.b)
    low, high = (float(tube.b * np.exp(0.5 * (1.0 + node) * log_ratio)) for node in _GAUSS)
    return Expansion(tube.b, b_new, (low, high))


def _expand_surroundings(c: Constants, tube: Tube, x: Expansion, carried: np.ndarray) -> None:
    """Expand waves, gas and field, and add the work done."""
    log_ratio = np.log(x.b_new / tube.b)
    waves = _wave_energy_unit(c, tube.b) * float(tube.waves.sum())
    for b, rays in zip(x.nodes, carried, strict=True):
        ratio = b / tube.b
        pressure = b * rays + tube.gas_pressure * ratio**c.adiabatic_index + 0.5 * waves * ratio**1.5
        pressure += 0.5 * (c.alfven_speed * b) ** 2
        tube.work += float(-0.5 * log_ratio / b * pressure)
    ratio = x.b_new / tube.b
    tube.waves = tube.waves * ratio**-0.5
    tube.gas_pressure *= ratio**c.adiabatic_index
    tube.b = x.b_new


class Kicked(NamedTuple):
    """Sums over markers in the first half of a step.

    carried: W p_perp^2/(2 gamma) at the nodes, (2,); histogram: deposits, (2 directions, 2 helicities, nodes).
    sums: (wbar d eps)^2, |W d eps|, W d eps over both kicks; then V F0(y) times 1, eps and eps^2 after them, (6,).
    """

    carried: np.ndarray
    histogram: np.ndarray
    sums: np.ndarray


class Passes(Protocol):
    """The two passes over the markers of a step."""

    def kick(self, tables: tuple[Table, Table], order: tuple[int, int], x: Expansion) -> Kicked:
        """Make the first half of the expansion and both kicks."""

    def settle(self, strength: float, mean: float, x: Expansion) -> tuple[np.ndarray, float]:
        """Balance the energy and make the second half of the expansion.

        Returns the carried sums, and the sum of the correction times eps.
        """


def step(c: Constants, tube: Tube, record: Record, passes: Passes) -> None:
    """Make one step: everything that is not a marker, around the two passes over the markers."""
    _apply_sources(c, tube)
    x = _next_field(c, tube, 0.5)
    waves = tube.waves * (x.b_new / tube.b) ** -0.5
    tables = table(c, waves[0], 0, x.b_new), table(c, waves[1], 1, x.b_new)
    first = tube.step % 2
    kicked = passes.kick(tables, (first, 1 - first), x)
    _expand_surroundings(c, tube, x, kicked.carried)
    # The kicks were made by the waves as they are before the first half of the damping.
    record.peak = c.nu_coefficient * tube.b * c.dt * max(found.reference for found in tables)
    offered = _offered(c, tube, tables, kicked.histogram)
    record.damped = _damp(c, tube)
    _grow(c, tube, offered, record)
    b, sums = tube.b, [float(value) for value in kicked.sums]
    record.gain_variance, record.absolute_exchange = b**2 * sums[0], b * sums[1]
    record.imbalance = -b * sums[2] - float(record.gain.sum())
    mean = sums[4] / sums[3]
    strength = record.imbalance / (b * (sums[5] - sums[4] * mean))
    record.damped += _damp(c, tube)
    x = _next_field(c, tube, 1.0)
    carried, supplied = passes.settle(strength, mean, x)
    record.imbalance -= b * supplied
    record.correction = abs(supplied) / sums[4]
    _expand_surroundings(c, tube, x, carried)
    _apply_sources(c, tube)
    tube.step += 1
