"""Steady state, drift and estimates against quadrature, ODEs and root finding; every closed form has a derivative."""

import inspect
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq
from support.theory_cases import TAU, V_A, A, f0, rays, slope

from crmc import theory


@pytest.mark.parametrize("mu_c", [0.0, 0.02, 0.3])
def test_expansion_flux_solves_its_equation(mu_c):
    """dF/dmu = g - S0 P_2 from mu = 1 by solve_ivp; the rise g is the only one for which F vanishes at the gap.

    The subtraction mu (1 - mu^2) - mu_c (1 - mu_c^2) does not vanish at mu = 1 and fails here.
    """
    s0 = -slope(2.0) / (3 * TAU)
    p2 = lambda m: (3 * m * m - 1) / 2  # noqa: E731
    rise = s0 * quad(p2, mu_c, 1)[0] / (1 - mu_c)
    grid = np.linspace(1.0, mu_c, 9)
    found = solve_ivp(lambda m, F: [(rise - s0 * p2(m)) / s0], (1.0, mu_c), [0.0], t_eval=grid, rtol=1e-10, atol=1e-12)
    closed = theory.expansion_flux(grid, slope(2.0), TAU, mu_c) / s0
    np.testing.assert_allclose(closed, found.y[0], atol=1e-9)
    np.testing.assert_allclose(theory.expansion_flux(-grid, slope(2.0), TAU, mu_c), -closed * s0, rtol=1e-12)
    if mu_c:
        assert float(theory.expansion_flux(0.5 * mu_c, slope(2.0), TAU, mu_c)) == 0.0
        notes = 0.5 * (grid * (1 - grid**2) - mu_c * (1 - mu_c**2))
        assert abs(notes[0]) > 0.005 and np.abs(notes - found.y[0]).max() > 0.005


@pytest.mark.parametrize("power", [0.3, 1.0, 4.0])
def test_pointwise_functional_gives_42_47_and_48_for_any_nu(power):
    """nu ~ mu^power: the flux (31) is that of the steady state, its moment is (42), (46) is `heating` and 15/8 x (48)."""
    p, v = 2.0, 2 / math.sqrt(5)
    nu = lambda m: 3e-9 * m**power  # noqa: E731
    functional = lambda m: theory.driven_expansion(m, slope(p) / p, V_A, TAU, v) / nu(m)  # noqa: E731
    mu = np.array([0.1, 0.5, 0.9])
    flux = theory.pitch_angle_flux(p, mu, nu(mu), V_A, functional(mu), v)
    np.testing.assert_allclose(flux, theory.expansion_flux(mu, slope(p), TAU), rtol=1e-12)
    weighted = lambda n: quad(lambda m: nu(m) * m**n * (1 - m * m) * float(functional(m)), 0, 1)[0]  # noqa: E731
    assert p * V_A / v * weighted(1) == pytest.approx(theory.driven_moment(slope(p), TAU), rel=1e-9)
    bound = float(theory.functional_moment_bound(slope(p) / p, V_A, TAU, v))
    assert weighted(0) / bound == pytest.approx(15 / 8, rel=1e-9)
    background, amplitude = rays()
    p, dp = background.quadrature()
    x, w = np.polynomial.legendre.leggauss(60)
    m, dm = 0.5 * (x + 1), 0.5 * w
    p_ = p[:, None]
    drive = theory.driven_expansion(m, background.slope(amplitude, p_) / p_, V_A, TAU, p_ / jnp.sqrt(1 + p_**2))
    power_in = theory.power_into_waves(p, dp, m, dm, nu(m) * jnp.ones_like(p_), drive / nu(m), V_A)
    assert float(power_in) == pytest.approx(float(theory.heating(background, amplitude, V_A, TAU)), rel=1e-9)


@pytest.mark.parametrize("shape", [lambda m: 1.0, lambda m: m**3, lambda m: math.exp(-9 * m)])
def test_the_bound_holds_for_other_functionals(shape):
    """Any nu A >= 0 with the moment (42): int nu (1 - mu^2) A exceeds (47)."""
    moment = quad(lambda m: m * (1 - m * m) * shape(m), 0, 1)[0]
    scale = theory.driven_moment(slope(2.0), TAU) / (2.0 * V_A) / moment  # v = c
    total = scale * quad(lambda m: (1 - m * m) * shape(m), 0, 1)[0]
    assert total > float(theory.functional_moment_bound(slope(2.0) / 2.0, V_A, TAU))


def test_drift_flux_and_heating():
    """Eq. 33 in (31) is the integral of v mu df/ds; (32) with it, integrated over f0(p, s), is -v_A dP_c/ds."""
    p, length, nu = 2.0, 5e9, lambda m: 1e-9 * (0.1 + m * m)
    v = p / math.hypot(1, p)
    for mu in (-0.7, 0.2):
        functional = theory.driven_drift(-f0(p) / length, v) / (nu(mu) * p * V_A / v)
        flux = float(theory.pitch_angle_flux(p, mu, nu(mu), V_A, functional, v))
        # int_mu^1 of dF/dmu = v mu df/ds, F(1) = 0
        assert flux == pytest.approx(quad(lambda m: v * m * f0(p) / length, mu, 1)[0], rel=1e-10)
        assert theory.drift_flux(mu, f0(p), length, v) == pytest.approx(flux, rel=1e-12)

    def power(s):
        p = math.exp(s)
        v = p / math.hypot(1, p)
        functional = lambda m: theory.driven_drift(-f0(p) / length, v) / (nu(m) * p * V_A / v)  # noqa: E731
        inner = quad(lambda m: float(theory.momentum_flux(p, m, nu(m), V_A, functional(m), v)), -1, 1)[0]
        return v * inner * p**3

    pressure = quad(lambda p: 2 / 3 * f0(p) * p**4 / math.hypot(1, p), 0.5, 100, limit=200)[0]
    total = quad(power, math.log(0.5), math.log(100), epsrel=1e-8)[0]
    assert float(theory.heating_drift(-pressure / length, V_A)) == pytest.approx(total, rel=1e-7)


def test_streaming_solution_and_its_heating():
    """(50) solves (49), and -v_A dP/dx is dP/dt: the factor 1/v_A printed in (51) has the wrong dimension."""
    source = lambda t: 1.0 + 0.1 * jnp.tanh(t)  # noqa: E731
    pressure = lambda x, t: theory.streaming_pressure(source, x, t, V_A)  # noqa: E731
    x, t = 1e-4, 2.0
    by_x, by_t = jax.grad(pressure, (0, 1))(x, t)
    heating = float(theory.heating_drift(by_x, V_A))
    assert heating == pytest.approx(float(by_t), rel=1e-10)
    assert heating == pytest.approx(float(theory.heating_streaming(jax.grad(source)(t - x / V_A))), rel=1e-10)
    assert heating != pytest.approx(float(by_t) / V_A, rel=0.5)


def test_drift_estimates_from_the_pointwise_equations():
    """nu solved from (33) with (18) for f0 ~ p^-a, v_D = 3 v_A: lambda and kappa with index; 1 and 1/3 of a without."""
    p, length, v = 5.0, 1e12, 0.98
    shape = lambda q: q**-A  # noqa: E731
    functional = theory.functional_of_drift(-A * shape(p) / p, 3.0)
    nu = float(theory.driven_drift(-shape(p) / length, v) / (p * V_A / v * functional))
    assert theory.path_drift(V_A, length, 2.0, v, index=A) == pytest.approx(v / nu, rel=1e-12)
    kappa = theory.diffusivity_drift(V_A, length, 2.0, index=A)
    assert kappa == pytest.approx(theory.parallel_diffusivity(nu, v), rel=1e-12)
    assert theory.path_drift(V_A, length, 2.0, v) * v == pytest.approx(theory.diffusivity_drift(V_A, length, 2.0))


@pytest.mark.parametrize("length", [1e4, 3e6, 1e7, 1e9])
def test_both_drives_together(length):
    """The flux is the sum; it changes sign at mu*; heating is the integral over k of |flux of all that resonates|."""
    p = 3.0
    v = p / math.hypot(1, p)
    flux = lambda m: float(theory.combined_flux(m, f0(p), slope(p), v, length, TAU))  # noqa: E731
    for mu in (-0.6, 0.4):
        parts = theory.drift_flux(mu, f0(p), length, v) + theory.expansion_flux(mu, slope(p), TAU)
        assert flux(mu) == pytest.approx(float(parts), rel=1e-12)
    change = float(theory.sign_change(f0(p), slope(p), v, length, TAU))
    if change > -1:
        assert brentq(flux, -1 + 1e-9, 0) == pytest.approx(change, abs=1e-9)
        assert flux(0.5 * (change - 1)) < 0 < flux(0.5 * change)
    else:
        assert flux(-0.999) > 0

    def resonant(x, h):
        """N_h at k = 1/x."""

        def integrand(s):
            p = math.exp(s)
            v = p / math.hypot(1, p)
            return p**3 * float(theory.combined_flux(h * x / p, f0(p), slope(p), v, length, TAU))

        return quad(integrand, math.log(max(x, 0.5)), math.log(100), epsrel=1e-9)[0]

    x = 2.0
    for h in (1, -1):
        got = float(theory.resonant_flux(1 / x, *rays(), length, TAU, h))
        assert got == pytest.approx(resonant(x, h), rel=1e-8)
    expected = sum(
        quad(lambda s: math.exp(s) * abs(resonant(math.exp(s), h)), math.log(1e-5), math.log(100), epsrel=1e-5)[0]  # noqa: B023
        for h in (1, -1)
    )
    assert float(theory.heating_combined(*rays(), V_A, length, TAU)) == pytest.approx(V_A * expected, rel=1e-4)


def test_limits_of_the_combined_heating():
    """Without gradient: `heating`.  Steep gradient: -v_A dP_c/ds exactly, expansion adds nothing."""
    background, amplitude = rays()
    alone = float(theory.heating(background, amplitude, V_A, TAU))
    assert float(theory.heating_combined(background, amplitude, V_A, jnp.inf, TAU)) == pytest.approx(alone, rel=1e-12)
    pressure = float(background.moments(amplitude, jnp.ones(())).pressure)
    steep = float(theory.heating_combined(background, amplitude, V_A, 1e4, TAU))
    assert steep == pytest.approx(float(theory.heating_drift(-pressure / 1e4, V_A)), rel=1e-9)


def test_gap_that_nothing_crosses():
    """Gradient alone, a gap without broadening: the mean of (1 - mu_c)^3/4 of eq. 38; expansion alone: `heating`."""
    background, amplitude = rays()
    p, dp = background.quadrature()
    mu_c = 1 / (5.0 * p)
    weight = p**4 / jnp.sqrt(1 + p**2) * background.density(amplitude, p) * dp
    share = float(jnp.sum(weight * (1 - mu_c) ** 3 / 4) / jnp.sum(weight))
    pressure = float(background.moments(amplitude, jnp.ones(())).pressure)
    got = float(theory.heating_combined(background, amplitude, V_A, 1e4, jnp.inf, 5.0))
    assert got == pytest.approx(share * V_A * pressure / 1e4, rel=1e-7)
    got = float(theory.heating_combined(background, amplitude, V_A, jnp.inf, TAU, 5.0))
    assert got == pytest.approx(float(theory.heating(background, amplitude, V_A, TAU, 5.0)), rel=1e-7)


def test_growth_of_both_drives():
    """Expansion alone: `growth_times_power` for co-moving branches, nothing for the others.  Gradient alone: both of one direction alike."""
    k, infinite = jnp.array([0.1, 1.0, 3.0]), jnp.inf
    of = lambda length, tau, branch: np.asarray(  # noqa: E731
        theory.growth_times_power_combined(k, *rays(), V_A, length, tau, branch=branch)
    )
    want = np.asarray(theory.growth_times_power(k, *rays(), V_A, TAU))
    for branch in ((1, 1), (-1, -1)):
        np.testing.assert_allclose(of(infinite, TAU, branch), want, rtol=1e-10)
        np.testing.assert_allclose(of(infinite, -TAU, (branch[0], -branch[1])), want, rtol=1e-10)
        np.testing.assert_array_equal(of(infinite, -TAU, branch), 0.0)
    np.testing.assert_allclose(of(1e6, infinite, (1, 1)), of(1e6, infinite, (1, -1)), rtol=1e-12)
    np.testing.assert_allclose(of(-1e6, infinite, (-1, 1)), of(1e6, infinite, (1, 1)), rtol=1e-12)
    np.testing.assert_array_equal(of(1e6, infinite, (-1, 1)), 0.0)


def test_path_of_anisotropy():
    """6 v_A tau_B: v over the mean of nu from the pointwise equation; 45/2 from eqs. 56-57, which 54-55 drop."""
    factor = 0.7  # -A/(df0/dp)
    nu = lambda m: float(theory.driven_expansion(m, -1.0, V_A, TAU)) / factor  # noqa: E731
    path = 1 / quad(nu, 0, 1)[0]
    assert theory.path_anisotropy(V_A, TAU, factor, "exact") == pytest.approx(path, rel=1e-12)
    eq57 = factor / theory.scattering_eq57(V_A, TAU)
    assert theory.path_anisotropy(V_A, TAU, factor, "eq57") == pytest.approx(eq57, rel=1e-12)
    printed = theory.path_anisotropy(V_A, TAU, factor)
    assert theory.diffusivity_anisotropy(V_A, TAU, factor) == printed
    assert path / printed == pytest.approx(6.0) and eq57 / printed == pytest.approx(22.5)
    assert theory.anisotropy_factor(3 * V_A, V_A) == pytest.approx(2.0)
    with pytest.raises(KeyError):
        theory.path_anisotropy(V_A, TAU, factor, "other")


def test_eq_56_needs_the_other_sign():
    """(42) with A of (22): nu (v_A/c) p f0' [1 - x] has the sign of (2/45)(Bdot/B) p f0' only for x > 1, as written here."""
    right = float(theory.driven_moment(slope(2.0), TAU))
    x = 1.5
    assert right > 0 > V_A * slope(2.0) * (x - 1)  # as printed
    nu = right / (V_A * slope(2.0) * (1 - x))
    assert nu * (x - 1) == pytest.approx(theory.scattering_eq57(V_A, TAU), rel=1e-12)


def test_landau_estimates_balance():
    """(58) equals (59) at the root in nu, which is (60); the exact rate at mu gives `scattering_landau`."""
    ratio, v_i = 3e-8, 3e-4
    for index, mu in ((None, 1.0), (A, 0.4)):
        net = lambda s: float(  # noqa: E731
            theory.growth_estimate(math.exp(s), ratio, V_A, TAU, index=index, mu=mu)  # noqa: B023
            / theory.landau_damping_estimate(math.exp(s), v_i)
            - 1
        )
        nu = math.exp(brentq(net, -40, 0, xtol=1e-13))
        if index is None:
            closed = theory.scattering_eq60(ratio, V_A, v_i, TAU)
            assert theory.density_ratio_of_eq60(nu, V_A, v_i, TAU) == pytest.approx(ratio, rel=1e-9)
        else:
            closed = theory.scattering_landau(index, ratio, mu, V_A, v_i, TAU)
        assert float(closed) == pytest.approx(nu, rel=1e-9)


def test_growth_estimate_with_index_is_the_functional():
    """pi C mu/12 x (59) from `growth_times_power` and nu = pi e/gamma."""
    background, amplitude = rays(1.0, 1e12, 0.0, 1e-6)
    k, p, e = 1e-5, 4e5, 1e-9
    ratio = theory.number_above(background, amplitude, 1 / k)
    rate = theory.growth_times_power(k, background, amplitude, V_A, TAU) / e
    closed = theory.growth_estimate(theory.scattering_frequency(p, e), ratio, V_A, TAU, index=A, mu=1 / (k * p))
    assert float(rate) == pytest.approx(float(closed), rel=1e-8)


def test_heating_with_the_gap_is_the_integral_of_the_flux():
    """int_{mu_c}^1 F_mu dmu = (S0/8)(1 - mu_c)^3 (1 + mu_c), the shape in `heating`; here S0 = 2."""
    for mu_c in (0.05, 0.4):
        integral = quad(lambda m: float(theory.expansion_flux(m, -6.0, 1.0, mu_c)), mu_c, 1)[0]  # noqa: B023
        assert integral == pytest.approx((1 - mu_c) ** 3 * (1 + mu_c) / 4, rel=1e-9)


# ---- derivatives -------------------------------------------------------------------------

#: Every closed form as a function of one number, and where; None: not a function of real numbers alone.
DERIVATIVES = {
    "magnetoacoustic_speed": (lambda x: theory.magnetoacoustic_speed(x, 1.0, 1.0, 2.0), 1.0),
    "density_rate": (lambda x: theory.density_rate(1.0, x), 2.0),
    "field_rate": (lambda x: theory.field_rate(1.0, 2.0, x), 2.0),
    "expansion_time": (lambda x: theory.expansion_time(x, 1.0, 1.0, 1.0), 2.0),
    "work_rate": (lambda x: theory.work_rate(1.0, x), 2.0),
    "orbit_rates": (lambda x: theory.orbit_rates(1.0, x, 0.3)[1], 0.4),
    "expansion_drive": (lambda x: theory.expansion_drive(x, -1.0, 3.0), 0.4),
    "perpendicular_pressure": (lambda x: theory.perpendicular_pressure(1.0, x), 0.1),
    "energy_rate": (lambda x: theory.energy_rate(3.0, 1.0, x), -0.3),
    "anisotropic_energy_rate": (lambda x: theory.anisotropic_energy_rate(x, -0.3), 0.1),
    "free_expansion": (lambda x: theory.free_expansion(x).parallel, 0.3),
    "legendre": (lambda x: theory.legendre(3, x), 0.4),
    "legendre_series": (lambda x: theory.legendre_series([1.0, 2.0, 3.0], x), 0.4),
    "legendre_moment": (lambda x: theory.legendre_moment(lambda m: jnp.exp(x * m), 2), 0.4),
    "drifting": (lambda x: theory.drifting(1.0, -4.7, 0.1, x), 0.4),
    "stretched": (lambda x: theory.stretched(1.0, -4.7, 0.1, x), 0.4),
    "pressure_difference": (lambda x: theory.pressure_difference(jnp.ones(3), x * jnp.ones(3), jnp.ones(3)), 1.5),
    "zeta": (theory.zeta, 0.1),
    "anisotropy_of_zeta": (lambda x: theory.anisotropy_of_zeta(rays(turnover=x)[0], rays()[1]), 1.0),
    "drift_of_frame": (lambda x: theory.drift_of_frame(rays(turnover=x)[0], rays()[1]), 1.0),
    "drift_of_alpha": (lambda x: theory.drift_of_alpha(rays(turnover=x)[0], rays()[1]), 1.0),
    "resonant_nodes": (lambda x: theory.resonant_nodes(rays()[0], x)[1].sum(), 2.0),
    "number_above": (lambda x: theory.number_above(*rays(n0=1.0), x), 2.0),
    "resonant_momentum": (theory.resonant_momentum, 0.5),
    "resonant_cosine": (lambda x: theory.resonant_cosine(x, 7.0), 0.5),
    "resonance_mismatch": (lambda x: theory.resonance_mismatch(0.5, x, 0.3, V_A), 3.0),
    "anisotropy_functional": (lambda x: theory.anisotropy_functional(-1.0, 0.1, 1.0, x, 0.01), 0.3),
    "functional_of_drift": (lambda x: theory.functional_of_drift(-1.0, x), 2.0),
    "functional_of_anisotropy": (lambda x: theory.functional_of_anisotropy(-1.0, 0.1, x, 0.01), 0.3),
    "spectral_constant": (theory.spectral_constant, 4.7),
    "growth_drift": (lambda x: theory.growth_drift(x, 1.0, 3.0), 4.7),
    "growth_anisotropy": (lambda x: theory.growth_anisotropy(x, 1.0, 0.01, 1e-3), 4.7),
    "threshold_anisotropy": (theory.threshold_anisotropy, 4.7),
    "threshold_zeta": (theory.threshold_zeta, 4.7),
    "kappa_q2": (lambda x: theory.kappa_q2(x, 1.25), 0.7),
    "growth_drift_kappa": (lambda x: theory.growth_drift_kappa(0.7, x, 1.0, 2.0), 1.25),
    "growth_rate": (lambda x: theory.growth_rate(x, *rays(n0=1.0), 0.01, zeta=0.1), 0.4),
    "diffusion_tensor": (lambda x: theory.diffusion_tensor(2.0, x, 0.3, 0.01).mu_p, 0.4),
    "co_moving_tensor": (lambda x: theory.co_moving_tensor(2.0, x, 0.3, 0.01).mu_p, -0.4),
    "tensor_fluxes": (lambda x: theory.tensor_fluxes(theory.diffusion_tensor(2.0, x, 0.3, 0.01), 1.0, 2.0)[0], 0.4),
    "pitch_angle_flux": (lambda x: theory.pitch_angle_flux(x, 0.4, 0.3, 0.01, -1.0), 2.0),
    "momentum_flux": (lambda x: theory.momentum_flux(x, 0.4, 0.3, 0.1, -1.0), 2.0),
    "scattering_frequency": (lambda x: theory.scattering_frequency(x, 1.0), 2.0),
    "mean_free_path": (lambda x: theory.mean_free_path(x, 1.0), 2.0),
    "parallel_diffusivity": (theory.parallel_diffusivity, 2.0),
    "expansion_flux": (lambda x: theory.expansion_flux(x, -1.0, 2.0, 0.1), 0.4),
    "driven_expansion": (lambda x: theory.driven_expansion(x, -1.0, 0.01, 2.0), -0.4),
    "driven_moment": (lambda x: theory.driven_moment(-1.0, x), 2.0),
    "functional_moment_bound": (lambda x: theory.functional_moment_bound(-1.0, 0.1, x), 2.0),
    "power_into_waves": (
        lambda x: theory.power_into_waves(*jnp.ones((2, 3)), *(0.5 * jnp.ones((2, 4))), x, 1.0, 1.0),
        2.0,
    ),
    "heating": (lambda x: theory.heating(*rays(n0=1.0), 1.0, 2.0, x), 5.0),
    "heating_whole_range": (lambda x: theory.heating_whole_range(rays(turnover=x)[0], jnp.ones(1), 1.0, 2.0), 1.0),
    "heating_ultrarelativistic": (lambda x: theory.heating_ultrarelativistic(1.0, 1.0, x), 2.0),
    "heating_bound": (lambda x: theory.heating_bound(1.0, 1.0, x), 2.0),
    "growth_times_power": (lambda x: theory.growth_times_power(x, *rays(n0=1.0), 1.0, 2.0, k_max=5.0), 0.7),
    "landau_slope": (lambda x: theory.landau_slope(x, 1.0), 0.7),
    "equilibrium_wave_power": (lambda x: theory.equilibrium_wave_power(x, *rays(n0=1.0), 1.0, 2.0, 0.1), 0.7),
    "wave_power_linear": (lambda x: theory.wave_power_linear(x, 1.0, 1.0, 1.0, 1.0, 2.0), 4.7),
    "scattering_linear": (lambda x: theory.scattering_linear(x, 1.0, 0.5, 1.0, 1.0, 2.0), 4.7),
    "zeta_constant_nu": (lambda x: theory.zeta_constant_nu(x, 0.1, 2.0), 2.0),
    "driven_drift": (lambda x: theory.driven_drift(-1.0, x), 0.9),
    "drift_flux": (lambda x: theory.drift_flux(x, 1.0, 2.0, 0.9), 0.4),
    "heating_drift": (lambda x: theory.heating_drift(x, 0.1), -2.0),
    "streaming_pressure": (lambda x: theory.streaming_pressure(jnp.sin, x, 1.0, 0.3), 0.1),
    "heating_streaming": (theory.heating_streaming, 2.0),
    "diffusivity_drift": (lambda x: theory.diffusivity_drift(0.1, x, 1.0, 4.7), 2.0),
    "path_drift": (lambda x: theory.path_drift(0.1, x, 1.0), 2.0),
    "combined_flux": (lambda x: theory.combined_flux(x, 1.0, -4.7, 0.9, 3.0, 2.0), -0.4),
    "resonant_flux": (lambda x: theory.resonant_flux(1.0, *rays(n0=1.0), x, 1.0, -1), 1.5),
    "growth_times_power_combined": (
        lambda x: theory.growth_times_power_combined(1.0, *rays(n0=1.0), 1.0, x, 1.0),
        1.5,
    ),
    "sign_change": (lambda x: theory.sign_change(1.0, -4.7, 0.9, x, 2.0), 3.0),
    "heating_combined": (lambda x: theory.heating_combined(*rays(n0=1.0), 1.0, x, 1.0), 1.5),
    "anisotropy_factor": (lambda x: theory.anisotropy_factor(x, 0.1), 0.3),
    "diffusivity_anisotropy": (lambda x: theory.diffusivity_anisotropy(0.1, x, 1.0), 2.0),
    "path_anisotropy": (lambda x: theory.path_anisotropy(0.1, x, 1.0), 2.0),
    "scattering_eq57": (lambda x: theory.scattering_eq57(0.1, x), 2.0),
    "scattering_excess": (lambda x: theory.scattering_excess(x, 0.1, 2.0), 0.4),
    "landau_damping_estimate": (lambda x: theory.landau_damping_estimate(x, 0.1), 2.0),
    "growth_estimate": (lambda x: theory.growth_estimate(x, 1.0, 0.1, 2.0, index=4.7), 2.0),
    "scattering_eq60": (lambda x: theory.scattering_eq60(x, 0.1, 0.1, 2.0), 2.0),
    "density_ratio_of_eq60": (lambda x: theory.density_ratio_of_eq60(x, 0.1, 0.1, 2.0), 2.0),
    "scattering_landau": (lambda x: theory.scattering_landau(x, 1.0, 0.4, 0.1, 0.1, 2.0), 4.7),
}


@pytest.mark.parametrize("name", sorted(DERIVATIVES))
def test_derivative(name):
    """jax.grad is the central difference, and is not zero."""
    function, at = DERIVATIVES[name]
    step = 1e-5 * abs(at)
    difference = float(function(at + step) - function(at - step)) / (2 * step)
    value = float(jax.grad(lambda x: jnp.asarray(function(x), float))(at))
    assert value == pytest.approx(difference, rel=1e-6) and value != 0.0


def test_every_function_has_its_derivative_tested():
    functions = {name for name in theory.__all__ if inspect.isfunction(getattr(theory, name))}
    assert functions == set(DERIVATIVES)


@pytest.mark.parametrize("name", ["threshold_anisotropy", "spectral_constant", "scattering_eq57", "expansion_flux"])
def test_closed_forms_take_arrays(name):
    """An array gives the array of the scalars' results."""
    function, at = DERIVATIVES[name]
    x = at * jnp.array([[1.0, 1.1], [1.2, 1.3]])
    np.testing.assert_allclose(function(x), np.vectorize(lambda y: float(function(y)))(x), rtol=1e-14)
