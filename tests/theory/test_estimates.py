"""The estimates of sections 5 and 6 against quadrature, root finding and the numbers that the paper prints."""

import math

import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from support.theory_cases import TAU, V_A, A, rays, slope

from crmc import theory
from crmc.units import PARSEC, SPEED_OF_LIGHT


def test_pointwise_excess_has_eq_57_as_its_moment():
    """int mu (1 - mu^2) of the pointwise form by quad is eq. 57 to 1e-12."""
    moment = quad(lambda m: m * (1 - m * m) * theory.scattering_excess(m, V_A, TAU), 0, 1)[0]
    assert moment == pytest.approx(theory.scattering_eq57(V_A, TAU), rel=1e-12)


def test_section_6_numbers():
    """The paper's example to the digits printed, and the numbers of section 6 that its formulas do not give."""
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
