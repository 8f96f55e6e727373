"""Means and their standard errors, against drawn samples whose spread is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from crmc.statistics import mean_of, ratio_of


def test_errors_count_realisations() -> None:
    """Mean and ratio of drawn numbers: the spread of 400 repetitions is the stated error, to 15 %."""
    rng = np.random.default_rng(0)
    x = rng.normal(2.0, 1.0, (400, 30))
    y = 0.5 * x + rng.normal(0.0, 0.1, x.shape)
    means, ratios = [mean_of(one) for one in x], [ratio_of(b, a) for a, b in zip(x, y, strict=True)]
    for found, want in ((means, 2.0), (ratios, 0.5)):
        values, errors = np.array([e.value for e in found]), np.array([e.stderr for e in found])
        assert np.std(values) == pytest.approx(np.sqrt(np.mean(errors**2)), rel=0.15)
        assert np.mean(values) == pytest.approx(want, abs=5 * np.std(values) / 20)


def test_error_of_a_mean() -> None:
    """Against scipy.stats.sem to round-off, axis by axis; a single realisation has no error."""
    x = np.random.default_rng(3).normal(2.0, 1.0, (7, 2, 3))
    found = mean_of(x)
    np.testing.assert_allclose(found.value, x.mean(axis=0), rtol=1e-15)
    np.testing.assert_allclose(found.stderr, stats.sem(x, axis=0), rtol=1e-13)
    assert np.isnan(mean_of(x[:1]).stderr).all() and mean_of(x[:1]).stderr.shape == (2, 3)


def test_ratio_of_proportional_numbers_has_no_error() -> None:
    """Noise common to both drops out to round-off; a fixed denominator leaves the error of the mean."""
    x = np.random.default_rng(4).normal(2.0, 0.5, (50, 3))
    common = ratio_of(3.0 * x, x)
    np.testing.assert_allclose(common.value, 3.0, rtol=1e-14)
    assert np.all(common.stderr < 1e-15)
    fixed = ratio_of(x, np.full_like(x, 4.0))
    np.testing.assert_allclose(fixed.stderr, stats.sem(x, axis=0) / 4.0, rtol=1e-13)
