"""Reduce what the replicas of a run measured to values and standard errors.

``values`` are variables by name, in the units of a result.  The standard error is that of the mean over replicas, by
their scatter: the standard deviation of the result over independent repetitions of the whole run.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np

from crmc.results.variables import ESTIMATED, FIRST_MOMENTS, LARGEST, VARIABLES, in_units
from crmc.statistics import Estimate, mean_of, ratio_of
from crmc.units import CodeUnits


def physical(units: CodeUnits, rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return every variable of each replica in the unit of the file, but for standard errors, (rows, replicas, ...).

    With them come the first moments of rates (`variables.FIRST_MOMENTS`), of which averages are made.  The residuals of
    energy and number are formed here, from the ledgers in ``rows``.
    rows: in code units, time first, replicas next
    """
    scale = rows["energy_cosmic_rays"][0]
    kept = rows["number_cosmic_rays"] - rows["number_entered"]
    rows = {
        **rows,
        "energy_residual": (rows["ledger"] - rows["ledger"][0]) / scale,
        "number_residual": kept / kept[0] - 1.0,
    }
    names = [*(name for name in VARIABLES if not name.endswith("_stderr")), *FIRST_MOMENTS]
    return {name: in_units(units, name, np.asarray(rows[name])) for name in names}


def estimate(name: str, values: np.ndarray) -> Estimate:
    """Return the mean of a variable over replicas, and its standard error, which is NaN for one replica.

    A mean free path is v over the mean scattering frequency.
    values: of each replica, (replicas, ...)
    """
    if name != "mean_free_path":
        return mean_of(values)
    inverse = mean_of(1.0 / values)
    return Estimate(1.0 / inverse.value, inverse.stderr / inverse.value**2)


def reduced(values: Mapping[str, np.ndarray], *, exact: bool = False) -> dict[str, np.ndarray]:
    """Return every variable of a result with its standard error ``name_stderr`` where it has one, (rows, ...).

    values: from `physical`, (rows, replicas, ...)
    exact: whether nothing is random, so that errors are zero
    """
    found, errors = {}, {}
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # rows without a value are NaN
        for name, array in values.items():
            array = np.moveaxis(array, 1, 0)
            if name in LARGEST:
                place = np.argmax(np.abs(array), axis=0)  # NaN where a replica's is
                found[name] = np.take_along_axis(array, place[None], axis=0)[0]
                continue
            ratio = name == "identity_residual"
            one = _identity(values) if ratio else estimate(name, array)
            found[name] = one.value
            if name in ESTIMATED:
                errors[f"{name}_stderr"] = np.zeros_like(one.stderr) if exact else one.stderr
    return {name: (found | errors)[name] for name in VARIABLES}


def _identity(values: Mapping[str, np.ndarray]) -> Estimate:
    """Return spectral_heating_rate/heating_rate - 1 of the means over replicas."""
    above, below = (np.moveaxis(values[name], 1, 0) for name in ("spectral_heating_rate", "heating_rate"))
    ratio = ratio_of(above, below)
    return Estimate(ratio.value - 1.0, ratio.stderr)
