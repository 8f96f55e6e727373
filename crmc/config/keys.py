"""The keys of a config that hold numbers: which can be swept or differentiated by, their units, and their values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from crmc.config.config import Config
from crmc.config.errors import ConfigError, did_you_mean, show
from crmc.config.quantity import Quantity
from crmc.config.sections import Section
from crmc.text import one_line

#: damping.linear of every branch and bin on its own, (2 directions, 2 helicities, bins).
TABLE = "damping.linear[k]"
#: Keys whose value must not be 0, because the program is another one there or the derivative infinite.
_NOT_AT_ZERO = {"injection.pressure_rate", "damping.turbulent_dissipation"}
#: Numbers in a config that fix the steps, which all points share.
_NOT_SWEPT = {"run.scattering_per_step"}
#: Units of the plain numbers that have one.
_PLAIN_UNITS = {
    "cosmic_rays.drift_velocity": "v_A",
    "waves.k_min": "Omega0/c",
    "waves.k_max": "Omega0/c",
}


class Key(NamedTuple):
    """A key that holds a number.

    quantity: how its text is read (None: a plain number);  unit: of the number;  description: in words.
    """

    quantity: Quantity | None
    unit: str
    description: str

    def read(self, text: str) -> float:
        """Return the number that ``text`` stands for, in ``unit``; ValueError if there is none."""
        if self.quantity is not None:
            return float(self.quantity.parse(text))
        try:
            value = float(text)
        except ValueError:
            raise ValueError("must be a plain number") from None
        if not math.isfinite(value):
            raise ValueError("must be a finite number")
        return value

    def write(self, value: float) -> float | str:
        """Return ``value`` as a config file holds it."""
        return value if self.quantity is None else self.quantity.format(value)


def sweepable() -> dict[str, Key]:
    """Return the keys that change numbers only, neither shapes nor the compiled program, by name "section.key"."""
    found = {}
    for section, outer in Config.model_fields.items():
        kind = outer.annotation
        if not (isinstance(kind, type) and issubclass(kind, Section)):
            continue
        for name, field in kind.model_fields.items():
            key = f"{section}.{name}"
            if field.annotation not in (float, float | None) or key in _NOT_SWEPT:
                continue
            quantity = next((m for m in field.metadata if isinstance(m, Quantity)), None)
            unit = _PLAIN_UNITS.get(key, "1") if quantity is None else quantity.unit
            found[key] = Key(quantity, unit, field.description or key)
    return found


def number(key: Key, text: str, where: str) -> float:
    """Return the number that ``text`` stands for; ConfigError that begins with ``where`` if there is none."""
    try:
        return key.read(text.strip())
    except ValueError as error:
        raise ConfigError(f"{where}: {show(text.strip())} {error}") from None


def differentiable() -> dict[str, Key]:
    """Return every key that results can be differentiated by: those that can be swept, and TABLE."""
    keys = sweepable()
    linear = keys["damping.linear"]
    table = Key(linear.quantity, linear.unit, "the same for each direction, helicity and k")
    return keys | {TABLE: table}


def read_names(names: str, config: Config, option: str = "--wrt") -> list[str]:
    """Return the keys of an option's comma-separated list; ConfigError for one unknown, not set or given twice."""
    known, found = differentiable(), []
    for name in (part.strip() for part in names.split(",")):
        if name not in known:
            guess = did_you_mean(name[:60], known)
            guess = f", {guess}" if guess.startswith("did") else ""
            problem = f"results cannot be differentiated by it{guess}"
            raise ConfigError(f"{option} {one_line(name, 80)}: {problem}; use one of {', '.join(known)}")
        if name in found:
            raise ConfigError(f"{option} {name}: is given twice; give each key once")
        value = value_of(config, name)
        if value is None:
            raise ConfigError(f"{option} {name}: is not set in this config; set it or leave it out")
        if name in _NOT_AT_ZERO and value == 0.0:
            raise ConfigError(f"{option} {name} = 0: has no derivative where it is absent; give it a value with --set")
        found.append(name)
    return found


def value_of(config: Config, name: str) -> Any:
    """Return the value of a key, an array (2, 2, bins) for TABLE, or None where it is not set."""
    if name == TABLE:
        return np.full((2, 2, config.waves.bins), config.damping.linear)
    section, _, key = name.partition(".")
    return getattr(getattr(config, section), key)


def replaced(config: Config, numbers: Mapping[str, Any]) -> Config:
    """Return ``config`` with other numbers for some keys, traced ones too; nothing is checked."""
    plain = {name: value for name, value in numbers.items() if name != TABLE}
    if TABLE in numbers:
        change = numbers[TABLE] - config.damping.linear
        plain["damping.linear"] = plain.get("damping.linear", config.damping.linear) + change
    sections: dict[str, dict[str, Any]] = {}
    for name, value in plain.items():
        section, _, key = name.partition(".")
        sections.setdefault(section, {})[key] = value
    changed = {name: getattr(config, name).model_copy(update=values) for name, values in sections.items()}
    return config.model_copy(update=changed)
