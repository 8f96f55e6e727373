"""Damping rates of built configs against hand formulas in cgs."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from support.wave_cases import BOLTZMANN, LIGHT, MASS, N_I, OMEGA, B, T, ready, spectrum

from crmc.physics.flow import Stretch

V_A = B / math.sqrt(4.0 * math.pi * N_I * MASS)
V_I = math.sqrt(BOLTZMANN * T / MASS)


def rate(setup, e, b=1.0):
    """Gamma_d [s^-1] of all branches and bins."""
    p = setup.parameters
    got = p.damping.rate(
        p.grid, jnp.asarray(e), Stretch(jnp.asarray(b)), setup.model.nonlinear_landau, p.nu_coefficient
    )
    return np.broadcast_to(np.asarray(got), e.shape) / setup.units.time


def test_linear():
    """The stated rate at every k."""
    np.testing.assert_allclose(rate(ready(linear="3e-10 1/s"), spectrum()[0]), 3e-10, rtol=1e-9)


def test_ion_neutral():
    """nu_in/2, nu_in = 8.4e-9 n_n (T/1e4 K)^0.4: 1.3920e-9 s^-1 at n_n = 0.1, T = 2e5 K."""
    got = rate(ready(ion_neutral_density="0.1 cm-3"), spectrum()[0])
    np.testing.assert_allclose(got, 0.5 * 8.4e-9 * 0.1 * 20.0**0.4, rtol=1e-9)
    assert got.flat[0] == pytest.approx(1.3920e-9, rel=1e-4)


def test_turbulent():
    """(epsilon k/v_A)^(1/2) at each bin's k."""
    e, k = spectrum()
    got = rate(ready(turbulent_dissipation="1e-4 cm2/s3"), e)
    np.testing.assert_allclose(got, np.broadcast_to(np.sqrt(1e-4 * k / V_A), e.shape), rtol=1e-6)


@pytest.mark.parametrize("b", [1.0, 0.6])
def test_nonlinear_landau_of_the_paper(b):
    """Gamma_d = nu v_i/c, nu = pi (Omega/gamma) e of the branch itself, gamma at p = m Omega0/k."""
    e, k = spectrum()
    gamma = np.sqrt(1.0 + (b * OMEGA / (k * LIGHT)) ** 2)
    want = np.pi * b * OMEGA / gamma * e * V_I / LIGHT
    got = rate(ready(nonlinear_landau="paper"), e, b)
    np.testing.assert_allclose(got[..., 1:-1], want[..., 1:-1], rtol=1e-6)
    # At the ends the splines carry 7/8 of the power at the centre.
    np.testing.assert_allclose(got[..., [0, -1]], 0.875 * want[..., [0, -1]], rtol=1e-6)


def test_nonlinear_landau_local():
    """(1/2) sqrt(pi/2) v_i k (dB/B)^2 with e of all four branches at k."""
    e, k = spectrum()
    want = 0.5 * math.sqrt(math.pi / 2.0) * V_I * k * e.sum(axis=(0, 1))
    got = rate(ready(nonlinear_landau="local"), e)
    np.testing.assert_allclose(got[..., 1:-1], np.broadcast_to(want, e.shape)[..., 1:-1], rtol=1e-6)


def test_nonlinear_landau_cumulative():
    """The same with int e dln k from the lowest k to k, all branches: quadrature of the splines, 1 % of the total."""
    e, k = spectrum(-0.5)
    setup = ready(nonlinear_landau="cumulative")
    grid = setup.parameters.grid
    ln_k = np.linspace(math.log(0.02), math.log(4.0), 14001)
    power = np.asarray(grid.power(jnp.asarray(e.sum(axis=(0, 1))), jnp.exp(-jnp.asarray(ln_k))))
    cumulative = np.concatenate([[0.0], np.cumsum(0.5 * (power[1:] + power[:-1]) * np.diff(ln_k))])
    below = np.interp(np.log(k * LIGHT / OMEGA), ln_k, cumulative)
    got = rate(setup, e) / (0.5 * math.sqrt(math.pi / 2.0) * V_I * k)
    assert np.max(np.abs(got - below)) < 0.01 * cumulative[-1]


def test_mechanisms_add():
    """Rates of all mechanisms at once are the sum of those of each alone."""
    e, _ = spectrum()
    parts = [
        {"linear": "3e-10 1/s"},
        {"ion_neutral_density": "0.1 cm-3"},
        {"turbulent_dissipation": "1e-4 cm2/s3"},
        {"nonlinear_landau": "local"},
    ]
    together = {key: value for part in parts for key, value in part.items()}
    np.testing.assert_allclose(rate(ready(**together), e), sum(rate(ready(**p), e) for p in parts), rtol=1e-12)
