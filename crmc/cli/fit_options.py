"""Read the targets and the bounds of ``crmc fit`` from text, and check them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from crmc.config.config import Config
from crmc.config.errors import ConfigError, did_you_mean, show
from crmc.config.keys import TABLE, differentiable, number, read_names, value_of
from crmc.config.quantity import Quantity
from crmc.inference.averages import QUANTITIES
from crmc.inference.fit import default_bounds
from crmc.inference.targets import Target
from crmc.physics.waves import MOMENTA
from crmc.results.variables import unit_of
from crmc.text import one_line

#: Averages that are spectra; a target for one can be given in Python only.
_SPECTRA = ("wave_power", "damping_rate")
#: Averages that have one value per momentum of `waves.MOMENTA`.
_AT_MOMENTA = ("mean_free_path", "scattering_frequency")
_NAME = re.compile(r"(\w+)(?:\(p=([^)]*)\))?")
_FORM = "write NAME=value or NAME=value+-error with units, as in mean_free_path=1pc or mean_free_path(p=3)=2pc+-0.1pc"


def read_targets(texts: Sequence[str], config: Config) -> list[Target]:
    """Read the targets from ``--target`` texts; ConfigError for a bad one, or one given twice."""
    found: list[Target] = []
    for text in texts:
        target, where = _target(text), f"--target {one_line(text, 120)}"
        if any(target.quantity == other.quantity and np.any(target.places & other.places) for other in found):
            raise ConfigError(f"{where}: is given twice; give each average once")
        if target.quantity == "magnetic_field" and config.expansion.mode in ("none", "prescribed"):
            raise ConfigError(f"{where}: no number changes the field with this expansion.mode; leave it out")
        found.append(target)
    if not found:
        raise ConfigError(f"fit: has no target; {_FORM}")
    return found


def _target(text: str) -> Target:
    """Read one target, "NAME=value" or "NAME(p=P)=value+-error"."""
    where = f"--target {one_line(text, 120)}"
    name, equals, rest = text.partition("=") if "(" not in text else _split_after_bracket(text)
    match = _NAME.fullmatch(name.strip())
    if not equals or match is None:
        raise ConfigError(f"{where}: is not of the form NAME=value; {_FORM}")
    quantity, momentum = match[1], match[2]
    known = [name for name in QUANTITIES if name not in _SPECTRA]
    if quantity not in known:
        guess = did_you_mean(quantity[:60], known)
        guess = f", {guess}" if guess.startswith("did") else ""
        raise ConfigError(f"{where}: no such average{guess}; use one of {', '.join(known)}")
    place = _momentum(quantity, momentum, where)
    value, plus_minus, error = rest.partition("+-")
    shape = (len(MOMENTA),) if quantity in _AT_MOMENTA else ()
    values, errors = np.full(shape, np.nan), np.zeros(shape)
    values[place] = _read(quantity, value, where)
    if plus_minus:
        errors[place] = abs(_read(quantity, error, where))
    return Target(quantity, values, errors)


def _split_after_bracket(text: str) -> tuple[str, str, str]:
    """Split "name(p=3)=value" at its second "=", as ``str.partition`` does at the first."""
    name, bracket, rest = text.partition(")")
    before, equals, after = rest.partition("=")
    return name + bracket + before, equals, after


def _momentum(quantity: str, text: str | None, where: str) -> tuple[int, ...]:
    """Return the index of an average's entry at momentum ``text`` [m_p c]; () for an average without momenta."""
    if quantity not in _AT_MOMENTA:
        if text is not None:
            raise ConfigError(f"{where}: {quantity} has no momentum; leave (p={one_line(text, 20)}) out")
        return ()
    if text is None:
        return (0,)
    for place, p in enumerate(MOMENTA):
        if text.strip() == f"{p:g}":
            return (place,)
    choices = ", ".join(f"(p={p:g})" for p in MOMENTA)
    raise ConfigError(f"{where}: is known at {choices} only; use one of these [m_p c]")


def _read(quantity: str, text: str, where: str) -> float:
    """Return the value that ``text`` stands for, in the unit of the average ``quantity``."""
    unit = unit_of(quantity)
    try:
        if unit != "1":
            return float(Quantity(unit, f"1 {unit}", sign="non-zero").parse(text.strip()))
        value = float(text)
    except ValueError as error:
        reason = str(error) if unit != "1" else "must be a plain number"
        raise ConfigError(f"{where}: {show(text.strip())} {reason}") from None
    if not np.isfinite(value) or value == 0.0:
        raise ConfigError(f"{where}: must be finite and not 0; a fit compares ratios")
    return value


def read_free(names: str, given: Sequence[str], config: Config) -> dict[str, tuple[float, float]]:
    """Return key -> bounds of the keys in ``--free``.

    names: keys with commas between them.  given: ``--bounds`` texts, "key=lower:upper"; a key without has
    `fit.default_bounds`.
    Raises ConfigError for a key that cannot be fitted, and for bad bounds.
    """
    free = read_names(names, config, "--free")
    for name in free:
        if name == TABLE:
            raise ConfigError(f"--free {name}: is a table; free damping.linear, or fit the table in Python")
        value = value_of(config, name)
        if not value > 0.0:
            raise ConfigError(f"--free {name} = {value:g}: must start from a positive value, on a logarithmic scale")
    keys, bounds = differentiable(), {}
    for text in given:
        where = f"--bounds {one_line(text, 120)}"
        name, equals, rest = (part.strip() for part in text.partition("="))
        ends = rest.split(":")
        if not equals or len(ends) != 2:
            raise ConfigError(f"{where}: is not of the form key=lower:upper; give both with units")
        if name not in free:
            raise ConfigError(f"{where}: is not among --free {', '.join(free)}; free it or leave the bounds out")
        if name in bounds:
            raise ConfigError(f"{where}: is given twice; give each key once")
        bounds[name] = (number(keys[name], ends[0], where), number(keys[name], ends[1], where))
    return {name: bounds.get(name) or default_bounds(config, name) for name in free}
