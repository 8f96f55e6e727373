"""Prepare a result for its figures: the data, theory's numbers beside them, and the seed level of the waves."""

from __future__ import annotations

import json
import tomllib
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from crmc.config.config import parse_config
from crmc.config.errors import ConfigError
from crmc.results.dataset import ADVICE
from crmc.setup.predictions import predict


class Drawn(NamedTuple):
    """A result as its figures draw it.

    theory: predictions as `predict` returns them; empty where unknown.
    seed: seed level of the waves; None where unknown.
    time: of each row, (rows,) [s].
    """

    data: xr.Dataset
    theory: dict[str, Any]
    seed: float | None
    time: np.ndarray

    def get(self, name: str, dims: tuple[str, ...] = ("time",)) -> np.ndarray | None:
        """Return a variable with its axes in the order ``dims``; None where it is absent or nowhere finite.

        A variable of other dimensions counts as absent.
        """
        if name not in self.data or set(self.data[name].dims) != set(dims):
            return None
        values = np.asarray(self.data[name].transpose(*dims).values, float)
        return values if np.isfinite(values).any() else None

    def shown(self, name: str, dims: tuple[str, ...] = ("time",)) -> np.ndarray | None:
        """Return a variable as `get` does, and None also where it is zero throughout."""
        values = self.get(name, dims)
        return None if values is None or not np.nan_to_num(values).any() else values

    def predicted(self, name: str) -> float | None:
        """Return theory's value of ``name``; None where there is none, or where it is 0 or not finite."""
        entry = self.theory.get(name)
        value = entry.get("value") if isinstance(entry, dict) else None
        return float(value) if isinstance(value, (int, float)) and np.isfinite(value) and value else None


def drawn_from(data: xr.Dataset, name: str) -> Drawn:
    """Return a result as its figures draw it.

    name: of the result, with which messages begin.
    Raises ConfigError where ``data`` have no times.
    """
    if data.sizes.get("time", 0) == 0 or "time" not in data.coords:
        raise ConfigError(f"{name}: cannot be read as a result (it has no times); {ADVICE}")
    try:
        seed = float(tomllib.loads(str(data.attrs["config"]))["waves"]["seed_level"])
    except (KeyError, TypeError, ValueError):
        seed = None
    return Drawn(data, _theory(data.attrs), seed, np.asarray(data["time"].values, float))


def _theory(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the predictions in the summary, or those of the config where a run under way has no summary yet."""
    try:
        return dict(json.loads(str(attributes["summary"]))["theory"])
    except (KeyError, TypeError, ValueError):
        if "config" not in attributes:
            return {}
    try:
        return predict(parse_config(tomllib.loads(str(attributes["config"]))))
    except ValueError:  # a config of another version; ConfigError and TOMLDecodeError are ValueErrors
        return {}
