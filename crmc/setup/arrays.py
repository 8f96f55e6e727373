"""Turn the numbers of a config into parameters and an initial state in code units.

The numbers of a config may be traced arrays of JAX, and every function is differentiable with respect to them.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc import theory
from crmc.config.config import Config
from crmc.physics.bands import make_bands
from crmc.physics.damping import DampingRates
from crmc.physics.equilibrium import equilibrium_spectrum, steady_departure
from crmc.physics.initial import Departure, Harmonics
from crmc.physics.markers import Markers, drawn_markers, markers_at
from crmc.physics.parameters import Cadence, Model, Parameters
from crmc.physics.spectrum import Gap, make_grid
from crmc.physics.state import State, zero_books
from crmc.physics.tube import total_pressure
from crmc.setup.flow import momentum_range
from crmc.setup.numbers import Numbers, Rays, damping_numbers, numbers_of, rays_of
from crmc.setup.shape import Shape
from crmc.theory.distribution import Background, Real
from crmc.units import CodeUnits

#: Factor by which the tables reach beyond the momenta of the config, and most e-foldings of B that widen them further.
_MARGIN, _MOST_FOLDINGS = 1.05, 3.0
#: Switches of a `Model` that decide about the start.
_SWITCHES = ("nonlinear_landau", "gradient", "crossing", "broadens")

_bands = jax.jit(make_bands)


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


def start_of(config: Config, shape: Shape) -> Start:
    """Return everything that a run of ``config`` starts from but its markers and its time step."""
    numbers, waves = numbers_of(config, shape), config.waves
    steady = waves.start == "equilibrium", config.cosmic_rays.start == "equilibrium"
    # With these switches alone, runs that differ in others share the program.
    model = Model(**{name: getattr(shape.model, name) for name in _SWITCHES})
    found = _start(numbers, model, waves.bins, config.scattering.gap, shape.predicts, *steady)
    return Start(config.code_units, found[0], numbers.tau_B, *found[1:])


@partial(jax.jit, static_argnames=("model", "bins", "gap", "predicts", "steady_waves", "steady_rays"))
def _start(
    numbers: Numbers, model: Model, bins: int, gap: Gap, predicts: bool, steady_waves: bool, steady_rays: bool
) -> tuple[Parameters, jax.Array, jax.Array, Departure, jax.Array | None]:
    """Return parameters, amplitude, e, departure and predicted of a `Start`.

    model: `_SWITCHES`; bins, gap: of the spectrum; predicts: as in `Shape`;
    steady_waves, steady_rays: whether waves and cosmic rays start in the steady state.
    """
    background, amplitude = _background(numbers.rays)
    parameters = _parameters(numbers, bins, gap, background)
    tau_B, predicted = numbers.tau_B, None
    if predicts:
        predicted = equilibrium_spectrum(parameters, amplitude, model, tau_B)
    e = predicted if steady_waves else jnp.full((2, 2, bins), numbers.level)
    assert e is not None
    departure: Departure
    if steady_rays:
        departure = steady_departure(parameters, amplitude, model, tau_B, e)
    else:
        drift, anisotropy = (jnp.asarray(x, jnp.float64) for x in numbers.harmonics)
        departure = Harmonics(drift, anisotropy / theory.anisotropy_of_zeta(background, amplitude))
    return parameters, amplitude, e, departure, predicted


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
    return _background(rays_of(config, shape))


@jax.jit
def _background(rays: Rays) -> tuple[Background, jax.Array]:
    """Return what `background_of` does."""

    def array(row: list[Real]) -> jax.Array:
        return jnp.stack([jnp.asarray(x, jnp.float64) for x in row])

    low, high = (jnp.asarray(x, jnp.float64) for x in rays.ends)
    cutoff = None if rays.cutoffs is None else array(rays.cutoffs)
    background = Background(array(rays.indices), array(rays.turnovers), low, high, cutoff, rays.factor)
    return background, background.amplitude_for_pressure(array(rays.pressures))


def _parameters(numbers: Numbers, bins: int, gap: Gap, background: Background) -> Parameters:
    """Return the parameters of a run; every interval is one step."""
    # A field that falls by b moves the scaled momenta p/b up by 1/b at most.
    fall, flow, tau_B = jnp.ones(()), numbers.flow, numbers.tau_B
    if tau_B is not None and flow is None:
        fall = jnp.exp(jnp.minimum(numbers.duration / tau_B, _MOST_FOLDINGS))
    low, high = jnp.minimum(fall, 1.0), jnp.maximum(fall, 1.0)
    if flow is not None:
        low, high = momentum_range(flow, numbers.duration)
    ends = background.momentum_min / _MARGIN * low, background.momentum_max * _MARGIN * high
    return Parameters(
        **{name: jnp.asarray(value, jnp.float64) for name, value in numbers.scalars.items()},
        cadence=Cadence(*(jnp.ones((), jnp.int64) for _ in Cadence._fields)),
        damping=_damping_rates(numbers.damping),
        background=background,
        grid=make_grid(*numbers.wavenumbers, bins, *ends, gap=gap),
        flow=flow,
        bands=None,
    )


def damping_of(config: Config) -> DampingRates:
    """Return the coefficients of every damping mechanism, () each [code]."""
    return _damping_rates(damping_numbers(config))


@jax.jit
def _damping_rates(numbers: dict[str, Real]) -> DampingRates:
    """Return what `damping_of` does, from `numbers.damping_numbers`."""
    rates = {name: jnp.asarray(value, jnp.float64) for name, value in numbers.items()}
    return DampingRates(**(rates | {"turbulent": _root(rates["turbulent"])}))


def _root(x: jax.Array) -> jax.Array:
    """Return sqrt(x), with derivative 0 at x = 0."""
    # The derivative of sqrt at 0 is infinite; that of a mechanism which is switched off must not be.
    return jnp.where(x > 0.0, jnp.sqrt(jnp.where(x > 0.0, x, 1.0)), 0.0)
