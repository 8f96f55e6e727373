"""Summarise a result: averages over its last half, with theory's numbers beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from crmc.physics.waves import MOMENTA
from crmc.setup.predictions import predict
from crmc.setup.setup import Setup
from crmc.statistics import mean_and_error


def averages(data: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Return means over the last half of a run: name -> {"value", "stderr", "unit"}.

    Residuals and imbalance are largest absolute values of the whole run instead.  A mean that is not finite is absent.
    """
    half = data.isel(time=data.time.values > 0.5 * float(data.time[-1]))
    found: dict[str, dict[str, Any]] = {}

    def add(name: str, values: np.ndarray, unit: str) -> None:
        value, error = mean_and_error(np.asarray(values, float))
        if np.isfinite(value):
            found[name] = {"value": value, "stderr": error if np.isfinite(error) else None, "unit": unit}

    for name in ("heating_rate", "spectral_heating_rate", "pressure_anisotropy", "gap_pressure_anisotropy"):
        add(name, half[name].values, data[name].attrs["units"])
    for name in ("gas_heating_rate", "drift_velocity"):
        add(name, half[name].values, data[name].attrs["units"])
    _add_identity(found, half)
    for place, p in enumerate(MOMENTA):
        add(f"scattering_frequency_p{p:g}", half["scattering_frequency"].values[:, place], "s-1")
        add(f"mean_free_path_p{p:g}", half["mean_free_path"].values[:, place], "pc")
    for name in ("energy_residual", "number_residual", "energy_imbalance"):
        values = np.abs(data[name].values)
        if np.isfinite(values).any():
            found[name] = {"value": float(np.nanmax(values)), "stderr": None, "unit": "1"}
    return found


def _add_identity(found: dict[str, dict[str, Any]], half: xr.Dataset) -> None:
    """Add the ratio of the means of both heating rates, and its difference from 1."""
    # The errors of both count as independent.
    kicks, kicks_error = mean_and_error(half["heating_rate"].values)
    spectral, spectral_error = mean_and_error(half["spectral_heating_rate"].values)
    if not np.isfinite(spectral) or kicks == 0.0:
        return
    ratio = spectral / kicks
    error = abs(ratio) * np.hypot(kicks_error / kicks, spectral_error / spectral)
    error = None if not np.isfinite(error) else error
    found["identity_ratio"] = {"value": float(ratio), "stderr": error, "unit": "1"}
    found["identity_residual"] = {"value": float(ratio - 1.0), "stderr": error, "unit": "1"}


def summarise(setup: Setup, data: xr.Dataset, status: Mapping[str, Any]) -> dict[str, Any]:
    """Return the summary of a run: its status and size, averages of its last half, and theory's numbers.

    status: status, number of steps and speed, which enter the summary as they are.
    """
    return {
        "name": setup.config.name,
        **status,
        "solver": setup.solver,
        "precision": str(setup.state.markers.rise.dtype),
        "markers" if setup.solver == "monte-carlo" else "cells": setup.state.markers.rise.size,
        "time_step_s": setup.time_step,
        "max_scattering_per_step": float(np.nanmax(data["max_scattering_per_step"].values, initial=0.0)),
        "averages": averages(data) if data.sizes["time"] > 1 else {},
        "theory": predict(setup.config),
    }
