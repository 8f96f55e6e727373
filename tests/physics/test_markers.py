"""The ensemble: free expansion against closed forms, conserved quantities, and the control variate."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from support import marker_cases
from support.marker_cases import ONE, background, expansion_error, sampled
from support.run_cases import small

from crmc.physics.flow import Stretch
from crmc.physics.markers import expand, initial_markers, padded
from crmc.setup.build import build
from crmc.theory.distribution import Background

START = Stretch(np.float64(ONE))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_free_expansion_matches_the_closed_forms(seed):
    """U, P_par, P_perp at b = 0.5 to 1e-6 with 65536 markers; independent random markers would miss by 3e-3."""
    assert expansion_error(65536, seed) < 1e-6


@pytest.mark.full
def test_quasi_random_error_falls_about_as_one_over_n():
    """Rms over 8 scrambles at 4096, 16384, 65536: a factor 16 in N gains at least 9 (random markers: 4)."""
    error = [np.sqrt(np.mean([expansion_error(n, s) ** 2 for s in range(8)])) for n in (4096, 16384, 65536)]
    slopes = np.log(np.array(error[:-1]) / error[1:]) / np.log(4.0)
    assert error[2] < 1e-6
    assert math.log(error[0] / error[2]) / math.log(16.0) > 0.8
    assert np.all(slopes > 0.5)


@pytest.mark.parametrize("steps", [7, 1000])
def test_expansion_does_not_depend_on_the_number_of_steps(steps):
    """1, 7 or 1000 steps to b = 0.3: p_par bitwise, rise to 1e-12, magnetic moment to 1e-12 of p^2/B."""
    rays = background()
    start = initial_markers(4096, rays, jnp.ones(1), dtype=np.float64)
    end = 0.3
    field = lambda i: Stretch(jnp.exp(math.log(end) * i / steps))  # noqa: E731
    many = jax.jit(lambda m: jax.lax.fori_loop(0, steps, lambda i, m: expand(m, field(i), field(i + 1.0)), m))(start)
    once = expand(start, START, Stretch(jnp.asarray(end)))
    np.testing.assert_array_equal(many.parallel_momentum, start.parallel_momentum)
    np.testing.assert_allclose(many.rise, once.rise, rtol=0, atol=1e-12)
    before = start.magnetic_moment(START)
    for after in (once, many):
        change = np.abs(after.magnetic_moment(Stretch(jnp.asarray(end))) - before)
        assert np.max(change / start.birth_momentum**2) < 1e-12


def test_expansion_follows_the_orbit():
    """p^2 = p_par^2 + b (p0^2 - p_par^2), computed outside, to 1e-13; compression is the inverse of expansion."""
    start = initial_markers(4096, background(), jnp.ones(1), dtype=np.float64)
    b = 0.37
    there = expand(start, START, Stretch(jnp.asarray(b)))
    y, par = np.asarray(start.birth_momentum), np.asarray(start.parallel_momentum)
    np.testing.assert_allclose(there.momentum(jnp.asarray(b)), np.sqrt(par**2 + b * (y**2 - par**2)), rtol=1e-13)
    back = expand(there, Stretch(jnp.asarray(b)), START)
    np.testing.assert_allclose(back.rise, 0.0, atol=1e-13)


def test_control_weight_is_w_minus_v_f0():
    """Against W - V F0(y) evaluated directly, two components, large and small changes, to 1e-13 of V F0.

    With and without a cut-off of the first.
    """
    amplitude = jnp.array([2.0, 0.5])
    for cutoff, per_cutoff in ((None, 0.0), (jnp.array([20.0, jnp.inf]), 0.05)):
        shapes = jnp.array([4.7, 4.2]), jnp.array([1.0, 0.3])
        rays = Background(*shapes, jnp.asarray(0.5), jnp.asarray(100.0), cutoff)
        f0 = lambda y: 2 * (1 + y**2) ** -2.35 * np.exp(-y * per_cutoff) + 0.5 * (0.09 + y**2) ** -2.1  # noqa: B023, E731
        start = initial_markers(4096, rays, amplitude, drift=1e-3, anisotropy=0.01, dtype=np.float64)
        for b in (1.0, 0.9999, 0.4, 2.0):
            m = expand(start, START, Stretch(jnp.asarray(b)))
            y, volume = np.asarray(m.comoving_momentum), np.asarray(m.volume)
            full = np.asarray(start.excess) + volume * f0(np.asarray(m.birth_momentum))
            np.testing.assert_allclose(m.weight(rays, amplitude), full, rtol=1e-13)
            error = np.asarray(m.control_weight(rays, amplitude)) - (full - volume * f0(y))
            assert np.max(np.abs(error) / (volume * f0(y) + full)) < 1e-13
            np.testing.assert_allclose(m.weighing(rays, amplitude).envelope(m), volume * f0(y), rtol=1e-12)


@pytest.mark.parametrize("change", [1e-5, 1e-4])
def test_control_weight_keeps_a_small_change_in_float32(change):
    """An expansion by 1e-5 leaves w ~ 1e-5 V F0: in float32 to 1 % rms of the float64 w."""
    rays, amplitude = background(), jnp.ones(1)
    b = jnp.asarray(1.0 - change)
    w = {}
    for dtype in (np.float32, np.float64):
        m = expand(initial_markers(8192, rays, amplitude, dtype=dtype), START, Stretch(b))
        assert m.rise.dtype == dtype
        weight = m.control_weight(rays, amplitude)
        assert weight.dtype == dtype
        w[dtype] = np.asarray(weight / m.volume / rays.density(amplitude, m.birth_momentum), np.float64)
    size = np.sqrt(np.mean(w[np.float64] ** 2))
    assert size < 3.0 * change
    assert np.sqrt(np.mean((w[np.float32] - w[np.float64]) ** 2)) < 0.01 * size


def test_drift_is_a_boosted_isotropic_distribution():
    """f = F0(|p'|), p' by an exact Lorentz boost at v_D = 1e-6: w/V to 1e-4 of its size, any particle speed."""
    rays, amplitude, drift = background(0.05, 100.0), jnp.ones(1), 1e-6
    m = initial_markers(4096, rays, amplitude, drift=drift, dtype=np.float64)
    p, par = np.asarray(m.birth_momentum), np.asarray(m.parallel_momentum)
    energy = np.sqrt(1.0 + p**2)
    shifted = (energy - drift * par) ** 2 / (1.0 - drift**2) - 1.0
    exact = (1.0 + shifted) ** -2.35 - (1.0 + p**2) ** -2.35
    size = drift * 4.7 * p * energy * (1.0 + p**2) ** -3.35
    assert np.max(np.abs(np.asarray(m.excess / m.volume) - exact) / size) < 1e-4


def test_drift_carries_the_stated_flux():
    """int v_par f = -(2/3) v_D int p^3 F0' dp (quad) to 1e-3; the same markers have no anisotropy."""
    rays, amplitude, drift = background(), jnp.ones(1), 1e-3
    m = initial_markers(65536, rays, amplitude, drift=drift, dtype=np.float64)
    velocity = m.parallel_momentum / jnp.sqrt(1.0 + m.birth_momentum**2)
    flux = float(jnp.sum(m.control_weight(rays, amplitude) * velocity))
    slope = lambda p: -4.7 * p * (1.0 + p**2) ** -3.35  # noqa: E731
    want = -2.0 / 3.0 * drift * quad(lambda p: p**3 * slope(p), 0.5, 100.0, epsrel=1e-10)[0]
    assert flux == pytest.approx(want, rel=1e-3)
    assert abs(float(sampled(m, rays, amplitude, 1.0, "delta_f").anisotropy)) < 1e-3 * drift


def test_zeta_is_the_coefficient_of_p2():
    """w/V against -zeta p F0' P_2(mu) written out, to 1e-13."""
    rays = background()
    m = initial_markers(1024, rays, jnp.ones(1), anisotropy=0.02, dtype=np.float64)
    p = np.asarray(m.birth_momentum)
    mu = np.asarray(m.parallel_momentum) / p
    want = 0.02 * 4.7 * p**2 * (1.0 + p**2) ** -3.35 * (1.5 * mu**2 - 0.5)
    np.testing.assert_allclose(m.excess / m.volume, want, rtol=1e-12, atol=1e-18)


def test_volumes_fill_phase_space():
    """sum V phi = int phi p^2 dp dmu for phi = p^-3 (exact, uniform in ln p) and p^-4 mu^2 (to 1e-3)."""
    m = initial_markers(65536, background(), jnp.ones(1), dtype=np.float64)
    p, par = m.birth_momentum, m.parallel_momentum
    assert float(jnp.sum(m.volume / p**3)) == pytest.approx(2.0 * math.log(200.0), rel=1e-12)
    want = 2.0 / 3.0 * (1.0 / 0.5 - 1.0 / 100.0)
    assert float(jnp.sum(m.volume * par**2 / p**6)) == pytest.approx(want, rel=1e-3)


def test_mutation_a_wrong_conserved_quantity_is_caught(monkeypatch):
    """Were p itself conserved in place of p_perp^2/B, y moved by -ln(b)/3 alone, the closed forms would fail."""

    def wrong(m, old, new):
        return dataclasses.replace(m, rise=m.rise + (1.0 + m.rise) * ((new.b / old.b) ** (-2.0 / 3.0) - 1.0))

    monkeypatch.setattr(marker_cases, "expand", wrong)
    assert expansion_error(4096) > 0.1


def test_markers_that_fill_up_weigh_nothing() -> None:
    """`padded` adds copies without volume or excess, of finite momentum."""
    markers = build(small()).state.markers
    more = padded(markers, 520)
    assert more.rise.shape == (520,)
    for x, y in zip(jax.tree.leaves(more), jax.tree.leaves(markers), strict=True):
        np.testing.assert_array_equal(x[:512], y)
    assert not more.volume[512:].any() and not more.excess[512:].any() and (more.birth_momentum[512:] > 0.0).all()
