"""Moments by both estimators against closed forms and quadrature, and the energies of the ledger."""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from support.growth_cases import BINS, K_MAX, K_MIN, V_A, case, parameters_of
from support.marker_cases import ONE, background, expansion_error, sampled, ultrarelativistic

from crmc import theory
from crmc.physics.flow import Stretch
from crmc.physics.markers import expand, initial_markers
from crmc.physics.moments import (
    energies,
    ensemble_moments,
    ensemble_sums,
    ledger,
)
from crmc.physics.parameters import Model
from crmc.physics.state import State, zero_books


def test_free_expansion_by_the_control_variate():
    """delta_f against the closed forms of free expansion to 1e-5, for a spectrum that vanishes at both ends of its range."""
    rays = background(1e6, 1e10, index=10.0, turnover=1e8)
    assert expansion_error(65536, estimator="delta_f", rays=rays) < 1e-5


def test_control_variate_of_a_truncated_spectrum():
    """delta_f = F0 on its fixed range + int (f - F0) over the range that moved: by 2-d Gauss-Legendre to 1e-4.

    It reads f as going on beyond the range, where full_f sees the ends of the range move (here 5 % of U).
    """
    rays, amplitude = ultrarelativistic()
    b = 0.5
    start = initial_markers(65536, rays, amplitude, dtype=np.float64)
    m = expand(start, Stretch(jnp.asarray(ONE)), Stretch(jnp.asarray(b)))
    got = sampled(m, rays, amplitude, b, "delta_f")
    x, w = np.polynomial.legendre.leggauss(64)
    half = 0.5 * math.log(100.0)
    y, mu = 1e7 * np.exp(half * (x + 1.0))[:, None], x[None, :]
    p = y * np.sqrt(mu**2 + b * (1.0 - mu**2))
    scale = float(amplitude[0])
    change = scale * (y**-4.7 - (p * b ** (-1.0 / 3.0)) ** -4.7) * y**3 * half * w[:, None] * w[None, :]
    f0 = rays.moments(amplitude, jnp.asarray(b))
    for value, base, phi in (
        (got.energy, f0.energy, p),
        (got.parallel_pressure, f0.pressure, (y * mu) ** 2 / p),
        (got.perpendicular_pressure, f0.pressure, 0.5 * (p**2 - (y * mu) ** 2) / p),
    ):
        assert float(value) == pytest.approx(float(base) + b * float(np.sum(change * phi)), rel=1e-4)


@pytest.mark.parametrize("anisotropy", [1e-5, -1e-2])
def test_anisotropy_is_the_requested_one(anisotropy):
    """Delta P/P_c by the delta-f sums equals zeta times theory.anisotropy_of_zeta to 1e-3, and U and P_c are F0's."""
    rays, amplitude = background(), jnp.ones(1)
    zeta = anisotropy / float(theory.anisotropy_of_zeta(rays, amplitude))
    m = initial_markers(65536, rays, amplitude, anisotropy=zeta, dtype=np.float64)
    got, f0 = sampled(m, rays, amplitude, 1.0, "delta_f"), rays.moments(amplitude, jnp.ones(()))
    assert float(got.anisotropy) == pytest.approx(anisotropy, rel=1e-3)
    assert float(got.energy / f0.energy) == pytest.approx(1.0, abs=2e-3 * abs(anisotropy))
    assert float(got.pressure / f0.pressure) == pytest.approx(1.0, abs=2e-3 * abs(anisotropy))


def state_of(markers, amplitude, b):
    """Return a state with given markers at field b; wave power 1e-3 in every bin, gas pressure 2."""
    return State(
        jnp.zeros((), jnp.int64),
        markers,
        amplitude,
        jnp.full((2, 2, BINS), 1e-3),
        jnp.asarray(b),
        jnp.asarray(2.0),
        zero_books(),
    )


@pytest.mark.parametrize("estimator", ["delta_f", "full_f"])
def test_sums_over_the_ensemble(estimator):
    """Sums of the moment functions, flux, gap and F0's part from y0, p_par, mu in numpy and by quad, to 1e-12 (1e-9)."""
    rays, amplitude, deviation = case("anisotropic")
    b, parameters, model = 0.6, parameters_of(rays), Model(estimator=estimator)
    start = initial_markers(1000, rays, amplitude, dtype=np.float64, **deviation)
    state = state_of(expand(start, Stretch(jnp.asarray(ONE)), Stretch(jnp.asarray(b))), amplitude, b)
    y0, par, volume = (np.asarray(x) for x in (start.birth_momentum, start.parallel_momentum, start.volume))
    perp2 = b * (y0**2 - par**2)
    p = np.sqrt(par**2 + perp2)
    f0 = lambda y: float(amplitude[0]) * (1.0 + y**2) ** -2.35  # noqa: E731
    full = np.asarray(start.excess) + volume * f0(y0)
    control = full - volume * f0(p * b ** (-1.0 / 3.0))
    w, v = full if estimator == "full_f" else control, p / np.sqrt(1.0 + p**2)
    mu = par / p
    phi = np.stack([np.ones_like(p), np.sqrt(1.0 + p**2) - 1.0, p * v * mu**2, 0.5 * p * v * (1.0 - mu**2)])
    found = ensemble_sums(state, parameters, model)
    exact = {"rtol": 1e-12, "atol": 1e-13 * np.sum(full)}
    np.testing.assert_allclose(found.first, phi @ w, **exact)
    np.testing.assert_allclose(found.number, np.sum(full), rtol=1e-12)
    np.testing.assert_allclose(found.energy, np.sum(full * phi[1]), rtol=1e-12)
    np.testing.assert_allclose(found.flux, np.sum(w * v * mu), **exact)
    gap = np.abs(par) < b / K_MAX
    assert 10 < gap.sum() < 500
    np.testing.assert_allclose(found.gap, np.sum((control * p * v * (1.5 * mu**2 - 0.5))[gap]), **exact)
    moments = ensemble_moments(state, parameters, model)
    if estimator == "delta_f":
        third = b ** (1.0 / 3.0)
        pressure = quad(
            lambda y: 2.0 / 3.0 * f0(y) * y**2 * (y * third) ** 2 / math.sqrt(1.0 + (y * third) ** 2) * b,
            float(rays.momentum_min),
            float(rays.momentum_max),
            epsrel=1e-12,
            limit=200,
        )[0]
        assert float(moments.parallel_pressure) == pytest.approx(pressure + b * (phi[2] @ w), rel=1e-9)
    else:
        np.testing.assert_allclose(moments, b * (phi @ w), rtol=1e-12)


def test_energies_of_the_stores():
    """Gas P_g/(gamma - 1), field B^2/8 pi, waves 2 (B^2/8 pi) int e dln k and cosmic rays U, all divided by b, to 1e-9."""
    rays, amplitude, deviation = case("anisotropic")
    b, parameters, model = 0.6, parameters_of(rays), Model(estimator="full_f")
    markers = initial_markers(1000, rays, amplitude, dtype=np.float64, **deviation)
    state = state_of(markers, amplitude, b)
    store = energies(state, parameters, model)
    field = (V_A * b) ** 2 / 2.0
    # Each spline has the integral h = ln(k_max/k_min)/(bins + 2).
    power = 4 * BINS * 1e-3 * math.log(K_MAX / K_MIN) / (BINS + 2)
    assert float(store.gas) == pytest.approx(3.0 / 2.0 * 2.0 / b, rel=1e-9)
    assert float(store.field) == pytest.approx(field / b, rel=1e-9)
    assert float(store.waves) == pytest.approx(2.0 * field * power / b, rel=1e-9)
    assert float(store.cosmic_rays) == pytest.approx(float(ensemble_moments(state, parameters, model).energy) / b)
    books = dataclasses.replace(
        zero_books(), injected=jnp.asarray(7.0), radiated=jnp.asarray(3.0), work=jnp.asarray(2.0)
    )
    kept = ledger(store, dataclasses.replace(state, books=books))
    assert float(kept) == pytest.approx(sum(float(x) for x in store) + 3.0 + 2.0 - 7.0, rel=1e-12)
