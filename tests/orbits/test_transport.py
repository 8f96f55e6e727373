"""Measured transport against quasilinear theory: coefficient, signs, every branch; finite lags; where theory ends."""

import dataclasses
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.slab_cases import BRANCHES, COSINES, V_A, grid, measure, one_wave, spectrum

from crmc.orbits import quasilinear, transport
from crmc.orbits.slab import make_modes
from crmc.orbits.transport import running, slope
from crmc.statistics import mean_of, ratio_of

#: 4.9 standard errors: one test in a million may fail by chance.
SURE = 4.9
COUNT = len(COSINES)
#: All branches; in short runs two, which have both directions and both helicities.
ONE_EACH = [pytest.param(b, marks=() if i in (1, 2) else pytest.mark.full) for i, b in enumerate(BRANCHES)]


def own_half(direction_helicity, values):
    """Those of the values (..., mu) whose particles move along the helicity's sign: the ones that resonate."""
    return values[..., COUNT:] if direction_helicity[1] > 0 else values[..., :COUNT]


def other_half(branch, values):
    return own_half((branch[0], -branch[1]), values)


def cosines(branch):
    return own_half(branch, np.concatenate([-COSINES[::-1], COSINES]))


@lru_cache
def alone(branch):
    return measure(1e-2, (branch,))


def theory(found, p, mu, coefficients="exact"):
    args = grid(), found.e, found.velocity, jnp.asarray(p), jnp.asarray(mu)
    return [np.asarray(x) for x in quasilinear.tensor(*args, coefficients)]


def expected(found, p, mu):
    """D_mumu between lags 2 and 8 of particles that diffuse as theory says."""
    spread = quasilinear.spread_of_diffusion(theory(found, p, quasilinear.mesh())[0], mu, found.times)
    return (spread[-1] - spread[1]) / (found.times[-1] - found.times[1]) / 2


def pooled(found, branch, want):
    """Mean over cosines of D_mumu/want, with the error of realisations."""
    measured = own_half(branch, slope(found.of("mu_mu"), found.times, 1))
    return mean_of(np.mean(measured / want, axis=1))


# ---- the four branches ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("branch", ONE_EACH)
def test_scattering_of_each_branch(branch):
    """dB/B = 0.01, 0.2 <= |mu| <= 0.9: D_mumu = pi (Omega0/gamma) e (1 - mu^2)/2 within 5 % and 4.9 errors (1 % each)."""
    # Catches a bias of 6 %; the pi of nu by 70 errors.  The exact lab factor (1 - mu V/v)^2 is 5 % at most, and counted.
    found, mu = alone(branch), cosines(branch)
    ratio = pooled(found, branch, expected(found, 1.0, mu))
    assert ratio.stderr < 0.01
    assert abs(ratio.value - 1.0) < min(0.05, SURE * ratio.stderr)
    printed = pooled(found, branch, theory(found, 1.0, mu, coefficients="printed")[0])
    assert abs(printed.value - 1.0) > 50.0 * printed.stderr
    # At single cosines, errors of 3 %.
    each = mean_of(own_half(branch, slope(found.of("mu_mu"), found.times, 1)) / expected(found, 1.0, mu))
    assert np.max(np.abs(each.value - 1.0) / each.stderr) < 5.4


@pytest.mark.parametrize("branch", ONE_EACH)
def test_helicity_is_the_sign_of_resonant_particles(branch):
    """The other hemisphere does not resonate: its D_mumu is below 2 % of the same branch's at the mirrored cosine."""
    # 1 % is what beats leave between these lags.  A wrong sign in the field's rotation swaps the hemispheres.
    found = alone(branch)
    measured = slope(found.of("mu_mu"), found.times, 1)
    mirrored = np.mean(own_half(branch, measured), axis=0)[::-1]
    assert np.max(np.abs(np.mean(other_half(branch, measured), axis=0)) / mirrored) < 0.02


@pytest.mark.parametrize("branch", ONE_EACH)
def test_momentum_is_exchanged_as_the_branch_moves(branch):
    """D_mup/D_mumu = d p v_A/v and D_pp/D_mumu = (p v_A/v)^2, times 1 or (1 - mu V/v)^-1, -2: to 1 % at any cosine."""
    # The sign is d, for co- and counter-moving branches alike.  Leading order alone holds to 3 and 6 %.
    found, (d, _) = alone(branch), branch
    mu, speed = cosines(branch), np.sqrt(0.5)
    slopes = [own_half(branch, slope(found.of(name), found.times, 1)) for name in ("mu_mu", "mu_p", "p_p")]
    V = d * V_A / speed
    mixed, diagonal = ratio_of(slopes[1], slopes[0]), ratio_of(slopes[2], slopes[0])
    assert np.all(np.sign(mixed.value) == d)
    np.testing.assert_allclose(mixed.value, V / (1 - mu * V), rtol=0.01)
    np.testing.assert_allclose(diagonal.value, V**2 / (1 - mu * V) ** 2, rtol=0.01)
    np.testing.assert_allclose(mixed.value / V, 1.0, rtol=0.1)
    np.testing.assert_allclose(diagonal.value / V**2, 1.0, rtol=0.1)


@pytest.mark.parametrize("branch", ONE_EACH)
def test_energy_is_exchanged_as_the_branch_moves(branch):
    """d eps = V dp_z on every path: regression of one on the other gives d v_A to 0.5 %, resonant or not."""
    found, (d, _) = alone(branch), branch
    share = np.mean(found.of("z_energy"), axis=0) / np.mean(found.of("z_z"), axis=0)
    np.testing.assert_allclose(share[-1], d * V_A, rtol=0.005)


@pytest.mark.full
def test_directions_add():
    """All four branches at once, dB/B = 0.01: D_mumu is the sum within 5 %, D_mup of both directions nearly cancels."""
    found = measure(1e-2, BRANCHES, realisations=64, seed=5)
    mu = np.concatenate([-COSINES[::-1], COSINES])
    want = expected(found, 1.0, mu)
    ratio = mean_of(np.mean(slope(found.of("mu_mu"), found.times, 1) / want, axis=1))
    assert abs(ratio.value - 1.0) < min(0.05, SURE * ratio.stderr)
    # d p v_A/v each way: what is left is of order v_A^2, and noise.
    _, mixed, diagonal = theory(found, 1.0, mu)
    left = mean_of(slope(found.of("mu_p"), found.times, 1))
    assert np.max(np.abs(left.value - mixed) / left.stderr) < 5.4
    both = mean_of(np.mean(slope(found.of("p_p"), found.times, 1) / diagonal, axis=1))
    assert abs(both.value - 1.0) < min(0.1, SURE * both.stderr)


# ---- lags -------------------------------------------------------------------------------------------------------


def test_displacements_at_every_lag():
    """dB/B = 1e-3: <d mu^2>(T) from a quarter to two gyrations is that of second-order theory, pulls within chance."""
    # There the beats with all waves are 10 to 80 % of the moment.  Errors of 1 to 3 % at each of 16 cosines and 8 lags.
    found = measure(1e-3, ((1, 1),), gyrations=2, lags=8, seed=2)
    mu = np.concatenate([-COSINES[::-1], COSINES])
    want = quasilinear.spread_of_waves(found.modes, jnp.asarray(1.0), jnp.asarray(mu), jnp.asarray(found.times))
    measured = mean_of(found.of("mu_mu"))
    pulls = (measured.value - np.asarray(want.mu_mu)) / measured.stderr
    assert np.max(np.abs(pulls)) < 5.8
    assert np.max(measured.stderr[:, COUNT:] / measured.value[:, COUNT:]) < 0.04
    resonant = mean_of(np.mean((found.of("mu_mu") / np.asarray(want.mu_mu))[:, :, COUNT:], axis=(1, 2)))
    assert abs(resonant.value - 1.0) < SURE * resonant.stderr < 0.06


@pytest.mark.full
def test_running_estimate_has_a_plateau():
    """dB/B = 0.01: D from neighbouring lags, 1 to 8 gyrations, is theory's at each within 4.9 errors of 2 %."""
    found, mu = alone((1, 1)), cosines((1, 1))
    spread = quasilinear.spread_of_diffusion(theory(found, 1.0, quasilinear.mesh())[0], mu, found.times)
    measured = running(found.of("mu_mu"), found.times)[..., COUNT:]
    want = np.diff(spread, axis=0, prepend=0.0) / found.times[0] / 2
    ratio = mean_of(np.mean(measured / want, axis=-1))
    assert np.all(ratio.stderr < 0.025)
    assert np.all(np.abs(ratio.value - 1.0)[1:] < SURE * ratio.stderr[1:])


@pytest.mark.full
def test_box_must_not_be_shorter_than_the_path():
    """Orbits in a box of a quarter of their path: D between the lags is off by far more than in a long one."""
    p, mu, key = jnp.asarray(1.0), jnp.asarray([0.8]), jax.random.key(7, impl="threefry2x32")
    e, velocity = spectrum(1e-3, ((1, 1),))
    period = 2 * np.pi * np.sqrt(2.0)
    want = None
    ratios = []
    for length, cells in ((2048.0, 32768), (10.0, 256)):
        modes = make_modes(grid(), e, velocity, length=length, cells=cells)
        args = modes, p, mu, jnp.asarray(period / 45), jnp.asarray(4 * 45), key
        sample = transport.Sample(2, 64, 64)
        found = np.asarray(transport.displacements(*args, sample=sample, dtype=np.dtype("float64")))
        want = want or float(quasilinear.tensor(grid(), e, velocity, p, mu).mu_mu[0])
        ratios.append(mean_of(slope(found[..., 0], period * np.array([4.0, 8.0]), 0)[:, 0] / want))
    assert abs(ratios[0].value - 1.0) < SURE * ratios[0].stderr
    assert abs(ratios[1].value - 1.0) > SURE * ratios[1].stderr


# ---- where theory ends ------------------------------------------------------------------------------------------


@pytest.mark.full
def test_strong_waves_cross_the_gap():
    """dB/B = 0.3: what theory says of a lag of two gyrations is wrong by more than 10 % on average, 10 errors off."""
    found = measure(0.3, BRANCHES, gyrations=2, realisations=64, seed=3)
    mu = np.concatenate([-COSINES[::-1], COSINES])
    ratio = mean_of(np.mean(slope(found.of("mu_mu"), found.times, 1) / expected(found, 1.0, mu), axis=1))
    assert abs(ratio.value - 1.0) > 0.1
    assert abs(ratio.value - 1.0) > 10 * ratio.stderr


def test_one_wave_traps():
    """In one strong wave displacements stop growing: the running D falls below 5 % of its first value (a lag of 1/omega_b)."""
    modes, _ = one_wave(1, 1, 16, 0.02, 0.0, cells=4096, length=16 * 2 * np.pi * 0.6)
    modes = dataclasses.replace(modes, velocity=jnp.array([0.0]))
    period = 2 * np.pi * np.sqrt(2.0)
    key = jax.random.key(1, impl="threefry2x32")
    args = modes, jnp.asarray(1.0), jnp.asarray([0.6]), jnp.asarray(period / 50), jnp.asarray(100), key
    found = np.asarray(transport.displacements(*args, sample=transport.Sample(16, 256, 8), dtype=np.dtype("float64")))
    found = np.mean(found[:, :, 0, 0], axis=0)
    assert np.max(found) < 4 * np.sqrt(0.02 * 0.8 * 0.6) ** 2
    assert abs(np.mean(np.diff(found[8:]))) < 0.05 * found[0]


# ---- keys and precision -----------------------------------------------------------------------------------------


def test_numbers_do_not_depend_on_the_batch():
    """Eight realisations one by one, or the first four of them beside each other: the same to 1e-9."""
    e, velocity = spectrum(1e-2, BRANCHES)
    modes = make_modes(grid(), e, velocity, length=256.0, cells=4096)
    key = jax.random.key(0, impl="threefry2x32")
    args = modes, jnp.asarray(1.0), jnp.asarray([-0.5, 0.5]), jnp.asarray(0.2), jnp.asarray(50), key
    found = [
        np.asarray(transport.displacements(*args, sample=transport.Sample(1, 8, n, b), dtype=np.dtype("float64")))
        for n, b in ((8, 1), (4, 4))
    ]
    np.testing.assert_allclose(found[1], found[0][:4], rtol=1e-9, atol=1e-18)
    # Every realisation and every particle draws its own.
    assert len(np.unique(found[0][:, 0, :, 0])) == 16


@pytest.mark.full
def test_single_precision_measures_the_same():
    """float32 orbits of the same numbers: D_mumu within 0.5 % of float64 at each cosine, where errors are 3 %."""
    pair = alone((1, 1)), measure(1e-2, ((1, 1),), dtype="float32")
    slopes = [np.mean(own_half((1, 1), slope(x.of("mu_mu"), x.times, 1)), axis=0) for x in pair]
    np.testing.assert_allclose(slopes[1], slopes[0], rtol=0.005)


def test_slopes_of_a_moment():
    """2 D T plus a constant: D between any lags, and from all neighbours but the first, which starts from nothing."""
    times, D = np.array([1.0, 2.0, 4.0, 5.0]), np.array([0.3, 0.7])
    moment = 2 * D * times[:, None] + 0.1 * np.ones((3, 4, 2))
    np.testing.assert_allclose(slope(moment, times, 0), np.broadcast_to(D, (3, 2)), rtol=1e-12)
    np.testing.assert_allclose(slope(moment, times, 1, 2), np.broadcast_to(D, (3, 2)), rtol=1e-12)
    found = running(moment, times)
    np.testing.assert_allclose(found[:, 1:], np.broadcast_to(D, (3, 3, 2)), rtol=1e-12)
    np.testing.assert_allclose(found[:, 0], np.broadcast_to(D + 0.05, (3, 2)), rtol=1e-12)


def test_moments_are_those_of_the_displacements():
    """Against plain numpy for drawn momenta, to 1e-12."""
    rng = np.random.default_rng(1)
    u = rng.normal(size=(3, 10))
    mu = np.array([0.3, -0.6])
    found = np.asarray(transport.moments(tuple(jnp.asarray(u)), jnp.asarray(1.2), jnp.asarray(mu)))
    for i, part in enumerate((slice(0, 5), slice(5, 10))):
        p = np.linalg.norm(u[:, part], axis=0)
        d_mu, d_p, d_z = u[2, part] / p - mu[i], p - 1.2, u[2, part] - 1.2 * mu[i]
        d_e = np.sqrt(1 + p**2) - np.sqrt(1 + 1.2**2)
        want = [x.mean() for x in (d_mu**2, d_mu * d_p, d_p**2, d_mu, d_p, d_z**2, d_z * d_e)]
        np.testing.assert_allclose(found[i], want, rtol=1e-11)
