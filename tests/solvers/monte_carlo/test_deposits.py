"""Energy of the kicks: it feeds the waves at the rate of eq. 15, and none of it is lost."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.deposit_cases import kick_gain
from support.growth_cases import BINS, V_A, case, deviation_and_limit, gauss_words, geometry
from support.kick_cases import COUNT, ensemble, smeared_growth
from support.spectrum_cases import scattering_table

from crmc.physics.exact import FARTHEST, HEADROOM
from crmc.physics.flow import Stretch
from crmc.physics.markers import expand, initial_markers
from crmc.physics.spectrum import SIGNS, wave_energy_unit
from crmc.solvers.monte_carlo.deposits import add_deposits, deposits, empty_histogram, node_sizes
from crmc.solvers.monte_carlo.kernel import apply, energy_change, make_lookup, spectrum_kick, wave_frame


@jax.jit
def gain_of_kicks(grid, rays, amplitude, m, weight, V, nu_dt):
    """Energy given to the bins of one direction by a single short kick: average over (o, u) by Gauss's 2 x 2 points."""
    b, e = jnp.ones(()), jnp.full((2, BINS), 1e-4)
    words = jnp.asarray(gauss_words())
    frame = wave_frame(m.momentum_squared(b), m.parallel_momentum, V)
    table = scattering_table(grid, e, V, b, nu_dt, jnp.asarray(1e-12))

    def body(i, total):
        kick = spectrum_kick(grid, make_lookup(table, frame.q.dtype), frame, b, nu_dt, jnp.full(COUNT, words[i]))
        after = apply(m, kick, b).control_weight(rays, amplitude)
        return add_deposits(total, deposits(grid, kick, 0.5 * (weight + after), b), jnp.zeros(empty_histogram().size))

    histogram = jax.lax.fori_loop(0, words.size, body, empty_histogram())
    return kick_gain(grid, e[None], V[None], histogram[None] / words.size, b)[0]


def kick_rates(name, seed, nu_dt=3.0):
    """Gamma of all branches from the energy of single short kicks."""
    rays, amplitude, _ = case(name)
    grid, (m, weight) = geometry(), ensemble(name, seed)
    unit = wave_energy_unit(grid, jnp.asarray(V_A), jnp.ones(()))
    gains = [gain_of_kicks(grid, rays, amplitude, m, weight, jnp.asarray(d * V_A), jnp.asarray(nu_dt)) for d in SIGNS]
    return np.stack([np.asarray(gain / (2.0 * unit * nu_dt / math.pi)) for gain in gains])


@pytest.mark.parametrize("name", ["kappa", "anisotropic"])
def test_kicks_feed_the_waves_at_the_same_rate(name):
    """Energy of short kicks, nu dt = 3e-4, bin by bin, is the quadrature's: standard error plus 0.5 % of the branch."""
    # 4 ensembles; standard errors up to 0.5 %, limits up to 6 %: 12 degrees of freedom.
    rates = np.stack([kick_rates(name, seed) for seed in range(4)])
    want = smeared_growth(name)
    scale = np.abs(want).max(axis=-1, keepdims=True)
    deviation, limit, error = deviation_and_limit(rates, want, len(rates))
    assert np.all(error < 0.01 * scale)
    assert np.all(deviation < limit + 0.005 * scale)


def test_deposit_sums_to_the_energy_of_the_kicks():
    """sum_j e_j gain_j = -b sum wbar d eps to 1e-12, for large kicks, uneven spectra, any field."""
    rays, amplitude, deviation = case("anisotropic")
    grid, b, V, nu_dt = geometry(), jnp.asarray(0.8), jnp.asarray(-0.01), jnp.asarray(3000.0)
    m = initial_markers(8192, rays, amplitude, dtype=np.float64, **deviation)
    e = jnp.asarray(1e-4 * np.exp(np.random.default_rng(1).normal(size=(2, BINS))))
    table = scattering_table(grid, e, V, b, nu_dt, jnp.asarray(1e-12))
    # p = y b^(1/3): p_par shrinks as much, so that |p_par| <= p.
    frame = wave_frame(m.momentum_squared(b), m.parallel_momentum * jnp.cbrt(b), V)
    bits = jnp.asarray(np.random.default_rng(2).integers(0, 2**32, 8192, dtype=np.uint32))
    kick = spectrum_kick(grid, make_lookup(table, frame.q.dtype), frame, b, nu_dt, bits)
    weight = jnp.asarray(np.random.default_rng(3).normal(size=8192))
    histogram = add_deposits(empty_histogram(), deposits(grid, kick, weight, b), jnp.zeros(empty_histogram().size))
    given = jnp.sum(e * kick_gain(grid, e[None], V[None], histogram[None], b)[0], axis=-1)
    for i, s in enumerate(SIGNS):
        share = jnp.where(frame.sign == s, weight * energy_change(kick), 0.0)
        want = -float(b * jnp.sum(share))
        assert float(given[i]) == pytest.approx(want, abs=1e-12 * float(b * jnp.sum(jnp.abs(share))))
        assert abs(want) > 1e-3 * float(b * jnp.sum(jnp.abs(share)))


@pytest.mark.parametrize(
    "at",
    [Stretch(1.0), Stretch(0.1), Stretch(4.0), Stretch(1.0, 0.05), Stretch(1.0, 8.0)],
    ids=["start", "thin", "thick", "short", "long"],
)
def test_no_node_outgrows_its_range(at):
    """Markers of `FARTHEST` times F0's weight, after expansion and kicks to any q: |w| summed at every node.

    It is within 2^HEADROOM of the stated size, and the size falls with F0: at high q it is a tiny part of the total.
    """
    rays, amplitude, _ = case("kappa")
    grid, at, V, nu_dt = geometry(), jax.tree.map(jnp.asarray, at), jnp.asarray(0.01), jnp.asarray(3000.0)
    start = jax.tree.map(jnp.ones_like, at)
    m = expand(initial_markers(8192, rays, amplitude, dtype=np.float64), start, at)
    at_birth = m.volume * rays.density(amplitude, m.birth_momentum)
    weight = FARTHEST * at_birth + m.weighing(rays, amplitude).envelope(m)
    e = jnp.full((2, BINS), 1e-4)
    table = scattering_table(grid, e, V, at.resonance, nu_dt, jnp.asarray(1e-12))
    frame = wave_frame(m.momentum_squared(at.density), m.parallel_momentum, V)
    bits = jnp.asarray(np.random.default_rng(2).integers(0, 2**32, 8192, dtype=np.uint32))
    kick = spectrum_kick(grid, make_lookup(table, frame.q.dtype), frame, at.resonance, nu_dt, bits)
    found = [
        one._replace(below=abs(one.below), above=abs(one.above)) for one in deposits(grid, kick, weight, at.resonance)
    ]
    total = np.asarray(add_deposits(empty_histogram(), found, jnp.zeros(empty_histogram().size))).ravel()
    sizes = np.asarray(node_sizes(grid, rays, amplitude, at))
    assert np.all(total <= 2.0**HEADROOM * sizes)
    assert sizes[0] == pytest.approx(float(jnp.sum(at_birth)), rel=0.02)
    assert np.all(np.diff(sizes[: sizes.size // 2]) <= 0.0)
    assert sizes.min() < 1e-3 * sizes[0]
