"""Derivatives of a run's averages with respect to the numbers of its config: the whole of ``crmc sensitivity``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from crmc.config.config import Config
from crmc.config.errors import ConfigError, did_you_mean
from crmc.config.keys import read_names, value_of
from crmc.inference import sensitivity_table
from crmc.inference.averages import QUANTITIES, averages_of
from crmc.inference.derivatives import Differentiation, Mode, Slopes, differentiate
from crmc.solvers.fokker_planck.solver import FOKKER_PLANCK
from crmc.solvers.monte_carlo.solver import MONTE_CARLO
from crmc.text import one_line


@dataclasses.dataclass(frozen=True, repr=False)
class Sensitivity:
    """Averages and their derivatives, from independent runs; printing it shows the table.

    program: the compiled program, which knows config, keys, averages and mode.
    slopes: what the replicas gave; its dictionaries are empty where none was ready.
    """

    program: Differentiation
    slopes: Slopes

    @property
    def replicas(self) -> int:
        """Number of replicas that are in it."""
        return next((values.shape[0] for values in self.slopes.values.values()), 0)

    @property
    def not_finite(self) -> str:
        """Name of an average, or of a derivative, that is not a finite number everywhere; empty without any."""
        for name, values in self.slopes.values.items():
            if not np.isfinite(values).all():
                return name
            for key, slopes in self.slopes.slopes[name].items():
                if not np.isfinite(slopes).all():
                    return f"d {name}/d {key}"
        return ""

    def as_dict(self) -> dict[str, Any]:
        """Return averages, derivatives and logarithmic derivatives with their standard errors and axes."""
        return sensitivity_table.as_dict(self.program, self.slopes)

    def __repr__(self) -> str:
        return sensitivity_table.text(self.program, self.slopes) if self.replicas else "crmc: no replica was ready"


def sensitivity(
    config: Config,
    of: Sequence[str],
    wrt: Sequence[str],
    *,
    mode: Mode = "forward",
    replicas: int = 8,
    solver: str = MONTE_CARLO.name,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[], None] = lambda: None,
) -> Sensitivity:
    """Differentiate the averages ``of`` the last half of a run by the keys ``wrt`` of its config.

    mode: "forward", "reverse" or "finite-difference", see `derivatives`.
    replicas: independent runs, whose scatter gives the standard errors; one for the solver on the mesh.
    stop: asked after every replica whether to make do with those that are ready; progress: called after each.
    Raises ConfigError for an unknown average, and for a key that cannot be differentiated by or is not set.
    """
    keys = read_names(",".join(wrt), config)
    for name in of:
        _require_average(name, config)
    if mode == "finite-difference":
        _refuse_zeros(keys, config)
    with jax.enable_x64(True):
        program = Differentiation(averages_of(config, of, solver), keys, mode)
        count = 1 if solver == FOKKER_PLANCK.name else replicas
        return Sensitivity(program, differentiate(program, count, stop=stop, progress=progress))


def _require_average(name: str, config: Config) -> None:
    if name not in QUANTITIES:
        guess = did_you_mean(name[:60], QUANTITIES)
        guess = f", {guess}" if guess.startswith("did") else ""
        raise ConfigError(f"--of {one_line(name, 80)}: no such average{guess}; use one of {', '.join(QUANTITIES)}")
    if name in ("wave_power", "damping_rate") and config.scattering.model != "spectrum":
        raise ConfigError(f'--of {name}: there are no waves with scattering.model = "constant"; leave it out')


def _refuse_zeros(keys: Sequence[str], config: Config) -> None:
    for key in keys:
        if np.any(np.asarray(value_of(config, key)) == 0.0):
            raise ConfigError(f"--wrt {key} = 0: a difference needs a size to go by; use --mode forward")
