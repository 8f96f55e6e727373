"""The growth functional on the mesh: growth of known distributions, and its cubics."""

import dataclasses
import functools

import jax
import numpy as np
from support.mesh_cases import DRIFTING, prepared, smeared_growth

from crmc.physics.spectrum import wave_energy_unit
from crmc.solvers.fokker_planck.functional import _cubic, mesh_functional

RATES = jax.jit(mesh_functional)


@functools.cache
def setup():
    """Cosmic rays with v_D = 3 v_A at every momentum."""
    return prepared(32, 256, **DRIFTING)


def rates(state, parameters):
    """Gamma of all branches by the functional, (2, 2, bins)."""
    unit = wave_energy_unit(parameters.grid, parameters.alfven_speed, state.b)
    return np.asarray(RATES(state, parameters)[..., :-1] / (2.0 * unit))


def test_growth_of_drifting_cosmic_rays():
    """Gamma_j of all branches is eq. 15's for v_D = 3 v_A, smeared over a bin, to 2 % bin by bin."""
    found = rates(setup().state, setup().parameters)
    for d, sign in enumerate((1, -1)):
        want = (1.0 - 3.0 * sign) * smeared_growth(setup())
        np.testing.assert_allclose(found[d, :, 1:-1], np.stack([want[1:-1]] * 2), rtol=0.02)


def exact_growth(k, speed, drift, helicity, kappa=1.25):
    """Gamma at k of f = F0 - (v_D/v) p F0' mu, F0 a kappa distribution with p0 = 1, but for a factor, exact in v_A/c.

    int p_perp^3/eps' df/dp_par dp_perp at constant eps' along p_par' = helicity/k: no expansion in v_A/c.
    """
    node, weight = np.polynomial.legendre.leggauss(200)
    log_p = 0.5 * np.log(1e8) * node + 0.5 * np.log(1e-2)
    across, parallel = np.exp(log_p), helicity / k
    energy = np.sqrt(1.0 + parallel**2 + across**2)
    boost = 1.0 / np.sqrt(1.0 - speed**2)
    p_par, eps = boost * (parallel + speed * energy), boost * (energy + speed * parallel)
    p2 = across**2 + p_par**2
    # F0' = -p shape; f = F0 + v_D eps p_par shape
    shape = (1.0 + p2 / kappa) ** (-kappa - 2.0)
    shape_slope = -(kappa + 2.0) / kappa * (1.0 + p2 / kappa) ** (-kappa - 3.0)
    rise = 2.0 * speed * eps
    slope = -0.5 * rise * shape + drift * ((speed * p_par + eps) * shape + eps * p_par * rise * shape_slope)
    return np.sum(weight * across**4 * slope / energy) / speed


def test_first_order_of_the_alfven_speed():
    """At v_A/c = 1/300 the growth of co- and counter-moving waves of a stream is 3 % less and more than at leading order.

    Their difference over their sum is that of an exact quadrature to 2 %.  Without the term a mu of L it would be 10 to
    15 % smaller.
    """
    speed, drift = 1.0 / 300.0, 2.0
    spectrum = {"cosmic_rays__spectrum": "kappa", "cosmic_rays__kappa": 1.25, "cosmic_rays__index": None}
    ends = {"cosmic_rays__turnover_momentum": 1.0, "cosmic_rays__momentum_min": 0.01, "cosmic_rays__momentum_max": 1e4}
    waves = {"waves__k_min": 0.05, "waves__k_max": 10.0, "waves__bins": 24}
    tube = DRIFTING | {"plasma__ion_density": "4.764e-6 cm-3", "cosmic_rays__drift_velocity": drift}
    case = prepared(48, 256, **tube, **spectrum, **ends, **waves)
    np.testing.assert_allclose(case.parameters.alfven_speed, speed, rtol=1e-4)
    found = rates(case.state, case.parameters)[0]
    k = np.asarray(case.parameters.grid.centres)
    want = np.array([[exact_growth(x, speed, drift * speed, h) for x in k] for h in (1, -1)])
    inner = (k > 0.1) & (k < 4.0)
    split, exact = ((rate[0] - rate[1]) / (rate[0] + rate[1]) for rate in (found, want))
    np.testing.assert_allclose(exact[np.argmin(abs(k - 0.28))], -0.0305, atol=2e-4)
    np.testing.assert_allclose(split[inner], exact[inner], rtol=0.02)


def test_functional_is_linear_in_the_deviation():
    """A[F0 + df] - A[F0] doubles with df, to 1e-9, and F0 alone damps every branch."""
    state, parameters = setup().state, setup().parameters

    def scaled(factor):
        markers = dataclasses.replace(state.markers, excess=factor * state.markers.excess)
        return rates(dataclasses.replace(state, markers=markers), parameters)

    none, one, two = (scaled(factor) for factor in (0.0, 1.0, 2.0))
    np.testing.assert_allclose(two - none, 2.0 * (one - none), rtol=1e-9)
    assert np.all(none < 0.0)


def test_cubics_are_exact_within_a_segment():
    """Value and derivative of a cubic to 1e-12; another one beyond the end of a segment makes no difference to them."""
    position = np.array([0.2, 2.5, 4.3, 5.6, 7.9, 10.4])
    place, first = np.arange(12.0), 6
    value, slope = _cubic(position, [(0, first), (first, 12)])
    one, two = np.polynomial.Polynomial([1.0, -2.0, 0.5, 0.25]), np.polynomial.Polynomial([-3.0, 1.0, -0.2, 0.1])
    y = np.where(place < first, one(place), two(place))
    below = position < first - 0.5
    for matrix, order in ((value, 0), (slope, 1)):
        want = np.where(below, *(x.deriv(order)(position) if order else x(position) for x in (one, two)))
        np.testing.assert_allclose(matrix @ y, want, rtol=1e-12, atol=1e-11)
    assert np.all(value[below, first:] == 0.0) and np.all(value[~below, :first] == 0.0)
