"""Coarse-grain the weights: replace w by V F0 times a smooth local fit of f/F0 - 1.

The spread of w among markers at one place grows with time while f does not.  Cells in (ln p, place between gap and p,
sign of p_par) hold a least-squares plane in ln p and p_par/p, in which markers count by V F0.  The gap in both
directions' frames, and that in one alone, have cells of their own: f has an edge there, which a fit must not blur.
Each fit conserves number, sum w ln p and sum w p_par/p of its cell; a last smooth correction restores energy and both
pressures of the ensemble to round-off.  There are `Model.coarse_cells` of
them.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from crmc.physics.ensemble import pass_over
from crmc.physics.exact import rounded
from crmc.physics.linear import solve_positive
from crmc.physics.moments import expected_sizes, moment_functions, symmetric
from crmc.physics.parameters import Model, Parameters
from crmc.physics.state import State
from crmc.physics.waves import wave_velocities

#: Cells with fewer markers keep their weights.
_FEWEST = 6


class _Fit(NamedTuple):
    """Normal equations of every cell.

    moment: sums of V F0 features x features, (cells, 3, 3)
    target: sums of w features, (cells, 3)
    members: number of markers, (cells,)
    """

    moment: jax.Array
    target: jax.Array
    members: jax.Array


def cell_count(rows: int, places: int) -> int:
    """Return the number of cells: in both hemispheres of each row its places and two for the gap."""
    return rows * 2 * (places + 2)


def coarse_grain(state: State, parameters: Parameters, model: Model) -> jax.Array:
    """Return the markers' ``excess`` with smoothed weights, (N,) [code]; number, energy, P_par and P_perp are kept."""
    plane, members = _planes(state, parameters, model)
    coefficients = _restoring(state, parameters, model, plane, members)

    def body(state: State, shared: tuple, words: None, histograms: tuple) -> tuple:
        parameters, plane, members, coefficients = shared
        old, new = _smoothed(state, parameters, model.coarse_cells, plane, members)
        phi, envelope = _functions(state), _envelope(state, parameters)
        new = new + envelope * sum(c * x for c, x in zip(coefficients, phi, strict=True))
        excess = state.markers.excess
        return {"excess": excess + (new - old).astype(excess.dtype)}, histograms, ()

    return pass_over(model.layout, body, state, (parameters, plane, members, coefficients))[0].excess


def _planes(state: State, parameters: Parameters, model: Model) -> tuple[jax.Array, jax.Array]:
    """Return the least-squares plane of every cell, (cells, 3), and its number of markers, (cells,)."""
    rows, places = model.coarse_cells
    count = cell_count(rows, places)

    def body(state: State, shared: tuple, words: None, fit: _Fit) -> tuple:
        parameters, sizes = shared
        envelope = _envelope(state, parameters)
        cell, features = _cells(state, parameters, model.coarse_cells)
        old = _old(state, parameters)
        members = jnp.where(envelope > 0.0, 1.0, 0.0)
        size = sizes[cell // (2 * (places + 2))][:, None]
        square = envelope[:, None, None] * features[:, :, None] * features[:, None, :]
        fit = _Fit(
            fit.moment.at[cell].add(rounded(square, size[..., None])),
            fit.target.at[cell].add(rounded(old[:, None] * features, size)),
            fit.members.at[cell].add(members),
        )
        return {}, fit, ()

    zeros = _Fit(jnp.zeros((count, 3, 3)), jnp.zeros((count, 3)), jnp.zeros(count))
    _, fit, _ = pass_over(model.layout, body, state, (parameters, _row_sizes(state, parameters, rows)), zeros=zeros)
    return _solve(fit.moment, fit.target), fit.members


def _row_sizes(state: State, parameters: Parameters, rows: int) -> jax.Array:
    """Return the weight of F0 in every row of cells, (rows,)."""
    background = parameters.background
    edges = jnp.linspace(jnp.log(background.momentum_min), jnp.log(background.momentum_max), rows + 1)
    volume = 2.0 / 3.0 * jnp.diff(jnp.exp(3.0 * edges))
    return volume * background.density(state.amplitude, jnp.exp(0.5 * (edges[1:] + edges[:-1])))


def _old(state: State, parameters: Parameters) -> jax.Array:
    """Return the weights w before the fit, (N,) [code], float64."""
    return state.markers.control_weight(parameters.background, state.amplitude).astype(jnp.float64)


def _smoothed(
    state: State, parameters: Parameters, cells: tuple[int, int], plane: jax.Array, members: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return the weights w before and after the fit, (N,) [code] each, float64.

    cells: `Model.coarse_cells`; plane, members: from `_planes`
    """
    cell, features = _cells(state, parameters, cells)
    old = _old(state, parameters)
    fitted = _envelope(state, parameters) * jnp.sum(features * plane[cell], axis=-1)
    return old, jnp.where(members[cell] >= _FEWEST, fitted, old)


def _functions(state: State) -> tuple[jax.Array, ...]:
    """Return the four `moment_functions`, (N,) each, float64."""
    return tuple(x.astype(jnp.float64) for x in moment_functions(state))


def _envelope(state: State, parameters: Parameters) -> jax.Array:
    """Return V F0(y), (N,) [code], float64."""
    m = state.markers
    y = m.comoving_momentum.astype(jnp.float64)
    return m.volume.astype(jnp.float64) * parameters.background.density(state.amplitude, y)


def _restoring(state: State, parameters: Parameters, model: Model, plane: jax.Array, members: jax.Array) -> jax.Array:
    """Return the coefficients of the four moment functions whose sum, times V F0, restores the four moments, (4,).

    plane, members: from `_planes`
    """

    def body(state: State, shared: tuple, words: None, histograms: tuple) -> tuple:
        parameters, plane, members = shared
        old, new = _smoothed(state, parameters, model.coarse_cells, plane, members)
        phi, envelope = _functions(state), _envelope(state, parameters)
        matrix = tuple(envelope * phi[i] * phi[j] for i in range(4) for j in range(i, 4))
        return {}, histograms, (matrix, tuple((old - new) * x for x in phi))

    number, energy, square = expected_sizes(parameters.background, state.amplitude, state.density)
    first, row = (number, energy, energy, energy), (energy, square, square, square)
    sizes = (*first, *(row[j] for i in range(1, 4) for j in range(i, 4))), first
    matrix, missing = pass_over(model.layout, body, state, (parameters, plane, members), sizes=sizes)[2]
    full, right = symmetric(matrix), jnp.stack(missing)
    solution = solve_positive(full, right)
    # One refinement: the second takes out the round-off of the first.
    return solution + solve_positive(full, right - full @ solution)


def _cells(state: State, parameters: Parameters, cells: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
    """Return the cell number of every marker, (N,), and its features 1, ln p - row centre, p_par/p, (N, 3), float64.

    ln p is counted in rows.
    cells: `Model.coarse_cells`
    """
    rows, places = cells
    grid, m = parameters.grid, state.markers
    p = m.momentum(state.density).astype(jnp.float64)
    q = jnp.abs(m.parallel_momentum).astype(jnp.float64)
    log_y = jnp.log(p) - jnp.log(state.density) / 3.0
    low, high = jnp.log(parameters.background.momentum_min), jnp.log(parameters.background.momentum_max)
    position = (log_y - low) / (high - low) * rows
    row = jnp.clip(position.astype(jnp.int32), 0, rows - 1)
    gap = grid.x_gap * state.resonance
    # |p_par'| = gap, in the frame of the one direction's waves and of the other's.
    shift = jnp.max(jnp.abs(wave_velocities(state, parameters))) * jnp.sqrt(1.0 + p**2)
    top = jnp.maximum(jnp.minimum(p, grid.x_top * state.resonance), (gap + shift) * (1.0 + 1e-12))
    s = jnp.clip((q - gap - shift) / (top - gap - shift), 0.0, 1.0)
    t = (2.0 / jnp.pi) * jnp.arcsin(jnp.sqrt(s))
    place = jnp.minimum((t * places).astype(jnp.int32), places - 1)
    place = jnp.where(q <= gap + shift, jnp.where(q <= gap - shift, places, places + 1), place)
    side = (m.parallel_momentum < 0.0).astype(jnp.int32)
    offset = position - row - 0.5
    features = jnp.stack([jnp.ones_like(p), offset, m.parallel_momentum / p], axis=-1)
    return (row * 2 + side) * (places + 2) + place, features


def _solve(moment: jax.Array, target: jax.Array) -> jax.Array:
    """Return the planes of all cells, (cells, 3); a ridge of 1e-12 keeps degenerate cells finite.

    moment, target: as in `_Fit`
    """
    scale = jnp.trace(moment, axis1=1, axis2=2)[:, None, None] / 3.0
    ridge = jnp.where(scale > 0.0, 1e-12 * scale, 1.0) * jnp.eye(3)
    return solve_positive(moment + ridge, target)
