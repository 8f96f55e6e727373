"""Read the history of a flow from a CSV file into the columns that a config holds."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

#: Names of columns beside the time.
COLUMNS = ("scale", "field", "along", "across")
#: Most rows of a history.
MOST_ROWS = 10_000

#: A name of a column, with a unit or without.
_HEADING = re.compile(r"\s*(\w+)\s*(?:\[([^\[\]]+)\])?\s*")


def read_history(path: Path) -> dict[str, Any]:
    """Return the columns of a CSV file with a line of headings: "times", as texts with units, and some of `COLUMNS`.

    Headings are "time [UNIT]" and names of `COLUMNS`, with a unit or without: only ratios to the first row count.
    Lines that begin with # are passed over.  Raises ValueError with rule and remedy.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [(n, row) for n, row in enumerate(csv.reader(file), 1) if row and not row[0].startswith("#")]
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror}); give a CSV file, relative to the config") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"is not CSV text ({error}); save it as UTF-8 with commas") from None
    if len(rows) > MOST_ROWS + 1:
        raise ValueError(f"has more than {MOST_ROWS} rows; thin it out")
    names, unit = _headings(rows[0][1] if rows else [])
    found: dict[str, list[Any]] = {name: [] for name in names}
    for line, row in rows[1:]:
        if len(row) != len(names):
            raise ValueError(f"has {len(row)} columns in line {line}, not {len(names)}; complete it")
        for name, text in zip(names, row, strict=True):
            try:
                value = float(text)
            except ValueError:
                raise ValueError(f"has {text.strip()[:40]!r} in line {line}; write numbers") from None
            found[name].append(f"{value!r} {unit}" if name == "time" else value)
    return {"times" if name == "time" else name: values for name, values in found.items()}


def _headings(row: list[str]) -> tuple[list[str], str]:
    """Return the names of the columns and the unit of the time; ValueError where there is none, or another name."""
    names, unit = [], ""
    for text in row:
        match = _HEADING.fullmatch(text)
        name = match[1].lower() if match else text.strip()
        if name not in ("time", *COLUMNS):
            raise ValueError(
                f"has a column {name[:40]!r}; head its columns with time [s], and with some of {', '.join(COLUMNS)}"
            )
        if name in names:
            raise ValueError(f"has two columns {name!r}; keep one")
        assert match is not None
        names.append(name)
        unit = match[2].strip() if name == "time" and match[2] else unit
    if "time" not in names or not unit:
        raise ValueError("has no column of times with a unit; head it with time [s], time [Myr] or the like")
    return names, unit
