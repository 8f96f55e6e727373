"""Differentiate the averages of a run by numbers of its config, as ``crmc sensitivity`` does, in one call."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from crmc.config.config import Config
from crmc.config.errors import ConfigError, did_you_mean, show
from crmc.config.keys import read_names, value_of
from crmc.inference import sensitivity_table
from crmc.inference.averages import QUANTITIES, averages_of
from crmc.inference.derivatives import MODES, Differentiation, Mode, ReplicaSlopes, Slopes, differentiate
from crmc.solvers.monte_carlo.solver import MONTE_CARLO
from crmc.text import one_line


@dataclasses.dataclass(frozen=True, repr=False)
class Sensitivity:
    """Averages of independent runs and their derivatives; it prints as a table.

    program: the compiled program, which holds config, averages, keys and mode.
    slopes: averages and derivatives of each replica; empty where none was ready.
    """

    program: Differentiation
    slopes: Slopes

    @property
    def replicas(self) -> int:
        """Number of replicas that were ready."""
        return self.slopes.replicas

    @property
    def not_finite(self) -> str:
        """Name of the first average or derivative that is not finite in some replica; empty if all are finite."""
        for name, values in self.slopes.values.items():
            if not np.isfinite(values).all():
                return name
            for key, slopes in self.slopes.slopes[name].items():
                if not np.isfinite(slopes).all():
                    return f"d {name}/d {key}"
        return ""

    def as_dict(self) -> dict[str, Any]:
        """Return averages, derivatives and logarithmic derivatives with standard errors, units and axes, for JSON."""
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
    ready: dict[int, ReplicaSlopes] | None = None,
) -> Sensitivity:
    """Differentiate averages over the last half of a run by numbers of its config.

    of: names of the averages, of `averages.QUANTITIES`.
    wrt: names of the keys, "section.key", whose numbers to differentiate by.
    mode: "forward", "reverse" or "finite-difference", explained in `derivatives`.
    replicas: number of independent runs, whose scatter gives the standard errors; the solver on the mesh takes one.
    solver: a name in `registry.SOLVERS`.
    stop: called before a replica is begun; where it returns True, the result is that of the replicas begun before.
    progress: called after every replica.
    ready: replicas that are there already, by number, as an earlier call with the same arguments left them here; those
        that become ready are added.
    Raises ConfigError for no or an unknown average, an unknown mode or solver, and for a key that cannot be
    differentiated by or is not set.
    """
    keys = read_names(",".join(wrt), config)
    if not of:
        raise ConfigError(f"--of: names no average; use one or more of {', '.join(QUANTITIES)}")
    if mode not in MODES:
        raise ConfigError(f"--mode {show(mode)}: there is no such mode; {did_you_mean(mode, MODES)}")
    for name in of:
        _require_average(name, config)
    if mode == "finite-difference":
        _refuse_zeros(keys, config)
    with jax.enable_x64(True):
        program = Differentiation(averages_of(config, of, solver), keys, mode)
        count = program.averages.runs(replicas)
        return Sensitivity(program, differentiate(program, count, stop=stop, progress=progress, ready=ready))


def _require_average(name: str, config: Config) -> None:
    """Raise ConfigError unless a run of ``config`` has the average ``name``."""
    if name not in QUANTITIES:
        guess = did_you_mean(name[:60], QUANTITIES)
        guess = f", {guess}" if guess.startswith("did") else ""
        raise ConfigError(f"--of {one_line(name, 80)}: no such average{guess}; use one of {', '.join(QUANTITIES)}")
    if name in ("wave_power", "damping_rate") and config.scattering.model != "spectrum":
        raise ConfigError(f'--of {name}: there are no waves with scattering.model = "constant"; leave it out')


def _refuse_zeros(keys: Sequence[str], config: Config) -> None:
    """Raise ConfigError for a number that is 0: relative differences need a size."""
    for key in keys:
        if np.any(np.asarray(value_of(config, key)) == 0.0):
            raise ConfigError(f"--wrt {key} = 0: a difference needs a size to go by; use --mode forward")
