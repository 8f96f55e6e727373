"""Read and check the options of ``crmc bench``."""

from __future__ import annotations

import math

from crmc.bench.worker import REFERENCES
from crmc.config.errors import ConfigError, show

#: As in run.markers.
_FEWEST_MARKERS, _MOST_MARKERS, _MOST = 64, 10**10, 10**6


def whole(option: str, text: str, fewest: int = 1, most: int = _MOST) -> int:
    """Return the whole number that ``text`` stands for, 1e6 included; raises ConfigError if it is none in the range."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (value.is_integer() and fewest <= value <= most):
        raise ConfigError(f"{option} {show(text)}: must be a whole number from {fewest} to {most}; for example 100")
    return int(value)


def sizes(text: str) -> list[int]:
    """Return numbers of markers from a list separated by commas; raises ConfigError if one is bad."""
    return [whole("--markers", part, _FEWEST_MARKERS, _MOST_MARKERS) for part in text.split(",")]


def names(text: str) -> list[str]:
    """Return names of references from a list separated by commas; no names for "none".

    Raises ConfigError for an unknown name.
    """
    if text.strip() == "none":
        return []
    found = [part.strip() for part in text.split(",")]
    for name in found:
        if name not in REFERENCES:
            raise ConfigError(f"--against {show(name)}: no such reference; use {', '.join(REFERENCES)}, or none")
    return list(dict.fromkeys(found))
