"""Simulate how strongly cosmic rays are scattered, and how much they push and heat the gas (Zweibel 2020).

An expanding flux tube makes the pressure of cosmic rays anisotropic, a gradient makes them stream; both drive the
Alfven waves that scatter them.  A run in three lines::

    import crmc
    run = crmc.run(crmc.load_config("linear_damping", ["run.markers=2048"]))
    run.data.heating_rate.plot()

config:     `load_config`, `parse_config`, `Config`, `ConfigError`
theory:     `predict` (predictions for a config), `theory` (closed forms, numbered as in the paper), `units`
closure:    `closure` (what a fluid code can load: kappa, streaming and heating from local quantities)
runs:       `run`, `run_to_accuracy`, `sweep`, `open_result`, `plot`, `report`, `Outcome`
arrays:     `build`, `Setup`, `simulate`, `SOLVERS`
inference:  `sensitivity`, `fit`, `minimise`
wings:      `setup`, `physics`, `inference`, `results`, `machine`, `orbits`, `statistics` (names that experiments
            build on)

Every name is loaded at its first use, so that ``import crmc`` loads neither JAX nor xarray nor matplotlib.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crmc.config.config import Config, load_config, parse_config
    from crmc.config.errors import ConfigError
    from crmc.inference.fit import fit
    from crmc.inference.minimise import minimise
    from crmc.inference.sensitivity import sensitivity
    from crmc.results.figures import plot
    from crmc.results.report import report
    from crmc.runs.accuracy import run_to_accuracy
    from crmc.runs.outcome import Outcome, open_result
    from crmc.runs.run import run
    from crmc.runs.sweep import sweep
    from crmc.setup.build import build
    from crmc.setup.predictions import predict
    from crmc.setup.setup import Setup
    from crmc.solvers.registry import SOLVERS
    from crmc.solvers.simulate import simulate

#: Public name -> module that holds it; for type checkers the block above says so.
_HOMES = {
    "Config": "crmc.config.config",
    "ConfigError": "crmc.config.errors",
    "Outcome": "crmc.runs.outcome",
    "SOLVERS": "crmc.solvers.registry",
    "Setup": "crmc.setup.setup",
    "build": "crmc.setup.build",
    "fit": "crmc.inference.fit",
    "load_config": "crmc.config.config",
    "minimise": "crmc.inference.minimise",
    "open_result": "crmc.runs.outcome",
    "parse_config": "crmc.config.config",
    "plot": "crmc.results.figures",
    "predict": "crmc.setup.predictions",
    "report": "crmc.results.report",
    "run": "crmc.runs.run",
    "run_to_accuracy": "crmc.runs.accuracy",
    "sensitivity": "crmc.inference.sensitivity",
    "simulate": "crmc.solvers.simulate",
    "sweep": "crmc.runs.sweep",
}
#: Public subpackages and modules.
_WINGS = ("closure", "inference", "machine", "orbits", "physics", "results", "setup", "statistics", "theory", "units")

__all__ = [
    "SOLVERS",
    "Config",
    "ConfigError",
    "Outcome",
    "Setup",
    "build",
    "closure",
    "fit",
    "inference",
    "load_config",
    "machine",
    "minimise",
    "open_result",
    "orbits",
    "parse_config",
    "physics",
    "plot",
    "predict",
    "report",
    "results",
    "run",
    "run_to_accuracy",
    "sensitivity",
    "setup",
    "simulate",
    "statistics",
    "sweep",
    "theory",
    "units",
]


def __getattr__(name: str) -> Any:
    """Load a public name at its first use (PEP 562); AttributeError for any other name."""
    if name in _WINGS:
        if name == "closure":
            importlib.import_module("crmc.setup.cells")  # so that it takes configs
        return importlib.import_module(f"crmc.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'crmc' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return all names, also those that are not loaded yet."""
    return sorted({*globals(), *__all__})
