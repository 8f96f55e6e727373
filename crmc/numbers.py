"""The numbers of a config that results can be differentiated by, and a config with others in their place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from crmc.config import Config
from crmc.config_errors import ConfigError, did_you_mean
from crmc.sweep_axes import Key, sweepable
from crmc.text import one_line

#: damping.linear of every branch and bin on its own, (2 directions, 2 helicities, bins).
TABLE = "damping.linear[k]"
#: Keys whose value must not be 0, because the program is another one there or the derivative infinite.
_NOT_AT_ZERO = {"injection.pressure_rate", "damping.turbulent_dissipation"}


def differentiable() -> dict[str, Key]:
    """Every key that results can be differentiated by, with its unit and description."""
    keys = sweepable()
    linear = keys["damping.linear"]
    table = Key(linear.quantity, linear.unit, "the same for each direction, helicity and k")
    return keys | {TABLE: table}


def read_names(names: str, config: Config, option: str = "--wrt") -> list[str]:
    """The keys of an option's comma-separated list; ConfigError for one that is unknown, not set, or given twice."""
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
    """Value of a key; None where it is not set."""
    if name == TABLE:
        return np.full((2, 2, config.waves.bins), config.damping.linear)
    section, _, key = name.partition(".")
    return getattr(getattr(config, section), key)


def replaced(config: Config, numbers: Mapping[str, Any]) -> Config:
    """``config`` with ``numbers`` (traced ones, too) in the places of its own; nothing is checked."""
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
