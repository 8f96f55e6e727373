"""The diffusion tensor and its fluxes against a Lorentz boost, eq. 37 and quadrature."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from support.theory_cases import V_A, background

from crmc import theory


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
    rays, amplitude = background(), jnp.array([1e-6])
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


def test_broadened_scattering_fills_the_gap():
    """Flat waves of both helicities up to k_max, nothing beyond: nu/nu_0 = [erfc((g - mu)/s) + erfc((g + mu)/s)]/2.

    g = 1/(p k_max), s = sqrt(2) widths; with one helicity the other half is missing.  To 1e-3 of nu_0.
    """
    p, k_max, width = 3.0, 10.0, 0.02
    mu = np.array([-0.05, 0.0, 0.01, 0.04, 0.2])
    gap, scale = 1.0 / (p * k_max), math.sqrt(2.0) * width
    own, other = ([0.5 * math.erfc((gap - s * m) / scale) for m in mu] for s in (1, -1))
    full = theory.scattering_frequency(p, 1e-6)
    for both, want in ((1.0, np.add(own, other)), (0.0, np.array(own))):
        e = lambda k, h, both=both: 1e-6 * (k < k_max) * np.where(h > 0, 1.0, both)  # noqa: E731
        found = np.asarray(theory.broadened_scattering(p, mu, width, e)) / full
        np.testing.assert_allclose(found, want, atol=1e-3)
