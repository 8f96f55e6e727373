"""A run of seconds for derivatives of its averages, and made-up replicas of it."""

from __future__ import annotations

import numpy as np
from support.run_cases import small

from crmc.config.config import Config
from crmc.config.keys import value_of
from crmc.inference.averages import Averages
from crmc.inference.derivatives import Slopes

#: Axes of the averages that have any.
_SHAPES = {"mean_free_path": (3,), "scattering_frequency": (3,), "wave_power": (2, 2, 8), "damping_rate": (2, 2, 8)}


def quiet_waves(markers: int = 2048) -> Config:
    """100 steps in 10 rows; the seed is high enough for noise not to drive the counter-moving waves."""
    return small(run__markers=markers, run__output_interval="2e8 s", waves__seed_level=1e-11)


class Program:
    """Stands in for a compiled program: what a table, or a comparison, reads of one."""

    def __init__(self, averages: Averages, keys: tuple[str, ...], mode: str = "forward"):
        self.averages, self.keys, self.mode = averages, keys, mode


def made_up(program: Program, replicas: int, seed: int = 0) -> Slopes:
    """Averages X of 1 to 2 with a scatter of 1 %, and dX/da = X/a but for 10 %; waves that move down are negligible."""
    generator = np.random.default_rng(seed)
    values, slopes = {}, {}
    for name in program.averages.quantities:
        shape = _SHAPES.get(name, ())
        mean = generator.uniform(1.0, 2.0, shape)
        if len(shape) == 3:
            mean[1] *= 1e-6
        values[name] = mean * (1.0 + 0.01 * generator.standard_normal((replicas, *shape)))
        slopes[name] = {}
        for key in program.keys:
            number = np.asarray(value_of(program.averages.config, key))
            noise = 1.0 + 0.1 * generator.standard_normal((replicas, *shape, *number.shape))
            whole = values[name].reshape(*values[name].shape, *[1] * number.ndim)
            slopes[name][key] = whole * noise / np.where(number == 0.0, 1.0, number)
    return Slopes(values, slopes)
