"""From a validated config to parameters, model, initial state and step count: all conversion of units is here."""

from __future__ import annotations

import dataclasses
import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc import theory
from crmc.config import Config
from crmc.damping import ION_NEUTRAL_COLLISIONS, Damping
from crmc.distribution import Background
from crmc.equilibrium import driven_branches, equilibrium_amplitudes
from crmc.markers import Markers, initial_markers
from crmc.parameters import Model, Parameters
from crmc.reductions import moments, wave_energy
from crmc.spectrum import make_grid
from crmc.state import State, zero_books
from crmc.tube import magnetic_pressure
from crmc.units import SPEED_OF_LIGHT, CodeUnits

#: Growth from the seed overshoots its final level; the automatic step leaves room for it.
_OVERSHOOT = 1.25
#: Largest 2 Gamma dt of the damping by an isotropic f, for a stable exchange between waves and particles.
_GROWTH_PER_STEP = 0.3
#: Samples of the growth functional take steps of this nu_max dt, in no more than so many per step of the run.
_FUNCTIONAL_STEP, _MOST_REFINED = 0.025, 16
#: Fewest and most steps between samples; odd.
_OFTENEST, _RAREST = 15, 31
#: The automatic step makes at least this many steps.
_FEWEST_STEPS = 100

_amplitude_for_pressure = jax.jit(Background.amplitude_for_pressure)
_anisotropy_of_zeta = jax.jit(theory.anisotropy_of_zeta)
_growth_rate = jax.jit(theory.growth_rate, static_argnames="coefficients")


@dataclasses.dataclass(frozen=True)
class Setup:
    """All a run needs: arrays, switches, initial state, how long to go on, and which solver to use."""

    config: Config
    units: CodeUnits
    parameters: Parameters
    model: Model
    state: State
    steps: int
    output_every: int
    solver: str = "monte-carlo"

    @property
    def time_step(self) -> float:
        """dt [s]."""
        return float(self.parameters.dt) * self.units.time


def require_double() -> None:
    """Refuse to build small arrays in float32 by accident.

    Spectrum, tube and sums are float64 whatever the markers' precision; run inside ``jax.enable_x64(True)``.
    """
    if jnp.zeros(()).dtype != jnp.float64:
        raise RuntimeError("crmc needs 64-bit JAX for its small arrays: use `with jax.enable_x64(True):`")


class Schedule(NamedTuple):
    """Steps of the run, between rows of output, and as `Model` counts them."""

    steps: int
    output_every: int
    coarse_grain_every: int
    functional_every: int
    functional_refinement: int


class Demand(NamedTuple):
    """What a config asks of the schedule.

    steps: the fewest steps.  strongest: largest wave amplitude expected, or known at t = 0.
    """

    config: Config
    model: Model
    steps: int
    strongest: float

    def schedule(self, steps: int) -> Schedule:
        """Schedule of a run in so many steps."""
        run, plasma = self.config.run, self.config.plasma
        units = CodeUnits(plasma.magnetic_field, plasma.ion_density)
        dt = run.duration * units.gyrofrequency / steps
        output_every = max(1, round(run.output_seconds / (dt * units.time)))
        refined = math.ceil(math.pi * self.strongest * dt / _FUNCTIONAL_STEP - 1e-9)
        return Schedule(
            steps=steps,
            output_every=output_every,
            coarse_grain_every=_coarse_every(self.config, dt * units.time),
            functional_every=min(max(output_every - (output_every + 1) % 2, _OFTENEST), _RAREST),
            functional_refinement=min(max(refined, 2), _MOST_REFINED),
        )


class _Start(NamedTuple):
    """Code units, the parameters but for dt and P_ext, and amplitudes of F0 and of the waves at t = 0."""

    units: CodeUnits
    parameters: Parameters
    amplitude: jax.Array
    waves: np.ndarray


def build(config: Config, schedule: Schedule | None = None) -> Setup:
    """Parameters, model and initial state of ``config``; call inside ``jax.enable_x64(True)``.

    schedule: one that several configs share, instead of the config's own.
    """
    start, needs = _start(config)
    units, parameters, amplitude, waves = start
    schedule = schedule or needs.schedule(needs.steps)
    model = dataclasses.replace(
        needs.model,
        coarse_grain_every=schedule.coarse_grain_every,
        functional_every=schedule.functional_every,
        functional_refinement=schedule.functional_refinement,
    )
    state = State(
        step=jnp.zeros((), jnp.int64),
        markers=_markers(config, units, parameters.background, amplitude),
        amplitude=amplitude,
        waves=jnp.asarray(waves),
        b=jnp.ones(()),
        gas_pressure=jnp.asarray(config.plasma.gas_pressure / units.energy_density, jnp.float64),
        books=zero_books(),
    )
    dt = config.run.duration * units.gyrofrequency / schedule.steps
    parameters = dataclasses.replace(parameters, dt=jnp.asarray(dt, jnp.float64))
    external = total_pressure(state, parameters, model)
    parameters = dataclasses.replace(parameters, external_pressure=external)
    return Setup(config, units, parameters, model, state, schedule.steps, schedule.output_every)


def demand(config: Config) -> Demand:
    """What ``config`` asks of the schedule, without its markers."""
    return _start(config)[1]


def _start(config: Config) -> tuple[_Start, Demand]:
    require_double()
    units = CodeUnits(config.plasma.magnetic_field, config.plasma.ion_density)
    background, amplitude = make_background(config, units)
    model = make_model(config)
    parameters = _parameters(config, units, background)
    tau_B = expansion_time(config, units)
    predicted = None
    if tau_B is not None and config.damping.active and model.scattering == "spectrum":
        predicted = equilibrium_amplitudes(parameters, amplitude, model, tau_B)
    waves = _initial_waves(config, predicted, tau_B)
    steps = _fewest_steps(config, units, waves, predicted, _isotropic_damping(config, parameters, amplitude))
    strongest = max(float(waves.max()), 0.0 if predicted is None else float(predicted.max()))
    return _Start(units, parameters, amplitude, waves), Demand(config, model, steps, strongest)


def make_background(config: Config, units: CodeUnits) -> tuple[Background, jax.Array]:
    """F0 and its amplitudes; a second, initially empty component takes what is injected."""
    rays = config.cosmic_rays
    index, turnover = rays.index, rays.turnover_momentum
    if rays.spectrum == "kappa":
        assert rays.kappa is not None
        index, turnover = 2.0 * (rays.kappa + 1.0), math.sqrt(rays.kappa) * turnover
    shapes, pressures = [(index, turnover)], [rays.pressure / units.energy_density]
    if config.injection.pressure_rate > 0.0:
        shapes.append((config.injection_index, turnover))
        pressures.append(0.0)
    indices, turnovers = np.array(shapes, float).T
    background = Background(
        jnp.asarray(indices),
        jnp.asarray(turnovers),
        jnp.asarray(rays.momentum_min),
        jnp.asarray(rays.momentum_max),
    )
    return background, _amplitude_for_pressure(background, jnp.asarray(pressures))


def make_model(config: Config) -> Model:
    """Static switches."""
    constant = config.scattering.model == "constant"
    return Model(
        expansion=config.expansion.mode,
        scattering=config.scattering.frame if constant else "spectrum",
        estimator=config.run.estimator,
        nonlinear_landau=config.damping.nonlinear_landau,
        evolve_waves=config.waves.evolve,
        adiabatic_waves=config.waves.adiabatic,
        balance_energy=config.run.balance_energy,
        inject=config.injection.pressure_rate > 0.0,
    )


def expansion_time(config: Config, units: CodeUnits) -> float | None:
    """tau_B [code] at t = 0 (negative: compression); None without expansion."""
    mode, plasma = config.expansion.mode, config.plasma
    if mode == "prescribed":
        assert config.expansion.timescale is not None
        return config.expansion.timescale * units.gyrofrequency
    if mode == "none" or config.injection.pressure_rate == 0.0:
        return None
    magnetic = plasma.magnetic_field**2 / (8.0 * math.pi)
    seconds = theory.expansion_time(
        config.injection.pressure_rate,
        plasma.gas_pressure,
        config.cosmic_rays.pressure,
        magnetic,
        plasma.adiabatic_index,
    )
    return float(seconds) * units.gyrofrequency


def _parameters(config: Config, units: CodeUnits, background: Background) -> Parameters:
    """Parameters but for dt and P_ext, which need the initial state."""
    plasma, damping, rays = config.plasma, config.damping, config.cosmic_rays
    printed = config.waves.coefficients == "printed"
    tau_B = expansion_time(config, units)
    # A field that falls by b moves the scaled momenta p/b up by 1/b at most.
    fall = math.exp(min(config.run.duration * units.gyrofrequency / tau_B, 3.0)) if tau_B else 1.0
    margin = 1.05
    grid = make_grid(
        config.waves.k_min,
        config.waves.k_max,
        config.waves.bins,
        rays.momentum_min / margin * min(fall, 1.0),
        rays.momentum_max * margin * max(fall, 1.0),
    )
    neutral = 0.5 * ION_NEUTRAL_COLLISIONS * damping.ion_neutral_density * (plasma.temperature / 1e4) ** 0.4
    epsilon = damping.turbulent_dissipation * units.time / SPEED_OF_LIGHT**2
    rate = 1.0 / tau_B if tau_B and config.expansion.mode == "prescribed" else 0.0
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
        "scattering_frequency": (config.scattering.frequency or 0.0) * units.time,
    }
    rates = {
        "linear": damping.linear * units.time,
        "ion_neutral": neutral * units.time,
        "thermal_speed": units.thermal_speed(plasma.temperature),
        "turbulent": math.sqrt(epsilon / units.alfven_speed),
    }
    return Parameters(
        **{name: jnp.asarray(float(value), jnp.float64) for name, value in scalars.items()},
        damping=Damping(**{name: jnp.asarray(float(value), jnp.float64) for name, value in rates.items()}),
        background=background,
        grid=grid,
    )


def _initial_waves(config: Config, predicted: np.ndarray | None, tau_B: float | None) -> np.ndarray:
    waves = np.full((2, 2, config.waves.bins), config.waves.seed_level)
    if config.waves.start_level is not None:
        waves[:] = config.waves.start_level
    if config.waves.start == "equilibrium":
        assert predicted is not None and tau_B is not None
        waves[driven_branches(tau_B)] = predicted
    return waves


def _fewest_steps(
    config: Config, units: CodeUnits, waves: np.ndarray, predicted: np.ndarray | None, isotropic: float
) -> int:
    """Number of steps of the longest dt that divides the duration; it does not depend on when output is written.

    An automatic step resolves the fastest scattering, and waves that an isotropic f would damp at ``isotropic``.
    """
    duration = config.run.duration * units.gyrofrequency
    if config.run.time_step != "auto":
        largest = config.run.time_step * units.gyrofrequency
    else:
        if config.scattering.model == "constant":
            nu = (config.scattering.frequency or 0.0) * units.time
        else:
            nu = math.pi * float(waves.max())
            if predicted is not None and config.waves.evolve:
                overshoot = _OVERSHOOT if config.waves.start == "seed" else 1.0
                nu = max(nu, overshoot * math.pi * float(predicted.max()))
        largest = min(config.run.scattering_per_step / nu if nu > 0.0 else math.inf, duration / _FEWEST_STEPS)
        if config.scattering.model == "spectrum" and config.waves.evolve:
            largest = min(largest, _GROWTH_PER_STEP / (2.0 * isotropic))
    return max(1, math.ceil(duration / largest * (1.0 - 1e-12)))


def _isotropic_damping(config: Config, parameters: Parameters, amplitude: jax.Array) -> float:
    """Largest rate at which F0 alone damps a branch [code]: near marginal stability growth is a small rest of it."""
    k, speed = parameters.grid.centres, parameters.alfven_speed
    rate = _growth_rate(k, parameters.background, amplitude, speed, coefficients=config.waves.coefficients)
    return float(jnp.max(-rate))


def _coarse_every(config: Config, dt: float) -> int:
    interval = config.run.coarse_grain_interval
    return 0 if isinstance(interval, str) else max(1, round(interval / dt))


def _markers(config: Config, units: CodeUnits, background: Background, amplitude: jax.Array) -> Markers:
    drift, anisotropy = initial_harmonics(config, units, background, amplitude)
    return initial_markers(
        config.run.markers,
        background,
        amplitude,
        drift=drift,
        anisotropy=anisotropy,
        seed=config.run.seed,
        dtype=np.dtype(config.run.precision),
    )


def initial_harmonics(
    config: Config, units: CodeUnits, background: Background, amplitude: jax.Array
) -> tuple[float, float]:
    """v_D/c and zeta (eqs. 16, 20) of f at t = 0."""
    rays = config.cosmic_rays
    zeta = rays.anisotropy / float(_anisotropy_of_zeta(background, amplitude))
    return rays.drift_velocity * units.alfven_speed, zeta


@partial(jax.jit, static_argnames="model")
def total_pressure(state: State, parameters: Parameters, model: Model) -> jax.Array:
    """P_g + P_perp + P_m + P_waves at t = 0."""
    rays = moments(state, parameters, model).perpendicular_pressure
    return rays + state.gas_pressure + magnetic_pressure(parameters, state.b) + 0.5 * wave_energy(state, parameters)
