"""Choose the time step and how often a run samples and writes."""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc import theory
from crmc.config.config import Config
from crmc.physics.parameters import Model, Parameters
from crmc.setup.arrays import Start, code_units, shape_of, start_of
from crmc.units import CodeUnits

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

_growth_rate = jax.jit(theory.growth_rate, static_argnames="coefficients")


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
        run, units = self.config.run, code_units(self.config)
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


def scheduled(model: Model, schedule: Schedule) -> Model:
    """``model`` with what ``schedule`` says."""
    return dataclasses.replace(
        model,
        coarse_grain_every=schedule.coarse_grain_every,
        functional_every=schedule.functional_every,
        functional_refinement=schedule.functional_refinement,
    )


def begin(config: Config) -> tuple[Start, Demand]:
    """Return what a run starts from, and what it asks of the schedule.  Raises RuntimeError in 32-bit JAX."""
    require_double()
    shape = shape_of(config)
    begun = start_of(config, shape)
    waves = np.asarray(begun.waves)
    predicted = None if begun.predicted is None else np.asarray(begun.predicted)
    isotropic = _isotropic_damping(config, begun.parameters, begun.amplitude)
    steps = _fewest_steps(config, begun.units, waves, predicted, isotropic)
    strongest = max(float(waves.max()), 0.0 if predicted is None else float(predicted.max()))
    return begun, Demand(config, shape.model, steps, strongest)


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
