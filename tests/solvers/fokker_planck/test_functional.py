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
