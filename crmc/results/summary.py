"""Summarise a run: its status and size, averages over its last half, with theory's numbers beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from crmc.results.averages import Records, averages
from crmc.setup.predictions import predict
from crmc.setup.setup import Setup
from crmc.solvers.monte_carlo.solver import MONTE_CARLO


def summarise(setup: Setup, records: Records, status: Mapping[str, Any]) -> dict[str, Any]:
    """Return the summary of a run: its status and size, averages of its last half, and theory's numbers.

    status: status, number of steps and speed, which enter the summary as they are.
    """
    size: dict[str, Any] = {"cells": setup.state.markers.rise.size}
    if setup.solver == MONTE_CARLO.name:
        size = {"markers": setup.config.run.markers, "replicas": setup.config.run.replica_count}
    return {
        "name": setup.config.name,
        **status,
        "solver": setup.solver,
        "precision": str(setup.state.markers.rise.dtype),
        **size,
        "time_step_s": setup.time_step,
        "max_scattering_per_step": float(np.nanmax(records.values["max_scattering_per_step"], initial=0.0)),
        "averages": averages(records),
        "theory": predict(setup.config),
    }
