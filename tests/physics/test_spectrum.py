"""The splines of the spectrum against independent ones, its energy, and the geometry of its tables."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.interpolate import BSpline
from support.oracle_fokker_planck import cgs_problem, splines
from support.spectrum_cases import BINS, K_MAX, K_MIN, grid_of, uneven_power

from crmc.physics.spectrum import ROWS, bspline, make_grid, wave_energy_unit


def test_bspline_is_the_cardinal_quadratic_one():
    """Against scipy's B-spline to 1e-14; unit integral by quadrature to 1e-12."""
    u = np.linspace(-0.5, 3.5, 4001)
    reference = np.nan_to_num(BSpline.basis_element(np.arange(4.0), extrapolate=False)(u))
    np.testing.assert_allclose(bspline(jnp.asarray(u)), reference, rtol=0, atol=1e-14)
    assert quad(lambda u: float(bspline(jnp.asarray(u))), 0, 3, points=[1, 2], epsabs=1e-13)[0] == pytest.approx(
        1.0, abs=1e-12
    )


def test_basis_is_a_partition_with_integral_h():
    """sum_j S_j = 1 two knots inside the ends, 0 at the ends; int S_j dln k = h; equals the oracle's."""
    grid, problem = grid_of(), cgs_problem(k_min=K_MIN, k_max=K_MAX, bins=BINS)[0]
    h = math.log(K_MAX / K_MIN) / (BINS + 2)
    assert float(grid.knot) == pytest.approx(h, rel=1e-14)
    ln_k = math.log(K_MIN) + h * (np.arange(140_000) + 0.5) * (BINS + 2) / 140_000
    basis = np.asarray(grid.basis(jnp.exp(-jnp.asarray(ln_k))))
    np.testing.assert_allclose(basis, splines(problem, ln_k), atol=1e-12)
    np.testing.assert_allclose(basis.sum(axis=0) * (ln_k[1] - ln_k[0]), h, rtol=1e-9)
    inside = (ln_k > ln_k[0] + 2.001 * h) & (ln_k < ln_k[-1] - 2.001 * h)
    np.testing.assert_allclose(basis[inside].sum(axis=1), 1.0, rtol=1e-12)
    assert basis[[0, -1]].max() < 1e-7
    np.testing.assert_allclose(grid.centres, problem.k_centres, rtol=1e-13)


def test_splines_of_an_edge_end_at_k_max():
    """S_j are scipy's with a triple knot at k_max, to 1e-12; beyond, particles meet the last one, and no wave is there.

    Width and centre of every bin are int S_j dln k and the mean of ln k, to 1e-9.
    """
    grid, h = make_grid(K_MIN, K_MAX, BINS, 0.3, 30.0, gap="edge"), math.log(K_MAX / K_MIN) / BINS
    knots = math.log(K_MIN) + h * np.array([*range(BINS + 1), BINS, BINS])
    ln_k = np.linspace(knots[0], knots[-1], 40 * BINS + 1)[1:-1]
    want = np.nan_to_num([BSpline.basis_element(knots[j : j + 4], extrapolate=False)(ln_k) for j in range(BINS)]).T
    x = jnp.exp(-jnp.asarray(ln_k))
    np.testing.assert_allclose(grid.basis(x), want, atol=1e-12)
    np.testing.assert_allclose(grid.resonant(x), want, atol=1e-12)
    last = np.eye(BINS)[-1]
    np.testing.assert_allclose(grid.resonant(grid.x_gap * jnp.asarray([1.0, 0.5, 1e-6])), [last] * 3, atol=1e-12)
    np.testing.assert_allclose(grid.basis(grid.x_gap * jnp.asarray([1.0, 0.5])), [last, 0.0 * last], atol=1e-12)
    node, weight = np.polynomial.legendre.leggauss(4)
    at = (knots[:BINS, None] + 0.5 * h * (node + 1.0)).ravel()
    weighted = np.asarray(grid.basis(jnp.exp(-jnp.asarray(at)))) * 0.5 * h * np.tile(weight, BINS)[:, None]
    np.testing.assert_allclose(grid.width, weighted.sum(axis=0), rtol=1e-9)
    np.testing.assert_allclose(np.log(grid.centres), at @ weighted / weighted.sum(axis=0), rtol=1e-9)


def test_part_of_a_range_within_the_gap():
    """(0.5, 1.5) x_gap lies half in the gap, ranges across 90 degrees or within it all; without an edge nothing counts."""
    low, high = (jnp.asarray(x) / K_MAX for x in ([0.5, -0.5, 0.0, 1.0, -3.0], [1.5, 0.5, 1.0, 2.0, 1.0]))
    for gap, want in (("edge", [0.5, 1.0, 1.0, 0.0, 0.5]), ("broadened", [0.0] * 5), ("empty", [0.0] * 5)):
        found = make_grid(K_MIN, K_MAX, BINS, 0.3, 30.0, gap=gap).beyond(low, high)
        np.testing.assert_allclose(found, want, atol=1e-12)


def test_energy_of_a_bin():
    """Magnetic plus kinetic energy of one branch = int 2 (B^2/8 pi) e dln k, B^2/8 pi = (v_A b)^2/2."""
    grid, e, v_a, b = grid_of(), uneven_power()[0], 2e-4, 0.7
    ln_k = np.linspace(math.log(K_MIN), math.log(K_MAX), 20_001)
    power = np.asarray(grid.power(jnp.asarray(e), jnp.exp(-jnp.asarray(ln_k))))
    total = np.trapezoid(power, ln_k) * (v_a * b) ** 2
    assert float(wave_energy_unit(grid, v_a, b) @ e) == pytest.approx(total, rel=1e-7)


def test_rows_cover_the_momenta():
    """ROWS momenta, logarithmic, from the first that resonates at all to the highest."""
    grid = grid_of(0.05, 100.0)
    row = np.asarray(grid.row_momentum)
    assert row.shape == (ROWS,)
    assert row[0] == pytest.approx(1.02 / K_MAX, rel=1e-12) and row[-1] == pytest.approx(100.0, rel=1e-12)
    np.testing.assert_allclose(np.diff(np.log(row)), math.log(100.0 * K_MAX / 1.02) / (ROWS - 1), rtol=1e-10)
    np.testing.assert_allclose(grid.top, np.minimum(row, 1.0 / K_MIN), rtol=1e-12)
    assert jax.tree.leaves(grid)[0].dtype == jnp.float64
