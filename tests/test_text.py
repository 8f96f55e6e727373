"""Text of results: a number with its error, and strict JSON."""

import json
import math

import numpy as np
import pytest

from crmc.text import number, to_json, with_error


def test_json_is_strict() -> None:
    """NaN and infinities become null at any depth, numpy's too; other values stay."""
    nan, infinity = float("nan"), float("inf")
    text = to_json({"a": {"b": nan, "c": {"d": -infinity}}, "e": np.float64(nan), "f": 1.5, "g": "x", "h": None})
    assert json.loads(text, parse_constant=pytest.fail) == {
        "a": {"b": None, "c": {"d": None}},
        "e": None,
        "f": 1.5,
        "g": "x",
        "h": None,
    }


def test_number() -> None:
    """Four digits, small numbers with an exponent; what is no finite number is "-"."""
    assert [number(x) for x in (0.0, 1, -2.5, 12345.678, 0.01, 0.009)] == [
        "0",
        "1.000",
        "-2.500",
        "1.235e+04",
        "0.01000",
        "9.000e-03",
    ]
    assert [number(x) for x in (None, "text", True, math.nan, -math.inf)] == ["-"] * 5


def test_with_error() -> None:
    """The value ends with the second digit of its error, within two and six digits."""
    assert with_error(1.23456789, 0.0123) == "1.235 +- 0.012"
    assert with_error(1.0, 3.0) == "1.0 +- 3.0"
    assert with_error(1.23456789, 1e-12) == "1.23457 +- 1.0e-12"
    assert with_error(0.0, 0.1) == "0 +- 0.10"
    assert with_error(2.0, None) == with_error(2.0, math.nan) == with_error(2.0, 0.0) == "2.000"
    assert with_error(math.nan, 0.1) == "-"
