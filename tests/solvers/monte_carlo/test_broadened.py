"""Markers in waves that broaden the resonance: diffusion and growth across 90 degrees, energy, and a run."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.broadened_cases import OVERRIDES
from support.deposit_cases import gain_in_bands
from support.growth_cases import gauss_words
from support.kick_cases import every_word, frame_of
from support.marker_cases import background

from crmc.config.config import load_config
from crmc.physics.bands import make_bands
from crmc.physics.flow import Stretch
from crmc.physics.markers import Markers
from crmc.physics.noise import run_key, step_noise
from crmc.physics.resonance import broadened
from crmc.physics.spectrum import make_grid
from crmc.setup.build import build
from crmc.solvers.monte_carlo.deposits import add_deposits, deposits_in_bands, empty_histogram
from crmc.solvers.monte_carlo.functional import functional_growth, resonant_histogram, wave_frame_weight
from crmc.solvers.monte_carlo.kernel import energy_change, make_lookup, spectrum_kick, wave_frame
from crmc.solvers.monte_carlo.step import step
from crmc.solvers.monte_carlo.tables import bare_metric, compressed, power_on_rows
from crmc.theory import broadened_scattering

BINS, SPREAD, SEED = 7, 0.08, jnp.asarray(1e-12)
#: df/dmu over F0 in each hemisphere, unequal: what feeds the wrong helicity shows.
SLOPES = 0.1, 0.03
ONE = jnp.asarray(1.0)
#: Uneven powers of both helicities, apart by three.
E = 1e-4 * np.random.default_rng(3).uniform(0.5, 1.5, (2, BINS)) * np.array([[1.0], [0.3]])


@functools.cache
def made():
    """Return a grid with x_gap = 0.1, scaled momenta 0.5 to 5, and its bands."""
    grid = make_grid(0.1, 10.0, BINS, 0.5 / 1.05, 5.25, gap="resonance")
    return grid, jax.jit(make_bands)(grid, 5.25)


@jax.jit
def kicked(grid, bands, frame, V, nu_dt, bits):
    """Kicks of markers by one direction's waves of power E and width SPREAD."""
    e = jnp.asarray(E)
    power = power_on_rows(grid, bands, e, SPREAD)
    table = compressed(grid, bare_metric(grid, e, V, ONE, SEED, power=power), nu_dt)
    return spectrum_kick(grid, make_lookup(table, frame.q.dtype), frame, ONE, nu_dt, bits, across=True)


@jax.jit
def gained(grid, bands, kick, weight):
    """Energy given to each bin by kicks of markers, divided by its e_j, (2, BINS)."""
    found = deposits_in_bands(bands, jnp.asarray(SPREAD), kick, weight, ONE)
    empty = empty_histogram(in_bands=True)
    histogram = add_deposits(empty, found, jnp.zeros(empty.size))
    return gain_in_bands(bands, jnp.asarray(E)[None], kick.frame.V[None], histogram[None], ONE, SEED)[0]


def test_diffusion_is_that_of_the_resonance():
    """<dq^2>/2 = D dt with nu of `theory.broadened_scattering`, to 3 % from 90 degrees to well outside of the gap.

    In the gap of the splines, |x| < 0.1, they would scatter nothing.
    """
    grid, bands = made()
    p, nu_dt, bits = 1.7, 0.02, every_word(32)
    x = np.array([-0.9, -0.3, -0.12, -0.05, -0.002, 0.002, 0.03, 0.09, 0.15, 0.4, 1.1])
    q, sign = jnp.asarray(np.repeat(np.abs(x), bits.size)), np.repeat(np.sign(x), bits.size)
    frame = frame_of(1e-8, p, q, sign)
    kick = kicked(grid, bands, frame, jnp.asarray(1e-8), nu_dt, jnp.tile(bits, x.size))
    spread = np.mean(np.asarray(kick.q - q).reshape(x.size, -1) ** 2, axis=-1)
    # 4e-3 of the largest e is what the cells of G are off.
    waves = lambda k, h: np.where(  # noqa: E731
        h > 0, *(np.asarray(grid.basis(jnp.minimum(1.0 / k, 1e3))) @ e for e in E)
    )
    power = np.asarray(broadened_scattering(p, x / p, SPREAD, waves)) * np.hypot(1.0, p) / np.pi
    want = nu_dt / np.hypot(1.0, p) * power * (p**2 - x**2)
    np.testing.assert_allclose(spread, want, rtol=0.03)


def test_deposits_sum_to_the_energy_of_kicks():
    """sum of e_j gain_j = -sum wbar d eps to 1e-12, for large kicks, many of them across, at any momentum."""
    grid, bands = made()
    rng, n = np.random.default_rng(2), 4096
    p = np.geomspace(0.3, 6.0, n)
    frame = frame_of(-0.01, p, p * rng.random(n), rng.choice([-1.0, 1.0], n))
    bits = jnp.asarray(rng.integers(0, 2**32, n, dtype=np.uint32))
    kick = kicked(grid, bands, frame, jnp.asarray(-0.01), jnp.asarray(3000.0), bits)
    assert 0.02 < float((kick.q < 0.0).mean()) < 0.5
    weight = jnp.asarray(rng.normal(size=n))
    given = float(jnp.sum(jnp.asarray(E) * gained(grid, bands, kick, weight)))
    each = np.asarray(weight * energy_change(kick))
    assert given == pytest.approx(-each.sum(), abs=1e-12 * np.abs(each).sum())
    assert abs(each.sum()) > 1e-3 * np.abs(each).sum()


@functools.cache
def streaming():
    """Markers of F0 (1 + SLOPES mu) on a lattice, and the power that f gives to each bin per e_j by quadrature."""
    grid, rays, amplitude = made()[0], background(0.5, 5.0), jnp.ones(1)
    rows, columns = 64, 1024
    step = np.log(10.0) / rows
    p = np.repeat(0.5 * np.exp(step * (np.arange(rows) + 0.5)), columns)
    mu = np.tile((np.arange(columns) + 0.5) * 2.0 / columns - 1.0, rows)
    volume = p**3 * step * 2.0 / columns
    weight = volume * np.asarray(rays.density(amplitude, jnp.asarray(p))) * np.where(mu > 0.0, *SLOPES)
    m = Markers(*(jnp.asarray(x) for x in (p, p * mu, 0.0 * p, volume, weight * mu)))
    power = 0.5 * np.pi / np.hypot(1.0, p) * p * (1.0 - mu**2) * weight
    found = jax.jit(lambda x, width, power: broadened(grid, x[None], width).taken(power[None])[0])
    return m, rays, amplitude, np.asarray(found(*(jnp.asarray(x) for x in (p * mu, p * SPREAD, power))))


def test_kicks_and_functional_feed_the_waves_as_they_scatter():
    """Power into each bin of an f that rises with mu, both by short kicks and by the functional: that by quadrature.

    V int (nu_1/2 gamma)(p^2 - p_par^2) w_hj (df/dp_par) d^3p, w_hj of `resonance.broadened`: to 0.5 % of the largest
    by kicks, 2 % by the functional.
    """
    grid, bands = made()
    m, rays, amplitude, want = streaming()
    V, nu_dt = jnp.asarray(1e-7), 3.0
    frame, weight = wave_frame(m.momentum_squared(ONE), m.parallel_momentum, V), m.excess
    gain = np.zeros((2, BINS))
    for word in gauss_words():
        bits = jnp.full(weight.shape, word)
        gain += np.asarray(gained(grid, bands, kicked(grid, bands, frame, V, nu_dt, bits), weight)) / 4
    want = want * float(V)
    np.testing.assert_allclose(gain * np.pi / nu_dt, want, atol=0.005 * want.max())

    @jax.jit
    def functional(m):
        weights = wave_frame_weight(rays, amplitude, frame, m, ONE)
        histogram = jnp.sum(resonant_histogram(grid, rays, frame, *weights, Stretch(ONE)), axis=0)
        at = V, Stretch(ONE), jnp.asarray(np.pi), jnp.asarray(SPREAD)
        return functional_growth(grid, rays, amplitude, histogram, *at)

    told = np.asarray(functional(m))
    assert told.shape == (2, BINS + 1) and not told[:, -1].any()
    np.testing.assert_allclose(told[:, :-1], want, atol=0.02 * want.max())


@functools.cache
def ready():
    """A run of few markers, the waves of `broadened_cases` from their balance, and a function that takes steps."""
    setup = build(load_config("drift", [*OVERRIDES, "run.markers=512", "run.precision=float64"]))
    model = dataclasses.replace(setup.model, functional=False, coarse_grain=False)

    def steps(wider, count):
        parameters = dataclasses.replace(setup.parameters, broadening=wider * setup.parameters.broadening)

        def take(carry, _):
            state, imbalance = carry
            state, tally = step(state, step_noise(run_key(0), state.step), parameters, model)
            return (state, imbalance + tally.imbalance), tally.absolute_exchange

        return jax.lax.scan(take, (setup.state, jnp.zeros(())), length=count)

    return setup, steps


@pytest.mark.full
def test_energy_balances_in_a_run():
    """Two steps: the particles lose what the waves gain, to 1e-12 of what they exchange."""
    setup, steps = ready()
    (state, imbalance), exchanged = jax.jit(steps, static_argnums=1)(jnp.ones(()), 2)
    assert abs(float(imbalance)) < 1e-12 * float(jnp.sum(exchanged)) and float(jnp.min(exchanged)) > 0.0
    assert (np.asarray(state.e[0]) != np.asarray(setup.state.e[0])).all()


@pytest.mark.full
def test_derivatives_of_a_step():
    """Of ln e after two steps to the width: forward is the difference quotient to 1e-3, reverse is forward to 1e-8."""
    setup, steps = ready()

    def power(wider):
        return jnp.sum(jnp.log(steps(wider, 2)[0][0].e[0]) - jnp.log(setup.state.e[0]))

    # Kicks have kinks where markers cross the cells of a table: 1e-4 would meet some, and be 0.2 % off.
    one, h = jnp.ones(()), 1e-5
    _, forward = jax.jit(lambda x: jax.jvp(power, (x,), (one,)))(one)
    reverse = jax.jit(jax.grad(power))(one)
    value = jax.jit(power)
    quotient = (float(value(one + h)) - float(value(one - h))) / (2.0 * h)
    assert abs(quotient) > 1e-7
    assert float(forward) == pytest.approx(quotient, rel=1e-3)
    assert float(reverse) == pytest.approx(float(forward), rel=1e-8)
