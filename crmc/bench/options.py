"""Options of `crmc bench`."""

from __future__ import annotations

import math

from crmc.bench.worker import REFERENCES
from crmc.config.errors import ConfigError, show

#: As in run.markers.
_FEWEST_MARKERS, _MOST_MARKERS, _MOST = 64, 10**10, 10**6


def whole(option: str, text: str, fewest: int = 1, most: int = _MOST) -> int:
    """A whole number, also as 1e6."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (value.is_integer() and fewest <= value <= most):
        raise ConfigError(f"{option} {show(text)}: must be a whole number from {fewest} to {most}; for example 100")
    return int(value)


def sizes(text: str) -> list[int]:
    """Numbers of markers, by comma."""
    return [whole("--markers", part, _FEWEST_MARKERS, _MOST_MARKERS) for part in text.split(",")]


def names(text: str) -> list[str]:
    """Names of references, by comma; none for "none"."""
    if text.strip() == "none":
        return []
    found = [part.strip() for part in text.split(",")]
    for name in found:
        if name not in REFERENCES:
            raise ConfigError(f"--against {show(name)}: no such reference; use {', '.join(REFERENCES)}, or none")
    return list(dict.fromkeys(found))
