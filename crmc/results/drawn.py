"""Prepare a result for its figures: the data, theory's numbers and spectrum beside them, and the seed of the waves."""

from __future__ import annotations

import json
import tomllib
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr

from crmc.config.config import Config, parse_config
from crmc.config.errors import ConfigError
from crmc.machine.platforms import require_platform
from crmc.results.dataset import ADVICE
from crmc.setup.arrays import start_of
from crmc.setup.growth import growth_of
from crmc.setup.predictions import predict
from crmc.setup.shape import Shape, shape_of


class Drawn(NamedTuple):
    """A result as its figures draw it.

    theory: predictions as `predict` returns them; empty where unknown.
    seed: seed level of the waves; None where unknown.  k_max: upper end of the spectrum [Omega0/c]; likewise.
    time: of each row, (rows,) [s].
    balance: wave power at which growth balances damping at t = 0, (2, 2, bins); None where theory knows none.
    growth: growth rate of the waves by f at t = 0, (2, 2, bins) [1/s]; None where none grows, or where it is unknown.
    """

    data: xr.Dataset
    theory: dict[str, Any]
    seed: float | None
    time: np.ndarray
    balance: np.ndarray | None = None
    growth: np.ndarray | None = None
    k_max: float | None = None

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
    seed, k_max = (_of_waves(data, key) for key in ("seed_level", "k_max"))
    time, (balance, growth) = np.asarray(data["time"].values, float), _at_start(data)
    return Drawn(data, _theory(data.attrs), seed, time, balance, growth, k_max)


def _of_waves(data: xr.Dataset, key: str) -> float | None:
    """Return a number from the table [waves] of the config; None where there is none."""
    try:
        return float(tomllib.loads(str(data.attrs["config"]))["waves"][key])
    except (KeyError, TypeError, ValueError):
        return None


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


def _at_start(data: xr.Dataset) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return what `Drawn` calls balance and growth, None for what is unknown."""
    try:
        config = parse_config(tomllib.loads(str(data.attrs["config"])))
    except (KeyError, ValueError):  # ConfigError and TOMLDecodeError are ValueErrors
        return None, None
    shape = shape_of(config)
    if shape.model.scattering != "spectrum" or data.sizes.get("k") != config.waves.bins:
        return None, None
    try:
        require_platform()
    except ConfigError:  # where results are read, there may be nothing to run on
        return None, None
    return _balance(config, shape), _growth(config, np.asarray(data["k"].values, float))


def _balance(config: Config, shape: Shape) -> np.ndarray | None:
    """Return the wave power at which growth balances damping at t = 0, (2, 2, bins); None where there is none."""
    if not shape.predicts:
        return None
    with jax.enable_x64(True):
        start = start_of(config, shape)
        assert start.predicted is not None
        grid = start.parameters.grid
        return np.einsum("kj,dhj->dhk", grid.basis_centre, start.predicted)


def _growth(config: Config, k: np.ndarray) -> np.ndarray | None:
    """Return the growth rate of the waves by f at t = 0, (2, 2, bins) [1/s]; None where isotropic f lets none grow.

    k: wavenumber, (bins,) [Omega0/c].
    """
    rays = config.cosmic_rays
    if rays.start == "given" and rays.anisotropy == 0.0 and abs(rays.drift_velocity) <= 1.0:
        return None
    rate = growth_of(config, k).rate
    return rate if np.any(rate > 0.0) else None
