"""f - F0 at t = 0 in the steady state: it does not move, and its drift is that of theory."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from crmc.config.config import load_config
from crmc.physics.equilibrium import steady_drift
from crmc.physics.initial import Harmonics, Tabulated
from crmc.setup.build import build
from crmc.solvers.fokker_planck import step as fokker_planck
from crmc.theory.distribution import Background


@pytest.fixture(scope="module")
def both():
    """Both drives, and waves of three branches at v_A/c = 2e-4; frozen, so that f alone may move."""
    with jax.enable_x64(True):
        sets = ("waves.evolve=false", "run.markers=16384", "drift.gradient_length=46 kpc")
        return build(load_config("combined", sets))


def test_steady_state_does_not_move(both):
    """On the mesh df/dt is 0.3 % of the largest drive in the median cell and below 5 % in 99 % of them.

    The rest lies where no wave scatters, |mu| < v_A/v, which leading order does not know.  Isotropic f would move at
    the drive's rate, one with either drive's sign reversed at twice that.
    """
    setup = build(both.config, solver="fokker-planck", cells=(16, 128))
    P = dataclasses.replace(setup.parameters, dt=0.01 * setup.parameters.dt)
    step = jax.jit(fokker_planck.step, static_argnames="model")

    def rate(state):
        change = step(state, P, setup.model)[0].markers.excess - state.markers.excess
        mesh = fokker_planck.mesh_of(state.markers, P, state.b)
        return np.asarray(change / (mesh.volume * P.background.density(state.amplitude, mesh.y)[:, None]))

    isotropic = dataclasses.replace(setup.state.markers, excess=jnp.zeros_like(setup.state.markers.excess))
    drive = np.abs(rate(dataclasses.replace(setup.state, markers=isotropic))).max(axis=1, keepdims=True)
    left = np.abs(rate(setup.state)) / drive
    assert np.median(left) < 3e-3
    assert np.quantile(left, 0.99) < 0.05


def test_drift_of_the_start(both):
    """v_D at t = 0 is that of `steady_drift`, by another quadrature: 16384 markers to 1 %; no number at any momentum."""
    rays, m = both.parameters.background, both.state.markers
    want = float(steady_drift(both.parameters, both.state.amplitude, both.model, both.tau_B, both.state.waves))
    number = float(rays.moments(both.state.amplitude, jnp.ones(())).number)
    velocity = m.parallel_momentum / jnp.sqrt(1.0 + m.momentum_squared(jnp.ones(())))
    assert float(jnp.sum(m.excess * velocity)) / number == pytest.approx(want, rel=0.01)
    mesh = build(both.config, solver="fokker-planck", cells=(16, 128)).state.markers
    assert np.max(np.abs(mesh.excess.sum(axis=1))) < 1e-6 * number


def test_table_returns_what_it_was_made_of():
    """Ratios linear in ln y and in ln |mu| of either sign, exactly; constant below the first cosine."""
    background = Background(jnp.full(1, 4.7), jnp.ones(1), jnp.asarray(0.5), jnp.asarray(20.0))
    low, amplitude = jnp.log(1e-4), jnp.ones(1)
    log_y, log_mu = jnp.linspace(jnp.log(0.5), jnp.log(20.0), 5)[:, None], jnp.linspace(low, 0.0, 9)
    table = Tabulated(jnp.stack([2.0 * log_y + 0.1 * log_mu + 1.0, log_y * log_mu]), low)
    y, mu = jnp.array([0.5, 0.9, 7.0, 20.0, 3.0]), jnp.array([1.0, 0.03, -0.4, -1e-4, 1e-6])
    want = jnp.where(mu > 0, 2.0 * jnp.log(y) + 0.1 * jnp.log(jnp.maximum(mu, 1e-4)) + 1.0, jnp.log(y) * jnp.log(-mu))
    found = table.at(background, amplitude, y, mu, 0.0 * mu) / background.density(amplitude, y)
    np.testing.assert_allclose(found, want, rtol=1e-12)


def test_harmonics():
    """-(v_D/v) p F0' P1 - zeta p F0' P2 with p F0' by a difference, to 1e-6."""
    background, amplitude = Background(jnp.full(1, 4.7), jnp.ones(1), jnp.asarray(0.5), jnp.asarray(20.0)), jnp.ones(1)
    y, mu = jnp.array([0.7, 2.0, 9.0]), jnp.array([-0.3, 0.5, 0.9])
    found = Harmonics(jnp.asarray(1e-3), jnp.asarray(0.02)).at(background, amplitude, y, mu, 1.5 * mu**2 - 0.5)
    f0, h = (lambda y: (1.0 + np.asarray(y) ** 2) ** -2.35), 1e-5
    slope = y * (f0(y + h) - f0(y - h)) / (2.0 * h)
    speed = y / np.sqrt(1.0 + y**2)
    np.testing.assert_allclose(found, -(1e-3 / speed * mu + 0.02 * (1.5 * mu**2 - 0.5)) * slope, rtol=1e-6)
