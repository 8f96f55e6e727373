"""Kicks across the 90-degree gap by waves beyond k_max: measure, balance, diffusion, and where the energy goes."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chi2
from support.deposit_cases import gain_beyond, kick_gain
from support.growth_cases import BINS, DENSITY, V_A, case, deviation_and_limit, parameters_of
from support.kick_cases import every_word, frame_of
from support.spectrum_cases import scattering_table

from crmc.physics.equilibrium import growth_at, growth_of_slope
from crmc.physics.flow import Stretch
from crmc.physics.initial import Harmonics
from crmc.physics.markers import initial_markers, markers_at
from crmc.physics.spectrum import DEPOSIT_CELLS, SIGNS, make_grid, wave_energy_unit
from crmc.solvers.monte_carlo import kernel
from crmc.solvers.monte_carlo.deposits import add_deposits, deposits, empty_histogram
from crmc.solvers.monte_carlo.functional import functional_growth, resonant_histogram, wave_frame_weight
from crmc.solvers.monte_carlo.kernel import energy_change, make_lookup, spectrum_kick, wave_frame
from crmc.solvers.monte_carlo.tables import deposited
from crmc.theory.distribution import Background

K_MIN, K_MAX, P = 0.05, 2.0, 3.0
FALSE_ALARM = 1e-6
ONE = jnp.asarray(1.0)


def grid_of(gap="broadened"):
    return make_grid(K_MIN, K_MAX, BINS, 0.3, 100.0, gap=gap)


def uneven_e():
    """Uneven spectra, the two helicities apart by a factor of three, e ~ 1e-3, (2, BINS)."""
    return 1e-3 * np.exp(np.random.default_rng(1).normal(0.0, 0.5, (2, BINS))) * np.array([[1.0], [0.3]])


def setup(V, nu_dt, dtype=np.float64, e=None):
    grid = grid_of()
    e = jnp.asarray(uneven_e() if e is None else e)
    table = scattering_table(grid, e, jnp.asarray(V), ONE, jnp.asarray(nu_dt), jnp.asarray(1e-12))
    return grid, make_lookup(table, np.dtype(dtype))


def kick_all(grid, lookup, V, par, nu_dt, bits):
    """p_par' after the kicks of markers of momentum P at p_par' = ``par``."""
    sign = jnp.where(par < 0.0, -1.0, 1.0)
    kick = spectrum_kick(grid, lookup, frame_of(V, P, jnp.abs(par), sign), ONE, jnp.asarray(nu_dt), bits, across=True)
    return sign * kick.q


#: The same as one program; the test that changes what it calls compiles its own.
landed = jax.jit(kick_all)


def uniform_on_shell(V, count, seed):
    """p_par' in (-P, P) with density ~ 1 + V p_par'/eps', uniform in lab d^3p, and the share of it below a place."""
    kappa = V / np.sqrt(1.0 + P**2)
    primitive = lambda x: x + 0.5 * kappa * x**2  # noqa: E731
    low, high = primitive(-P), primitive(P)
    y = low + (high - low) * np.random.default_rng(seed).random(count)
    return (np.sqrt(1.0 + 2.0 * kappa * y) - 1.0) / kappa, lambda x: (primitive(x) - low) / (high - low)


def balance(V, count=1 << 17, kicks=10):
    """(chi^2, limit) of evenness after many kicks across, of a shell that started even, and of n(a->c) = n(c->a)."""
    nu_dt = 600.0
    grid, lookup = setup(V, nu_dt)
    par, share = uniform_on_shell(V, count, 5)

    def body(i, par):
        bits = jax.random.bits(jax.random.fold_in(jax.random.key(6), i), (count,), "uint32")
        return kick_all(grid, lookup, V, par, nu_dt, bits)

    end = np.asarray(jax.jit(lambda x: jax.lax.fori_loop(0, kicks, body, x))(jnp.asarray(par)))
    cells = np.histogram(share(end), bins=32, range=(0.0, 1.0))[0]
    even = np.sum((cells - count / 32) ** 2 / (count / 32))
    after = np.asarray(jax.jit(body, static_argnums=0)(99, jnp.asarray(par)))
    joint = np.histogram2d(share(par), share(after), bins=16, range=[[0, 1], [0, 1]])[0]
    upper = np.triu_indices(16, 1)
    there, back = joint[upper], joint.T[upper]
    use = there + back > 20
    # Of the pairs that count, many lie on different sides of 90 degrees.
    assert joint[:8, 8:].sum() > 0.02 * count
    pairs = np.sum((there - back)[use] ** 2 / (there + back)[use])
    return (even, chi2.isf(FALSE_ALARM, 31)), (pairs, chi2.isf(FALSE_ALARM, use.sum()))


def test_uniform_phase_space_and_detailed_balance_across_the_gap():
    """V = 0.3 c, helicities apart by three: an even shell stays even, as many go as come, pair by pair.

    2^17 markers in 32 cells: an unevenness of 2 % rms is caught.
    """
    (even, limit), (pairs, most) = balance(0.3)
    assert even < limit and pairs < most


def test_mutation_same_table_beyond_the_gap(monkeypatch):
    """An interval that goes on in the table of its own helicity breaks the balance."""
    monkeypatch.setattr(kernel._Rows, "opposite", lambda rows, sign: rows)
    (even, limit), (pairs, most) = balance(0.3)
    assert pairs > 3.0 * most


def test_paths_do_not_jump_at_90_degrees():
    """Two markers at p_par' = +-1e-12, the same numbers: they land within 1e-4 of each other, for kicks of order one.

    Helicities apart by three, V = 0.3 c.  A kick whose interval is counted from q = 0 outwards in both hemispheres has
    the right law, but lands elsewhere: derivatives stay right, differences of runs with the same numbers do not.
    """
    V, nu_dt, bits = 0.3, 600.0, every_word(64)
    grid, lookup = setup(V, nu_dt)
    here, beyond = (
        np.asarray(landed(grid, lookup, V, jnp.full(bits.size, par), nu_dt, bits)) for par in (1e-12, -1e-12)
    )
    assert np.std(here) > 0.3
    assert (here < 0.0).mean() > 0.2 and (here > 0.0).mean() > 0.2
    np.testing.assert_allclose(here, beyond, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_diffusion_in_the_gap(dtype):
    """<dq^2> = nu (p'^2 - q^2) dt with the power at the last k where the splines sum to one, to 2 % anywhere within."""
    # Equal helicities: a kick from just above q = 0 samples both sides.
    V, nu_dt, e = 1e-8, 0.02, 1e-3 * np.geomspace(3.0, 0.5, BINS) * np.ones((2, 1))
    grid, lookup = setup(V, nu_dt, dtype, e)
    q, bits = np.array([1e-3, 0.02, 0.1, 0.2, 0.35, 0.45]), every_word(64)
    assert q.max() < 1.0 / K_MAX
    par = jnp.asarray(np.repeat(q, bits.size), dtype)
    after = np.asarray(landed(grid, lookup, dtype(V), par, nu_dt, jnp.tile(bits, q.size)), np.float64)
    spread = np.mean((after - np.asarray(par, np.float64)).reshape(q.size, -1) ** 2, axis=1)
    power = 0.5 * (e[0, -1] + e[0, -2])
    np.testing.assert_allclose(spread, nu_dt * power / np.sqrt(1.0 + P**2) * (P**2 - q**2), rtol=0.02)
    assert (after.reshape(q.size, -1)[0] < 0.0).mean() > 0.4


def test_particles_in_the_gap_meet_the_shortest_waves():
    """S_j below the last k at which the splines sum to one is that there; above it is the spline; sum_j e_j Psi_j = x."""
    grid, e = grid_of(), uneven_e()
    x_top = float(jnp.exp(-grid.log_k_top))
    x = jnp.asarray([1e-4, 0.1, 0.999 * x_top])
    np.testing.assert_allclose(grid.resonant(x), np.broadcast_to(grid.basis(jnp.asarray(x_top)), (3, BINS)), atol=1e-14)
    assert float(grid.resonant(x).sum(axis=-1).min()) == pytest.approx(1.0, rel=1e-12)
    x = jnp.geomspace(x_top, 1.0 / K_MIN, 50)
    np.testing.assert_allclose(grid.resonant(x), grid.basis(x), atol=1e-14)
    one_each = jnp.broadcast_to(jnp.eye(DEPOSIT_CELLS + 1), (2, DEPOSIT_CELLS + 1, DEPOSIT_CELLS + 1))
    total = np.einsum("hnj,hj->hn", np.asarray(deposited(grid, jnp.asarray(e)[:, None], one_each)), e)
    nodes = np.asarray(grid.x_deposit)
    inside = nodes < 1.0 / K_MIN
    np.testing.assert_allclose(total[:, inside], np.broadcast_to(nodes[inside], (2, inside.sum())), rtol=1e-12)


@pytest.mark.parametrize("gap", ["broadened", "edge"])
def test_deposit_sums_to_the_energy_of_kicks_across_the_gap(gap):
    """sum over bins and helicities of e_j gain_j = -b sum wbar d eps to 1e-12, for large kicks, many of them across.

    With an edge what a kick changes of p_par' within the gap belongs to the waves beyond k_max of that helicity, and
    only the rest to bins; without, nothing does.
    """
    rays, amplitude, deviation = case("anisotropic")
    b, V, nu_dt = jnp.asarray(0.8), jnp.asarray(-0.01), jnp.asarray(3000.0)
    m = initial_markers(8192, rays, amplitude, dtype=np.float64, **deviation)
    grid, e = grid_of(gap), jnp.asarray(uneven_e())
    table = scattering_table(grid, e, V, b, nu_dt, jnp.asarray(1e-12))
    frame = wave_frame(m.momentum_squared(b), m.parallel_momentum * jnp.cbrt(b), V)
    bits = jnp.asarray(np.random.default_rng(2).integers(0, 2**32, 8192, dtype=np.uint32))
    across = jax.jit(spectrum_kick, static_argnames="across")
    kick = across(grid, make_lookup(table, frame.q.dtype), frame, b, nu_dt, bits, across=True)
    assert 0.02 < float((kick.q < 0.0).mean()) < 0.5
    weight = jnp.asarray(np.random.default_rng(3).normal(size=8192))
    histogram = add_deposits(empty_histogram(), deposits(grid, kick, weight, b), jnp.zeros(empty_histogram().size))
    beyond = gain_beyond(grid, V[None], histogram[None], b)[0]
    given = jnp.sum(e * kick_gain(grid, e[None], V[None], histogram[None], b)[0]) + jnp.sum(beyond)
    moved = float(b * jnp.sum(jnp.abs(weight * energy_change(kick))))
    want = -float(b * jnp.sum(weight * energy_change(kick)))
    assert float(given) == pytest.approx(want, abs=1e-12 * moved)
    assert abs(want) > 1e-3 * moved
    lost = -b * weight * frame.V * frame.gamma
    for i, s in enumerate(SIGNS if gap == "edge" else ()):
        before, after = (jnp.clip(s * frame.sign * q, 0.0, b / K_MAX) for q in (frame.q, kick.q))
        assert float(beyond[i]) == pytest.approx(s * float(jnp.sum(lost * (after - before))), abs=1e-12 * moved)
    assert (jnp.abs(beyond).max() > 1e-3 * abs(want)) == (gap == "edge")


#: df/dmu in units of F0 for mu > 0 and mu < 0, as where waves scatter either side unequally; markers at random places.
SLOPES = np.array([4.0, 1.0]) * V_A
MARKERS, ENSEMBLES = 8192, 16


def streaming_rays(gap):
    """(parameters, amplitude): the range of the experiment drift, k up to 20 and p from 0.5."""
    rays = Background(jnp.array([4.7]), jnp.array([1.0]), jnp.asarray(0.5), jnp.asarray(20.0))
    amplitude = DENSITY / rays.moments(jnp.ones(1), jnp.ones(())).number
    grid = make_grid(0.05, 20.0, 12, 0.5 / 1.05, 21.0, gap=gap)
    return dataclasses.replace(parameters_of(rays), grid=grid), jnp.array([amplitude])


@jax.jit
def functional_in_gap(parameters, amplitude, sample):
    """Gamma of all branches by the functional from markers at ``sample`` whose f has SLOPES, (2, 2, bins + 1).

    The last entry is int Gamma dln k beyond k_max, where an edge has no bins.
    """
    rays, b, zero = parameters.background, jnp.ones(()), jnp.zeros(())
    m = markers_at(sample, rays, amplitude, Harmonics(zero, zero), count=MARKERS, dtype=np.float64)
    mu = m.parallel_momentum / m.birth_momentum
    tilt = jnp.where(mu > 0.0, *SLOPES) * mu
    m = dataclasses.replace(m, excess=m.volume * rays.density(amplitude, m.birth_momentum) * tilt)
    rates = []
    for V in jnp.asarray(SIGNS) * parameters.alfven_speed:
        frame = wave_frame(m.momentum_squared(b), m.parallel_momentum, V)
        weights = wave_frame_weight(rays, amplitude, frame, m, b)
        histogram = jnp.sum(resonant_histogram(parameters.grid, rays, frame, *weights, Stretch(b)), axis=0)
        rates.append(
            functional_growth(parameters.grid, rays, amplitude, histogram, V, Stretch(b), parameters.nu_coefficient)
        )
    unit = wave_energy_unit(parameters.grid, parameters.alfven_speed, b)
    return jnp.stack(rates) / (2.0 * jnp.append(unit, parameters.alfven_speed**2))


@pytest.mark.parametrize("gap", ["broadened", "edge"])
def test_growth_functional_down_to_90_degrees(gap):
    """Gamma_j of an f with a kink at 90 degrees is that of eqs. 13-15 by quadrature, bin by bin, to 2 % and chance.

    170 of 8192 random markers lie in the gap, p < 20 and k < 20: cells near q = 0 are mostly empty.  To count f from
    the first filled one on misses 8 and 14 % of the last two bins; a straight line across the kink, 3 to 30 %.  An edge
    has a last bin of a third of the width, with noise of 0.5 % instead of 0.3 %, and waves beyond it, where Gamma ~ 1/k.
    """
    parameters, amplitude = streaming_rays(gap)
    slope = lambda i, p, mu: SLOPES[i] * parameters.background.density(amplitude, p)  # noqa: E731
    want = jax.jit(growth_of_slope, static_argnums=2)(parameters, amplitude, slope)
    beyond = 2.0 * jax.jit(growth_at, static_argnums=2)(parameters, amplitude, slope, 0.5 * parameters.grid.x_gap[None])
    want = np.asarray(jnp.append(want, beyond, axis=-1) if gap == "edge" else want)
    samples = np.random.default_rng(7).random((ENSEMBLES, MARKERS, 2))
    rates = np.stack([functional_in_gap(parameters, amplitude, jnp.asarray(x)) for x in samples])
    if gap == "broadened":
        assert not rates[..., -1].any()
        rates = rates[..., :-1]
    scale = np.abs(want).max(axis=(0, 1))
    deviation, limit, error = deviation_and_limit(rates, want, ENSEMBLES)
    assert np.all(error < (5e-3 if gap == "edge" else 3e-3) * scale)
    assert np.all(deviation < limit + 0.02 * scale)


def test_functional_counts_what_has_crossed_the_gap():
    """A place q < 0 of sign s is |q| of sign -s in the growth functional's histogram.

    If left out, cells at low q miss what came from the other hemisphere.
    """
    rays, amplitude, deviation = case("anisotropic")
    m = initial_markers(4096, rays, amplitude, dtype=np.float64, **deviation)
    frame = wave_frame(m.momentum_squared(ONE), m.parallel_momentum, jnp.asarray(0.01))
    weight, envelope = (jnp.asarray(np.random.default_rng(4).random((2, 4096)))[i] for i in (0, 1))
    crossed = frame._replace(q=-frame.q, sign=-frame.sign)
    one, other = (resonant_histogram(grid_of(), rays, x, weight, envelope, Stretch(ONE))[0] for x in (frame, crossed))
    assert float(one[1].sum(axis=(1, 2)).min()) > 0.0
    np.testing.assert_allclose(one, other, rtol=1e-12)
