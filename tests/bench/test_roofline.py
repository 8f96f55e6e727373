"""Least time of a marker-step from the rates of a machine."""

import pytest

from crmc.bench.roofline import estimate


def test_roofline() -> None:
    """56 bytes at 56 GB/s take 1 ns; 730 + 14*20 operations at 505 Gflop/s take 2 ns."""
    found = estimate({"bandwidth": 56e9, "arithmetic": 505e9})
    assert found["bandwidth_ns_per_marker_step"] == pytest.approx(1.0)
    assert found["arithmetic_ns_per_marker_step"] == pytest.approx(2.0)
    assert (found["limited_by"], found["least_ns_per_marker_step"]) == ("arithmetic", pytest.approx(2.0))


def test_bandwidth_may_be_the_limit() -> None:
    """A tenth of that bandwidth: 10 ns, longer than the arithmetic."""
    found = estimate({"bandwidth": 5.6e9, "arithmetic": 505e9})
    assert (found["limited_by"], found["least_ns_per_marker_step"]) == ("bandwidth", pytest.approx(10.0))
