"""Average what a run measured over its last half, from records at steps that do not depend on its output.

Averages of the spectrum and of all that is linear in it are means over the steps.  Those of the cosmic rays are means
over the records.  The rates of exchange of energy have the weight 6 x (1 - x), x in [0, 1] the place in the last half:
energy that the waves happen to hold at either end, which is most of the noise, then does not count.  For a rate that is
constant, or changes linearly, this is the plain mean.  The weight is that of every step, but for its curvature within a
record: energy that waves hold for less than a record averages out, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from crmc.physics.waves import MOMENTA
from crmc.results.replicas import estimate
from crmc.results.variables import AVERAGED, FIRST_MOMENTS, LARGEST, unit_of
from crmc.statistics import Estimate, ratio_of

#: Rates of exchange of energy.
RATES = ("heating_rate", "spectral_heating_rate", "gas_heating_rate")
#: Variables that the growth functional gives.
_SAMPLED = ("growth_rate", "spectral_heating_rate")
_STATES = ("pressure_anisotropy", "gap_pressure_anisotropy", "drift_velocity")


class Records(NamedTuple):
    """What every replica measured at steps that do not depend on the output of the run.

    steps: numbers of the steps, (records,), from 0 on.
    values: variables as `replicas.physical` returns them, (records, replicas, ...); waves and rates are means over the
        steps since the record before.
    block_steps, block_values: the same at some of these steps, with several samples of the growth functional between.
    exact: whether nothing is random, so that errors are zero.
    """

    steps: np.ndarray
    values: Mapping[str, np.ndarray]
    block_steps: np.ndarray
    block_values: Mapping[str, np.ndarray]
    exact: bool

    def last_half(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the steps at the ends of the intervals of the last half, and a variable in these intervals.

        The last half begins with the first block that begins not before the middle.
        """
        begin = self.block_steps[np.argmax(2 * self.block_steps >= self.block_steps[-1])]
        sampled = name in _SAMPLED
        steps, values = (self.block_steps, self.block_values) if sampled else (self.steps, self.values)
        first = int(np.searchsorted(steps, begin))
        return steps[first:], values[name][first + 1 :]


def averages(records: Records) -> dict[str, dict[str, Any]]:
    """Return averages over the last half of a run: name -> {"value", "stderr", "unit"}; stderr is None if unknown.

    Residuals and imbalance are largest absolute values of the whole run instead.  What is not finite is absent.
    """
    found: dict[str, dict[str, Any]] = {}
    if len(records.steps) < 2:
        return found

    def add(name: str, one: Estimate, unit: str) -> None:
        if np.isfinite(one.value):
            error = 0.0 if records.exact else float(one.stderr)
            found[name] = {"value": float(one.value), "stderr": error if np.isfinite(error) else None, "unit": unit}

    for name in (*RATES, *_STATES):
        add(name, _average(records, name), unit_of(name))
    ratio = _identity(records)
    add("identity_ratio", ratio, "1")
    add("identity_residual", Estimate(ratio.value - 1.0, ratio.stderr), "1")
    for name in ("scattering_frequency", "mean_free_path"):
        one = _average(records, name)
        for place, p in enumerate(MOMENTA):
            add(f"{name}_p{p:g}", Estimate(one.value[place], one.stderr[place]), unit_of(name))
    for name in LARGEST[:3]:
        values = np.abs(records.values[name])
        if np.isfinite(values).any():
            found[name] = {"value": float(np.nanmax(values)), "stderr": None, "unit": "1"}
    return found


def spectra(records: Records) -> dict[str, Estimate]:
    """Return averages of the waves bin by bin, (2, 2, bins), by the name of the variable; none without waves."""
    if len(records.steps) < 2:
        return {}
    found = {name: _average(records, name) for name in AVERAGED}
    if records.exact:
        found = {name: Estimate(one.value, np.zeros_like(one.value)) for name, one in found.items()}
    return {name: one for name, one in found.items() if np.isfinite(one.value).any()}


def _average(records: Records, name: str) -> Estimate:
    """Return the average of a variable over the last half and over replicas."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return estimate(name, _by_replica(records, name))


def _identity(records: Records) -> Estimate:
    """Return the ratio of the averages of both heating rates (eq. 37)."""
    above, below = (_by_replica(records, name) for name in ("spectral_heating_rate", "heating_rate"))
    with np.errstate(divide="ignore", invalid="ignore"):
        return ratio_of(above, below)


def _by_replica(records: Records, name: str) -> np.ndarray:
    """Return the average of a variable over the last half of each replica, (replicas, ...); NaN where it has none."""
    steps, values = records.last_half(name)
    harmonic = name == "mean_free_path"  # of the mean scattering frequency
    with np.errstate(divide="ignore", invalid="ignore"):
        values = 1.0 / values if harmonic else values
        shape = (-1, *[1] * (values.ndim - 1))
        weight = np.where(np.isfinite(values), interval_weights(steps, name in RATES).reshape(shape), 0.0)
        total = np.sum(weight * np.where(weight > 0.0, values, 0.0), axis=0)
        if (moment := f"{name}_moment") in FIRST_MOMENTS:
            moments = np.where(weight > 0.0, records.last_half(moment)[1], 0.0)
            total = total + np.sum(moment_weights(steps).reshape(shape) * moments, axis=0)
        mean = total / np.sum(weight, axis=0)
        return 1.0 / mean if harmonic else mean


def interval_weights(steps: np.ndarray, rate: bool) -> np.ndarray:
    """Return the weights of the intervals between records, (records - 1,).

    rate: whether the variable is a rate of exchange of energy
    """
    if len(steps) < 2:
        return np.zeros(0)
    x = _places(steps)
    return np.diff(x**2 * (3.0 - 2.0 * x) if rate else x)


def moment_weights(steps: np.ndarray) -> np.ndarray:
    """Return the weights of the first moments of a rate in the intervals between records, (records - 1,).

    A moment is the mean over an interval of the rate times the number of the step, counted from the middle.  The weight
    is the slope of 6 x (1 - x) there, by the number of the step.
    """
    if len(steps) < 2:
        return np.zeros(0)
    x = _places(steps)
    middle = 0.5 * (x[1:] + x[:-1])
    return 6.0 * (1.0 - 2.0 * middle) * np.diff(x) / (steps[-1] - steps[0])


def _places(steps: np.ndarray) -> np.ndarray:
    """Return the places of steps between the first, 0, and the last, 1."""
    return (steps - steps[0]) / (steps[-1] - steps[0])
