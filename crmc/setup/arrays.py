"""From the numbers of a config to arrays in code units: parameters and initial state; all conversion of units is here.

Every function takes a config whose numbers may be traced arrays, and is differentiable with respect to them.  What
depends on their signs, or on whether they are given at all, is decided before, from plain numbers: `Shape`.
"""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc import theory
from crmc.config.config import Config
from crmc.physics.damping import ION_NEUTRAL_COLLISIONS, DampingRates
from crmc.physics.equilibrium import equilibrium_amplitudes, steady_departure
from crmc.physics.initial import Departure, Harmonics
from crmc.physics.markers import Markers, drawn_markers, markers_at
from crmc.physics.parameters import Model, Parameters
from crmc.physics.spectrum import make_grid
from crmc.physics.state import State, zero_books
from crmc.physics.tube import total_pressure
from crmc.theory.distribution import Background
from crmc.units import SPEED_OF_LIGHT, CodeUnits

#: Room for the momenta of markers beyond those of the config, and most e-foldings of B that add to it.
_MARGIN, _MOST_FOLDINGS = 1.05, 3.0

_amplitude_for_pressure = jax.jit(Background.amplitude_for_pressure)
_anisotropy_of_zeta = jax.jit(theory.anisotropy_of_zeta)


class Shape(NamedTuple):
    """What a config's numbers decide about the program; static.

    expands: tau_B is known at t = 0.  predicts: so is the balance of growth and damping.
    """

    model: Model
    expands: bool
    predicts: bool


class Start(NamedTuple):
    """Parameters but for dt and P_ext, amplitudes of F0 and of the waves at t = 0.

    tau_B: at t = 0 [code], None without expansion.
    departure: f - F0 at t = 0.
    predicted: amplitudes of all branches in balance, (2, 2, bins), None where no balance is known.
    """

    units: CodeUnits
    parameters: Parameters
    tau_B: jax.Array | float | None
    amplitude: jax.Array
    waves: jax.Array
    departure: Departure
    predicted: jax.Array | None


def shape_of(config: Config) -> Shape:
    """The static decisions of a config, which must hold plain numbers."""
    constant = config.scattering.model == "constant"
    injects = config.injection.pressure_rate > 0.0
    model = Model(
        expansion=config.expansion.mode,
        scattering=config.scattering.frame if constant else "spectrum",
        estimator=config.run.estimator,
        nonlinear_landau=config.damping.nonlinear_landau,
        evolve_waves=config.waves.evolve,
        adiabatic_waves=config.waves.adiabatic,
        balance_energy=config.run.balance_energy,
        inject=injects,
        gradient=config.drift.gradient_length is not None,
        broadened=config.scattering.gap == "broadened",
    )
    mode = config.expansion.mode
    expands = mode == "prescribed" or (mode != "none" and injects)
    driven = expands or model.gradient
    return Shape(model, expands, driven and config.damping.active and not constant)


def code_units(config: Config) -> CodeUnits:
    """Code units of B and n_i at t = 0."""
    return CodeUnits(config.plasma.magnetic_field, config.plasma.ion_density)


def start_of(config: Config, shape: Shape) -> Start:
    """Return all that a run starts from but its markers and its time step."""
    units = code_units(config)
    background, amplitude = background_of(config, units, shape)
    tau_B = expansion_time(config, units, shape)
    parameters = _parameters(config, units, shape, background, tau_B)
    predicted = None
    if shape.predicts:
        predicted = equilibrium_amplitudes(parameters, amplitude, shape.model, tau_B)
    waves = _initial_waves(config, predicted)
    if config.cosmic_rays.start == "equilibrium":
        departure: Departure = steady_departure(parameters, amplitude, shape.model, tau_B, waves)
    else:
        departure = _harmonics(config, units, background, amplitude)
    return Start(units, parameters, tau_B, amplitude, waves, departure, predicted)


def time_step(config: Config, steps: int) -> jax.Array:
    """Return dt [code] of a run in ``steps`` steps."""
    return jnp.asarray(config.run.duration * code_units(config).gyrofrequency / steps, jnp.float64)


def complete(start: Start, config: Config, model: Model, dt: jax.Array, markers: Markers) -> tuple[Parameters, State]:
    """Return parameters and initial state of a run with the given time step and markers, or cells of a mesh."""
    units = start.units
    state = State(
        step=jnp.zeros((), jnp.int64),
        markers=markers,
        amplitude=start.amplitude,
        waves=start.waves,
        b=jnp.ones(()),
        gas_pressure=jnp.asarray(config.plasma.gas_pressure / units.energy_density, jnp.float64),
        books=zero_books(),
    )
    parameters = dataclasses.replace(start.parameters, dt=dt)
    external = total_pressure(state, parameters, model)
    return dataclasses.replace(parameters, external_pressure=external), state


def markers_of(config: Config, start: Start, sample: jax.Array | None = None) -> Markers:
    """Return the markers of a run at t = 0.

    sample: places of the markers in the unit square, `markers.unit_square`; drawn here, part by part, where None.
    """
    shared = start.parameters.background, start.amplitude, start.departure
    count, dtype = config.run.markers, np.dtype(config.run.precision)
    if sample is not None:
        return markers_at(sample, *shared, count=count, dtype=dtype)
    return drawn_markers(count, *shared, seed=config.run.seed, dtype=dtype)


def background_of(config: Config, units: CodeUnits, shape: Shape) -> tuple[Background, jax.Array]:
    """F0 and its amplitudes; a second, initially empty component takes what is injected."""
    rays = config.cosmic_rays
    index, turnover = rays.index, rays.turnover_momentum
    if rays.spectrum == "kappa":
        assert rays.kappa is not None
        index, turnover = 2.0 * (rays.kappa + 1.0), rays.kappa**0.5 * turnover
    shapes, pressures = [(index, turnover)], [rays.pressure / units.energy_density]
    if shape.model.inject:
        shapes.append((config.injection_index, turnover))
        pressures.append(0.0)
    indices, turnovers = (jnp.stack([jnp.asarray(x, jnp.float64) for x in row]) for row in zip(*shapes, strict=True))
    background = Background(indices, turnovers, jnp.asarray(rays.momentum_min), jnp.asarray(rays.momentum_max))
    return background, _amplitude_for_pressure(background, jnp.stack([jnp.asarray(x) for x in pressures]))


def expansion_time(config: Config, units: CodeUnits, shape: Shape) -> jax.Array | float | None:
    """tau_B [code] at t = 0 (negative: compression); None without expansion."""
    if not shape.expands:
        return None
    plasma = config.plasma
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


def gradient(config: Config, units: CodeUnits) -> jax.Array | float:
    """1/L [code] of the imposed gradient; 0 without one."""
    length = config.drift.gradient_length
    return 0.0 if length is None else units.time * SPEED_OF_LIGHT / length


def _parameters(
    config: Config, units: CodeUnits, shape: Shape, background: Background, tau_B: jax.Array | float | None
) -> Parameters:
    """Parameters but for dt and P_ext, which need the initial state."""
    plasma, rays = config.plasma, config.cosmic_rays
    printed = config.waves.coefficients == "printed"
    # A field that falls by b moves the scaled momenta p/b up by 1/b at most.
    fall = jnp.ones(())
    if tau_B is not None:
        fall = jnp.exp(jnp.minimum(config.run.duration * units.gyrofrequency / tau_B, _MOST_FOLDINGS))
    grid = make_grid(
        config.waves.k_min,
        config.waves.k_max,
        config.waves.bins,
        rays.momentum_min / _MARGIN * jnp.minimum(fall, 1.0),
        rays.momentum_max * _MARGIN * jnp.maximum(fall, 1.0),
        broadened=shape.model.broadened,
    )
    rate = 1.0 / tau_B if tau_B is not None and config.expansion.mode == "prescribed" else 0.0
    scalars = {
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
        "gradient": gradient(config, units),
        "gradient_end": math.inf if isinstance(until := config.drift.switch_off, str) else until / units.time,
    }
    return Parameters(
        **{name: jnp.asarray(value, jnp.float64) for name, value in scalars.items()},
        damping=damping_of(config, units),
        background=background,
        grid=grid,
    )


def damping_of(config: Config, units: CodeUnits) -> DampingRates:
    """Return the rates of every damping mechanism [code]."""
    damping, temperature = config.damping, config.plasma.temperature
    neutral = 0.5 * ION_NEUTRAL_COLLISIONS * damping.ion_neutral_density * (temperature / 1e4) ** 0.4
    epsilon = damping.turbulent_dissipation * units.time / SPEED_OF_LIGHT**2
    rates = {
        "linear": damping.linear * units.time,
        "ion_neutral": neutral * units.time,
        "thermal_speed": units.thermal_speed(temperature),
        "turbulent": _root(epsilon / units.alfven_speed),
    }
    return DampingRates(**{name: jnp.asarray(value, jnp.float64) for name, value in rates.items()})


def _root(x: jax.Array | float) -> jax.Array:
    """sqrt(x), with derivative 0 where x = 0: a mechanism that is absent stays so."""
    present = jnp.asarray(x) > 0.0
    return jnp.where(present, jnp.sqrt(jnp.where(present, x, 1.0)), 0.0)


def _initial_waves(config: Config, predicted: jax.Array | None) -> jax.Array:
    level = config.waves.seed_level if config.waves.start_level is None else config.waves.start_level
    waves = jnp.full((2, 2, config.waves.bins), jnp.asarray(level, jnp.float64))
    if config.waves.start != "equilibrium":
        return waves
    assert predicted is not None
    return predicted


def _harmonics(config: Config, units: CodeUnits, background: Background, amplitude: jax.Array) -> Harmonics:
    rays = config.cosmic_rays
    zeta = rays.anisotropy / _anisotropy_of_zeta(background, amplitude)
    return Harmonics(jnp.asarray(rays.drift_velocity * units.alfven_speed), jnp.asarray(zeta))
