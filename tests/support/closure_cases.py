"""Cells, and their closures by direct quadrature: none of the tables, meshes and kernels of the closure itself."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.closure import Cell
from crmc.closure.mesh import make_mesh, waves_on
from crmc.closure.scales import in_code_units, spectrum_of
from crmc.closure.transport import transport
from crmc.physics.damping import ION_NEUTRAL_COLLISIONS
from crmc.theory import resonant_flux
from crmc.theory.distribution import Background
from crmc.units import PARSEC, SPEED_OF_LIGHT, CodeUnits

EV = 1.602176634e-12
KPC = 1e3 * PARSEC


def falling(pressure: float, length: float, **inputs: float) -> Cell:
    """A cell whose cosmic rays have the given pressure and a gradient of the given length."""
    gradient = -pressure / length if math.isfinite(length) else 0.0
    return Cell(cr_pressure=pressure, pressure_gradient=gradient, **inputs)


#: A warm ionised medium; its kappa at 3 m_p c is 4.07e28 cm^2/s with turbulent damping.
WIM = falling(
    0.4 * EV,
    2.0 * KPC,
    magnetic_field=3e-6,
    ion_density=0.1,
    temperature=8e3,
    turbulent_dissipation=1e-3,
    index=4.6,
    turnover_momentum=1.0,
    momentum_min=0.01,
    momentum_max=1e4,
    k_max=20.0,
)
#: The experiment "drift".
DRIFT = falling(
    EV,
    KPC,
    magnetic_field=5e-6,
    ion_density=0.01,
    temperature=1e6,
    linear_damping=9.3e-10,
    index=4.7,
    turnover_momentum=1.0,
    momentum_min=0.5,
    momentum_max=20.0,
    k_max=20.0,
)
#: Gradient and expansion of the same order, with every linear damping; no wave changes direction above k = 0.01.
BOTH = dataclasses.replace(
    WIM,
    expansion_rate=3e-12,
    linear_damping=3e-12,
    ion_neutral_density=0.01,
    momentum_max=1e3,
    turbulent_dissipation=1e-5,
)


#: `spectrum_of`, compiled.
SPECTRUM_OF = jax.jit(spectrum_of)


@functools.partial(jax.jit, static_argnames="form")
def solved(cell: Cell, p: jax.Array, form: str = "local") -> tuple:
    """Spectrum, scales, mesh, waves and transport of a cell."""
    spectrum, scales = spectrum_of(cell), in_code_units(cell)
    mesh = make_mesh(spectrum, scales.x_gap, p)
    waves = waves_on(mesh, form, scales.fluxes, scales.damping)
    return spectrum, scales, mesh, waves, transport(spectrum, scales, mesh, waves, cell.gap)


class Direct(NamedTuple):
    """What direct quadrature gives, cgs: at one momentum, (); at nodes in mu, (2, nodes)."""

    kappa: float
    v_expansion: float
    v_streaming: float
    anisotropy: float
    power: np.ndarray


@functools.partial(jax.jit, static_argnames="cell")
def _flux(k: jax.Array, h: jax.Array, cell: _Key) -> jax.Array:
    """N_h of theory, code units, for the cell's two drives."""
    c = cell.cell
    units = CodeUnits(c.magnetic_field, c.ion_density)
    background = Background(
        jnp.asarray([c.index]),
        jnp.asarray([c.turnover_momentum]),
        jnp.asarray(c.momentum_min),
        jnp.asarray(c.momentum_max),
    )
    amplitude = background.amplitude_for_pressure(jnp.asarray([c.cr_pressure / units.energy_density]))
    gradient = -c.pressure_gradient / c.cr_pressure * SPEED_OF_LIGHT / units.gyrofrequency
    rate = c.expansion_rate / units.gyrofrequency
    lengths = [1.0 / x if x else math.inf for x in (gradient, rate)]
    return resonant_flux(k, background, amplitude, *lengths, h)


@dataclasses.dataclass(frozen=True, eq=False)
class _Key:
    """A cell as a static argument."""

    cell: Cell

    def __hash__(self) -> int:
        return hash(repr(self.cell))

    def __eq__(self, other: object) -> bool:
        return repr(self) == repr(other)


def fluxes(cell: Cell, x: np.ndarray) -> np.ndarray:
    """N_h at 1/k = x by theory, (2, ...) code units."""
    return np.stack([np.asarray(_flux(jnp.asarray(1.0 / x), jnp.asarray(h), _Key(cell))) for h in (1.0, -1.0)])


def wave_power(cell: Cell, form: str, x: np.ndarray, rounds: int = 200) -> np.ndarray:
    """e_h at 1/k = x by bisection of e Gamma(e) = P, (2, ...); not for the cumulative form."""
    units = CodeUnits(cell.magnetic_field, cell.ion_density)
    power = 0.5 * x * np.abs(fluxes(cell, x)) / units.alfven_speed
    collisions = ION_NEUTRAL_COLLISIONS * cell.ion_neutral_density * (cell.temperature / 1e4) ** 0.4
    k = 1.0 / x
    turbulent = np.sqrt(
        cell.turbulent_dissipation * k * units.gyrofrequency / SPEED_OF_LIGHT / (units.alfven_speed * SPEED_OF_LIGHT)
    )
    linear = (cell.linear_damping + 0.5 * collisions + turbulent) * units.time
    thermal = units.thermal_speed(cell.temperature)
    if form == "none":
        return power / linear
    shares = power / power.sum(axis=0) if form == "local" else np.ones_like(power)
    slope = 0.5 * math.sqrt(0.5 * math.pi) * thermal * k if form == "local" else math.pi * thermal / np.hypot(1.0, x)
    low, high = np.full_like(power, 1e-40), np.full_like(power, 1e10)
    for _ in range(rounds):
        middle = np.sqrt(low * high)
        more = middle * (linear + slope * middle / shares) < power
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    return np.sqrt(low * high)


def direct(cell: Cell, form: str, p: float, nodes: int = 96, pieces: int = 4) -> Direct:
    """Transport at one momentum by Gauss-Legendre in ln mu, in pieces above and below momentum_min, and the gap's edge."""
    units = CodeUnits(cell.magnetic_field, cell.ion_density)
    w, gamma = units.alfven_speed, math.hypot(1.0, p)
    v, x_gap = p / gamma, 1.0 / cell.k_max
    ends = sorted({min(x_gap, p), min(max(cell.momentum_min, x_gap), p), p})
    at, weight = np.polynomial.legendre.leggauss(nodes)
    mu, dmu = [], []
    for low, high in zip(ends[:-1], ends[1:], strict=True):
        cuts = np.linspace(np.log(low), np.log(high), pieces + 1)
        for a, b in zip(cuts[:-1], cuts[1:], strict=True):
            x = np.exp(0.5 * (b + a) + 0.5 * (b - a) * at)
            mu.append(x / p)
            dmu.append(0.5 * (b - a) * weight * x / p)
    mu, dmu = np.concatenate([[], *mu]), np.concatenate([[], *dmu])
    edge = min(x_gap / p, 1.0)
    inside = edge * 0.5 * (at + 1.0)
    every, width = np.append(mu, inside), np.append(dmu, 0.5 * edge * weight)
    places = np.maximum(p * every, x_gap)
    e, sense = wave_power(cell, form, places), np.sign(fluxes(cell, places))
    a = cell.index * p**2 / (cell.turnover_momentum**2 + p**2)
    nu = math.pi * e / gamma
    length = -cell.pressure_gradient / cell.cr_pressure * SPEED_OF_LIGHT / units.gyrofrequency
    rate, h = cell.expansion_rate / units.gyrofrequency, np.array([[1.0], [-1.0]])
    falls = (1.0 - every**2) * width
    kappa = 0.25 * v**2 * np.sum(falls / nu)
    slope = (v * length + h * every * a * rate / 3.0) / nu + sense * w / v * a
    return Direct(
        kappa=kappa * SPEED_OF_LIGHT**2 / units.gyrofrequency,
        v_expansion=np.sum(0.25 * v * h * falls * every * a * rate / 3.0 / nu) / w,
        v_streaming=0.25 * a * np.sum(falls * sense),
        anisotropy=0.75 * np.sum(h * every * falls * slope),
        power=e,
    )
