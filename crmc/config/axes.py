"""The axes of a sweep, read and checked from ``key=start:stop:n``, and its points, the outer product of the axes."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from crmc.config.config import Config, parse_config
from crmc.config.errors import ConfigError, did_you_mean, show
from crmc.config.files import apply_overrides
from crmc.config.keys import Key, number, sweepable
from crmc.text import one_line

_MOST_POINTS = 100_000
_FORM = "write key=start:stop:n, key=start:stop:n:log or key=a,b,c"


class Axis(NamedTuple):
    """One dimension of a sweep and the values of its key.

    dimension: its name in the result;  key: the config's key;  values: numbers, (points,) [unit];  entries: the values
    as a config file holds them;  unit: of the values;  description: of the key.
    """

    dimension: str
    key: str
    values: np.ndarray
    entries: tuple[Any, ...]
    unit: str
    description: str

    def label(self, place: int) -> str:
        """Return "key = value unit" of the value at ``place``."""
        unit = "" if self.unit == "1" else f" {self.unit}"
        return f"{self.dimension} = {self.values[place]:.6g}{unit}"


class Point(NamedTuple):
    """One run of a sweep: its place along each axis, its checked config and its name in messages."""

    place: tuple[int, ...]
    config: Config
    label: str


def read_axes(specifications: Sequence[str], seeds: int | None, data: Mapping[str, Any]) -> list[Axis]:
    """Return the axes of ``--over`` texts and of seeds; ConfigError if one is bad.

    specifications: texts "key=start:stop:n", "key=start:stop:n:log" or "key=a,b,c".
    seeds: number of seeds, counted from the run.seed of the config's ``data``; None for no axis of seeds.
    """
    axes = [_axis(text) for text in specifications]
    for axis in axes:
        if sum(axis.key == other.key for other in axes) > 1:
            raise ConfigError(f"--over {axis.key}: is given twice; give each key once")
    if seeds is not None:
        if seeds < 1:
            raise ConfigError(f"--seeds {seeds}: must be at least 1; give the number of seeds")
        axes.append(_seed_axis(seeds, data))
    if not axes:
        raise ConfigError("sweep: nothing to sweep over; give --over key=start:stop:n or --seeds n")
    count = math.prod(len(axis.entries) for axis in axes)
    if count > _MOST_POINTS:
        raise ConfigError(f"sweep: {count} points are more than {_MOST_POINTS}; use fewer values")
    return axes


def swept_values(axes: Sequence[Axis]) -> str:
    """Return the values of the swept keys as JSON."""
    return json.dumps({axis.key: [float(x) for x in axis.values] for axis in axes})


def _seed_axis(seeds: int, data: Mapping[str, Any]) -> Axis:
    """Return the axis of ``seeds`` seeds, counted from the run.seed of ``data``."""
    section = data.get("run")
    first = section.get("seed", 0) if isinstance(section, Mapping) else 0
    if isinstance(first, bool) or not isinstance(first, int):
        raise ConfigError(f"run.seed = {show(first)}: must be a whole number to count --seeds from; change it")
    values = range(first, first + seeds)
    return Axis("seed", "run.seed", np.array(values), tuple(values), "1", "seed of the random numbers")


def _axis(text: str) -> Axis:
    """Return the axis of one ``--over`` text."""
    name, equals, rest = text.partition("=")
    name, where = name.strip(), f"--over {one_line(text, 120)}"
    if not equals or not rest.strip():
        raise ConfigError(f"{where}: has no values; {_FORM}")
    key = _find(name)
    values = _listed(key, rest, where) if ":" not in rest else _spaced(key, rest, where)
    if len(np.unique(values)) < len(values):
        raise ConfigError(f"{where}: gives the same value twice; give different ones")
    return Axis(name, name, values, tuple(key.write(float(x)) for x in values), key.unit, key.description)


def _find(name: str) -> Key:
    """Return the key called ``name``; ConfigError that says why it cannot be swept."""
    keys = sweepable()
    if name in keys:
        return keys[name]
    section, _, key = name.partition(".")
    field = Config.model_fields.get(section)
    known = field is not None and key in getattr(field.annotation, "model_fields", {})
    if name == "run.seed":
        problem = "is swept with --seeds n"
    elif known:
        problem = "changes what is compiled or the steps that all points share, and cannot be swept"
    else:
        guess = did_you_mean(name[:60], keys)
        problem = "there is no such key" + (f", {guess}" if guess.startswith("did") else "")
    raise ConfigError(f"--over {one_line(name, 80)}: {problem}; {_listing(keys)}")


def _listing(keys: Mapping[str, Key]) -> str:
    """List the keys that can be swept, by section."""
    sections: dict[str, list[str]] = {}
    for key in keys:
        section, _, name = key.partition(".")
        sections.setdefault(section, []).append(name)
    return "what can be swept: " + "; ".join(f"{section}: {', '.join(names)}" for section, names in sections.items())


def _listed(key: Key, rest: str, where: str) -> np.ndarray:
    """Return the numbers of "a,b,c"."""
    return np.array([number(key, text, where) for text in rest.split(",")])


def _spaced(key: Key, rest: str, where: str) -> np.ndarray:
    """Return the numbers of "start:stop:n" or "start:stop:n:log"."""
    parts = [part.strip() for part in rest.split(":")]
    if len(parts) not in (3, 4) or parts[3:] not in ([], ["log"]):
        raise ConfigError(f"{where}: is not of the form start:stop:n or start:stop:n:log; {_FORM}")
    start, stop = (number(key, part, where) for part in parts[:2])
    if not (parts[2].isascii() and parts[2].isdigit()) or not 2 <= int(parts[2][:9]) <= _MOST_POINTS:
        raise ConfigError(f"{where}: n = {one_line(parts[2], 40)} must be a whole number from 2 to {_MOST_POINTS}")
    count = int(parts[2])
    if len(parts) == 3:
        return np.linspace(start, stop, count)
    if min(start, stop) <= 0.0 <= max(start, stop):
        raise ConfigError(f"{where}: start and stop of log must have one sign and not be zero; leave :log out")
    return np.geomspace(start, stop, count)


def make_points(data: Mapping[str, Any], axes: Sequence[Axis]) -> list[Point]:
    """Return the outer product of ``axes`` over a config's ``data``, last axis fastest.

    Every point's config is checked; ConfigError names the first bad point.
    """
    found = []
    for place in itertools.product(*(range(len(axis.entries)) for axis in axes)):
        label = ", ".join(axis.label(i) for axis, i in zip(axes, place, strict=True))
        entries = {axis.key: axis.entries[i] for axis, i in zip(axes, place, strict=True)}
        try:
            found.append(Point(place, parse_config(apply_overrides(dict(data), entries)), label))
        except ConfigError as error:
            raise ConfigError(f"sweep point {len(found) + 1} ({label}): {error}") from None
    return found
