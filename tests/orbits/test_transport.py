"""Measured transport against quasilinear theory: coefficient, signs, every branch; finite lags; where theory ends."""

import dataclasses
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.slab_cases import BINS, COSINES, K_MAX, K_MIN, V_A, grid, measure, one_wave, spectrum

from crmc.orbits import quasilinear, transport
from crmc.orbits.slab import make_modes
from crmc.orbits.transport import running, slope
from crmc.statistics import mean_of, ratio_of
from crmc.theory.scattering import diffusion_tensor

BRANCHES = ((1, 1), (1, -1), (-1, 1), (-1, -1))
#: 4.9 standard errors: one test in a million may fail by chance.
SURE = 4.9
COUNT = len(COSINES)


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


@pytest.mark.parametrize("branch", BRANCHES)
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


@pytest.mark.parametrize("branch", BRANCHES)
def test_helicity_is_the_sign_of_resonant_particles(branch):
    """The other hemisphere does not resonate: its D_mumu is below 2 % of the same branch's at the mirrored cosine."""
    # 1 % is what beats leave between these lags.  A wrong sign in the field's rotation swaps the hemispheres.
    found = alone(branch)
    measured = slope(found.of("mu_mu"), found.times, 1)
    mirrored = np.mean(own_half(branch, measured), axis=0)[::-1]
    assert np.max(np.abs(np.mean(other_half(branch, measured), axis=0)) / mirrored) < 0.02


@pytest.mark.parametrize("branch", BRANCHES)
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


@pytest.mark.parametrize("branch", BRANCHES)
def test_energy_is_exchanged_as_the_branch_moves(branch):
    """d eps = V dp_z on every path: regression of one on the other gives d v_A to 0.5 %, resonant or not."""
    found, (d, _) = alone(branch), branch
    share = np.mean(found.of("z_energy"), axis=0) / np.mean(found.of("z_z"), axis=0)
    np.testing.assert_allclose(share[-1], d * V_A, rtol=0.005)


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


def test_running_estimate_has_a_plateau():
    """dB/B = 0.01: D from neighbouring lags, 1 to 8 gyrations, is theory's at each within 4.9 errors of 2 %."""
    found, mu = alone((1, 1)), cosines((1, 1))
    spread = quasilinear.spread_of_diffusion(theory(found, 1.0, quasilinear.mesh())[0], mu, found.times)
    measured = running(found.of("mu_mu"), found.times)[..., COUNT:]
    want = np.diff(spread, axis=0, prepend=0.0) / found.times[0] / 2
    ratio = mean_of(np.mean(measured / want, axis=-1))
    assert np.all(ratio.stderr < 0.025)
    assert np.all(np.abs(ratio.value - 1.0)[1:] < SURE * ratio.stderr[1:])


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


def test_diffusion_over_a_lag_is_exact_for_constant_scattering():
    """D = nu (1 - mu^2)/2: <mu> = mu0 exp(-nu t), <mu^2> = 1/3 + (mu0^2 - 1/3) exp(-3 nu t), to 1e-4."""
    mu, times = np.array([-0.9, 0.0, 0.3, 0.8]), np.array([0.01, 0.5, 3.0])
    edges = quasilinear.mesh()
    found = quasilinear.spread_of_diffusion(0.5 * 0.7 * (1 - edges**2), mu, times)
    t = 0.7 * times[:, None]
    want = 1 / 3 + (mu**2 - 1 / 3) * np.exp(-3 * t) - 2 * mu**2 * np.exp(-t) + mu**2
    assert np.max(np.abs(found - want) / want.max(axis=1, keepdims=True)) < 1e-4
    np.testing.assert_allclose(found[0] / (2 * times[0]), 0.35 * (1 - mu**2), atol=0.01)


# ---- theory itself ----------------------------------------------------------------------------------------------


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


# ---- where theory ends ------------------------------------------------------------------------------------------


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
