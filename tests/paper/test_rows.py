"""Rows of the table of numbers: the example of section 6 by astropy and quadrature, and what a row holds."""

import numpy as np
import pytest
from astropy import constants as const
from astropy import units as u
from scipy.integrate import quad
from support.paper_cases import summary

from crmc.paper.rows import Rows, example, mean_drive, whole_population
from crmc.paper.simulation import Measured, Simulation, combine


def pressure(background, amplitude):
    """(2/3) int f0 p^3 v dp [code] over the range of ``background``, by scipy."""
    (a,), (turnover,), (c,) = (np.asarray(x) for x in (background.index, background.turnover, amplitude))
    ends = np.log([float(background.momentum_min), float(background.momentum_max)])

    def integrand(log_p):
        p = np.exp(log_p)
        return c * (turnover**2 + p**2) ** (-a / 2) * p**3 * p / np.hypot(1.0, p) * p

    return 2.0 / 3.0 * quad(integrand, *ends, epsabs=0.0, epsrel=1e-11, limit=500)[0]


def test_example_by_astropy():
    """B of the magnetic pressure, n_H of the heating rates, P_c of f0 in dyn cm^-2: to 1e-8."""
    known = example()
    field = np.sqrt(2 * const.mu0 * 3.97e-15 * u.Pa)
    assert known.field == pytest.approx(field.to_value(u.T) * 1e4, rel=1e-8)
    assert known.hydrogen == pytest.approx(9e-29 / 1e-25, rel=1e-12)
    # The unit of energy density is n_i m_p c^2.
    unit = (9e-4 / u.cm**3 * const.m_p * const.c**2).to_value(u.dyn / u.cm**2)
    assert pressure(known.background, known.amplitude) * unit == pytest.approx(8.2e-14, rel=1e-8)


def test_whole_population_has_unit_pressure():
    """P_c = 1 [code] by scipy, to 1e-8."""
    assert pressure(*whole_population()) == pytest.approx(1.0, rel=1e-8)


def test_mean_drive():
    """Mean over mu of |mu| v/(3 v_A tau_B) by the trapezoidal rule, with the summary's v_A and tau_B, to 1e-9."""
    run = combine([summary()], "by hand")
    speed, scales = 0.7, run.theory["alfven_speed"] * run.theory["expansion_time"]
    want = np.mean(np.abs(np.linspace(-1.0, 1.0, 2001)[:-1])) * speed / (3.0 * scales)
    assert mean_drive(run, speed) == pytest.approx(want, rel=1e-9)


def test_a_row_holds_what_it_is_given():
    """Numbers become floats; the simulated column is filled by a simulation alone; inputs are recomputed from nothing."""
    run = Simulation({"x": Measured(3.0, 0.1)}, {"y": 2.0}, "made up")
    for simulation in (None, run):
        rows = Rows(None, simulation)
        rows.add(
            "key",
            "6",
            "1",
            "name",
            2.0,
            formula=np.float32(1.5),
            simulated=lambda s: s["x"],
            expected=lambda s: s.theory["y"],
        )
        rows.given("index", "3", "23", "spectral index a", 4.7)
        one, given = rows.rows
        assert (one.recomputed, type(one.recomputed), one.exact) == (1.5, float, None)
        assert (one.simulated, one.expected) == ((None, None) if simulation is None else (Measured(3.0, 0.1), 2.0))
        assert (given.printed, given.recomputed, given.flag, given.misprint) == (4.7, None, "input", False)
