"""The mean of a series and its standard error from batches."""

import math

import numpy as np
import pytest
from scipy import signal, stats

from crmc.statistics import mean_and_error


def ar1(rng: np.random.Generator, count: int, length: int, correlation: float) -> np.ndarray:
    """Stationary series of mean 0 and variance 1, (count, length)."""
    noise = rng.standard_normal((count, length + 200)) * math.sqrt(1.0 - correlation**2)
    return signal.lfilter([1.0], [1.0, -correlation], noise, axis=1)[:, 200:]


@pytest.mark.parametrize(("correlation", "length"), [(0.0, 50), (0.5, 200), (0.8, 1000)])
@pytest.mark.parametrize("slope", [0.0, 5.0])
def test_error_covers_the_mean(correlation: float, length: int, slope: float) -> None:
    """The mean of a correlated series, trend or not, deviates by its error as Student's t with 8 degrees does."""
    series = ar1(np.random.default_rng(1), 2000, length, correlation)
    series = series + 3.0 + slope * np.linspace(-0.5, 0.5, length)
    found = np.array([mean_and_error(values) for values in series])
    deviation = np.abs(found[:, 0] - 3.0) / found[:, 1]
    for probability in (0.68, 0.95):
        covered = np.mean(deviation < stats.t.ppf(0.5 + 0.5 * probability, df=8))
        # Three standard deviations of 2000 trials, and 3 % for the correlation of neighbouring batches.
        assert abs(covered - probability) < 0.03 + 3.0 * math.sqrt(probability * (1.0 - probability) / 2000)


def test_naive_error_would_not_cover() -> None:
    """The series above are correlated enough for the test to tell: independent errors are three times too small."""
    series = ar1(np.random.default_rng(2), 500, 1000, 0.8)
    found = np.array([mean_and_error(values)[1] for values in series])
    naive = series.std(axis=1) / math.sqrt(1000)
    assert 2.6 < np.mean(found) / np.mean(naive) < 3.2


@pytest.mark.parametrize("slope", [1e-30, 4.0])
def test_pure_trend_has_no_error(slope: float) -> None:
    """A straight line has a mean and no error but round-off."""
    mean, error = mean_and_error(slope * (1.0 + np.arange(50.0)))
    np.testing.assert_allclose(mean, slope * 25.5, rtol=1e-13)
    assert error < 1e-13 * mean


@pytest.mark.parametrize(
    ("values", "mean"),
    [([], math.nan), ([math.nan], math.nan), ([2.0], 2.0), ([1.0, math.nan, 3.0], 2.0)],
)
def test_too_few_values_have_no_error(values: list[float], mean: float) -> None:
    """Missing values are skipped, and fewer than four give no error."""
    found = mean_and_error(np.array(values))
    np.testing.assert_equal(found, (mean, math.nan))
