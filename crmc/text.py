"""Write numbers, tables and JSON as text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def one_line(text: object, limit: int = 800) -> str:
    """``text`` without line breaks and unprintable characters, shortened to ``limit``."""
    words = " ".join(str(text).split())
    clean = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)
    return clean if len(clean) <= limit else clean[: limit - 3] + "..."


def _finite(value: object) -> float | None:
    """``value`` as a float; None where it is no finite number."""
    if isinstance(value, (bool, str)) or value is None:
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def number(value: object, digits: int = 4) -> str:
    """``value`` with so many significant digits; "-" where it is no finite number."""
    found = _finite(value)
    if not found:
        return "-" if found is None else "0"
    # Unlike %g, no row of zeros before small numbers: they shall line up with their neighbours.
    small = abs(found) < 0.01
    return f"{found:.{digits - 1}e}" if small else f"{found:#.{digits}g}".rstrip(".")


def with_error(value: object, error: object) -> str:
    """ "value +- error", both to the second digit of the error; the value alone without an error."""
    found, spread = _finite(value), _finite(error)
    if found is None or spread is None or spread <= 0.0:
        return number(value)
    digits = 4
    if found != 0.0:
        # Digits that the error does not drown, within what is readable.
        digits = math.floor(math.log10(abs(found))) - math.floor(math.log10(spread)) + 2
    return f"{number(found, min(max(digits, 2), 6))} +- {number(spread, 2)}"


def to_json(summary: Mapping[str, Any]) -> str:
    """Strict JSON: NaN becomes null."""

    def clean(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: clean(item) for key, item in value.items()}
        if isinstance(value, float) and not np.isfinite(value):
            return None
        return value

    return json.dumps(clean(summary), indent=2, allow_nan=False)


def json_ready(value: object) -> object:
    """Arrays as lists and numpy or JAX numbers as Python's; NaN and infinity as null."""
    if isinstance(value, Mapping):
        return {str(key): json_ready(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [json_ready(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
