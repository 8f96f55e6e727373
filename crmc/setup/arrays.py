"""Turn the numbers of a config into parameters and an initial state in code units.

All conversions from cgs are here.  The numbers of a config may be traced arrays of JAX, and every function but
`shape_of` is differentiable with respect to them.  Decisions that depend on the sign of a number, or on whether it is
given at all, are made beforehand from plain numbers by `shape_of`.
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
from crmc.physics.bands import make_bands
from crmc.physics.damping import ION_NEUTRAL_COLLISIONS, DampingRates
from crmc.physics.equilibrium import equilibrium_spectrum, steady_departure
from crmc.physics.initial import Departure, Harmonics
from crmc.physics.markers import Markers, drawn_markers, markers_at
from crmc.physics.parameters import Cadence, Model, Parameters
from crmc.physics.spectrum import make_grid
from crmc.physics.state import State, zero_books
from crmc.physics.tube import total_pressure
from crmc.setup.flow import flow_of, momentum_range
from crmc.theory.distribution import Background
from crmc.units import SPEED_OF_LIGHT, CodeUnits

#: Factor by which the tables reach beyond the momenta of the config, and most e-foldings of B that widen them further.
_MARGIN, _MOST_FOLDINGS = 1.05, 3.0

_bands = jax.jit(make_bands)
_amplitude_for_pressure = jax.jit(Background.amplitude_for_pressure)
_anisotropy_of_zeta = jax.jit(theory.anisotropy_of_zeta)


class Shape(NamedTuple):
    """Static decisions that follow from the numbers of a config.

    model: switches of the run, before `schedule.scheduled` sets its intervals.
    expands: whether tau_B is known at t = 0, or tau_eff of a flow.
    predicts: whether the balance of growth and damping is known at t = 0.
    """

    model: Model
    expands: bool
    predicts: bool


class Start(NamedTuple):
    """Everything that a run starts from but its markers, its time step and the external pressure.

    parameters: of the run, with dt and external_pressure still 0, and every interval one step.
    tau_B: expansion time at t = 0, () [code]; None without expansion.
    amplitude: amplitudes c_k of F0, (K,).
    e: wave power of each branch and bin, (2, 2, bins).
    departure: f - F0.
    predicted: wave power in balance of growth and damping, (2, 2, bins); None where no balance is known.
    """

    units: CodeUnits
    parameters: Parameters
    tau_B: jax.Array | float | None
    amplitude: jax.Array
    e: jax.Array
    departure: Departure
    predicted: jax.Array | None


def shape_of(config: Config) -> Shape:
    """Return the static decisions of ``config``, whose numbers must be plain ones."""
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
        crossing=config.scattering.gap != "empty",
        broadens=config.scattering.gap == "resonance",
    )
    mode = config.expansion.mode
    expands = config.expansion.drives or (mode in ("injection", "pressure_balance") and injects)
    driven = expands or model.gradient
    return Shape(model, expands, driven and config.damping.active and not constant)


def start_of(config: Config, shape: Shape) -> Start:
    """Return everything that a run of ``config`` starts from but its markers and its time step."""
    units = config.code_units
    background, amplitude = background_of(config, shape)
    tau_B = expansion_time(config, shape)
    parameters = _parameters(config, shape, background, tau_B)
    predicted = None
    if shape.predicts:
        predicted = equilibrium_spectrum(parameters, amplitude, shape.model, tau_B)
    e = _initial_spectrum(config, predicted)
    if config.cosmic_rays.start == "equilibrium":
        departure: Departure = steady_departure(parameters, amplitude, shape.model, tau_B, e)
    else:
        departure = _harmonics(config, background, amplitude)
    return Start(units, parameters, tau_B, amplitude, e, departure, predicted)


def time_step(config: Config, steps: int) -> jax.Array:
    """Return the time step of a run of ``steps`` steps, () [code]."""
    return jnp.asarray(config.run.duration * config.code_units.gyrofrequency / steps, jnp.float64)


def complete(
    start: Start, config: Config, model: Model, dt: jax.Array, cadence: Cadence, markers: Markers
) -> tuple[Parameters, State]:
    """Return the parameters and the initial state of a run.

    dt: time step, () [code]; cadence: intervals in steps; markers: those of the run, or the cells of a mesh.
    """
    units = start.units
    state = State(
        step=jnp.zeros((), jnp.int64),
        markers=markers,
        amplitude=start.amplitude,
        e=start.e,
        b=jnp.ones(()),
        length=None if start.parameters.flow is None else jnp.ones(()),
        gas_pressure=jnp.asarray(config.plasma.gas_pressure / units.energy_density, jnp.float64),
        books=zero_books(),
    )
    parameters = dataclasses.replace(start.parameters, dt=dt, cadence=cadence)
    if model.broadens and markers.rise.ndim == 1:
        grid = parameters.grid
        parameters = dataclasses.replace(parameters, bands=_bands(grid, grid.row_momentum[-1]))
    external = total_pressure(state, parameters, model)
    return dataclasses.replace(parameters, external_pressure=external), state


def markers_of(config: Config, start: Start, sample: jax.Array | None = None, replica: int = 0) -> Markers:
    """Return the markers of a replica of a run at t = 0, in the precision that the config asks for.

    sample: places of the markers in the unit square, (markers, 2), as `markers.unit_square` returns them; None to draw
        them here, a part of the markers at a time, which is not differentiable.
    replica: number of the replica, for which they are drawn here.
    """
    shared = start.parameters.background, start.amplitude, start.departure
    count, dtype = config.run.markers_each, np.dtype(config.run.precision)
    if sample is not None:
        return markers_at(sample, *shared, count=count, dtype=dtype)
    return drawn_markers(count, *shared, seed=config.run.seed, replica=replica, dtype=dtype)


def background_of(config: Config, shape: Shape) -> tuple[Background, jax.Array]:
    """Return the background F0 and its amplitudes c_k, (K,).

    K = 1, or 2 with injection: the second component starts empty and receives the injected cosmic rays.
    """
    units = config.code_units
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
    cutoff = None
    if rays.cutoff_momentum is not None:
        # What is injected has none.
        cutoffs = [rays.cutoff_momentum] + ([math.inf] if shape.model.inject else [])
        cutoff = jnp.stack([jnp.asarray(x, jnp.float64) for x in cutoffs])
    ends = jnp.asarray(rays.momentum_min), jnp.asarray(rays.momentum_max)
    background = Background(indices, turnovers, *ends, cutoff)
    return background, _amplitude_for_pressure(background, jnp.stack([jnp.asarray(x) for x in pressures]))


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


def _parameters(config: Config, shape: Shape, background: Background, tau_B: jax.Array | float | None) -> Parameters:
    """Return the parameters of a run; dt and the external pressure, which are set later, are 0,
    and every interval is one step."""
    units = config.code_units
    plasma, rays = config.plasma, config.cosmic_rays
    printed = config.waves.coefficients == "printed"
    # A field that falls by b moves the scaled momenta p/b up by 1/b at most.
    fall, duration, flow = jnp.ones(()), config.run.duration * units.gyrofrequency, flow_of(config)
    if tau_B is not None and flow is None:
        fall = jnp.exp(jnp.minimum(duration / tau_B, _MOST_FOLDINGS))
    low, high = (jnp.minimum(fall, 1.0), jnp.maximum(fall, 1.0)) if flow is None else momentum_range(flow, duration)
    grid = make_grid(
        config.waves.k_min,
        config.waves.k_max,
        config.waves.bins,
        rays.momentum_min / _MARGIN * low,
        rays.momentum_max * _MARGIN * high,
        gap=config.scattering.gap,
    )
    rate = 1.0 / tau_B if tau_B is not None and config.expansion.given else 0.0
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
        "broadening": config.scattering.broadening,
        "gradient": gradient(config),
        "gradient_end": math.inf if isinstance(until := config.drift.switch_off, str) else until / units.time,
    }
    return Parameters(
        **{name: jnp.asarray(value, jnp.float64) for name, value in scalars.items()},
        cadence=Cadence(*(jnp.ones((), jnp.int64) for _ in Cadence._fields)),
        damping=damping_of(config),
        background=background,
        grid=grid,
        flow=flow,
        bands=None,
    )


def damping_of(config: Config) -> DampingRates:
    """Return the coefficients of every damping mechanism, () each [code]."""
    units = config.code_units
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
    """Return sqrt(x), with derivative 0 at x = 0."""
    # The derivative of sqrt at 0 is infinite; that of a mechanism which is switched off must not be.
    present = jnp.asarray(x) > 0.0
    return jnp.where(present, jnp.sqrt(jnp.where(present, x, 1.0)), 0.0)


def _initial_spectrum(config: Config, predicted: jax.Array | None) -> jax.Array:
    """Return the wave power at t = 0, (2, 2, bins): that in balance, or the same level in every bin."""
    level = config.waves.seed_level if config.waves.start_level is None else config.waves.start_level
    e = jnp.full((2, 2, config.waves.bins), jnp.asarray(level, jnp.float64))
    if config.waves.start != "equilibrium":
        return e
    assert predicted is not None
    return predicted


def _harmonics(config: Config, background: Background, amplitude: jax.Array) -> Harmonics:
    """Return f - F0 at t = 0 for the drift velocity and the pressure anisotropy of the config."""
    units = config.code_units
    rays = config.cosmic_rays
    zeta = rays.anisotropy / _anisotropy_of_zeta(background, amplitude)
    return Harmonics(jnp.asarray(rays.drift_velocity * units.alfven_speed), jnp.asarray(zeta))
