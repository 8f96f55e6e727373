"""Advance and observe independent replicas of a run together.

Replicas have the same parameters, and markers and random numbers of their own; their scatter is the error of what they
measure.  States, tallies and keys have one entry per replica along their first axis.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from crmc.physics.layout import REPLICAS, Layout
from crmc.physics.moments import wave_energy
from crmc.physics.parameters import Model, Parameters
from crmc.physics.phase_space import PhaseSpace
from crmc.physics.state import State
from crmc.solvers.packed import PackedRow, packed
from crmc.solvers.simulate import Solver
from crmc.solvers.tally import Tally


def advance(
    solver: Solver,
    states: State,
    tallies: Sequence[Tally],
    keys: jax.Array,
    parameters: Parameters,
    count: jax.Array,
    model: Model,
    side_by_side: bool = False,
) -> tuple[State, tuple[Tally, ...]]:
    """Advance every replica by ``count`` steps, a traced number, and add their tallies to each of ``tallies``.

    states, keys: of the replicas
    tallies: one or several of every replica, which end at different steps
    side_by_side: whether the replicas of a device take each step together (GPU) or follow one another (CPU)
    """
    # One number of the step for all: what depends on it alone stays a branch that is taken or not, for all at once.
    step = states.step[0]

    def one(own: tuple[State, Tally, jax.Array], shared: tuple) -> tuple[State, Tally]:
        state, tally, key = own
        step, parameters, count = shared
        return solver.advance(dataclasses.replace(state, step=step), tally, key, parameters, count, model)

    # As one: each small sum of a step is a program of its own.
    together = jax.tree.map(lambda *x: jnp.stack(x, axis=1), *tallies)
    states, together = _each(model.layout, one, side_by_side, (states, together, keys), (step, parameters, count))
    return states, tuple(jax.tree.map(lambda x, i=i: x[:, i], together) for i in range(len(tallies)))


def observe(
    solver: Solver,
    states: State,
    tallies: Any,
    count: jax.Array,
    mean: jax.Array,
    parameters: Parameters,
    model: Model,
    side_by_side: bool = False,
) -> PackedRow:
    """Return a row of results of every replica from tallies of ``count`` steps, (replicas, ...) each when unpacked.

    states, side_by_side: as for `advance`; tallies: one for each replica
    mean: whether the waves of the row, and the rates that follow from them, are means over the steps instead of those
        now; energies are those of now
    """

    def one(own: tuple[State, Tally], shared: tuple) -> PackedRow:
        (state, tally), (count, mean, parameters) = own, shared
        e = jnp.where(mean & (count > 0), tally.power / jnp.maximum(count, 1), state.e)
        row = solver.observe(dataclasses.replace(state, e=e), tally, count, parameters, model)
        # The books are those of now.
        kept = wave_energy(dataclasses.replace(state, e=e), parameters)
        missing = (wave_energy(state, parameters) - kept) / state.density
        return packed(row | {name: row[name] + missing for name in ("energy_waves", "ledger")})

    return _each(model.layout, one, side_by_side, (states, tallies), (count, mean, parameters))


def phase_space(
    solver: Solver, states: State, parameters: Parameters, model: Model, side_by_side: bool = False
) -> PhaseSpace:
    """Return f(p, mu) of every replica, (replicas, ...).

    states, side_by_side: as for `advance`
    """

    def one(own: State, parameters: Parameters) -> PhaseSpace:
        return solver.phase_space(own, parameters, model)

    return _each(model.layout, one, side_by_side, states, parameters)


def _each(layout: Layout, function: Callable[..., Any], side_by_side: bool, own: Any, shared: Any) -> Any:
    """Apply ``function(own, shared)`` to every replica, on the devices that share the replicas.

    own: pytree of arrays with one entry per replica; shared: pytree of arrays that all need
    """

    def local(own: Any, shared: Any) -> Any:
        count = jax.tree.leaves(own)[0].shape[0]
        if count == 1:
            found = function(jax.tree.map(lambda x: x.reshape(x.shape[1:]), own), shared)
            return jax.tree.map(lambda x: x.reshape(1, *x.shape), found)
        if side_by_side:
            return jax.vmap(function, in_axes=(0, None))(own, shared)
        return jax.lax.map(lambda x: function(x, shared), own)

    if layout.across == 1:
        return local(own, shared)
    cut, whole = PartitionSpec(REPLICAS), PartitionSpec()
    on_devices = jax.shard_map(local, mesh=layout.mesh, in_specs=(cut, whole), out_specs=cut, check_vma=False)
    return on_devices(own, shared)


def empty_tallies(solver: Solver, parameters: Parameters, replicas: int) -> Any:
    """Return the tallies of no steps of all replicas."""
    return jax.tree.map(lambda x: jnp.zeros((replicas, *x.shape), x.dtype), solver.init(parameters))
