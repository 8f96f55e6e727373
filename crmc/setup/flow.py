"""Turn the history of a flow in a config into the law that the tube follows."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from crmc.config.config import Config
from crmc.config.expansion import Expansion
from crmc.physics.flow import Flow, Linear, Sinusoid, Steady, Table
from crmc.theory.distribution import Real

#: Times at which the extremes of a flow are looked for, and most e-foldings of them that tables of momenta allow for.
_LOOKED, _MOST_FOLDINGS = 1025, 3.0


def flow_of(config: Config) -> Flow | None:
    """Return the flow of a config, () float64 [code] each; None in every other mode.

    Differentiable with respect to the numbers of the config, but for tables.
    """
    if config.expansion.mode != "flow":
        return None
    stop = config.expansion.stop
    end = math.inf if isinstance(stop, str) else stop / config.code_units.time
    history = _history(config.expansion, config.code_units.time)
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), Flow(history, end))


def _history(expansion: Expansion, unit: Real) -> Steady | Linear | Sinusoid | Table:
    """Return the law of the lengths.

    unit: code unit of time, () [s].
    """
    along, across = expansion.power_along, expansion.power_across
    if expansion.history == "rates":
        return Steady(expansion.rate_along * unit, expansion.rate_across * unit)
    if expansion.history == "table":
        return _table(expansion, unit)
    if expansion.history == "sinusoid":
        assert expansion.amplitude is not None and expansion.period is not None
        size = expansion.amplitude
        return Sinusoid(size * along, size * across, expansion.period / unit)
    assert expansion.timescale is not None
    time = expansion.timescale / unit
    return Steady(along / time, across / time) if expansion.history == "exponential" else Linear(along, across, time)


def _table(expansion: Expansion, unit: Real) -> Table:
    """Return the table of a config as cubics: monotone ones (Fritsch & Butland 1984), or lines.

    unit: code unit of time, () [s].
    """
    assert expansion.times is not None
    times = np.asarray(expansion.times)
    cubics = [_cubics(times, np.asarray(column), expansion.interpolation) for column in expansion.columns]
    # Powers of the time go from seconds to code units.
    powers = unit ** jnp.arange(3.0, -1.0, -1.0)[:, None]
    along, across = (jnp.asarray(cubic) * powers for cubic in cubics)
    return Table(jnp.asarray(times) / unit, along, across)


def _cubics(times: np.ndarray, values: np.ndarray, interpolation: str) -> np.ndarray:
    """Return coefficients of (t - node)^3, ^2, ^1 and ^0 between the rows of a column, (4, rows - 1)."""
    if interpolation == "linear":
        slopes = np.diff(values) / np.diff(times)
        return np.stack([np.zeros_like(slopes), np.zeros_like(slopes), slopes, values[:-1]])
    # scipy.interpolate takes a while to load, and commands that need no table do without it.
    from scipy.interpolate import PchipInterpolator

    return np.asarray(PchipInterpolator(times, values).c)


def momentum_range(flow: Flow, duration: Real) -> tuple[jax.Array, jax.Array]:
    """Return by how much scaled momenta P = p/(b l_par) fall below and rise above those at t = 0, () each, <= 1 <=.

    duration: of the run, () [code].
    """
    at = jax.vmap(flow.at)(jnp.linspace(0.0, 1.0, _LOOKED) * duration)
    changes = jnp.stack([1.0 / at.along(), jnp.sqrt(at.b)]) / at.resonance
    limit = math.exp(_MOST_FOLDINGS)
    return jnp.clip(jnp.min(changes), 1.0 / limit, 1.0), jnp.clip(jnp.max(changes), 1.0, limit)
