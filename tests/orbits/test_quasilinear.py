"""Quasilinear theory of the orbits: its tensor against boosts and the paper, its finite lags against quadrature and closed forms."""

import jax.numpy as jnp
import numpy as np
import pytest
from support.slab_cases import BINS, K_MAX, K_MIN, grid, spectrum

from crmc.orbits import quasilinear
from crmc.orbits.slab import make_modes
from crmc.theory.scattering import diffusion_tensor


@pytest.mark.parametrize("V", [0.02, -0.4])
def test_finite_lag_against_quadrature(V):
    """Sums over modes against the integral of the continuum with closed-form splines, to 1e-3, while |v - V| T < L."""
    e, _ = spectrum(0.01, ((1, 1),))
    length = 1024.0
    modes = make_modes(grid(), e, jnp.array([V]), length=length, cells=32768)
    p, mu, gamma = 1.0, 0.6, np.sqrt(2.0)
    relative = p * mu / gamma - V
    fits, wraps = 0.98 * length / relative, 1.5 * length / relative
    found = quasilinear.spread_of_waves(modes, jnp.asarray(p), jnp.asarray([mu]), jnp.asarray([3.0, fits, wraps]))

    def exact(T):
        log_k, step = np.linspace(np.log(K_MIN), np.log(K_MAX), 400_001, retstep=True)
        u = (log_k - log_k[0]) / np.log(K_MAX / K_MIN) * (BINS + 2)
        ends = np.minimum(u, BINS + 2 - u)
        power = np.where(ends < 1, 0.5 * ends**2, np.where(ends < 2, 1 - 0.5 * (2 - ends) ** 2, 1.0))
        half = 0.5 * (1 / gamma - np.exp(log_k) * relative)
        total = float(e[0, 0, 0]) * step * np.sum(power * (T * np.sinc(half * T / np.pi)) ** 2)
        zz = 0.5 * (1 - mu**2) * (p / gamma) ** 2 * total
        return zz * ((1 - mu * V / (p / gamma)) / p) ** 2

    for place, T in enumerate((3.0, fits)):
        assert float(found.mu_mu[place, 0]) == pytest.approx(exact(T), rel=1e-3)
    # Beyond, particles meet the same waves again, and the displacement is another one.
    assert abs(float(found.mu_mu[2, 0]) / exact(wraps) - 1.0) > 0.05


def test_diffusion_over_a_lag_is_exact_for_constant_scattering():
    """D = nu (1 - mu^2)/2: <mu> = mu0 exp(-nu t), <mu^2> = 1/3 + (mu0^2 - 1/3) exp(-3 nu t), to 1e-4."""
    mu, times = np.array([-0.9, 0.0, 0.3, 0.8]), np.array([0.01, 0.5, 3.0])
    edges = quasilinear.mesh()
    found = quasilinear.spread_of_diffusion(0.5 * 0.7 * (1 - edges**2), mu, times)
    t = 0.7 * times[:, None]
    want = 1 / 3 + (mu**2 - 1 / 3) * np.exp(-3 * t) - 2 * mu**2 * np.exp(-t) + mu**2
    assert np.max(np.abs(found - want) / want.max(axis=1, keepdims=True)) < 1e-4
    np.testing.assert_allclose(found[0] / (2 * times[0]), 0.35 * (1 - mu**2), atol=0.01)


@pytest.mark.parametrize("V", [0.3, -0.3, 1e-3])
def test_tensor_is_the_boosted_elastic_one(V):
    """The tensor from elastic diffusion in the wave's frame, boosted by finite differences; exact in V, to 1e-6."""
    # D' = pi e'/(2 gamma') (1 - mu'^2) per dt', with e' = e/gamma_V^2, k' = k/gamma_V, dt'/dt = gamma'/gamma.
    e = jnp.asarray(np.random.default_rng(0).uniform(0.5, 2.0, (1, 2, BINS)) * 1e-4)
    p, mu = 2.0, np.array([-0.8, -0.3, 0.4, 0.9])
    found = quasilinear.tensor(grid(), e, jnp.array([V]), jnp.asarray(p), jnp.asarray(mu))
    g, gamma = 1 / np.sqrt(1 - V**2), np.sqrt(1 + p**2)
    z, eps = g * (p * mu - V * gamma), g * (gamma - V * p * mu)
    size = np.sqrt(eps**2 - 1)
    own = np.where(z > 0, grid().power(e[0, 0], np.abs(z) / g), grid().power(e[0, 1], np.abs(z) / g))
    rate = 0.5 * np.pi * (own / g**2) / eps * (1 - (z / size) ** 2) * eps / gamma

    def back(cosine):
        z = g * (size * cosine + V * eps)
        momentum = np.sqrt((g * (eps + V * size * cosine)) ** 2 - 1)
        return z / momentum, momentum

    step = 1e-6
    (a, b), (c, d) = back(z / size + step), back(z / size - step)
    to_mu, to_p = (a - c) / (2 * step), (b - d) / (2 * step)
    np.testing.assert_allclose(found.mu_mu, rate * to_mu**2, rtol=1e-6)
    np.testing.assert_allclose(found.mu_p, rate * to_mu * to_p, rtol=1e-6)
    np.testing.assert_allclose(found.p_p, rate * to_p**2, rtol=1e-6)


def test_leading_order_is_the_papers_tensor():
    """v_A -> 0: D_mumu, D_mup, D_pp of eqs. 27-29 with nu = pi (Omega0/gamma) e, at 1e-5 of relative order v_A/v."""
    mu, p, V = np.array([0.2, 0.5, 0.9]), 2.0, 1e-7
    e, _ = spectrum(0.01, ((-1, 1),))
    found = quasilinear.tensor(grid(), e, jnp.array([-V]), jnp.asarray(p), jnp.asarray(mu))
    power = np.asarray(grid().power(e[0, 0], p * mu))
    want = diffusion_tensor(p, mu, np.pi / np.sqrt(1 + p**2) * power, V, p / np.sqrt(1 + p**2), -1)
    for name in ("mu_mu", "mu_p", "p_p"):
        np.testing.assert_allclose(getattr(found, name), getattr(want, name), rtol=1e-5)
