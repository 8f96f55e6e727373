"""Numbers of sections 1 to 5 by fractions, quadrature and astropy."""

from fractions import Fraction

import numpy as np
import pytest
from astropy import constants as const
from astropy import units as u
from scipy.integrate import quad
from support.paper_cases import plain_rows

from crmc.paper.rows import example


@pytest.mark.parametrize(
    ("key", "column", "want"),
    [
        ("gamma_c", "recomputed", Fraction(4, 3)),
        ("gamma_m", "recomputed", Fraction(2)),
        ("coefficient_10", "recomputed", Fraction(2, 5)),
        ("coefficient_42", "recomputed", Fraction(2, 45)),
        ("coefficient_48", "recomputed", Fraction(4, 15)),
        ("coefficient_48", "exact", Fraction(1, 2)),
        ("underestimate", "recomputed", Fraction(15, 8)),
        ("spectral_constant", "recomputed", Fraction(17, 27)),
        ("diffusivity_ratio", "recomputed", Fraction(5000)),
        ("path_ratio", "exact", Fraction(6)),
    ],
)
def test_coefficients_are_fractions(key, column, want):
    """Each from its formula or quadrature, to 1e-11."""
    assert getattr(plain_rows()[key], column) == pytest.approx(float(want), rel=1e-11)


def test_anisotropy_of_zeta_needs_ultrarelativistic_particles():
    """zeta is 5/12 of Delta P_c/P_c to 1e-5 between 1e6 and 1e13 m_p c, less on the momentum range of halo."""
    row = plain_rows()["coefficient_21"]
    assert row.recomputed == pytest.approx(5 / 12, rel=1e-5)
    assert 0.9 * 5 / 12 < row.exact < 5 / 12


def test_adiabatic_index_of_halo():
    """gamma_c = 1 + <1 + 1/gamma^2>/3, weighted with f0 p^3 v: quadrature by scipy, to 1e-8."""
    background = example().background
    (a,), (turnover,) = np.asarray(background.index), np.asarray(background.turnover)
    ends = np.log([float(background.momentum_min), float(background.momentum_max)])

    def mean(of):
        def integrand(log_p):
            p = np.exp(log_p)
            gamma = np.hypot(1.0, p)
            return (turnover**2 + p**2) ** (-a / 2) * p**3 * p / gamma * of(gamma) * p

        return quad(integrand, *ends, epsabs=0.0, epsrel=1e-11, limit=200)[0]

    want = 1.0 + mean(lambda gamma: 1.0 + gamma**-2) / mean(lambda gamma: 1.0) / 3.0
    assert plain_rows()["gamma_c"].exact == pytest.approx(want, rel=1e-8)


def test_section_5_by_astropy():
    """v_A of protons at 5 uG and 0.01 cm^-3 to 1e-8, and kappa_d/(v_A L) at the printed 100 km/s to 1e-9."""
    speed = 5e-10 * u.T / np.sqrt(const.mu0 * 0.01 / u.cm**3 * const.m_p)
    assert plain_rows()["v_alfven_5"].recomputed == pytest.approx(speed.to_value(u.km / u.s), rel=1e-8)
    excess = 3e28 * u.cm**2 / u.s / (100 * u.km / u.s * 1e3 * u.pc)
    assert plain_rows()["drift_excess"].recomputed == pytest.approx(excess.to_value(""), rel=1e-9)
