"""Read a table in a CSV file into the columns that a config holds."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crmc.config.errors import wrong

#: Most rows of a table.
MOST_ROWS = 10_000

#: A name of a column, with a unit or without.
_HEADING = re.compile(r"\s*(\w+)\s*(?:\[([^\[\]]+)\])?\s*")


def in_place_of_file(data: Any, section: str, keys: Mapping[str, str], example: str) -> Any:
    """Return the data of a section with the columns of its ``file`` in its place: a config says all of itself.

    keys: heading -> key, that with a unit first; example: as for `read_columns`.
    """
    if not isinstance(data, dict) or not isinstance(data.get("file"), str):
        return data
    given = [name for name in keys.values() if data.get(name) is not None]
    if given:
        raise wrong(f"{section}.{given[0]}", "(a table)", f"is given beside {section}.file", "remove one of the two")
    lead, *others = keys
    try:
        columns = read_columns(Path(data["file"]), lead, example, tuple(others))
    except ValueError as error:
        rule, _, remedy = str(error).rpartition("; ")
        raise wrong(f"{section}.file", data["file"], rule, remedy) from None
    columns_by_key = {keys[name]: column for name, column in columns.items()}
    return {name: value for name, value in data.items() if name != "file"} | columns_by_key


def read_columns(path: Path, lead: str, example: str, others: tuple[str, ...]) -> dict[str, list[Any]]:
    """Return the columns of a CSV file with a line of headings: ``lead`` as texts with units, and some of ``others``.

    Headings are "lead [UNIT]" and names of ``others``, with a unit or without: these hold ratios.  Lines that begin
    with # are passed over.  Raises ValueError with rule and remedy.
    example: headings of ``lead`` with units, for messages.
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
    names, unit = _headings(rows[0][1] if rows else [], lead, example, others)
    found: dict[str, list[Any]] = {name: [] for name in names}
    for line, row in rows[1:]:
        if len(row) != len(names):
            raise ValueError(f"has {len(row)} columns in line {line}, not {len(names)}; complete it")
        for name, text in zip(names, row, strict=True):
            try:
                value = float(text)
            except ValueError:
                raise ValueError(f"has {text.strip()[:40]!r} in line {line}; write numbers") from None
            found[name].append(f"{value!r} {unit}" if name == lead else value)
    return found


def _headings(row: list[str], lead: str, example: str, others: tuple[str, ...]) -> tuple[list[str], str]:
    """Return the names of the columns and the unit of ``lead``; ValueError where there is none, or another name."""
    names, unit = [], ""
    for text in row:
        match = _HEADING.fullmatch(text)
        name = match[1].lower() if match else text.strip()
        if name not in (lead, *others):
            which = f"with some of {', '.join(others)}" if len(others) > 1 else f"with {others[0]}"
            raise ValueError(f"has a column {name[:40]!r}; head its columns with {example}, and {which}")
        if name in names:
            raise ValueError(f"has two columns {name!r}; keep one")
        assert match is not None
        names.append(name)
        unit = match[2].strip() if name == lead and match[2] else unit
    if lead not in names or not unit:
        raise ValueError(f"has no column {lead} with a unit; head it with {example} or the like")
    return names, unit
