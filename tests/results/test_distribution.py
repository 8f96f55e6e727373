"""f(p, mu) in a result: units, errors over replicas, and the number of cosmic rays in it."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from support.run_cases import compiled_once, small

from crmc.physics.phase_space import PhaseSpace
from crmc.results.distribution import DISTRIBUTION, with_distribution
from crmc.runs.run import run
from crmc.units import CodeUnits

P, WIDTH = np.geomspace(0.6, 90.0, 20), np.log(150.0) / 19


def made_up(spread: float) -> tuple[PhaseSpace, np.ndarray]:
    """f = (1 +- spread) p^-4.7 (1 + 0.1 mu) of two replicas [n_i], and the isotropic part of their mean."""
    mu = (np.arange(32) + 0.5) / 16 - 1.0
    f = P[:, None] ** -4.7 * (1.0 + 0.1 * mu)
    return PhaseSpace(np.stack([P, P]), np.stack([f * (1.0 - spread), f * (1.0 + spread)])), P**-4.7


def units() -> CodeUnits:
    """Those of the small run: n_i = 1.3233e-3 cm^-3."""
    return small().code_units


def test_values_and_errors_are_those_of_the_replicas() -> None:
    """f in cm^-3, its error spread/1 for two replicas; the anisotropy, equal in both, has none; attributes are kept."""
    found, isotropic = made_up(0.2)
    data = with_distribution(xr.Dataset(attrs={"title": "one"}), found, units())
    assert data.attrs == {"title": "one"} and set(data.data_vars) == set(DISTRIBUTION)
    np.testing.assert_allclose(data.distribution.mean("mu"), 1.3233e-3 * isotropic, rtol=1e-12)
    np.testing.assert_allclose(data.distribution_stderr, 0.2 * data.distribution, rtol=1e-12)
    np.testing.assert_allclose(data.distribution_anisotropy, np.tile(0.1 * data.mu, (20, 1)), rtol=1e-12)
    assert float(data.distribution_anisotropy_stderr.max()) < 1e-15
    exact = with_distribution(xr.Dataset(), found, units(), exact=True)
    assert float(exact.distribution_stderr.max()) == 0.0


def test_spectrum_adds_up_to_the_number() -> None:
    """sum (dn/dp) dp = sum over cells of 2 <f> (p_high^3 - p_low^3)/3, by hand, to 1e-12."""
    found, isotropic = made_up(0.0)
    data = with_distribution(xr.Dataset(), found, units())
    low, high = P * np.exp(-WIDTH / 2), P * np.exp(WIDTH / 2)
    want = 1.3233e-3 * np.sum(2.0 * isotropic * (high**3 - low**3) / 3.0)
    assert float((data.momentum_spectrum * (high - low)).sum()) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("solver", [pytest.param("monte-carlo", marks=pytest.mark.full), "fokker-planck"])
def test_a_run_writes_it_where_it_is_asked_for(solver: str) -> None:
    """Its number is n_c of the last row, and its P2 the anisotropy, of which a half is above 2 m_p c in this run.

    (P_par - P_perp)/P_c = sum p v (3 f_2/5) / sum p v f_0 over the cells: to 3 %, the cells' width in ln p and mu.
    """
    with compiled_once():
        data = run(
            small(run__distribution=True, run__replicas=4, run__time_step="1e8 s"), quiet=True, solver=solver
        ).data
    p, mu = data.p.values, data.mu.values
    width = 2.0 * np.sinh(0.5 * np.log(p[1] / p[0])) * p
    assert float(np.sum(data.momentum_spectrum * width)) == pytest.approx(float(data.cr_number_density[-1]), rel=1e-6)
    weight = data.momentum_spectrum.values * width * p**2 / np.sqrt(1.0 + p**2)
    quadrupole = data.distribution_anisotropy.values @ (1.5 * mu**2 - 0.5) / mu.size
    found = 3.0 * np.sum(weight * quadrupole) / np.sum(weight)
    assert found == pytest.approx(float(data.pressure_anisotropy[-1]), rel=0.03)
