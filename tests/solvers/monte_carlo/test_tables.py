"""Tables of the kicks: the metric against its integral, the deposit functions, and the coordinate near the pole."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from support.oracle_fokker_planck import cgs_problem, splines
from support.spectrum_cases import BINS, K_MAX, K_MIN, grid_of, scattering_table, uneven_power

from crmc.physics.spectrum import CELLS, DEPOSIT_CELLS, ROWS, range_fraction
from crmc.solvers.monte_carlo.kernel import make_lookup
from crmc.solvers.monte_carlo.tables import bare_metric, compressed, deposited, pole_distance, pole_shift, row_pairs
from crmc.solvers.one_kernel import in_one_kernel


def test_deposit_functions_sum_to_the_momentum():
    """sum_j e_j Psi_j = x - x_gap to 1e-12 at every node up to that beyond x_top, then constant; Psi_j = int S_j/e dx (quad) to 1e-3 of its end value."""
    grid, e = grid_of(), uneven_power()
    one_each = jnp.broadcast_to(jnp.eye(DEPOSIT_CELLS + 1), (2, DEPOSIT_CELLS + 1, DEPOSIT_CELLS + 1))
    psi = np.asarray(deposited(grid, jnp.asarray(e)[:, None], one_each))
    total = np.einsum("hnj,hj->hn", psi, e)
    x = np.asarray(grid.x_deposit)
    assert x.shape == (DEPOSIT_CELLS + 1,)
    beyond = x[np.searchsorted(x, float(grid.x_top))]
    want = np.minimum(x, beyond) - x[0]
    np.testing.assert_allclose(total, np.broadcast_to(want, total.shape), rtol=1e-12, atol=1e-13)
    problem = cgs_problem(k_min=K_MIN, k_max=K_MAX, bins=BINS)[0]
    for j in (0, 5, BINS - 1):

        def share(ln_x, j=j):
            basis = splines(problem, np.array(-ln_x))
            return basis[j] / (basis @ e[1]) * math.exp(ln_x)

        end = psi[1, :, j]
        for n in (60, 128, 200):
            want = quad(share, math.log(x[0]) + 1e-9, math.log(x[n]), limit=400)[0]
            assert end[n] == pytest.approx(want, abs=1e-3 * end[-1])


@pytest.mark.parametrize(("row", "V", "b"), [(20, 0.3, 1.0), (30, -0.3, 0.5), (47, 2e-4, 1.0)])
def test_metric_is_the_stated_integral(row, V, b):
    """Y of one row against scipy quad of sqrt(g/(e/e_ref (p'^2 - q^2))) dq to 0.5 %, pole compression off."""
    grid, e = grid_of(), uneven_power()
    table = scattering_table(grid, *(jnp.asarray(x) for x in (e, V, b, 1e-9, 1e-30)))
    problem = cgs_problem(k_min=K_MIN, k_max=K_MAX, bins=BINS)[0]
    P, low = float(grid.row_momentum[row]), 1.0 / K_MAX
    top = min(P, 1.0 / K_MIN)
    assert (top < P) == (row == 47)
    node = low + (top - low) * np.asarray(range_fraction(jnp.arange(CELLS + 1) / CELLS))
    gamma, reference = math.sqrt(1.0 + (b * P) ** 2), e.max()
    for helicity, s in ((0, 1.0), (1, -1.0)):

        def integrand(x, helicity=helicity, s=s):
            power = float(splines(problem, np.array(-math.log(x))) @ e[helicity]) / reference
            return math.sqrt((1.0 + s * V * b * x / gamma) / (power * (P * P - x * x)))

        got = np.asarray(table.y[helicity, row])
        assert np.all(np.diff(got) > 0.0)
        start = 16
        for end in (24, 64, 100, 120):
            want = quad(integrand, node[start], node[end], limit=200, epsrel=1e-8)[0]
            assert got[end] - got[start] == pytest.approx(want, rel=5e-3)


def test_metric_does_not_depend_on_the_scale_of_e():
    """Only e/e_ref enters Y, and e_ref is the largest amplitude: doubling e changes e_ref alone (nu_dt halved)."""
    grid, e = grid_of(), uneven_power()
    one, two = (
        scattering_table(grid, *(jnp.asarray(x) for x in (c * e, 0.1, 1.0, 100.0 / c, c * 1e-9))) for c in (1.0, 2.0)
    )
    np.testing.assert_allclose(two.y, one.y, rtol=1e-12, atol=1e-12)
    assert float(one.reference) == e.max() and float(two.reference) == 2.0 * e.max()


def test_closed_form_of_the_pole_distance():
    """Within 3e-3 of the solution everywhere, and with its limits: theta^2/h'(0), h'(0) = 0.594 + 0.047 5.5, and far."""
    theta = np.concatenate([np.geomspace(1e-6, 1e-3, 10), np.linspace(0.0, 5.0, 2001)])
    found = theta - np.asarray(pole_shift(jnp.asarray(theta)))
    assert np.abs(found - np.asarray(pole_distance(jnp.asarray(theta)))).max() < 3e-3
    np.testing.assert_allclose(found[:5], theta[:5] ** 2 / 0.8525, rtol=1e-3)
    np.testing.assert_allclose(np.asarray(pole_shift(jnp.asarray(1e3))), 0.297, rtol=1e-3)
    single = jnp.asarray(theta, jnp.float32)
    np.testing.assert_allclose(np.asarray(pole_shift(single), float), theta - found, rtol=1e-6)
    assert np.all(np.diff(found[10:]) > 0.0)


def test_pole_distance_solves_its_equation():
    """h(u) = (1/2) int_{u-1}^{u+1} h - 1/3, h = 0 below 0, to 2 % of max(h, 1/3); far away u = theta + const."""
    theta = np.concatenate([[0.0], np.geomspace(1e-4, 60.0, 40_000)])
    u = np.asarray(pole_distance(jnp.asarray(theta)))
    assert abs(u[0]) < 1e-3 and np.all(np.diff(u) > 0.0)
    h = lambda v: np.where(v > 0.0, np.interp(v, u, theta**2), 0.0)  # noqa: E731
    offsets = (np.arange(4000) + 0.5) / 2000.0 - 1.0
    for v in np.linspace(0.0, 6.0, 25):
        right = np.mean(h(v + offsets)) - 1.0 / 3.0
        assert abs(right - h(v)) < 0.02 * max(h(v), 1.0 / 3.0)
    far = theta > 20.0
    np.testing.assert_allclose((u - theta)[far], (u - theta)[-1], atol=2e-3)


def test_rows_made_one_by_one():
    """Row i of the words of the look-up, made alone, holds the floats of the whole table, of which it is a part.

    Both to 1e-6 of a row's range, in float32; a neighbouring row differs by 1e-2.  In one kernel the same.
    """
    grid, e = grid_of(), jnp.asarray(np.stack([uneven_power(), 2.0 * uneven_power()[::-1]]))
    V, unit, seed, nu_dt = jnp.asarray([0.3, -0.3]), jnp.asarray(0.9), jnp.asarray(1e-30), jnp.asarray(0.1)
    given = grid, e, V, unit, seed
    pairs = make_lookup(compressed(grid, bare_metric(*given, np.float32), nu_dt), jnp.float32).pairs
    whole = np.asarray(pairs).reshape(2, 2, ROWS, CELLS + 1)
    rows = functools.partial(row_pairs, dtype=np.float32)
    alone = jax.jit(lambda *x: in_one_kernel("rows", rows, *x, count=ROWS, axis=2))(*given, nu_dt)
    halves = [np.ascontiguousarray(x).view(np.float32).reshape(*whole.shape, 2) for x in (whole, np.asarray(alone))]
    want, found = (x[:, :, :-1] for x in halves)
    span = np.ptp(want, axis=-2, keepdims=True)
    assert np.max(np.abs(found - want) / span) < 1e-6
    assert np.median(np.abs(np.diff(want, axis=2)) / span[:, :, 1:]) > 1e-3
    last = halves[1][:, :, -1]
    np.testing.assert_array_equal(last[..., 0], last[..., 1])
