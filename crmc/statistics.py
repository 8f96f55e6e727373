"""Means of independent realisations and of correlated series, and their standard errors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Estimate(NamedTuple):
    """A value and its standard error, two arrays of one shape."""

    value: np.ndarray
    stderr: np.ndarray


def mean_of(x: np.ndarray) -> Estimate:
    """Return the mean over realisations and its standard error, which is NaN for fewer than two.

    x: one entry per realisation, (realisations, ...); the estimate has shape (...).
    """
    count = x.shape[0]
    error = np.std(x, axis=0, ddof=1) / np.sqrt(count) if count > 1 else np.full(x.shape[1:], np.nan)
    return Estimate(np.mean(x, axis=0), error)


def ratio_of(above: np.ndarray, below: np.ndarray) -> Estimate:
    """Return the ratio of two means over realisations and its standard error, which counts their common noise.

    above, below: numerator and denominator of each realisation, (realisations, ...).
    The error is that of the ratio linearised about the means.
    """
    mean = np.mean(below, axis=0)
    ratio = np.mean(above, axis=0) / mean
    return Estimate(ratio, mean_of((above - ratio * below) / mean).stderr)


def mean_and_error(values: np.ndarray, batches: int = 10) -> tuple[float, float]:
    """Return the mean of a correlated series and its standard error, from batch means about a linear trend.

    values: the series, (count,); entries that are not finite are left out.
    batches: number of batches, at most one per value.  The error is NaN with fewer than four.
    """
    values = values[np.isfinite(values)]
    count = len(values)
    if count == 0:
        return float("nan"), float("nan")
    mean = float(values.mean())
    batches = min(batches, count)
    if batches < 4:
        return mean, float("nan")
    usable = values[count - batches * (count // batches) :]
    means = usable.reshape(batches, -1).mean(axis=1)
    place = np.arange(batches) - 0.5 * (batches - 1)
    residual = means - means.mean() - place * (place @ means) / (place @ place)
    return mean, float(np.sqrt((residual @ residual) / (batches - 2) / batches))
