"""Growth read from kicks and their mirror images: the same on average, and quiet where waves are weak."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
from support.growth_cases import BINS, V_A, case, gauss_words, parameters_of, start_of

from crmc import theory
from crmc.physics.parameters import Model
from crmc.solvers.monte_carlo import exchange
from crmc.solvers.monte_carlo.images import share_of_kicks
from crmc.solvers.monte_carlo.scatter import scatter

MODEL = Model(functional=False, balance_energy=False)


def growth(monkeypatch, share, state, words, parameters):
    """Relative growth of every branch and bin in one step with a given lambda everywhere, (2, 2, bins)."""
    everywhere = jnp.full(state.e.shape, share), jnp.asarray(share < 1.0)
    monkeypatch.setattr(exchange, "share_of_kicks", lambda *_: everywhere)
    kicked = jax.jit(lambda *x: scatter(*x, parameters, MODEL, state.stretch)[0].e)
    return np.asarray(kicked(state, words) / state.e) - 1.0


def test_images_change_no_mean(monkeypatch):
    """Over words of which each has its complement, kicks and images give the same growth, to 1e-9 of it.

    Every marker is there 16 times, with all pairs of Gauss's words for the two directions: the mean is then the same
    for any lambda.  Without the complement of u in the images it is not.
    """
    four, n = gauss_words().astype(np.uint64), 64
    words = np.tile((four[:, None] << np.uint64(32) | four[None, :]).ravel(), n)
    rays = case("kappa")[0]
    with jax.enable_x64(True):
        one = start_of("kappa", 2.0, 1.0, np.full((2, 2, BINS), 1e-5), n)
        many = dataclasses.replace(one, markers=jax.tree.map(lambda x: jnp.repeat(x, 16), one.markers))
        found = [growth(monkeypatch, x, many, jnp.asarray(words), parameters_of(rays)) for x in (1.0, 0.3, 0.0)]
    assert np.abs(found[0]).max() > 0.0
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=0, atol=1e-9 * np.abs(found[0]).max())


def test_images_quieten_weak_waves(monkeypatch):
    """The growth of weak waves in a step scatters 100 times less between ensembles with images than without."""
    parameters = dataclasses.replace(parameters_of(case("kappa")[0], nu_dt=0.1), seed=jnp.asarray(1e-20))
    with jax.enable_x64(True):
        states = [start_of("kappa", 2.0, 1.0, np.full((2, 2, BINS), 1e-11), 8192, seed) for seed in range(6)]
        keys = [jax.random.key(seed) for seed in range(6)]
        spread = [
            np.std([growth(monkeypatch, share, *x, parameters) for x in zip(states, keys, strict=True)], axis=0)
            for share in (0.0, 1.0)
        ]
    # Half splines at the ends hold few markers.
    assert (100.0 * spread[0] < spread[1])[..., 1:-1].all()


def test_share_against_its_definition():
    """lambda = x/(1 + x), x = nu/(Delta ln k)^2/(2 Gamma), to 1e-12; and 1 where no bin is weak.

    Gamma by a quadrature of 12 nodes, which is that of 96 to 1e-4.
    """
    rays, amplitude, _ = case("kappa")
    parameters = parameters_of(rays)
    with jax.enable_x64(True):
        for e, images in ((1e-11, True), (1e-4, False)):
            state = start_of("kappa", 0.0, 1.0, np.full((2, 2, BINS), e), 16)
            share, needed = share_of_kicks(state, parameters, MODEL)
            k = np.asarray(parameters.grid.centres)
            rate, fine = (-np.asarray(theory.growth_rate(k, rays, amplitude, V_A, nodes=n)) for n in (12, 96))
            np.testing.assert_allclose(rate, fine, rtol=1e-4)
            x = math.pi * e / np.hypot(1.0, 1.5 / k) / np.log(k[1] / k[0]) ** 2 / (2.0 * rate)
            assert bool(needed) == images == bool((x < 1.0).all())
            np.testing.assert_allclose(share[1, 0], x / (1.0 + x) if images else 1.0, rtol=1e-12)
