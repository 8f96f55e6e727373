"""Coarse-graining of the weights: w replaced by V times a smooth local fit of f - F0.

The spread of w among markers at one place grows with time while f does not.  Cells in (ln p, place between gap
and p', sign of p_par), with the gap in cells of its own, hold a least-squares plane in ln p and p_par/p.  Each
fit conserves number, sum w ln p and sum w p_par/p of its cell; a last smooth correction restores
energy and both pressures of the ensemble to round-off.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from crmc.parameters import Model, Parameters
from crmc.reductions import moment_functions
from crmc.state import State

_ROWS, _PLACES = 32, 16
#: Cells with fewer markers keep their weights.
_FEWEST = 6


def coarse_grain(state: State, parameters: Parameters, model: Model) -> State:
    """State with smoothed weights; number, energy, P_par and P_perp are unchanged."""
    m = state.markers
    old = m.control_weight(parameters.background, state.amplitude).astype(jnp.float64)
    volume = m.volume.astype(jnp.float64)
    cell, features = _cells(state, parameters)
    count = _ROWS * 2 * (_PLACES + 1)
    moment = jnp.zeros((count, 3, 3)).at[cell].add(volume[:, None, None] * features[:, :, None] * features[:, None, :])
    target = jnp.zeros((count, 3)).at[cell].add(old[:, None] * features)
    members = jnp.zeros(count).at[cell].add(1.0)
    plane = _solve(moment, target)
    fitted = volume * jnp.sum(features * plane[cell], axis=-1)
    new = jnp.where(members[cell] >= _FEWEST, fitted, old)
    new = _restore_moments(state, parameters, old, new, volume)
    excess = m.excess + (new - old).astype(m.excess.dtype)
    return dataclasses.replace(state, markers=dataclasses.replace(m, excess=excess))


def _cells(state: State, parameters: Parameters) -> tuple[jax.Array, jax.Array]:
    """Cell index and the features (1, ln p - row centre, p_par/p) of every marker, float64."""
    grid, m = parameters.grid, state.markers
    p = m.momentum(state.b).astype(jnp.float64)
    q = jnp.abs(m.parallel_momentum).astype(jnp.float64)
    log_y = jnp.log(p) - jnp.log(state.b) / 3.0
    low, high = jnp.log(parameters.background.momentum_min), jnp.log(parameters.background.momentum_max)
    position = (log_y - low) / (high - low) * _ROWS
    row = jnp.clip(position.astype(jnp.int32), 0, _ROWS - 1)
    gap = grid.x_gap * state.b
    top = jnp.maximum(jnp.minimum(p, grid.x_top * state.b), gap * (1.0 + 1e-12))
    s = jnp.clip((q - gap) / (top - gap), 0.0, 1.0)
    t = (2.0 / jnp.pi) * jnp.arcsin(jnp.sqrt(s))
    place = jnp.where(q <= gap, _PLACES, jnp.minimum((t * _PLACES).astype(jnp.int32), _PLACES - 1))
    side = (m.parallel_momentum < 0.0).astype(jnp.int32)
    offset = position - row - 0.5
    features = jnp.stack([jnp.ones_like(p), offset, m.parallel_momentum / p], axis=-1)
    return (row * 2 + side) * (_PLACES + 1) + place, features


def _solve(moment: jax.Array, target: jax.Array) -> jax.Array:
    """Planes of all cells; a ridge of 1e-12 keeps degenerate cells finite."""
    scale = jnp.trace(moment, axis1=1, axis2=2)[:, None, None] / 3.0
    ridge = jnp.where(scale > 0.0, 1e-12 * scale, 1.0) * jnp.eye(3)
    return jnp.linalg.solve(moment + ridge, target[..., None])[..., 0]


def _restore_moments(
    state: State, parameters: Parameters, old: jax.Array, new: jax.Array, volume: jax.Array
) -> jax.Array:
    """``new`` plus V F0 times a combination of the four moment functions that restores the moments of ``old``."""
    m = state.markers
    phi = jnp.stack([x.astype(jnp.float64) for x in moment_functions(state)], axis=-1)
    envelope = volume * parameters.background.density(
        state.amplitude, (m.birth_momentum * jnp.exp(m.delta)).astype(jnp.float64)
    )
    matrix = jnp.einsum("i,ia,ib->ab", envelope, phi, phi)
    # Two rounds: the second removes the round-off of the first.
    for _ in range(2):
        missing = (old - new) @ phi
        new = new + envelope * (phi @ jnp.linalg.solve(matrix, missing))
    return new
