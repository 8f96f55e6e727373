"""One-line messages for bad input: the key, its value, the rule and a remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from crmc.text import one_line


class ConfigError(ValueError):
    """Bad input, described by ``str(error)`` in one printable line."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def show(value: object) -> str:
    """Return a value as a user would write it in TOML, shortened."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{one_line(value, 60)}"'
    if isinstance(value, dict):
        return "(a section)"
    try:
        return one_line(repr(value), 60)
    except (ValueError, RecursionError):  # an integer of thousands of digits, a very deep list
        return f"({type(value).__name__})"


#: "section.key = value:" at the beginning of a message, and "section.key (value)" further on.
_QUOTED = re.compile(r"^(?P<key>\w+\.\w+) = [^:]*(?=: )|(?P<other>\b\w+\.\w+) \([^()]*\)")


def as_written(message: str, data: Mapping[str, Any]) -> str:
    """Return a message about keys with their values as the user wrote them in ``data``, instead of in cgs.

    A key is quoted as "section.key = value:" at the beginning, or as "section.key (value)" further on.
    """

    def replace(match: re.Match[str]) -> str:
        section, _, name = (match["key"] or match["other"]).partition(".")
        table = data.get(section)
        value = table.get(name) if isinstance(table, Mapping) else None
        if not isinstance(value, str):  # what is no quantity is shown as it is
            return match[0]
        return f"{match['key']} = {show(value)}" if match["key"] else f"{match['other']} ({one_line(value, 60)})"

    return _QUOTED.sub(replace, message)


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return "did you mean X?" for the choice closest to ``word``, or the list of all choices."""
    choices = sorted(choices)
    close = difflib.get_close_matches(word.lower(), choices, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else f"use one of: {', '.join(choices)}"


def wrong(key: str, value: object, rule: str, remedy: str) -> ConfigError:
    """Return the error for ``key = value`` with the rule it breaks and the remedy."""
    return ConfigError(f"{key} = {show(value)}: {rule}; {remedy}")
