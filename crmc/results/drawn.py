"""Hold what the figures draw: a result, theory beside it, and the seed level of the waves."""

from __future__ import annotations

import json
import tomllib
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from crmc.config.config import parse_config
from crmc.config.errors import ConfigError
from crmc.setup.predictions import predict

ADVICE = "give a result of 'crmc run'"


class Drawn(NamedTuple):
    """A result file: its data, theory's predictions, seed level of the waves (None: unknown), times."""

    data: xr.Dataset
    theory: dict[str, Any]
    seed: float | None
    time: np.ndarray

    def get(self, name: str, dims: tuple[str, ...] = ("time",)) -> np.ndarray | None:
        """Values of ``name``; None where it is absent, has other dimensions, or is nowhere finite."""
        if name not in self.data or set(self.data[name].dims) != set(dims):
            return None
        values = np.asarray(self.data[name].transpose(*dims).values, float)
        return values if np.isfinite(values).any() else None

    def shown(self, name: str, dims: tuple[str, ...] = ("time",)) -> np.ndarray | None:
        """Like ``get``, and None for a quantity that is zero throughout."""
        values = self.get(name, dims)
        return None if values is None or not np.nan_to_num(values).any() else values

    def predicted(self, name: str) -> float | None:
        """Theory's value of ``name``; None where theory is silent or says 0."""
        entry = self.theory.get(name)
        value = entry.get("value") if isinstance(entry, dict) else None
        return float(value) if isinstance(value, (int, float)) and np.isfinite(value) and value else None


def drawn_from(data: xr.Dataset, name: str) -> Drawn:
    """Return what the figures draw of ``data``; ConfigError, which begins with ``name``, where it has no times."""
    if data.sizes.get("time", 0) == 0 or "time" not in data.coords:
        raise ConfigError(f"{name}: cannot be read as a result (it has no times); {ADVICE}")
    try:
        seed = float(tomllib.loads(str(data.attrs["config"]))["waves"]["seed_level"])
    except (KeyError, TypeError, ValueError):
        seed = None
    return Drawn(data, _theory(data.attrs), seed, np.asarray(data["time"].values, float))


def _theory(attributes: dict[str, Any]) -> dict[str, Any]:
    """Predictions stored in the summary; computed from the config in a file of a run under way."""
    try:
        return dict(json.loads(str(attributes["summary"]))["theory"])
    except (KeyError, TypeError, ValueError):
        if "config" not in attributes:
            return {}
    try:
        return predict(parse_config(tomllib.loads(str(attributes["config"]))))
    except ValueError:  # of another version; ConfigError and TOMLDecodeError are ValueErrors
        return {}
