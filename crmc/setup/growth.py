"""Predict how fast the waves of each branch grow by the f that a run starts from."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.config.config import Config
from crmc.physics.equilibrium import harmonic_growth_at, steady_growth_at
from crmc.physics.initial import Harmonics
from crmc.physics.parameters import Model, Parameters
from crmc.setup.arrays import start_of
from crmc.setup.shape import shape_of

#: Wavenumbers of a table, and those among which the fastest growth is looked for.
_SHOWN, _LOOKED = 9, 512


class Growth(NamedTuple):
    """Growth of the waves by f at t = 0, without their damping by the gas.

    k: wavenumber, (K,) [Omega0/c]; rate: amplitude growth rate of each direction and helicity, (2, 2, K) [s-1];
    damping: amplitude damping rate by the mechanisms that do not depend on the waves, (K,) [s-1].
    """

    k: np.ndarray
    rate: np.ndarray
    damping: np.ndarray

    @property
    def fastest(self) -> tuple[int, int, int]:
        """Indices of direction, helicity and k at which growth is fastest, damping subtracted."""
        d, h, k = np.unravel_index(int(np.argmax(self.rate - self.damping)), self.rate.shape)
        return int(d), int(h), int(k)


def growth_of(config: Config, k: np.ndarray) -> Growth:
    """Return the growth of waves at given k by the f that a run of ``config`` starts from (eq. 13), any speed.

    f is that of cosmic_rays.anisotropy and drift_velocity, or the steady one of cosmic_rays.start = equilibrium; drives
    change it later.  The precision of JAX where it is called does not matter.
    k: wavenumber, (K,) [Omega0/c].
    """
    with jax.enable_x64(True):
        shape = shape_of(config)
        start = start_of(config, shape)
        given = start.departure if isinstance(start.departure, Harmonics) else (start.tau_B, start.e)
        found = _rates(start.parameters, start.amplitude, given, shape.model, jnp.asarray(k, jnp.float64))
        unit = config.code_units.gyrofrequency
        return Growth(np.asarray(k), *(np.asarray(rate) * unit for rate in found))


@partial(jax.jit, static_argnames="model")
def _rates(
    parameters: Parameters, amplitude: jax.Array, given: Harmonics | tuple, model: Model, k: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return the growth rate of each branch, (2, 2, K), and the linear damping rate, (K,) [code].

    given: what f departs from F0 by, or tau_B and the waves that keep it steady; k: wavenumber, (K,) [code].
    """
    if isinstance(given, Harmonics):
        rate = harmonic_growth_at(parameters, amplitude, given, 1.0 / k)
    else:
        rate = steady_growth_at(parameters, amplitude, model, *given, 1.0 / k)
    return rate, jnp.broadcast_to(parameters.damping.linear_rate(k), k.shape)


def growth_table(config: Config) -> dict[str, dict[str, Any]]:
    """Return the growth of the waves at a handful of k and where it is fastest: entries as those of `predict`.

    "growth_rate" has values for each direction, helicity and k, (2, 2, K), and "fastest_growth_k" is there where a wave
    grows; the table is empty where no waves scatter.
    """
    if config.scattering.model != "spectrum":
        return {}
    waves = config.waves
    both = growth_of(config, np.concatenate([np.geomspace(waves.k_min, waves.k_max, n) for n in (_SHOWN, _LOOKED)]))
    shown, looked = (Growth(*(x[..., part] for x in both)) for part in (slice(_SHOWN), slice(_SHOWN, None)))
    d, h, place = looked.fastest
    most = float(looked.rate[d, h, place] - looked.damping[place])
    branch = f"direction {(1, -1)[d]:+d}, helicity {(1, -1)[h]:+d}" if most > 0.0 else "no wave grows"
    found: dict[str, dict[str, Any]] = {
        "growth_rate": {
            "value": shown.rate.tolist(),
            "unit": "s-1",
            "description": "amplitude growth rate by f at t = 0, without damping, by direction, helicity and k",
            "source": "eq. 13",
            "direction": [1, -1],
            "helicity": [1, -1],
            "k": shown.k.tolist(),
            "damping_rate": shown.damping.tolist(),
        },
        "fastest_growth": {
            "value": most,
            "unit": "s-1",
            "description": f"largest growth rate at t = 0 less linear damping: {branch}",
            "source": "eq. 13",
        },
    }
    if most > 0.0:
        found["fastest_growth_k"] = {
            "value": float(looked.k[place]),
            "unit": "Omega0/c",
            "description": "wavenumber at which waves grow fastest at t = 0",
            "source": "eq. 13",
        }
    return found
