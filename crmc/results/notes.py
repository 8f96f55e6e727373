"""Say what of a result is uncertain and what of the config could not be honoured, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from crmc.physics.waves import MOMENTA
from crmc.setup.setup import Setup
from crmc.statistics import Estimate

#: Relative error above which a number is called uncertain.
UNCERTAIN = 0.1
#: A bin is driven where its power is above this part of the largest, and this many times the seed.
_DRIVEN, _ABOVE_SEED = 1e-3, 100.0


def notes(
    setup: Setup, averages: Mapping[str, Any], spectra: Mapping[str, Estimate], remarks: Sequence[str] = ()
) -> list[str]:
    """Return a line on each thing that a reader of the result should know; none on most.

    averages, spectra: from `results.averages`; remarks: from `Observed.remarks`
    """
    found = [*_on_output(setup), *_on_replicas(setup), *_on_averages(setup, averages), *_on_spectrum(setup, spectra)]
    return [*remarks, *found]


def driven(power: np.ndarray, seed: float) -> np.ndarray:
    """Return for each branch and bin whether something drives it.

    power: average wave power, (2, 2, bins); seed: level below which no branch falls
    """
    return (power > _DRIVEN * np.nanmax(power)) & (power > _ABOVE_SEED * seed)


def _on_output(setup: Setup) -> list[str]:
    """Return lines on times of output that cannot be honoured, and on rows too short to hold all that is measured."""
    run, found = setup.config.run, []
    written, asked = setup.output_every * setup.time_step, run.output_seconds
    if not isinstance(run.output_interval, str) and abs(written - asked) > 0.1 * asked:
        found.append(f"run.output_interval is {written:.3g} s instead of {asked:.3g} s, a whole number of steps")
    every = setup.schedule.functional_every
    if setup.model.scattering == "spectrum" and setup.output_every < every <= setup.steps:
        found.append(
            f"growth_rate is NaN in some rows: they are {setup.output_every} steps apart, and f is sampled "
            f"every {every}; averages are not affected"
        )
    return found


def _on_replicas(setup: Setup) -> list[str]:
    """Return a line where the run has no errors because there is nothing to compare it with."""
    if setup.solver != "monte-carlo" or setup.config.run.replica_count > 1:
        return []
    return ["one replica has no errors; set run.replicas = 8"]


def _on_averages(setup: Setup, averages: Mapping[str, Any]) -> list[str]:
    """Return a line that names the averages with large errors."""
    names = ["heating_rate", "pressure_anisotropy", *(f"mean_free_path_p{p:g}" for p in MOMENTA)]
    if setup.model.gradient:
        names.append("drift_velocity")
    found = []
    for name in names:
        entry = averages.get(name, {})
        value, error = entry.get("value"), entry.get("stderr")
        if value and error and error > UNCERTAIN * abs(value):
            found.append(f"{name} by {_percent(error / abs(value))}")
    return [f"uncertain: {', '.join(found)}; {_remedy(setup)}"] if found else []


def _on_spectrum(setup: Setup, spectra: Mapping[str, Estimate]) -> list[str]:
    """Return a line that names the driven bins with large errors."""
    if "wave_power" not in spectra:
        return []
    value, error = spectra["wave_power"]
    at_work = driven(value, setup.config.waves.seed_level)
    relative = np.where(at_work, error / np.where(value > 0.0, value, 1.0), 0.0)
    bad = relative > UNCERTAIN
    if not bad.any():
        return []
    k = np.asarray(setup.parameters.grid.centres)[bad.any(axis=(0, 1))]
    where = f"k = {k[0]:.3g}" if len(k) == 1 else f"k = {k[0]:.3g} to {k[-1]:.3g}"
    return [
        f"uncertain: wave_power in {bad.sum()} of {at_work.sum()} driven bins, by up to {_percent(relative.max())} "
        f"({where} Omega0/c); {_remedy(setup)}"
    ]


def _percent(part: float) -> str:
    """Return a relative error as text."""
    return f"{100.0 * part:.0f} %"


def _remedy(setup: Setup) -> str:
    """Return what lowers the noise of a run."""
    if isinstance(setup.config.run.coarse_grain_interval, str):
        return "raise run.markers or set run.coarse_grain_interval"
    return "raise run.markers"
