"""Closed forms against quadrature, against each other, and against the numbers of the paper."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import dblquad, quad
from support.theory_cases import N0, TAU, V_A, A, background

from crmc import theory
from crmc.config.config import parse_config
from crmc.setup.predictions import predictions
from crmc.units import PARSEC, SPEED_OF_LIGHT


def test_free_expansion_values():
    """Physics notes, section 2."""
    free = theory.free_expansion(0.5)
    assert float(free.energy) == pytest.approx(0.405806310035, abs=1e-12)
    assert float(free.parallel) == pytest.approx(0.565162139790, abs=1e-12)
    assert float(free.perpendicular) == pytest.approx(0.326128395158, abs=1e-12)


@pytest.mark.parametrize("b", [0.05, 0.5, 0.9, 0.985, 1.0, 1.01, 1.5])
def test_free_expansion_is_the_orbit_average(b):
    """p_par fixed, p_perp^2 ~ b: moments of |p0| = 1 over the initial sphere, density ~ b."""
    energy = lambda m: math.sqrt(m * m + b * (1 - m * m))  # noqa: E731
    parallel = quad(lambda m: 3 * b * m * m / energy(m), 0, 1, epsabs=1e-13)[0]
    perpendicular = quad(lambda m: 1.5 * b * b * (1 - m * m) / energy(m), 0, 1, epsabs=1e-13)[0]
    free = theory.free_expansion(b)
    assert float(free.energy) == pytest.approx(b * quad(energy, 0, 1, epsabs=1e-13)[0], rel=1e-11)
    assert float(free.parallel) == pytest.approx(parallel, rel=1e-11)
    assert float(free.perpendicular) == pytest.approx(perpendicular, rel=1e-11)


def test_free_expansion_starts_at_four_fifths():
    free = theory.free_expansion(math.exp(-1e-6))
    assert float(free.parallel - free.perpendicular) == pytest.approx(0.8e-6, rel=1e-5)


def test_thresholds():
    assert float(theory.threshold_anisotropy(A)) == pytest.approx(1.330, abs=5e-4)
    assert float(theory.threshold_zeta(A)) == pytest.approx(0.554, abs=5e-4)
    at_threshold = theory.growth_anisotropy(A, 1.0, theory.threshold_anisotropy(A, V_A), V_A)
    assert float(at_threshold) == pytest.approx(0.0, abs=1e-14)
    bracket = 5 * A * (A - 2) / (4 * (A**2 - 1)) / V_A * 1e-3 - 1
    expected = np.pi / 8 * (A - 3) / (A - 2) * 1e-7 * bracket
    assert float(theory.growth_anisotropy(A, 1e-7, 1e-3, V_A, coefficients="printed")) == pytest.approx(expected)


@pytest.mark.parametrize("coefficients", ["exact", "printed"])
def test_growth_quadrature_gives_19_and_23(coefficients):
    rays, k = background(turnover=0.0, low=1.0, high=1e12), 1e-5
    amplitude = jnp.array([1e-6])
    ratio = float(theory.number_above(rays, amplitude, 1 / k))
    assert ratio == pytest.approx(2e-6 / (A - 3) * k ** (A - 3), rel=1e-10)
    options = {"coefficients": coefficients}
    drift = theory.growth_rate(k, rays, amplitude, V_A, alpha=3 * V_A, **options)
    assert float(drift) == pytest.approx(float(theory.growth_drift(A, ratio, 3.0, **options)), rel=1e-8)
    for branch in ((1, 1), (-1, -1)):
        anisotropy = theory.growth_rate(k, rays, amplitude, V_A, zeta=2 * V_A, branch=branch, **options)
        closed = theory.growth_anisotropy(A, ratio, 2.4 * 2 * V_A, V_A, **options)
        assert float(anisotropy) == pytest.approx(float(closed), rel=1e-8)
    for branch in ((1, -1), (-1, 1)):
        assert float(theory.growth_rate(k, rays, amplitude, V_A, zeta=2 * V_A, branch=branch)) < 0
    assert float(theory.growth_rate(k, rays, amplitude, V_A, alpha=3 * V_A, branch=(-1, 1))) < 0


def test_growth_quadrature_at_any_speed():
    """Eq. 13 by brute force, mildly relativistic particles, k inside and outside the spectrum."""
    rays, amplitude = background(low=0.05, high=30.0), jnp.array([1e-6])
    alpha, zeta = 1e-3, 2e-3

    def brute(p1):
        def integrand(p):
            v, slope = p / math.hypot(1, p), -A * p / (1 + p * p) * 1e-6 * (1 + p * p) ** (-A / 2)
            return p1 * (p * p - p1 * p1) * slope * (1 - v / V_A * (alpha + 3 * zeta * p1 / p))

        return np.pi / 4 * quad(integrand, max(p1, 0.05), 30.0, epsrel=1e-12, limit=500)[0]

    k = np.array([0.1, 1.0, 5.0, 100.0])
    rate = theory.growth_rate(k, rays, amplitude, V_A, alpha=alpha, zeta=zeta)
    np.testing.assert_allclose(rate, [brute(1 / x) for x in k], rtol=1e-9)
    assert float(theory.growth_rate(0.01, rays, amplitude, V_A, zeta=zeta)) == 0.0


def test_kappa_growth_rates():
    """Table of the physics notes, section 5; and Q2 is the pi/4 functional."""
    kappa, p0, x = 1.25, 1e4, np.array([0.3, 1.0, 3.0])
    closed = theory.growth_drift_kappa(x, kappa, 1e-4, 2.0)
    np.testing.assert_allclose(closed, [1.11448e-5, 2.81214e-5, 1.75702e-5], rtol=1e-5)
    rays = background(2 * (kappa + 1), math.sqrt(kappa) * p0, 1e-4 * p0, 1e8 * p0)
    unit = rays.moments(jnp.array([1.0]), jnp.ones(())).number
    functional = theory.growth_rate(x / p0, rays, jnp.array([1e-4]) / unit, V_A, alpha=2 * V_A)
    np.testing.assert_allclose(functional, closed, rtol=1e-6)


@pytest.mark.parametrize("k_max", [None, 5.0, 0.5])
def test_heating_is_the_double_integral_of_the_flux(k_max):
    rays, amplitude = background(), jnp.array([N0])

    def integrand(mu, s):
        p = math.exp(s)
        mu_c = 0.0 if k_max is None else min(1 / (k_max * p), 1.0)
        source = A * p * p / (1 + p * p) * N0 * (1 + p * p) ** (-A / 2) / (3 * TAU)
        flux = source / 2 * (mu * (1 - mu**2) - mu_c * (1 + mu_c) * (1 - mu))
        return 2 * V_A * p**4 * flux if mu > mu_c else 0.0

    low = (lambda s: 0.0) if k_max is None else (lambda s: min(math.exp(-s) / k_max, 1.0))
    split = max(math.log(0.5), -math.log(k_max or 1e9))  # below it nothing resonates
    expected = dblquad(integrand, split, math.log(100), low, 1.0, epsrel=1e-9)[0]
    rel = 1e-8 if split < -0.6 else 1e-3  # a kink where the gap opens
    assert float(theory.heating(rays, amplitude, V_A, TAU, k_max)) == pytest.approx(expected, rel=rel)


def test_heating_ultrarelativistic_limit_and_bound():
    rays, amplitude = background(turnover=1e3, low=10.0, high=1e11), jnp.array([1e8])
    pressure = rays.moments(amplitude, jnp.ones(())).pressure
    limit = float(theory.heating_ultrarelativistic(pressure, V_A, TAU))
    assert float(theory.heating(rays, amplitude, V_A, TAU)) == pytest.approx(limit, rel=1e-4)
    assert float(theory.heating_whole_range(rays, amplitude, V_A, TAU)) == pytest.approx(limit, rel=1e-4)
    assert limit / float(theory.heating_bound(pressure, V_A, TAU)) == pytest.approx(1.875)


def test_heating_of_a_truncated_power_law_depends_on_the_ends():
    """Local in p, so a/4 of the integral by parts; the pressure-only form needs a turnover."""
    rays, amplitude = background(turnover=0.0), jnp.array([N0])
    local = theory.heating(rays, amplitude, V_A, TAU)
    whole = theory.heating_whole_range(rays, amplitude, V_A, TAU)
    assert float(local / whole) == pytest.approx(A / 4, rel=1e-12)


@pytest.mark.parametrize("k_max", [5.0, 50.0])
def test_growth_of_the_steady_spectrum_is_the_heating(k_max):
    """2 sum_branches int Gamma W dk = H (eq. 37) with k W = e v_A^2 per co-moving branch."""
    rays, amplitude = background(), jnp.array([N0])
    power = lambda x: float(  # noqa: E731
        theory.growth_times_power(math.exp(x), rays, amplitude, V_A, TAU, k_max=k_max)
    )
    total = quad(power, math.log(0.01), math.log(k_max), points=[math.log(2)], epsrel=1e-7)[0]
    heating = float(theory.heating(rays, amplitude, V_A, TAU, k_max))
    assert 2 * 2 * total * V_A**2 == pytest.approx(heating, rel=1e-6)


def test_growth_times_power_is_the_functional_of_the_steady_state():
    """Gamma from eq. 15 with A = (v/v_A)(S0/p)(...)/nu, nu = pi e/gamma for some e."""
    rays, amplitude, k, e = background(), jnp.array([N0]), 0.4, 3e-8
    p1, mu_c = 1 / k, lambda p: 1 / (5.0 * p)

    def integrand(s):
        p = math.exp(s)
        gamma, mu = math.hypot(1, p), p1 / p
        source = A * p * p / (1 + p * p) * N0 * (1 + p * p) ** (-A / 2) / (3 * TAU)
        flux = source / 2 * (1 - mu) * (mu - mu_c(p)) * (1 + mu + mu_c(p))
        nu = np.pi * e / gamma
        functional = flux / (nu * (1 - mu**2) / 2 * gamma * V_A)  # eq. 31: F = D (p v_A/v) A
        return (p * p - p1 * p1) * functional * p

    rate = np.pi / 4 * p1 * quad(integrand, math.log(p1) + 1e-12, math.log(100), epsrel=1e-10)[0]
    value = theory.growth_times_power(k, rays, amplitude, V_A, TAU, k_max=5.0)
    assert float(value) == pytest.approx(rate * e, rel=1e-8)
    printed = theory.growth_times_power(k, rays, amplitude, V_A, TAU, k_max=5.0, coefficients="printed")
    assert float(printed / value) == pytest.approx(np.pi / 2, rel=1e-12)


def test_steady_spectra_of_a_power_law():
    rays, amplitude = background(turnover=0.0, low=1.0, high=1e12), jnp.array([1e-6])
    k, p, damping, v_i = 1e-5, 4e5, 1e-9, 3e-4
    mu = 1 / (k * p)
    ratio = float(theory.number_above(rays, amplitude, 1 / k))
    linear = theory.equilibrium_wave_power(k, rays, amplitude, V_A, TAU, damping)
    closed = theory.wave_power_linear(A, ratio, 1 / k, V_A, damping, TAU)
    assert float(linear) == pytest.approx(float(closed), rel=1e-8)
    nu = theory.scattering_linear(A, ratio, mu, V_A, damping, TAU)
    assert float(theory.scattering_frequency(p, linear)) == pytest.approx(float(nu), rel=1e-8)
    for lorentz, lorentz_ratio in ((None, mu), (p, 1.0), (1.0, 1 / p)):
        slope = theory.landau_slope(k, v_i, lorentz=lorentz)
        e = theory.equilibrium_wave_power(k, rays, amplitude, V_A, TAU, 0.0, damping_slope=slope)
        nu = theory.scattering_landau(A, ratio, mu, V_A, v_i, TAU, lorentz_ratio=lorentz_ratio)
        assert float(theory.scattering_frequency(p, e)) == pytest.approx(float(nu), rel=1e-8)
    both = theory.equilibrium_wave_power(k, rays, amplitude, V_A, TAU, damping, damping_slope=slope)
    power = theory.growth_times_power(k, rays, amplitude, V_A, TAU)
    assert float(both * (damping + slope * both)) == pytest.approx(float(power), rel=1e-12)


def test_local_landau_slope():
    assert float(theory.landau_slope(0.7, 3e-4, "local")) == pytest.approx(
        0.5 * math.sqrt(math.pi / 2) * 3e-4 * 0.7 * 2
    )


def test_zeta_of_constant_nu_by_integration():
    """df/dmu = (v_A p/v)(A - df0/dp) with nu A pointwise, projected on P_2; in units of -p df0/dp."""
    nu = 2e-7
    f = lambda m: V_A * m + m * m / (6 * nu * TAU)  # noqa: E731
    expected = 5 * quad(lambda m: f(m) * (1.5 * m * m - 0.5), 0, 1)[0]
    assert float(theory.zeta_constant_nu(nu, V_A, TAU)) == pytest.approx(expected, rel=1e-12)


def test_pointwise_excess_has_eq_57_as_its_moment():
    moment = quad(lambda m: m * (1 - m * m) * theory.scattering_excess(m, V_A, TAU), 0, 1)[0]
    assert moment == pytest.approx(theory.scattering_eq57(V_A, TAU), rel=1e-12)


def test_section_6_numbers():
    """The paper's example and its misprints (physics notes, section 8)."""
    tau = theory.expansion_time(1.67e-25, 3.2e-13, 0.0, 3.97e-14)
    assert tau == pytest.approx(3.67e12, rel=2e-3)
    assert theory.expansion_time(1.67e-25, 3.2e-13, 8.2e-14, 3.97e-14) == pytest.approx(4.32e12, rel=2e-3)
    assert theory.heating_bound(8.2e-14, 2e-4, tau) == pytest.approx(1.2e-30, rel=0.02)
    assert theory.heating_ultrarelativistic(8.2e-14, 2e-4, tau) == pytest.approx(2.2e-30, rel=0.02)
    nu = theory.scattering_eq57(2e-4, 3.7e12)
    assert nu == pytest.approx(6.0e-11, rel=2e-3)
    assert SPEED_OF_LIGHT / nu / PARSEC == pytest.approx(162, rel=2e-3)
    printed = theory.PRINTED
    assert printed["eq57_nu"] / nu == pytest.approx(100, rel=0.01)
    assert SPEED_OF_LIGHT / printed["eq57_nu"] / PARSEC == pytest.approx(printed["eq57_mean_free_path"], rel=0.02)
    assert SPEED_OF_LIGHT / printed["eq60_nu"] / PARSEC == pytest.approx(printed["eq60_mean_free_path"], rel=0.02)
    v_i = math.sqrt(1.380649e-16 * 1.1e6 / 1.6726e-24) / SPEED_OF_LIGHT
    eq60 = theory.scattering_eq60(3.4e-8, 2e-4, v_i, 3.7e12, 9.58e-3)
    assert float(eq60) == pytest.approx(3.7e-8, rel=0.02)
    exact = theory.scattering_landau(A, 3.4e-8, 1.0, 2e-4, v_i, 3.7e12, 9.58e-3)
    assert float(exact / eq60) == pytest.approx(0.41, abs=0.005)


def config(**sections):
    base = {
        "plasma": {
            "magnetic_field": "1 uG",
            "ion_density": "1.3233e-3 cm-3",
            "temperature": "1.1e6 K",
            "gas_pressure": "3.2e-13 dyn/cm2",
        },
        "expansion": {"mode": "prescribed", "timescale": "3.7e12 s"},
        "cosmic_rays": {"pressure": "8.2e-14 erg/cm3", "turnover_momentum": 1.0},
        "run": {"duration": "4e10 s"},
    }
    return parse_config(base | sections)


def test_predictions_of_the_linear_problem():
    values = predictions(config(damping={"linear": "1e-11 1/s"}))
    assert all(set(row) == {"value", "unit", "description", "source"} for row in values.values())
    assert values["alfven_speed"]["value"] == pytest.approx(2e-4, rel=1e-4)
    assert values["expansion_time"]["value"] == pytest.approx(3.7e12)
    assert values["heating_exact_gap"]["value"] == pytest.approx(2.1283e-30, rel=1e-3)
    assert values["heating_ultrarelativistic"]["value"] == pytest.approx(2.216e-30, rel=1e-3)
    assert values["gap_mu_p1"]["value"] == pytest.approx(0.2)
    for p in (1, 3, 10):
        nu, path = values[f"scattering_frequency_p{p}"]["value"], values[f"mean_free_path_p{p}"]["value"]
        speed = p / math.hypot(1, p) * SPEED_OF_LIGHT / PARSEC
        assert nu * path == pytest.approx(speed, rel=1e-9)


@pytest.mark.parametrize(
    ("sections", "absent"),
    [
        ({}, "mean_free_path_p1"),
        ({"damping": {"nonlinear_landau": "cumulative"}}, "mean_free_path_p1"),
        ({"expansion": {"mode": "none"}, "damping": {"linear": "1e-11 1/s"}}, "heating_bound"),
        ({"scattering": {"model": "constant", "frequency": "1e-9 1/s"}}, "heating_exact_gap"),
    ],
)
def test_predictions_leave_out_what_does_not_apply(sections, absent):
    values = predictions(config(**sections))
    assert absent not in values
    assert all(math.isfinite(row["value"]) for row in values.values())


def test_predictions_of_other_closures():
    injection = {"pressure_rate": "1.67e-25 erg/(cm3 s)"}
    for mode in ("injection", "pressure_balance"):
        values = predictions(
            config(expansion={"mode": mode}, injection=injection, damping={"nonlinear_landau": "paper"})
        )
        assert values["expansion_time"]["value"] == pytest.approx(4.325e12, rel=1e-3)
        assert values["scattering_frequency_p1"]["value"] > 0
    constant = predictions(config(scattering={"model": "constant", "frequency": "1e-9 1/s"}))
    stress = quad(lambda p: A * p**6 / (1 + p**2) * (1 + p**2) ** (-A / 2 - 0.5), 0.5, 100)[0]
    pressure = quad(lambda p: 2 / 3 * p**4 * (1 + p**2) ** (-A / 2 - 0.5), 0.5, 100)[0]
    assert constant["anisotropy_constant_nu"]["value"] == pytest.approx(
        0.4 * stress / pressure * (0.625 * 2e-4 + 1 / (9 * 1e-9 * 3.7e12)), rel=1e-4
    )
    rays = {"pressure": "8.2e-14 erg/cm3", "spectrum": "kappa", "kappa": 1.25, "turnover_momentum": 1.0}
    kappa = predictions(config(cosmic_rays=rays))
    assert kappa["threshold"]["value"] == pytest.approx(float(theory.threshold_anisotropy(4.5)) * 2e-4, rel=1e-4)


def test_predictions_leave_the_precision_switch_alone():
    with jax.enable_x64(False):
        values = predictions(config(damping={"linear": "1e-11 1/s"}))
        assert jnp.zeros(()).dtype == jnp.float32
    again = predictions(config(damping={"linear": "1e-11 1/s"}))
    assert values == again
