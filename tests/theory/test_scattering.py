"""Resonance, growth and scattering against orbits, brute force in cgs, root finding, and the Appendix's algebra."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from astropy import constants as const
from scipy.integrate import quad
from scipy.optimize import brentq
from support.theory_cases import V_A, A, power_law

from crmc import theory
from crmc.theory.distribution import Background
from crmc.units import CodeUnits


@pytest.mark.parametrize(("direction", "helicity"), [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_resonant_cosine_is_the_root_of_the_resonance(direction, helicity):
    """brentq on eq. 11 with finite omega lies within 2 v_A/v of eq. 12."""
    k, p = 0.5, 7.0
    mismatch = lambda m: float(  # noqa: E731
        theory.resonance_mismatch(k, p, m, V_A, direction=direction, helicity=helicity)
    )
    mu = brentq(mismatch, -1, 1, xtol=1e-14)
    closed = float(theory.resonant_cosine(k, p, helicity))
    assert mu - closed == pytest.approx(direction * V_A * math.hypot(1, p) / p, rel=1e-6)
    assert bool(jnp.isnan(theory.resonant_cosine(k, 1.0)))
    assert float(theory.resonant_momentum(k)) == 2.0


def test_equation_13_in_cgs_gives_15():
    """pi^2 q^2 v_A^2/(2 c^2) int p^2 v (1 - mu^2) delta(...) A with astropy's constants, the delta done by hand."""
    units, k_code = CodeUnits(1e-6, 9e-4), 0.2
    e, m, c = (float(x.value) for x in (const.e.gauss, const.m_p.cgs, const.c.cgs))
    v_a = 1e-6 / math.sqrt(4 * math.pi * 9e-4 * m)
    omega0 = e * 1e-6 / (m * c)
    k, p1 = k_code * omega0 / c, m * c / k_code
    scale = 9e-4 / (m * c) ** 3  # f in cgs of f = 1 in code units

    def integrand(s):
        p = math.exp(s)
        x = p / (m * c)
        v = c * x / math.hypot(1, x)
        slope = -A * 1e-6 * x**-A * scale / p
        mu = omega0 * m / (k * p)
        functional = slope * (1 - v / v_a * 3 * 2 * V_A * mu)
        return p**3 * v * (1 - mu**2) * functional / (k * v)

    gamma = math.pi**2 * e**2 * v_a**2 / (2 * c**2) * quad(integrand, math.log(p1), math.log(p1) + 18, limit=300)[0]
    rays, amplitude = power_law()
    closed = theory.growth_rate(k_code, rays, amplitude, units.alfven_speed, zeta=2 * V_A, coefficients="printed")
    assert float(closed) * omega0 == pytest.approx(gamma, rel=1e-7)


def test_functionals_are_eq_14_of_their_distributions():
    """A of eqs. 18 and 22 from jax derivatives of f in eqs. 16 and 20, up to the -mu they drop."""
    f0 = lambda p: p**-A  # noqa: E731
    for p, mu, d in ((1e3, 0.3, 1), (2e3, -0.8, -1)):
        for shape in (theory.drifting, theory.stretched):
            f = lambda p, mu, shape=shape: shape(f0(p), -A * f0(p), 3 * V_A, mu)  # noqa: E731
            df_dp = jax.grad(f0)(p)
            full = theory.anisotropy_functional(df_dp, jax.grad(f, 1)(p, mu), p, mu, d * V_A)
            if shape is theory.drifting:
                closed = theory.functional_of_drift(df_dp, d * 3.0)
            else:
                closed = theory.functional_of_anisotropy(df_dp, 3 * V_A, mu, d * V_A)
            assert float(full / closed) == pytest.approx(1.0, abs=10 * V_A)


def test_growth_vanishes_at_the_alfven_speed_and_at_the_threshold():
    """Root of the quadrature (15) in v_D and in zeta; waves against the drift are damped."""
    rays, amplitude = power_law()
    drift = lambda x: float(theory.growth_rate(1e-5, rays, amplitude, V_A, alpha=x * V_A))  # noqa: E731
    assert brentq(drift, 0.1, 3.0, xtol=1e-12) == pytest.approx(1.0, rel=1e-8)
    stretch = lambda x: float(theory.growth_rate(1e-5, rays, amplitude, V_A, zeta=x * V_A))  # noqa: E731
    root = brentq(stretch, 0.1, 3.0, xtol=1e-12)
    assert root == pytest.approx(float(theory.threshold_zeta(A)), rel=1e-8)
    assert 12 / 5 * root == pytest.approx(float(theory.threshold_anisotropy(A)), rel=1e-8)
    assert float(theory.growth_rate(1e-5, rays, amplitude, V_A, alpha=2 * V_A, branch=(-1, 1))) < 0


@pytest.mark.parametrize("index", [4.2, 4.7, 6.0])
def test_growth_of_power_laws_by_elementary_integrals(index):
    """int p1 (p^2 - p1^2) f0' (...) of p^-a by scipy on x = p/p1 gives C n_c(>p1) and the bracket of eq. 23."""
    plain = index * quad(lambda x: (x * x - 1) * x ** (-index - 1), 1, np.inf)[0]
    tilted = index * quad(lambda x: (x * x - 1) * x ** (-index - 2), 1, np.inf)[0]
    number = 2 / (index - 3)
    assert plain / number == pytest.approx(float(theory.spectral_constant(index)), rel=1e-7)
    bracket = 3 * (5 / 12) * tilted / plain
    assert 1 / bracket == pytest.approx(float(theory.threshold_anisotropy(index)), rel=1e-7)
    for name, factor in (("exact", math.pi / 4), ("printed", math.pi / 8)):
        expected = factor * plain / number * 0.03 * 1e-7 * (bracket * 5 - 1)
        rate = theory.growth_anisotropy(index, 1e-7, 5 * V_A, V_A, 0.03, coefficients=name)
        assert float(rate) == pytest.approx(expected, rel=1e-7)
    with pytest.raises(KeyError):
        theory.growth_drift(index, 1e-7, 2.0, coefficients="other")


@pytest.mark.parametrize("d", [1, -1])
def test_tensor_is_a_rotation_in_the_frame_of_the_wave(d):
    """Turn the pitch angle in the wave frame by a Lorentz boost: dp/dmu = D_mup/D_mumu, (dp/dmu)^2 = D_pp/D_mumu."""
    p, mu, V = 3.0, 0.4, d * 1e-5
    g, energy = 1 / math.sqrt(1 - V * V), math.hypot(1, p)

    def lab(turn):
        along, e = g * (p * mu - V * energy), g * (energy - V * p * mu)
        size = math.sqrt(e * e - 1)
        cosine = math.cos(math.acos(along / size) + turn)
        e_lab, along_lab = g * (e + V * size * cosine), g * (size * cosine + V * e)
        p_lab = math.sqrt(e_lab * e_lab - 1)
        return p_lab, along_lab / p_lab

    (p_low, mu_low), (p_high, mu_high) = lab(-1e-3), lab(1e-3)
    slope = (p_high - p_low) / (mu_high - mu_low)
    tensor = theory.diffusion_tensor(p, mu, 0.7, abs(V), v=p / energy, direction=d)
    assert tensor.mu_mu == pytest.approx(0.35 * (1 - mu**2))
    assert tensor.mu_p / tensor.mu_mu == pytest.approx(slope, rel=1e-4)
    assert tensor.p_p / tensor.mu_mu == pytest.approx(slope**2, rel=1e-4)


def test_co_moving_tensor_changes_sign_with_the_hemisphere():
    """Eqs. 40, 41: each half equals the tensor of its own direction; eqs. 27 and 29 do not change."""
    mu = jnp.array([-0.6, 0.6])
    both = theory.co_moving_tensor(2.0, mu, 0.3, V_A, 0.9)
    for place, d in ((0, -1), (1, 1)):
        one = theory.diffusion_tensor(2.0, mu[place], 0.3, V_A, 0.9, direction=d)
        np.testing.assert_allclose([x[place] for x in both], one, rtol=1e-14)
    assert float(both.mu_p[0]) == -float(both.mu_p[1]) < 0.0


@pytest.mark.parametrize("d", [1, -1])
def test_fluxes_are_the_tensor_on_the_gradient(d):
    """Eqs. 31, 32 from eqs. 25, 26 with A of eq. 14 without its -mu; zero for an f isotropic in the wave frame."""
    p, mu, v, df_dp, df_dmu = 2.0, 0.3, 0.9, -1.7, 4e-3
    functional = df_dp + v / (d * V_A) / p * df_dmu
    tensor = theory.diffusion_tensor(p, mu, 0.3, V_A, v, d)
    F_mu, F_p = theory.tensor_fluxes(tensor, df_dmu, df_dp)
    assert float(theory.pitch_angle_flux(p, mu, 0.3, V_A, functional, v, d)) == pytest.approx(F_mu, rel=1e-12)
    assert float(theory.momentum_flux(p, mu, 0.3, V_A, functional, v)) == pytest.approx(F_p, rel=1e-12)
    F_mu, F_p = theory.tensor_fluxes(tensor, -d * V_A * p / v * df_dp, df_dp)
    assert abs(F_mu) < 1e-19 and abs(F_p) < 1e-22


def test_scattering_frequency_makes_the_identity_hold():
    """nu and Gamma with matching coefficients give int v F_p = 2 int Gamma W (eq. 37), W = 2 W_M; "printed" 2/pi off."""
    rays, amplitude = Background(*(jnp.asarray(x) for x in ([A], [1.0], 0.5, 100.0))), jnp.array([1e-6])
    wave = lambda k: 1e-8 * np.exp(-2.0 * np.log(k) ** 2)  # noqa: E731
    x, w = np.polynomial.legendre.leggauss(300)
    s = 6 * x
    ratios = {}
    for name in ("exact", "printed"):
        rate = np.asarray(theory.growth_rate(np.exp(s), rays, amplitude, V_A, zeta=3 * V_A, coefficients=name))
        growing = float(np.sum(6 * w * 2 * rate * wave(np.exp(s))) * V_A**2)  # W = 2 W_M, k W_M = e v_A^2/2
        p, dp = rays.quadrature()
        mu = np.exp(0.5 * 14 * (x - 1))
        p_, m_ = np.asarray(p)[:, None], mu[None]
        v = p_ / np.hypot(1, p_)
        slope = np.asarray(rays.slope(amplitude, p))[:, None] / p_
        functional = theory.functional_of_anisotropy(slope, 3 * V_A, m_, V_A, v)
        nu = theory.scattering_frequency(p_, wave(1 / (p_ * m_)), name)
        F_p = theory.momentum_flux(p_, m_, nu, V_A, functional, v)
        ratios[name] = float(np.sum(np.asarray(dp)[:, None] * 7 * w * mu * v * F_p * p_**2)) / growing
    assert ratios["exact"] == pytest.approx(1.0, rel=1e-5)
    assert ratios["printed"] == pytest.approx(2 / math.pi, rel=1e-5)


def test_diffusivity_is_the_integral_of_the_inverse_scattering():
    """kappa = (v^2/8) int (1 - mu^2)^2/D_mumu dmu; of nu ~ |mu| it grows with the logarithm of the cut, for ever."""
    D = lambda m: float(theory.diffusion_tensor(1.0, m, 0.4, V_A).mu_mu)  # noqa: E731
    expected = quad(lambda m: (1 - m * m) ** 2 / D(m), -1, 1)[0] * 0.9**2 / 8
    assert theory.parallel_diffusivity(0.4, 0.9) == pytest.approx(expected, rel=1e-9)
    cut = [quad(lambda s: 1 - math.exp(2 * s), -low, 0)[0] for low in (10.0, 20.0)]  # int_cut^1 (1 - mu^2)/mu dmu
    assert cut[1] - cut[0] == pytest.approx(10.0, rel=1e-6)


# ---- the Appendix ------------------------------------------------------------------------

K, W_R, GROW = 2.0, 0.6, 1e-4
E_K = 0.7 - 0.4j
C, SPEED = 30.0, 0.3  # v_A = omega/k


def test_wave_currents_of_the_appendix_have_a_minus_sign():
    """Ampere and Faraday: dJ/dt = (c^2/4 pi) d2E/dz2, and J_p = (c^2/4 pi v_A^2) dE/dt, on a plane wave; eqs. A6, A7.

    With psi = k z - omega t both come out as minus what is printed; their difference is A8 as printed.
    """
    wave = lambda z, t: np.exp(1j * (K * z - W_R * t))  # noqa: E731
    h = 1e-3
    bend = (wave(h, 0) - 2 * wave(0, 0) + wave(-h, 0)) / h**2 * E_K
    rate = (wave(0, h) - wave(0, -h)) / (2 * h) * E_K
    total = C**2 / (4 * math.pi) * bend / (-1j * W_R)
    plasma = C**2 / (4 * math.pi * SPEED**2) * rate
    printed_total = 1j * C**2 * K**2 / W_R * E_K / (4 * math.pi)
    printed_plasma = 1j * W_R * C**2 / SPEED**2 * E_K / (4 * math.pi)
    assert total / printed_total == pytest.approx(-1.0, rel=1e-5)
    assert plasma / printed_plasma == pytest.approx(-1.0, rel=1e-5)
    omega = W_R * 1.01  # off the wave's own frequency, where A8 does not vanish
    a8 = 1j * E_K / (4 * math.pi) * C**2 / SPEED**2 * (omega - K**2 * SPEED**2 / omega)
    difference = -printed_total * W_R / omega + printed_plasma * omega / W_R
    assert difference == pytest.approx(a8, rel=1e-9)


def test_work_on_the_waves_is_twice_the_growth_of_their_energy():
    """Eqs. A2 and A9 on numbers: phase averages of real fields, omega = omega_r + i Gamma."""
    phase = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    omega = W_R + 1j * GROW
    current = 1j * E_K / (4 * math.pi) * C**2 / SPEED**2 * (omega - W_R**2 / omega)
    field, flow = ((x * np.exp(1j * phase)).real for x in (E_K, current))
    magnetic = (C / SPEED) ** 2 * np.mean(field**2) / (8 * math.pi)
    energy = (C / SPEED) ** 2 * abs(E_K) ** 2 / (8 * math.pi)
    assert 2 * magnetic == pytest.approx(energy, rel=1e-12)
    assert np.mean(field * flow) == pytest.approx(-2 * GROW * energy, rel=1e-3)
