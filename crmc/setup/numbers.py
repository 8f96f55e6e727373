"""Convert the numbers of a config from cgs to code units.

The numbers of a config may be traced arrays of JAX; of plain ones arithmetic alone makes plain ones, and nothing is
compiled.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import numpy as np

from crmc import theory
from crmc.config.config import Config
from crmc.physics.damping import ION_NEUTRAL_COLLISIONS
from crmc.physics.flow import Flow
from crmc.setup.flow import flow_of
from crmc.setup.shape import Shape
from crmc.theory.distribution import Real
from crmc.theory.tabulated import TabulatedFactor, hermite_factor
from crmc.units import SPEED_OF_LIGHT

#: Nodes of a tabulated factor of f0: rows of a table may lie anywhere between them.
_NODES = 2049


class Rays(NamedTuple):
    """Background F0 in numbers, which but for the ends are those of every component.

    indices: spectral indices a; turnovers: p_t [m_p c]; ends: momentum_min and momentum_max [m_p c];
    cutoffs: p_c [m_p c], None where no component has one; pressures: P_c [code];
    factor: a tabulated factor of the first component, None without one.
    """

    indices: list[Real]
    turnovers: list[Real]
    ends: tuple[Real, Real]
    cutoffs: list[Real] | None
    pressures: list[Real]
    factor: TabulatedFactor | None = None


class Numbers(NamedTuple):
    """All numbers of a config that the start of a run depends on, in code units.

    scalars: fields of `Parameters`; damping: arguments of `arrays.damping_rates`; rays: the background.
    flow: law of the lengths, tau_B: expansion time at t = 0; None without.
    wavenumbers: k_min and k_max; level: wave power of a start that is not in balance.
    duration: of the run; harmonics: drift velocity [c] and pressure anisotropy of the cosmic rays at t = 0.
    """

    scalars: dict[str, Real]
    damping: dict[str, Real]
    rays: Rays
    flow: Flow | None
    tau_B: Real | None
    wavenumbers: tuple[Real, Real]
    level: Real
    duration: Real
    harmonics: tuple[Real, Real]


def numbers_of(config: Config, shape: Shape) -> Numbers:
    """Return the numbers of ``config`` in code units."""
    units, waves, rays = config.code_units, config.waves, config.cosmic_rays
    tau_B = expansion_time(config, shape)
    return Numbers(
        _scalars(config, tau_B),
        damping_numbers(config),
        rays_of(config, shape),
        flow_of(config),
        tau_B,
        (waves.k_min, waves.k_max),
        waves.seed_level if waves.start_level is None else waves.start_level,
        config.run.duration * units.gyrofrequency,
        (rays.drift_velocity * units.alfven_speed, rays.anisotropy),
    )


def rays_of(config: Config, shape: Shape) -> Rays:
    """Return the background in numbers; with injection its second component is that of the injected cosmic rays."""
    rays = config.cosmic_rays
    index, turnover, factor = rays.index, rays.turnover_momentum, None
    if rays.spectrum == "kappa":
        assert rays.kappa is not None
        index, turnover = 2.0 * (rays.kappa + 1.0), rays.kappa**0.5 * turnover
    elif rays.spectrum == "table":
        assert rays.momenta is not None and rays.f0 is not None
        index, factor = _tabulated(np.log(rays.momenta), np.log(rays.f0))
    assert index is not None
    pressure = rays.pressure / config.code_units.energy_density
    cutoffs: list[Real] | None = None if rays.cutoff_momentum is None else [rays.cutoff_momentum]
    found = Rays([index], [turnover], (rays.momentum_min, rays.momentum_max), cutoffs, [pressure], factor)
    if not shape.model.inject:
        return found
    assert config.injection_index is not None
    # What is injected has no cut-off.
    cutoffs = None if cutoffs is None else [*cutoffs, math.inf]
    return Rays([index, config.injection_index], [turnover, turnover], found.ends, cutoffs, [pressure, 0.0], factor)


def _tabulated(log_p: np.ndarray, log_f0: np.ndarray) -> tuple[float, TabulatedFactor]:
    """Return the mean index of a tabulated f0 and its factor: f0 over p^-index, of mean 1 in ln p.

    log_p, log_f0: rows of the table, joined by monotone cubics (Fritsch & Butland 1984).
    """
    # scipy.interpolate takes a while to load, and commands that need no table do without it.
    from scipy.interpolate import PchipInterpolator

    curve = PchipInterpolator(log_p, log_f0)
    node = np.linspace(log_p[0], log_p[-1], _NODES)
    index = -float((log_f0[-1] - log_f0[0]) / (log_p[-1] - log_p[0]))
    rest = curve(node) + index * node
    return index, hermite_factor(log_p[0], log_p[-1], rest - rest.mean(), curve(node, 1) + index)


def expansion_time(config: Config, shape: Shape) -> jax.Array | float | None:
    """Return the expansion time tau_B at t = 0, () [code]; negative in compression, None without expansion.

    Prescribed, tau_eff = 1/(div u - 3 bb:grad u) of a flow, or by eq. 3 from the injected pressure.
    """
    units = config.code_units
    if not shape.expands:
        return None
    plasma = config.plasma
    if (flow := flow_of(config)) is not None:
        return 1.0 / flow.drive(0.0)
    if config.expansion.mode == "prescribed":
        assert config.expansion.timescale is not None
        return config.expansion.timescale * units.gyrofrequency
    magnetic = plasma.magnetic_field**2 / (8.0 * math.pi)
    seconds = theory.expansion_time(
        config.injection.pressure_rate,
        plasma.gas_pressure,
        config.cosmic_rays.pressure,
        magnetic,
        plasma.adiabatic_index,
    )
    return seconds * units.gyrofrequency


def gradient(config: Config) -> jax.Array | float:
    """Return 1/L of the imposed gradient, () [code]; 0 without one."""
    units = config.code_units
    length = config.drift.gradient_length
    return 0.0 if length is None else units.time * SPEED_OF_LIGHT / length


def damping_numbers(config: Config) -> dict[str, Real]:
    """Return linear, ion_neutral and thermal_speed of `DampingRates`, and (epsilon/v_A), of which it has the root."""
    units = config.code_units
    damping, temperature = config.damping, config.plasma.temperature
    neutral = 0.5 * ION_NEUTRAL_COLLISIONS * damping.ion_neutral_density * (temperature / 1e4) ** 0.4
    epsilon = damping.turbulent_dissipation * units.time / SPEED_OF_LIGHT**2
    return {
        "linear": damping.linear * units.time,
        "ion_neutral": neutral * units.time,
        "thermal_speed": units.thermal_speed(temperature),
        "turbulent": epsilon / units.alfven_speed,
    }


def _scalars(config: Config, tau_B: Real | None) -> dict[str, Real]:
    """Return the numbers among the parameters of a run; dt and the external pressure, which are set later, are 0."""
    units = config.code_units
    plasma = config.plasma
    printed = config.waves.coefficients == "printed"
    rate = 1.0 / tau_B if tau_B is not None and config.expansion.given else 0.0
    return {
        "dt": 0.0,
        "alfven_speed": units.alfven_speed,
        "nu_coefficient": 1.0 if printed else math.pi,
        "growth_coefficient": 0.5 * math.pi if printed else 1.0,
        "expansion_rate": rate,
        "injection_rate": config.injection.pressure_rate / units.power_density,
        "external_pressure": 0.0,
        "adiabatic_index": plasma.adiabatic_index,
        "heating": plasma.background_heating / units.power_density,
        "cooling": plasma.cooling / units.power_density,
        "seed": config.waves.seed_level,
        "scattering_frequency": (0.0 if config.scattering.frequency is None else config.scattering.frequency)
        * units.time,
        "broadening": config.scattering.broadening,
        "gradient": gradient(config),
        "gradient_end": math.inf if isinstance(until := config.drift.switch_off, str) else until / units.time,
    }
