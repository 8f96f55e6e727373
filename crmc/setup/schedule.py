"""Choose the number of steps of a run, and the intervals at which it samples, coarse-grains and writes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc import theory
from crmc.config.config import Config
from crmc.physics.parameters import MOST_REFINED, Cadence, Model, Parameters
from crmc.setup.arrays import Start, start_of
from crmc.setup.shape import shape_of
from crmc.units import CodeUnits

#: Growth from the seed overshoots its final level; the automatic step leaves room for it.
_OVERSHOOT = 1.25
#: Largest 2 Gamma dt, Gamma the damping of waves by an isotropic f: the exchange of waves and particles is then stable;
#: and where waves above the seed are there to be absorbed: their decay is of first order in dt (at 0.1 the heating that
#: follows is 4.5 % off).
_GROWTH_PER_STEP, _ABSORPTION_PER_STEP = 0.3, 0.02
#: Waves this many times above the seed are there to be absorbed.
_ABSORBED = 10.0
#: nu_max dt of the steps within a sample of the growth functional.
_FUNCTIONAL_STEP = 0.025
#: Fewest and most steps between samples of the growth functional; odd, as `Cadence.functional_every` must be.
_OFTENEST, _RAREST = 15, 31
#: Number of records and of blocks of records of a run: the averages are made of them.
_RECORDS, _RECORDS_PER_BLOCK = 64, 4
#: Samples take parts of the ensemble in turn: at most this many parts, with at least this many markers in each.
_MOST_PARTS, _FEWEST_MARKERS = 4, 8192
#: Fewest steps of a run with an automatic time step.
_FEWEST_STEPS = 100

_growth_rate = jax.jit(theory.growth_rate, static_argnames="coefficients")


def require_double() -> None:
    """Raise RuntimeError unless JAX is in 64-bit mode.

    Spectrum, tube and sums are float64 whatever the markers' precision; in 32-bit mode they would be rounded silently.
    """
    if jnp.zeros(()).dtype != jnp.float64:
        raise RuntimeError("crmc needs 64-bit JAX for its small arrays: use `with jax.enable_x64(True):`")


def record_every(steps: int) -> int:
    """Return the steps between the records of a run of ``steps`` steps."""
    return max(1, steps // _RECORDS)


class Schedule(NamedTuple):
    """Number of steps of a run, and its intervals in steps.

    steps: of the run.
    output_every: steps between rows of results.
    coarse_grain_every: steps between coarse-grainings, 0 for none.
    functional_every: steps between samples of the growth functional, 0 for none.
    functional_refinement: steps of a sample per step of the run.
    functional_parts: field of `Model` of this name.
    averaged_steps: steps for which the records were laid out, fewer than ``steps`` if a run goes on after its end; 0:
        all of them.
    """

    steps: int
    output_every: int
    coarse_grain_every: int
    functional_every: int
    functional_refinement: int
    functional_parts: int
    averaged_steps: int = 0

    @property
    def record_every(self) -> int:
        """Steps between the records that averages are made of; they do not depend on the output."""
        return record_every(self.averaged_steps or self.steps)

    @property
    def block_every(self) -> int:
        """Steps between the blocks of records, each of which holds several samples of the growth functional."""
        return _RECORDS_PER_BLOCK * self.record_every


class Demand(NamedTuple):
    """Requirements of one config on the schedule of its run.

    model: static switches of the run.
    steps: fewest steps that it may take.
    strongest: largest wave power e at t = 0 or, where it is known, in balance of growth and damping.
    """

    config: Config
    model: Model
    steps: int
    strongest: float

    def schedule(self, steps: int) -> Schedule:
        """Return the schedule of a run of the config in ``steps`` steps."""
        run, units = self.config.run, self.config.code_units
        dt = run.duration * units.gyrofrequency / steps
        often = record_every(steps)
        functional_every = min(max(often - (often + 1) % 2, _OFTENEST), _RAREST)
        output_every = max(1, round(run.output_seconds / (dt * units.time)))
        if isinstance(run.output_interval, str) and self.model.scattering == "spectrum":
            output_every = max(output_every, min(functional_every, steps))  # a sample in every row
        refined = math.ceil(math.pi * self.strongest * dt / _FUNCTIONAL_STEP - 1e-9)
        return Schedule(
            steps=steps,
            output_every=output_every,
            coarse_grain_every=_coarse_every(self.config, dt * units.time),
            functional_every=functional_every,
            functional_refinement=min(max(refined, 2), MOST_REFINED),
            functional_parts=min(max(run.markers // _FEWEST_MARKERS, 1), _MOST_PARTS),
        )


def finest(demands: Sequence[Demand]) -> Schedule:
    """Return the schedule that is as fine as the finest of ``demands`` in every respect."""
    steps = max(one.steps for one in demands)
    every = [one.schedule(steps) for one in demands]
    return Schedule(
        steps=steps,
        output_every=min(one.output_every for one in every),
        coarse_grain_every=min(one.coarse_grain_every for one in every),
        functional_every=min(one.functional_every for one in every),
        functional_refinement=max(one.functional_refinement for one in every),
        functional_parts=min(one.functional_parts for one in every),
    )


def scheduled(model: Model, schedule: Schedule) -> Model:
    """Return ``model`` with the switches of ``schedule``."""
    return dataclasses.replace(
        model,
        coarse_grain=schedule.coarse_grain_every > 0,
        functional=schedule.functional_every > 0,
        functional_parts=schedule.functional_parts,
    )


def cadence_of(schedule: Schedule) -> Cadence:
    """Return the intervals of ``schedule`` as arrays, so that another schedule compiles nothing.

    Raises ValueError for a functional_refinement above `MOST_REFINED`.
    """
    if schedule.functional_refinement > MOST_REFINED:
        raise ValueError(f"functional_refinement = {schedule.functional_refinement}: at most {MOST_REFINED}")
    steps = (getattr(schedule, name) for name in Cadence._fields)
    return Cadence(*(jnp.asarray(max(x, 1), jnp.int64) for x in steps))


def begin(config: Config) -> tuple[Start, Demand]:
    """Return the start of a run of ``config`` and its demand on the schedule.

    Raises RuntimeError in 32-bit JAX.
    """
    require_double()
    shape = shape_of(config)
    start = start_of(config, shape)
    e = np.asarray(start.e)
    predicted = None if start.predicted is None else np.asarray(start.predicted)
    isotropic = _isotropic_damping(config, start.parameters, start.amplitude)
    steps = _fewest_steps(config, start.units, e, predicted, isotropic)
    strongest = max(float(e.max()), 0.0 if predicted is None else float(predicted.max()))
    return start, Demand(config, shape.model, steps, strongest)


def _fewest_steps(
    config: Config, units: CodeUnits, e: np.ndarray, predicted: np.ndarray | None, isotropic: float
) -> int:
    """Return the fewest steps of a run; their number does not depend on the times of output.

    A given time step is shortened to divide the duration.  An automatic one resolves the fastest scattering, the
    damping of waves by an isotropic f and the history of a flow.
    e, predicted: wave power at t = 0 and in balance, (2, 2, bins); isotropic: that damping rate, () [code].
    """
    duration = config.run.duration * units.gyrofrequency
    if config.run.time_step != "auto":
        largest = config.run.time_step * units.gyrofrequency
    else:
        if config.scattering.model == "constant":
            nu = (config.scattering.frequency or 0.0) * units.time
        else:
            nu = math.pi * float(e.max())
            if predicted is not None and config.waves.evolve:
                overshoot = _OVERSHOOT if config.waves.start == "seed" else 1.0
                nu = max(nu, overshoot * math.pi * float(predicted.max()))
        largest = min(config.run.scattering_per_step / nu if nu > 0.0 else math.inf, duration / _FEWEST_STEPS)
        if config.expansion.given:
            largest = min(largest, config.expansion.longest_step(config.run.duration) * units.gyrofrequency)
        if config.scattering.model == "spectrum" and config.waves.evolve:
            absorbed = config.waves.start == "seed" and float(e.max()) > _ABSORBED * config.waves.seed_level
            most = _ABSORPTION_PER_STEP if absorbed else _GROWTH_PER_STEP
            largest = min(largest, most / (2.0 * isotropic))
    return max(1, math.ceil(duration / largest * (1.0 - 1e-12)))


def _isotropic_damping(config: Config, parameters: Parameters, amplitude: jax.Array) -> float:
    """Return the largest rate at which F0 alone damps a branch, () [code]."""
    # Near marginal stability the growth rate is a small difference of this rate and the drive.
    k, speed = parameters.grid.centres, parameters.alfven_speed
    rate = _growth_rate(k, parameters.background, amplitude, speed, coefficients=config.waves.coefficients)
    return float(jnp.max(-rate))


def _coarse_every(config: Config, dt: float) -> int:
    """Return the steps of length dt [s] between coarse-grainings; 0 for none."""
    interval = config.run.coarse_grain_interval
    return 0 if isinstance(interval, str) else max(1, round(interval / dt))
