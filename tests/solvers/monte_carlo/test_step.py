"""A step of the markers: exact orbits without scattering, and coarse-graining when it is due."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.run_cases import small

from crmc.physics.noise import run_key
from crmc.setup.build import build
from crmc.solvers.monte_carlo.coarse_graining import coarse_grain
from crmc.solvers.monte_carlo.step import step

STEP = jax.jit(step, static_argnames="model")


@functools.cache
def setup(count):
    """Setup of `run_cases.SMALL` with ``count`` markers whose waves scatter nothing."""
    ready = build(small(run__markers=count))
    return dataclasses.replace(ready, model=dataclasses.replace(ready.model, scattering="none"))


def test_expansion_without_scattering_follows_the_orbits():
    """5 steps: p_par to the bit, p_perp^2/b to 1e-12 of p^2, B = exp(-5 dt/tau_B) to 1e-14; nothing is exchanged."""
    ready = setup(512)
    state, parameters = ready.state, dataclasses.replace(ready.parameters, dt=1e3 * ready.parameters.dt)
    for _ in range(5):
        state, tally = STEP(state, run_key(0), parameters, model=ready.model)
        assert tally.power.shape == state.e.shape  # of waves that scatter nothing here
        for name, value in tally._replace(power=0.0)._asdict().items():
            assert not np.any(np.asarray(value)), name
    assert int(state.step) == 5
    assert float(state.b) == pytest.approx(np.exp(-5.0 * float(parameters.expansion_rate * parameters.dt)), rel=1e-14)
    assert float(state.b) < 0.98
    np.testing.assert_array_equal(state.markers.parallel_momentum, ready.state.markers.parallel_momentum)
    before, after = (np.asarray(x.markers.magnetic_moment(x.stretch)) for x in (ready.state, state))
    scale = np.asarray(ready.state.markers.momentum_squared(ready.state.b))
    np.testing.assert_allclose(after / scale, before / scale, rtol=0, atol=1e-12)


@pytest.mark.full
def test_coarse_graining_when_it_is_due():
    """Every second step the weights are those of `coarse_grain`, to 1e-9 of V F0; else nothing changes, to the bit."""
    ready = setup(16384)  # some 15 in each cell
    model = dataclasses.replace(ready.model, coarse_grain=True, expansion="none")
    second = ready.parameters.cadence._replace(coarse_grain_every=jnp.asarray(2))
    parameters = dataclasses.replace(ready.parameters, cadence=second)
    rng = np.random.default_rng(1)
    m = ready.state.markers
    envelope = m.volume * ready.parameters.background.density(ready.state.amplitude, m.birth_momentum)
    m = dataclasses.replace(m, excess=envelope * jnp.asarray(rng.normal(size=envelope.shape)))
    start = dataclasses.replace(ready.state, markers=m)
    one, _ = STEP(start, run_key(0), parameters, model=model)
    two, _ = STEP(one, run_key(0), parameters, model=model)
    np.testing.assert_array_equal(one.markers.excess, m.excess)
    smooth = coarse_grain(start, parameters, model)
    np.testing.assert_allclose(two.markers.excess / envelope, smooth / envelope, rtol=0, atol=1e-9)
    assert np.mean(np.abs((smooth - m.excess) / envelope) > 0.01) > 0.5
