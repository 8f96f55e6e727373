"""Replicas advanced and observed together are the replicas by themselves."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.run_cases import driven

from crmc.physics.layout import Layout
from crmc.physics.moments import wave_energy
from crmc.physics.noise import run_key
from crmc.setup.build import build, build_replicas
from crmc.solvers import replicas
from crmc.solvers.monte_carlo.solver import MONTE_CARLO

COUNT, STEPS, EACH = 4, 5, 128


def stacked(trees):
    """Equal trees along a new first axis."""
    return jax.tree.map(lambda *x: jnp.stack(x), *trees)


@functools.cache
def ready():
    """Setup and states of four replicas, at the start."""
    with jax.enable_x64(True):
        return build_replicas(driven(run__markers=COUNT * EACH, run__replicas=COUNT))


def key_of(replica):
    return run_key(0, replica)


@functools.cache
def alone():
    """State, tally and row of each replica after the solver's own steps."""
    with jax.enable_x64(True):
        setup, states = ready()
        advance = jax.jit(MONTE_CARLO.advance, static_argnames="model")
        observe = jax.jit(MONTE_CARLO.observe, static_argnames="model")
        found = []
        for replica, state in enumerate(states):
            empty = MONTE_CARLO.init(setup.parameters)
            state, tally = advance(state, empty, key_of(replica), setup.parameters, STEPS, model=setup.model)
            row = observe(state, tally, jnp.asarray(STEPS), setup.parameters, model=setup.model)
            found.append((state, tally, row))
        return found


@functools.cache
def together(side_by_side, across):
    """States, tallies and rows, now and in the mean, of replicas on ``across`` devices."""
    with jax.enable_x64(True):
        setup, states = ready()
        model = dataclasses.replace(setup.model, layout=Layout(across=across))
        keys = jnp.stack([key_of(replica) for replica in range(COUNT)])
        empty = replicas.empty_tallies(MONTE_CARLO, setup.parameters, COUNT)
        options = {"solver": MONTE_CARLO, "model": model, "side_by_side": side_by_side}
        advance = jax.jit(functools.partial(replicas.advance, **options))
        observe = jax.jit(functools.partial(replicas.observe, **options))
        count, parameters = jnp.asarray(STEPS), setup.parameters
        arguments = {"states": stacked(states), "tallies": (empty,), "keys": keys}
        states, (tallies,) = advance(**arguments, parameters=parameters, count=count)
        rows = [
            observe(
                states=states, tallies=tallies, count=count, mean=jnp.asarray(mean), parameters=parameters
            ).unpacked()
            for mean in (False, True)
        ]
        return states, tallies, rows


def assert_close(found, want, replica):
    """Require the part of a replica of every array of ``found`` to be that of ``want`` to rounding."""
    pairs = zip(jax.tree.leaves_with_path(want), jax.tree.leaves(found), strict=True)
    for (path, one), other in pairs:
        one, other = np.asarray(one), np.asarray(other)[replica]
        scale = np.nanmax(np.abs(one), initial=0.0)
        name = jax.tree_util.keystr(path)
        np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-10 * scale, err_msg=name)


#: Sums of what cancels to rounding.
ROUNDING = ("imbalance", "correction", "energy_imbalance", "balancing_correction")


@pytest.mark.full
@pytest.mark.parametrize(("side_by_side", "across"), [(False, 1), (True, 1), (False, 2)])
def test_together_as_alone(side_by_side, across):
    """One after another, side by side, and two on each of two devices: states, tallies and rows to rounding."""
    states, tallies, (rows, _) = together(side_by_side, across)
    for replica, (state, tally, row) in enumerate(alone()):
        assert_close(states, state, replica)
        strict = lambda x: {name: value for name, value in x.items() if name not in ROUNDING}  # noqa: E731
        assert_close(strict(tallies._asdict()), strict(tally._asdict()), replica)
        assert_close(strict(rows), strict(row), replica)


def test_the_first_replica_is_the_run_without_others():
    """Its markers are those of a run with a fourth of the markers, to the bit, and its key is that of the seed."""
    setup, states = ready()
    single = build(driven(run__markers=EACH))
    for one, other in zip(jax.tree.leaves(single.state), jax.tree.leaves(states[0]), strict=True):
        np.testing.assert_array_equal(one, other)
    assert setup.schedule == single.schedule
    np.testing.assert_array_equal(jax.random.key_data(run_key(0, 0)), jax.random.key_data(run_key(0)))


def test_replicas_differ():
    """Markers and random numbers of any two replicas differ; their parameters, waves and tube at the start do not."""
    _, states = ready()
    rise = [np.asarray(state.markers.birth_momentum) for state in states]
    keys = [np.asarray(jax.random.key_data(key_of(replica))) for replica in range(COUNT)]
    for i in range(COUNT):
        np.testing.assert_array_equal(states[i].e, states[0].e)
        for j in range(i):
            assert np.mean(rise[i] == rise[j]) < 0.05
            assert np.any(keys[i] != keys[j])


@pytest.mark.full
def test_waves_in_the_mean():
    """Waves of a row are the mean of what scattered, its books those of now; a row of no steps is that of now."""
    states, tallies, (now, mean) = together(False, 1)
    setup, _ = ready()
    centre = 1.0 / setup.parameters.grid.centres
    power = np.einsum("rdhj,kj->rdhk", np.asarray(tallies.power) / STEPS, setup.parameters.grid.basis(centre))
    np.testing.assert_allclose(mean["wave_power"], power, rtol=1e-12)
    assert np.abs(np.asarray(mean["wave_power"]) / np.asarray(now["wave_power"]) - 1.0).max() > 1e-6
    for name in ("energy_waves", "ledger", "heating_rate", "pressure_anisotropy"):
        np.testing.assert_allclose(mean[name], now[name], rtol=1e-14)
    for replica, (state, _, _) in enumerate(alone()):
        energy = wave_energy(state, setup.parameters) / state.b
        assert float(mean["energy_waves"][replica]) == pytest.approx(float(energy), rel=1e-9)
