"""The elastic kick: energy, measure, detailed balance, diffusion coefficient, gap, continuity."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import BSpline
from scipy.stats import chi2, qmc
from support.compiled import optimised
from support.kick_cases import every_word, frame_of
from support.spectrum_cases import scattering_table

from crmc.physics.markers import Markers
from crmc.physics.spectrum import CELLS, make_grid
from crmc.solvers.monte_carlo import kernel
from crmc.solvers.monte_carlo.kernel import (
    apply,
    constant_kick,
    energy_change,
    make_lookup,
    spectrum_kick,
    wave_frame,
)

#: One test in a million may fail by chance.
FALSE_ALARM = 1e-6
BINS, K_MIN, K_MAX, SEED = 16, 0.02, 5.0, 1e-9
ONE = 1.0
#: One program each; a test that changes what they call compiles its own.
kicked, kicked_at_constant_nu = jax.jit(spectrum_kick), jax.jit(constant_kick, static_argnames="co_moving")


def uneven_e(seed=1):
    """Uneven spectra of both helicities, e ~ 1e-3, shape (2, BINS)."""
    return 1e-3 * np.exp(np.random.default_rng(seed).normal(0.0, 0.7, (2, BINS)))


def setup(V, nu_dt, e=None, b=1.0, low=0.3, high=100.0, dtype=np.float64):
    """Grid and the look-up of the metric."""
    e = jnp.asarray(uneven_e() if e is None else e)
    grid = make_grid(K_MIN, K_MAX, BINS, low, high)
    table = scattering_table(grid, e, jnp.asarray(V), jnp.asarray(b), jnp.asarray(nu_dt), jnp.asarray(SEED))
    return grid, make_lookup(table, np.dtype(dtype))


def words(seed, count):
    return jnp.asarray(np.random.default_rng(seed).integers(0, 2**32, count, dtype=np.uint32))


def power(e, x):
    """e(ln k) at x = 1/k by scipy's B-splines."""
    h = np.log(K_MAX / K_MIN) / (BINS + 2)
    knots = np.log(K_MIN) + h * np.arange(BINS + 3)
    return BSpline(knots, np.asarray(e), 2, extrapolate=False)(-np.log(x))


def lab_markers(count, seed=3, b=1.0):
    """Markers all over phase space at field b: inside the gap, resonant, above the top."""
    rng = np.random.default_rng(seed)
    p = 0.4 * (150.0 / 0.4) ** rng.random(count)
    par = p * (2.0 * rng.random(count) - 1.0)
    one = np.ones(count)
    return Markers(*(jnp.asarray(x) for x in (p * b ** (-1.0 / 3.0), par, 0.0 * one, one, 0.0 * one)))


@pytest.mark.parametrize("V", [0.3, -0.3, 2e-4])
@pytest.mark.parametrize("b", [1.0, 0.6])
def test_kicks_are_elastic_and_exchange_v_dp(V, b):
    """p' unchanged and d eps = V d p_par, both from the markers after `apply`, to 1e-12."""
    grid, lookup = setup(V, 100.0, b=b)
    before, b = lab_markers(4096, b=b), jnp.asarray(b)
    frame = wave_frame(before.momentum_squared(b), before.parallel_momentum, jnp.asarray(V))
    kick = kicked(grid, lookup, frame, b, jnp.asarray(100.0), words(4, 4096))
    after = apply(before, kick, b)
    again = wave_frame(after.momentum_squared(b), after.parallel_momentum, jnp.asarray(V))
    np.testing.assert_allclose(again.momentum, frame.momentum, rtol=1e-12)
    np.testing.assert_allclose(again.q, kick.q, rtol=0, atol=1e-12 * 300.0)
    eps = [np.sqrt(1.0 + np.asarray(m.momentum(b)) ** 2) for m in (before, after)]
    moved = np.asarray(after.parallel_momentum - before.parallel_momentum)
    assert np.mean(np.abs(moved) > 0.01) > 0.5
    np.testing.assert_allclose(eps[1] - eps[0], V * moved, rtol=0, atol=1e-12 * eps[0].max())
    np.testing.assert_allclose(energy_change(kick), V * moved, rtol=1e-12, atol=1e-13)
    # The boost itself, against the textbook form.
    gamma, p, par = 1.0 / np.sqrt(1.0 - V**2), np.asarray(before.momentum(b)), np.asarray(before.parallel_momentum)
    np.testing.assert_allclose(frame.energy, gamma * (np.sqrt(1.0 + p**2) - V * par), rtol=1e-13)
    np.testing.assert_allclose(np.asarray(frame.momentum) ** 2 + 1.0, np.asarray(frame.energy) ** 2, rtol=1e-12)


def uniform_on_shell(V, p, low, high, sign, count, seed):
    """q in (low, high) with density ~ g = 1 + V s q/eps', i.e. uniform in lab d^3p: d^3p = (eps/eps') d^3p'."""
    kappa = V * sign / np.sqrt(1.0 + p**2)
    primitive = lambda q: q + 0.5 * kappa * q**2  # noqa: E731
    y = primitive(low) + (primitive(high) - primitive(low)) * np.random.default_rng(seed).random(count)
    return (np.sqrt(1.0 + 2.0 * kappa * y) - 1.0) / kappa, primitive


def uniformity(V, p, sign, count=1 << 17, kicks=40):
    """chi^2 of 32 equal cells of lab d^3p after many kicks of markers that started uniform; (chi^2, limit)."""
    nu_dt = 300.0
    grid, lookup = setup(V, nu_dt)
    low, high = 1.0 / K_MAX, min(p, 1.0 / K_MIN)
    q, primitive = uniform_on_shell(V, p, low, high, sign, count, 5)
    frame = frame_of(V, p, q, sign)

    def body(i, q):
        bits = jax.random.bits(jax.random.fold_in(jax.random.key(6), i), (count,), "uint32")
        return spectrum_kick(grid, lookup, frame._replace(q=q), jnp.asarray(ONE), jnp.asarray(nu_dt), bits).q

    q = np.asarray(optimised(lambda q: jax.lax.fori_loop(0, kicks, body, q))(frame.q))
    assert np.all((q >= low) & (q <= high))
    s = (primitive(q) - primitive(low)) / (primitive(high) - primitive(low))
    cells = np.histogram(s, bins=32, range=(0.0, 1.0))[0]
    expected = count / 32
    return np.sum((cells - expected) ** 2 / expected), chi2.isf(FALSE_ALARM, 31)


@pytest.mark.parametrize(("p", "sign"), [(3.0, 1.0), (3.0, -1.0), (80.0, 1.0)])
def test_uniform_phase_space_stays_uniform(p, sign):
    """A lab d^3p-uniform shell stays so at V = 0.3 c, whose measure g varies by 0.3 to 0.6 over the range."""
    # 2^17 markers in 32 cells: catches a density uneven by 2 % rms (non-centrality 53).
    statistic, limit = uniformity(0.3, p, sign)
    assert statistic < limit


def without_measure(frame, start, end, u, s):
    return kernel.Kick(frame, start, end - start, u)


def test_mutation_without_the_measure(monkeypatch):
    """Landing points uniform in q, not in g dq, spoil uniformity at once."""
    monkeypatch.setattr(kernel, "reinject", without_measure)
    statistic, limit = uniformity(0.3, 3.0, 1.0)
    assert statistic > 5.0 * limit


def exchange(V, p, count=1 << 19):
    """chi^2 of n(a -> c) = n(c -> a) between 16 cells for one large kick; (chi^2, limit)."""
    nu_dt = 600.0
    grid, lookup = setup(V, nu_dt)
    low, high = 1.0 / K_MAX, min(p, 1.0 / K_MIN)
    q, primitive = uniform_on_shell(V, p, low, high, 1.0, count, 7)
    kick = jax.jit(lambda *x: spectrum_kick(*x))(
        grid, lookup, frame_of(V, p, q, 1.0), jnp.asarray(ONE), jnp.asarray(nu_dt), words(8, count)
    )
    place = lambda q: (primitive(np.asarray(q)) - primitive(low)) / (primitive(high) - primitive(low))  # noqa: E731
    joint = np.histogram2d(place(q), place(kick.q), bins=16, range=[[0, 1], [0, 1]])[0]
    upper = np.triu_indices(16, 1)
    there, back = joint[upper], joint.T[upper]
    use = there + back > 20
    assert use.sum() > 40
    return np.sum((there - back)[use] ** 2 / (there + back)[use]), chi2.isf(FALSE_ALARM, use.sum())


def test_detailed_balance():
    """Joint histogram of (q, q') in cells of d^3p is symmetric: as many go as come, pair by pair."""
    # 2^19 markers: without the measure the statistic is 3.4 times the limit; it grows as the asymmetry squared.
    statistic, limit = exchange(0.3, 3.0)
    assert statistic < limit


def test_mutation_detailed_balance_without_the_measure(monkeypatch):
    """The wrong landing measure breaks the pairwise balance too."""
    monkeypatch.setattr(kernel, "reinject", without_measure)
    statistic, limit = exchange(0.3, 3.0)
    assert statistic > 3.0 * limit


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gap_is_never_crossed(dtype):
    """Markers inside the gap or beyond the top never move, the others never get there, nor change helicity."""
    V, b, nu_dt, count = 2e-3, jnp.asarray(0.8), 500.0, 8192
    grid, lookup = setup(V, nu_dt, b=0.8, dtype=dtype)
    m = jax.tree.map(lambda x: x.astype(dtype), lab_markers(count, b=0.8))
    start = wave_frame(m.momentum_squared(b), m.parallel_momentum, jnp.asarray(V))

    def body(i, q):
        bits = jax.random.bits(jax.random.fold_in(jax.random.key(9), i), (count,), "uint32")
        return spectrum_kick(grid, lookup, start._replace(q=q), b, jnp.asarray(nu_dt), bits).q

    end = np.asarray(optimised(lambda q: jax.lax.fori_loop(0, 200, body, q))(start.q), np.float64)
    first, p = np.asarray(start.q, np.float64), np.asarray(start.momentum, np.float64)
    gap, top = 0.8 / K_MAX, 0.8 / K_MIN
    resting, slack = (first <= gap) | (first >= top), 4.0 * np.finfo(dtype).eps
    assert 100 < resting.sum() < count - 1000
    np.testing.assert_array_equal(end[resting], first[resting])
    assert np.all(end[~resting] >= gap * (1.0 - slack))
    assert np.all(end[~resting] <= np.minimum(p, top)[~resting] * (1.0 + slack))
    assert np.median(np.abs(end / first - 1.0)[~resting]) > 0.3


@pytest.mark.parametrize("b", [1.0, 0.5])
@pytest.mark.parametrize(("V", "p"), [(2e-4, 3.0), (0.3, 3.0), (2e-4, 30.0)])
def test_diffusion_coefficient(V, p, b):
    """g <dq^2> = nu (p'^2 - q^2) dt, nu = nu_dt e(ln k_res)/gamma', to 1.5 % beyond 4 q_gap; smooth e, quadrature."""
    nu_dt = 0.05
    e = 1e-3 * np.geomspace(3.0, 0.5, BINS) * np.array([[1.0], [0.3]])
    grid, lookup = setup(V, nu_dt, e, b=b)
    bits = every_word(64)
    for sign, helicity in ((1.0, 0), (-1.0, 1)):
        low, top = 4.0 * b / K_MAX, min(0.97 * p, 0.5 * b / K_MIN)
        q = np.geomspace(low, top, 18)
        frame = frame_of(V, p, np.repeat(q, bits.size), sign)
        kick = kicked(grid, lookup, frame, jnp.asarray(b), jnp.asarray(nu_dt), jnp.tile(bits, q.size))
        spread = np.mean(((np.asarray(kick.q) - np.asarray(frame.q)) ** 2).reshape(q.size, -1), axis=1)
        energy = np.sqrt(1.0 + p**2)
        g = 1.0 + V * sign * q / energy
        want = nu_dt * power(e[helicity], q / b) / energy * (p**2 - q**2)
        # Single table cells are linear in Y: up to 1.1 % at one q, 0.3 % on average.
        np.testing.assert_allclose(g * spread, want, rtol=0.015)
        assert np.mean(g * spread / want) == pytest.approx(1.0, abs=0.004)


def test_diffusion_coefficient_of_an_uneven_spectrum():
    """Wave power that jumps by factors of 2 to 4 from bin to bin: D to 1 % on average over q, to 5 % at any q."""
    nu_dt, V, p, e = 0.05, 2e-4, 3.0, uneven_e()
    grid, lookup = setup(V, nu_dt)
    bits = every_word(64)
    q = np.linspace(0.4, 2.9, 60)
    frame = frame_of(V, p, np.repeat(q, bits.size), 1.0)
    kick = kicked(grid, lookup, frame, jnp.asarray(ONE), jnp.asarray(nu_dt), jnp.tile(bits, q.size))
    spread = np.mean(((np.asarray(kick.q) - np.asarray(frame.q)) ** 2).reshape(q.size, -1), axis=1)
    ratio = spread / (nu_dt * power(e[0], q) / np.sqrt(1.0 + p**2) * (p**2 - q**2))
    assert abs(ratio.mean() - 1.0) < 0.01
    assert np.max(np.abs(ratio - 1.0)) < 0.05


def test_diffusion_at_the_pole():
    """<1 - mu'> grows by nu dt mu of kicks that reach the pole, c = 0.2 rad: to 3 % at any theta < 2 c; quadrature."""
    # Clipped at the pole, the bare metric would diffuse there at half the rate.
    V, p, c = 1e-8, 3.0, 0.2
    e = np.full((2, BINS), 1e-3)
    energy = np.sqrt(1.0 + p**2)
    nu_dt = c**2 / 6.0 * energy / 1e-3
    grid, lookup = setup(V, nu_dt, e)
    bits = every_word(64)
    mu = np.cos(c * np.array([1e-3, 0.2, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0]))
    frame = frame_of(V, p, np.repeat(mu * p, bits.size), 1.0)
    kick = kicked(grid, lookup, frame, jnp.asarray(ONE), jnp.asarray(nu_dt), jnp.tile(bits, mu.size))
    fallen = mu - np.mean(np.asarray(kick.q).reshape(mu.size, -1), axis=1) / p
    np.testing.assert_allclose(fallen / (nu_dt * 1e-3 / energy * mu), 1.0, atol=0.03)


def test_mutation_without_the_boost(monkeypatch):
    """Scattering in the lab frame conserves the particles' energy: d eps = V d p_par is lost entirely."""
    V, b = jnp.asarray(0.3), jnp.asarray(ONE)
    grid, lookup = setup(0.3, 100.0)
    m = lab_markers(4096)
    frame = wave_frame(m.momentum_squared(b), m.parallel_momentum, 0.0 * V)
    after = apply(m, kicked(grid, lookup, frame, b, jnp.asarray(100.0), words(4, 4096)), b)
    moved = np.asarray(after.parallel_momentum - m.parallel_momentum)
    gained = np.sqrt(1.0 + np.asarray(after.momentum(b)) ** 2) - np.sqrt(1.0 + np.asarray(m.momentum(b)) ** 2)
    assert np.max(np.abs(gained)) < 1e-10
    assert np.median(np.abs(0.3 * moved)[np.abs(moved) > 0.0]) > 0.01


@pytest.mark.parametrize("nu_dt", [1.0, 300.0])
def test_the_metric_is_inverted_exactly(nu_dt):
    """inverse(value(t)) = t to 1e-10 of a cell count for all rows, in float64; and value(inverse(y)) = y."""
    grid, lookup = setup(2e-4, nu_dt)
    count = 1 << 14
    rng = np.random.default_rng(11)
    p = 0.25 * (110.0 / 0.25) ** rng.random(count)
    frame = frame_of(2e-4, p, 0.5 * p, np.where(rng.random(count) < 0.5, -1.0, 1.0))
    rows = kernel._rows(grid, lookup, 0, frame, jnp.asarray(ONE))
    t = jnp.asarray(CELLS * rng.random(count))
    y = rows.value(t)
    np.testing.assert_allclose(rows.inverse((y,))[0], t, rtol=0, atol=1e-10 * CELLS)
    assert np.all(np.asarray(rows.value(jnp.minimum(t + 1e-3, CELLS)) > y))


def test_kicks_are_continuous():
    """A change of q, or of one e_j, by 1e-8 relative moves no landing point by more than 1e-4 relative."""
    count, nu_dt, V = 1 << 15, 300.0, 2e-4
    b = jnp.asarray(ONE)
    rng = np.random.default_rng(12)
    p = 0.5 * (80.0 / 0.5) ** rng.random(count)
    low, high = 1.0 / K_MAX, np.minimum(p, 1.0 / K_MIN)
    q = low + (high - low) * (0.001 + 0.998 * rng.random(count))
    sign, bits = np.where(rng.random(count) < 0.5, -1.0, 1.0), words(13, count)

    def landing(q, e):
        grid, lookup = setup(V, nu_dt, e)
        return np.asarray(kicked(grid, lookup, frame_of(V, p, q, sign), b, jnp.asarray(nu_dt), bits).q)

    reference = landing(q, uneven_e())
    changes = [(q * (1.0 + 1e-8), uneven_e())]
    for j in (2, 7, 13):
        e = uneven_e()
        e[:, j] *= 1.0 + 1e-8
        changes.append((q, e))
    for arguments in changes:
        moved = np.abs(landing(*arguments) / reference - 1.0)
        assert 0.0 < np.max(moved) < 1e-5


def legendre_rate(nu_dt, degree, co_moving):
    """-ln(one-step factor of P_l)/(nu dt l (l + 1)/2), by Gauss-Legendre in mu' and a lattice in (o, u)."""
    x, w = np.polynomial.legendre.leggauss(48)
    if co_moving:
        x, w = 0.5 * (x + 1.0), 0.5 * w
    bits, p = every_word(64), 3.0
    mu = np.repeat(x, bits.size)
    frame = frame_of(1e-12, p, np.abs(mu) * p, np.where(mu < 0.0, -1.0, 1.0))
    kick = kicked_at_constant_nu(
        frame, jnp.asarray(nu_dt), jnp.asarray(ONE), jnp.tile(bits, x.size), co_moving=co_moving
    )
    after = (np.asarray(kick.q * kick.frame.sign) / p).reshape(x.size, -1)
    legendre = np.polynomial.legendre.Legendre.basis(degree)
    factor = np.sum(w * legendre(x) * legendre(after).mean(axis=1)) / np.sum(w * legendre(x) ** 2)
    return -np.log(factor) / (nu_dt * degree * (degree + 1) / 2)


@pytest.mark.parametrize(("co_moving", "degree"), [(False, 1), (False, 2), (True, 2)])
def test_constant_frequency_converges_to_legendre_rates(co_moving, degree):
    """One-step decay of P_l tends to nu l(l+1)/2 in proportion to nu dt; even l also in one hemisphere."""
    error = [abs(legendre_rate(nu_dt, degree, co_moving) - 1.0) for nu_dt in (0.02, 0.005)]
    assert error[1] < 0.003
    assert error[0] < 8.0 * error[1] + 1e-3


@pytest.mark.parametrize(("co_moving", "degree"), [(False, 1), (False, 2), (True, 2)])
def test_constant_frequency_legendre_rates(co_moving, degree):
    """One-step decay of P_l at nu dt = 0.03 within 1 % of nu l(l+1)/2; no sampling error."""
    # A random interval of any length decays faster than exp(-lambda dt), by the factor 1 + lambda dt/10.
    assert legendre_rate(0.03, degree, co_moving) == pytest.approx(1.0, abs=0.01)


def test_constant_frequency_decay_over_many_steps():
    """<P_1>, <P_2> of 2^17 markers after nu t = 0.5 in steps of 0.01: exp(-nu t l(l+1)/2) within its standard error."""
    # Standard errors 0.3 % and 1.3 % of the value: catches a rate off by 3 % (P_1) or 4 % (P_2).
    count, nu_dt, steps, p = 1 << 17, 0.01, 50, 3.0
    mu0 = np.sqrt(qmc.Sobol(1, rng=np.random.default_rng(0)).random(count)[:, 0])  # density 2 mu: P_1 2/3, P_2 1/4

    def body(i, mu):
        bits = jax.random.bits(jax.random.fold_in(jax.random.key(14), i), (count,), "uint32")
        frame = frame_of(1e-12, p, jnp.abs(mu) * p, jnp.where(mu < 0.0, -1.0, 1.0))
        kick = constant_kick(frame, jnp.asarray(nu_dt), jnp.asarray(ONE), bits, co_moving=False)
        return kick.q * kick.frame.sign / p

    mu = np.asarray(optimised(lambda m: jax.lax.fori_loop(0, steps, body, m))(jnp.asarray(mu0)))
    for value, start, rate in ((mu, 2.0 / 3.0, 1.0), (1.5 * mu**2 - 0.5, 0.25, 3.0)):
        want = start * np.exp(-rate * nu_dt * steps)
        assert abs(value.mean() - want) < 4.9 * value.std() / np.sqrt(count)


@pytest.mark.parametrize("V", [0.2, -0.2])
def test_co_moving_kicks_keep_the_hemisphere(V):
    """Only sign(p_par') = sign(V) moves; it stays on its side, elastic, and uniform d^3p stays uniform."""
    # 2^16 markers in 16 cells: catches an unevenness of 3 % rms.
    count, p, nu_dt = 1 << 16, 5.0, 0.5
    side = np.sign(V)
    q, primitive = uniform_on_shell(V, p, 0.0, p, side, count, 15)

    def run(sign):
        frame = frame_of(V, p, q, sign)

        def body(i, q):
            bits = jax.random.bits(jax.random.fold_in(jax.random.key(16), i), (count,), "uint32")
            f = frame._replace(q=q)
            kick = constant_kick(f, jnp.asarray(nu_dt), jnp.asarray(ONE), bits, co_moving=True)
            return kick.q

        return np.asarray(optimised(lambda q: jax.lax.fori_loop(0, 30, body, q))(frame.q))

    np.testing.assert_array_equal(run(-side), q)
    moved = run(side)
    assert np.all((moved >= 0.0) & (moved <= p * (1.0 + 1e-15)))
    assert np.median(np.abs(moved - q)) > 0.5
    cells = np.histogram(primitive(moved) / primitive(p), bins=16, range=(0.0, 1.0))[0]
    assert np.sum((cells - count / 16) ** 2 / (count / 16)) < chi2.isf(FALSE_ALARM, 15)


def test_constant_forward_kicks_keep_phase_space_uniform():
    """Whole sphere, V = 0.3: lab d^3p-uniform stays uniform."""
    # 2^16 markers in 16 cells: catches an unevenness of 3 % rms; without g it would be 17 %.
    V, p, count = 0.3, 5.0, 1 << 16
    par, primitive = uniform_on_shell(V, p, -p, p, 1.0, count, 17)

    def body(i, par):
        bits = jax.random.bits(jax.random.fold_in(jax.random.key(18), i), (count,), "uint32")
        frame = frame_of(V, p, jnp.abs(par), jnp.where(par < 0.0, -1.0, 1.0))
        kick = constant_kick(frame, jnp.asarray(0.5), jnp.asarray(ONE), bits, co_moving=False)
        return kick.q * kick.frame.sign

    par = np.asarray(optimised(lambda x: jax.lax.fori_loop(0, 30, body, x))(jnp.asarray(par)))
    s = (primitive(par) - primitive(-p)) / (primitive(p) - primitive(-p))
    cells = np.histogram(s, bins=16, range=(0.0, 1.0))[0]
    assert np.sum((cells - count / 16) ** 2 / (count / 16)) < chi2.isf(FALSE_ALARM, 15)
