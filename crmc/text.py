"""Write numbers, tables and JSON as text."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest


def one_line(text: object, limit: int = 800) -> str:
    """Return ``text`` without line breaks and unprintable characters, shortened to ``limit`` characters."""
    words = " ".join(str(text).split())
    clean = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)
    return clean if len(clean) <= limit else clean[: limit - 3] + "..."


def finite(value: object) -> float | None:
    """Return ``value`` as a float, or None where it is no finite number (nor are truth values and text)."""
    if isinstance(value, (bool, str)) or value is None:
        return None
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def number(value: object, digits: int = 4) -> str:
    """Return ``value`` with ``digits`` significant digits, or "-" where it is no finite number."""
    found = finite(value)
    if not found:
        return "-" if found is None else "0"
    # Unlike %g, no row of zeros before small numbers: they shall line up with their neighbours.
    small = abs(found) < 0.01
    return f"{found:.{digits - 1}e}" if small else f"{found:#.{digits}g}".rstrip(".")


def with_error(value: object, error: object) -> str:
    """Return "value +- error", both to the second digit of the error, or the value alone without an error."""
    found, spread = finite(value), finite(error)
    if found is None or spread is None or spread <= 0.0:
        return number(value)
    digits = 4
    if found != 0.0:
        # Digits that the error does not drown, within what is readable.
        digits = math.floor(math.log10(abs(found))) - math.floor(math.log10(spread)) + 2
    return f"{number(found, min(max(digits, 2), 6))} +- {number(spread, 2)}"


def aligned(rows: Iterable[Sequence[str]], left: int | None = None) -> str:
    """Return a table of cells, each column as wide as its widest cell, two spaces apart.

    left: number of the first columns that are aligned left, the others right; None: all.
    A row may have fewer cells than others: an empty one is an empty line.  No line ends in spaces.
    """
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    most = len(widths) if left is None else left
    lines = []
    for row in rows:
        cells = zip(row, widths, strict=False)
        padded = [c.ljust(width) if place < most else c.rjust(width) for place, (c, width) in enumerate(cells)]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def json_ready(value: object) -> object:
    """Return ``value`` as strict JSON can hold it.

    Arrays become lists, numbers of numpy and JAX those of Python, keys text, and NaN and infinities null.
    """
    if isinstance(value, Mapping):
        return {str(key): json_ready(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [json_ready(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def to_json(value: object) -> str:
    """Return the strict JSON text of `json_ready` of ``value``, indented by two spaces."""
    return json.dumps(json_ready(value), indent=2, allow_nan=False)
