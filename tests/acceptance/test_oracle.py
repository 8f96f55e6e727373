"""The deterministic solver itself: order, conservation, exact laws."""

import dataclasses
import math

import numpy as np
import pytest
from scipy.integrate import quad
from support.oracle_fokker_planck import (
    cgs_problem,
    equilibrium,
    exact_heating,
    gap_flux,
    growth_power,
    solve,
    splines,
)

PROBLEM, UNITS = cgs_problem()
EQUILIBRIUM = equilibrium(PROBLEM)
T_END = 4e10 / UNITS["time"]


def long_times(n):
    """0 and n geometric times from 2e7 s to 2e12 s, code units."""
    return np.concatenate([[0.0], np.geomspace(2e7, 2e12, n)]) / UNITS["time"]


def test_problem_is_the_one_stated():
    assert PROBLEM.v_alfven == pytest.approx(2e-4, rel=1e-4)
    assert PROBLEM.pressure() * UNITS["pressure"] == pytest.approx(8.2e-14, rel=1e-12)
    nu_max = np.pi * EQUILIBRIUM.max() * UNITS["frequency"]
    assert nu_max == pytest.approx(7.4e-9, rel=0.01)  # s^-1, before the factor 1/gamma


def test_splines_have_integral_h_and_sum_to_one_inside():
    h, low = PROBLEM.spacing, math.log(PROBLEM.k_min)
    ln_k = low + h * (np.arange(200_000) + 0.5) * (PROBLEM.bins + 2) / 200_000
    basis = splines(PROBLEM, ln_k)
    np.testing.assert_allclose(basis.sum(axis=0) * (ln_k[1] - ln_k[0]), h, rtol=1e-9)
    inside = (ln_k > low + 2 * h) & (ln_k < low + PROBLEM.bins * h)
    np.testing.assert_allclose(basis[inside].sum(axis=1), 1.0, rtol=1e-12)
    assert np.all(splines(PROBLEM, np.array([low, low + (PROBLEM.bins + 2) * h])) < 1e-20)


@pytest.mark.parametrize("mu_c", [0.0, 0.1, 0.6])
def test_gap_flux_balances_the_source_up_to_a_uniform_rise(mu_c):
    rise = mu_c * (1 + mu_c) / 2
    for mu in np.linspace(mu_c, 1, 7):
        source = quad(lambda x: 1.5 * x * x - 0.5 - rise, mu_c, mu)[0]
        assert gap_flux(mu, mu_c) / 2 == pytest.approx(-source, abs=1e-14)
    heating = quad(gap_flux, mu_c, 1, args=(mu_c,))[0]
    assert heating == pytest.approx((1 - mu_c) ** 3 * (1 + mu_c) / 4, rel=1e-12)


def test_first_growth_rate_is_that_of_isotropic_f0():
    """Co- and counter-moving branches are damped alike, at the rate of eq. 15 averaged over S_j."""
    solution = solve(PROBLEM, np.stack([EQUILIBRIUM] * 2), 1.0, 1, n_p=64, n_mu=256)
    np.testing.assert_allclose(solution.growth[0], solution.growth_counter[0], rtol=1e-12)
    j = 10
    low = math.log(PROBLEM.k_min) + j * PROBLEM.spacing

    def rate(ln_k):  # (pi/4) p1 int (p^2 - p1^2) f0' dp
        p1 = math.exp(-ln_k)
        start = math.log(max(p1, PROBLEM.p_min))
        integrand = lambda s: (math.exp(2 * s) - p1**2) * PROBLEM.slope(math.exp(s))  # noqa: E731
        return np.pi / 4 * p1 * quad(integrand, start, math.log(PROBLEM.p_max))[0]

    basis = lambda x: splines(PROBLEM, np.array(x))[j]  # noqa: E731
    knots = [low + PROBLEM.spacing, low + 2 * PROBLEM.spacing]
    mean = quad(lambda x: rate(x) * basis(x), low, low + 3 * PROBLEM.spacing, points=knots)[0]
    assert solution.growth[0, j] == pytest.approx(mean / PROBLEM.spacing, rel=1e-3)


def test_energy_is_conserved_to_round_off():
    e = np.stack([EQUILIBRIUM, 0.3 * EQUILIBRIUM])
    solution = solve(PROBLEM, e, T_END, 60, n_p=16, n_mu=96)
    assert solution.energy_residual.max() < 1e-11
    assert np.all(np.diff(solution.e_counter[:, 8]) < 0)


def test_mean_of_f_outside_the_gap_is_that_of_the_source():
    """Pitch-angle diffusion moves nothing into the gap: <df> over (mu_c, 1) rises as the source's mean."""
    solution = solve(PROBLEM, EQUILIBRIUM, T_END, 40, n_p=16, n_mu=64)
    mu_c = 1 / (PROBLEM.k_max * solution.momentum)
    s = np.linspace(0, 1, 2 * 64 + 1) * np.sqrt(np.log(mu_c) ** 2 - 0.2 * np.log(mu_c))[:, None]
    width = np.diff((mu_c[:, None] * np.exp(np.sqrt(0.01 + s**2) - 0.1))[:, ::2], axis=1)
    source = -PROBLEM.slope(solution.momentum) / (3 * PROBLEM.tau_B)
    mean = np.sum(solution.delta_f * width, axis=1) / (1 - mu_c)
    np.testing.assert_allclose(mean, source * mu_c * (1 + mu_c) / 2 * T_END, rtol=1e-9)


def test_second_order_in_mu():
    heat = [solve(PROBLEM, EQUILIBRIUM, T_END, 60, 16, n).heating[-1] for n in (32, 64, 128)]
    coarse, fine = np.diff(heat) / exact_heating(PROBLEM)
    assert 3.6 < coarse / fine < 4.4
    assert abs(fine) < 2e-3


def test_second_order_in_time():
    energy = [solve(PROBLEM, EQUILIBRIUM, T_END, n, 12, 48).wave_energy[-1] for n in (100, 200, 400)]
    coarse, fine = np.diff(energy) / energy[-1]
    assert 3.0 < coarse / fine < 4.6
    assert abs(fine) < 1e-5


def test_converged_in_momentum():
    a, b = (solve(PROBLEM, EQUILIBRIUM, T_END, 60, n, 64) for n in (16, 32))
    assert a.heating[-1] == pytest.approx(b.heating[-1], rel=2e-5)
    np.testing.assert_allclose(a.e[-1], b.e[-1], rtol=1e-2)


def test_late_heating_is_exact_and_spectrum_relaxes():
    start = EQUILIBRIUM * np.exp(0.5 * np.sin(np.arange(PROBLEM.bins)))
    solution = solve(PROBLEM, start, times=long_times(150), n_mu=256)
    assert solution.heating[-1] == pytest.approx(exact_heating(PROBLEM), rel=5e-4)
    assert exact_heating(PROBLEM) * UNITS["power"] == pytest.approx(2.1283e-30, rel=1e-3)
    np.testing.assert_allclose(solution.e[-1], EQUILIBRIUM, rtol=1e-2)
    np.testing.assert_allclose(solution.growth[-1], PROBLEM.damping, rtol=1e-3)
    inner = slice(3, 13)
    smooth = growth_power(PROBLEM, PROBLEM.k_centres) / PROBLEM.damping
    np.testing.assert_allclose(solution.e[-1, inner], smooth[inner], rtol=0.03)


@pytest.mark.parametrize("lorentz", [None, 1.0])
def test_nonlinear_landau_relaxes_to_its_equilibrium(lorentz):
    problem, _ = cgs_problem(damping=0.0, thermal_speed=9.5e6, landau_lorentz=lorentz)
    e = equilibrium(problem)
    solution = solve(problem, 1.5 * e, times=long_times(120), n_p=24, n_mu=96)
    assert solution.heating[-1] == pytest.approx(exact_heating(problem), rel=2e-3)
    np.testing.assert_allclose(solution.e[-1, 4:], e[4:], rtol=1e-2)


def test_scaling_leaves_spectrum_and_heating_unchanged():
    """v_A x l (through n_i), tau_B/l, P_c/l^2 changes neither e(t) nor H(t) in cgs."""
    scale = 1.7
    other, units = cgs_problem(ion_density=1.3233e-3 / scale**2, pressure=8.2e-14 / scale**2, tau_B=3.7e12 / scale)
    a, b = (solve(p, EQUILIBRIUM, T_END, 30, 12, 48) for p in (PROBLEM, other))
    np.testing.assert_allclose(a.heating * UNITS["power"], b.heating * units["power"], rtol=1e-9)
    np.testing.assert_allclose(a.e, b.e, rtol=1e-9)


def test_waves_alone_follow_damping_and_expansion():
    problem = dataclasses.replace(PROBLEM, amplitude=1e-40, b="exponential", wave_adiabatic=True)
    solution = solve(problem, EQUILIBRIUM, T_END, 200, n_p=4, n_mu=8)
    decay = math.exp(0.5 * T_END / problem.tau_B - 2 * problem.damping * T_END)  # e ~ b^(-1/2)
    np.testing.assert_allclose(solution.e[-1], EQUILIBRIUM * decay, rtol=1e-5)


def test_expanding_field_changes_the_answer_by_a_per_cent():
    a = solve(PROBLEM, EQUILIBRIUM, T_END, 60, 16, 64)
    b = solve(dataclasses.replace(PROBLEM, b="exponential", wave_adiabatic=True), EQUILIBRIUM, T_END, 60, 16, 64)
    assert 0.005 < 1 - b.heating[-1] / a.heating[-1] < 0.03
    assert b.energy_residual.max() < 1e-11
