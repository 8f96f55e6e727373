"""Means of independent realisations, and their standard errors."""

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
