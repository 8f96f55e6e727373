"""The splines, the metric tables, and the balanced spectrum."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.interpolate import BSpline
from support.oracle_fokker_planck import cgs_problem, equilibrium, splines

from crmc.config.config import parse_config
from crmc.config.files import find_source, read_toml
from crmc.physics.equilibrium import equilibrium_spectrum
from crmc.physics.spectrum import (
    CELLS,
    DEPOSIT_CELLS,
    ROWS,
    bspline,
    make_grid,
    range_fraction,
    wave_energy_unit,
)
from crmc.setup.build import build
from crmc.solvers.monte_carlo.tables import deposited, pole_distance, scattering_table

BINS, K_MIN, K_MAX = 12, 0.02, 5.0


def grid_of(low=0.3, high=100.0):
    return make_grid(K_MIN, K_MAX, BINS, low, high)


def amplitudes(seed=1):
    return 1e-3 * np.exp(np.random.default_rng(seed).normal(0.0, 0.5, (2, BINS)))


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


def test_energy_of_a_bin():
    """Magnetic plus kinetic energy of one branch = int 2 (B^2/8 pi) e dln k, B^2/8 pi = (v_A b)^2/2."""
    grid, e, v_a, b = grid_of(), amplitudes()[0], 2e-4, 0.7
    ln_k = np.linspace(math.log(K_MIN), math.log(K_MAX), 20_001)
    power = np.asarray(grid.power(jnp.asarray(e), jnp.exp(-jnp.asarray(ln_k))))
    total = np.trapezoid(power, ln_k) * (v_a * b) ** 2
    assert float(wave_energy_unit(grid, v_a, b)) * e.sum() == pytest.approx(total, rel=1e-7)


def test_deposit_functions_sum_to_the_momentum():
    """sum_j e_j Psi_j = x - x_gap to 1e-12 at every node up to that beyond x_top, then constant; Psi_j = int S_j/e dx (quad) to 1e-3 of its end value."""
    grid, e = grid_of(), amplitudes()
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
    grid, e = grid_of(), amplitudes()
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
    grid, e = grid_of(), amplitudes()
    one, two = (
        scattering_table(grid, *(jnp.asarray(x) for x in (c * e, 0.1, 1.0, 100.0 / c, c * 1e-9))) for c in (1.0, 2.0)
    )
    np.testing.assert_allclose(two.y, one.y, rtol=1e-12, atol=1e-12)
    assert float(one.reference) == e.max() and float(two.reference) == 2.0 * e.max()


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


def test_equilibrium_start_is_the_oracle_balance():
    """linear_damping: e_j of the built state against the independent solver's to 1e-3, co-moving only."""
    config = parse_config(
        {**(data := read_toml(find_source("linear_damping"))), "run": {**data["run"], "markers": 256}}
    )
    ready = build(config)
    want = equilibrium(cgs_problem()[0])
    waves = np.asarray(ready.state.e)
    np.testing.assert_allclose(waves[0, 0], want, rtol=1e-3)
    np.testing.assert_allclose(waves[1, 1], want, rtol=1e-3)
    np.testing.assert_array_equal(waves[[0, 1], [1, 0]], float(ready.parameters.seed))
    # The same in compression drives the counter-moving branches.
    tau_B = -3.7e12 * ready.units.gyrofrequency
    again = equilibrium_spectrum(ready.parameters, ready.state.amplitude, ready.model, tau_B)
    for branch in (again[0, 1], again[1, 0]):
        np.testing.assert_allclose(branch, want, rtol=1e-3)


def test_equilibrium_with_nonlinear_landau_damping():
    """Gamma_d = nu v_i/c of the branch itself, no linear damping: against the oracle to 2e-3."""
    data = read_toml(find_source("linear_damping"))
    data["damping"] = {"nonlinear_landau": "paper"}
    data["run"] = {**data["run"], "markers": 256}
    ready = build(parse_config(data))
    thermal = ready.units.thermal_speed(1.1e6) * 2.99792458e10
    want = equilibrium(cgs_problem(damping=0.0, thermal_speed=thermal)[0])
    np.testing.assert_allclose(np.asarray(ready.state.e)[0, 0], want, rtol=2e-3)


def test_rows_cover_the_momenta():
    """ROWS momenta, logarithmic, from the first that resonates at all to the highest."""
    grid = grid_of(0.05, 100.0)
    row = np.asarray(grid.row_momentum)
    assert row.shape == (ROWS,)
    assert row[0] == pytest.approx(1.02 / K_MAX, rel=1e-12) and row[-1] == pytest.approx(100.0, rel=1e-12)
    np.testing.assert_allclose(np.diff(np.log(row)), math.log(100.0 * K_MAX / 1.02) / (ROWS - 1), rtol=1e-10)
    np.testing.assert_allclose(grid.top, np.minimum(row, 1.0 / K_MIN), rtol=1e-12)
    assert jax.tree.leaves(grid)[0].dtype == jnp.float64
