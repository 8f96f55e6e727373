"""Text: numbers with errors, aligned tables, strict JSON."""

from __future__ import annotations

import json
import math

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmc.text import aligned, finite, json_ready, number, one_line, to_json, with_error


def test_number() -> None:
    """Four significant digits, small numbers in scientific notation, and a dash for what is no finite number."""
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


def test_json_of_arrays() -> None:
    """Arrays of numpy and JAX become lists, their numbers Python's, keys text, and NaN null wherever it stands."""
    value = {1: np.array([[1.5, np.nan], [np.inf, 2.0]]), "n": np.int64(3), "x": jnp.arange(2), "t": (np.True_, None)}
    ready = {"1": [[1.5, None], [None, 2.0]], "n": 3, "x": [0, 1], "t": [True, None]}
    assert json_ready(value) == ready and type(json_ready(np.int64(3))) is int
    assert to_json(value) == json.dumps(ready, indent=2)


def test_aligned() -> None:
    """A table typed by hand: columns as wide as their widest cell, empty rows kept, no spaces at the ends of lines."""
    rows = [["key", "value", ""], ["a", "1", "failed"], [], ["long name", "22"]]
    assert aligned(rows).split("\n") == [
        "key        value",
        "a          1      failed",
        "",
        "long name  22",
    ]
    assert aligned(rows, left=1).split("\n") == [
        "key        value",
        "a              1  failed",
        "",
        "long name     22",
    ]
    assert aligned([["a", "bb"], ["cc", "d"]], left=0) == " a  bb\ncc   d"
    assert aligned([]) == ""


@given(st.lists(st.lists(st.text("ab c", max_size=5), min_size=3, max_size=3), min_size=1, max_size=5))
def test_aligned_columns_begin_at_one_place(rows: list[list[str]]) -> None:
    """Each cell stands where str.format puts it with the widths of its columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    form = "  ".join(f"{{:<{width}}}" if width else "{}" for width in widths)
    assert aligned(rows) == "\n".join(form.format(*row).rstrip() for row in rows)


@pytest.mark.parametrize("value", [1, -2.5, np.float32(3.0), np.array(4.0), jnp.asarray(5.0)])
def test_finite(value: object) -> None:
    """Numbers of Python, numpy and JAX are floats."""
    assert finite(value) == float(value) and type(finite(value)) is float  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [None, "1", True, math.nan, math.inf, -np.inf, np.arange(2), object()])
def test_not_finite(value: object) -> None:
    """Whatever is no finite number, truth values and text included, is None."""
    assert finite(value) is None


@given(st.text() | st.integers() | st.binary())
def test_one_line(value: object) -> None:
    """Printable, no longer than the limit, and unchanged where it was both already."""
    line = one_line(value, 40)
    assert line.isprintable() and len(line) <= 40
    text = str(value)
    if text.isprintable() and text == " ".join(text.split()) and len(text) <= 40:
        assert line == text


def test_one_line_keeps_words_and_shows_controls() -> None:
    """White space becomes single blanks, other controls their escapes, and a cut shows as three dots."""
    assert one_line("a\n\t b\x1b[0m") == "a b\\x1b[0m"
    assert one_line("x" * 50, 10) == "xxxxxxx..."
