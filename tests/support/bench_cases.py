"""The references of experiments/bench on one halo problem, and how far two steps differ."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from crmc.bench.worker import references

problem, numpy_step = references("problem"), references("numpy_step")
MARKERS, STEPS = 3000, 4
_ARRAYS = ("birth_momentum", "parallel_momentum", "rise", "volume", "excess")


@cache
def halo() -> tuple[Any, Any]:
    """Constants and tube of the halo problem; every use takes a copy of the tube."""
    return problem.halo(MARKERS)


@cache
def words() -> np.ndarray:
    """Random words of the steps and markers, (STEPS, MARKERS)."""
    return np.random.default_rng(1).integers(0, 2**64, (STEPS, MARKERS), dtype=np.uint64)


def reference(name: str) -> Any:
    """Module of a reference, or a skip that says what is missing."""
    module = references(f"{name}_step")
    if missing := module.available():
        pytest.skip(missing)
    return module


def in_double(tube: Any) -> Any:
    """The same tube with float64 markers."""
    tube = tube.copy()
    for name in _ARRAYS:
        setattr(tube, name, getattr(tube, name).astype(float))
    return tube


def error(found: Any, exact: Any, name: str) -> float:
    """R.m.s. difference of an array of markers over its r.m.s."""
    x, y = getattr(found, name).astype(float), getattr(exact, name)
    return float(np.sqrt(np.mean((x - y) ** 2) / np.mean(y**2)))
