"""The deviation f - F0 at t = 0: harmonics against their formula, and the table against what it was made of."""

import jax.numpy as jnp
import numpy as np

from crmc.physics.initial import Harmonics, Tabulated
from crmc.theory.distribution import Background


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
