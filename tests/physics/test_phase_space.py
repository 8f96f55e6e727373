"""f(p, mu) of markers in cells: number, and harmonics of given size, of which the ensemble was drawn."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate
from support.marker_cases import background

from crmc.physics.layout import Layout
from crmc.physics.markers import initial_markers
from crmc.physics.moments import ensemble_moments
from crmc.physics.parameters import Model
from crmc.physics.phase_space import COSINES, MOMENTA, cells, middle_cosines, phase_space
from crmc.physics.state import State, zero_books

COUNT, DRIFT, ZETA = 1 << 16, 0.02, 0.1


@pytest.fixture
def drawn() -> tuple[State, Any]:
    """An ensemble of f = F0 + harmonics, and the parameters that the cells ask for."""
    rays = background()
    amplitude = rays.amplitude_for_pressure(jnp.ones(1))
    markers = initial_markers(COUNT, rays, amplitude, drift=DRIFT, anisotropy=ZETA, dtype=np.float64)
    zero = jnp.zeros(())
    state = State(zero, markers, amplitude, zero, jnp.ones(()), zero, zero_books())
    return state, SimpleNamespace(background=rays, grid=SimpleNamespace(x_gap=0.0))


def test_cells_hold_the_integrals_of_F0(drawn: tuple[State, Any]) -> None:
    """Volume and mean of F0 in three cells, by scipy, to 1e-7: four nodes are exact to (cell/decade)^8."""
    state, parameters = drawn
    rays, c = parameters.background, float(state.amplitude[0])
    found, ends = cells(rays, state.amplitude), np.geomspace(0.5, 100.0, MOMENTA + 1)
    for i in (0, 9, MOMENTA - 1):
        low, high = ends[i : i + 2]
        volume = (high**3 - low**3) / 3.0
        held = integrate.quad(lambda p: p**2 * c * (1.0 + p**2) ** -2.35, low, high, epsrel=1e-12)[0]
        assert float(found.volume[i]) == pytest.approx(volume, rel=1e-12)
        assert float(found.F0[i]) == pytest.approx(held / volume, rel=1e-7)
        assert float(found.y[i]) == pytest.approx(np.sqrt(low * high), rel=1e-12)


def test_f_is_that_of_which_the_ensemble_was_drawn(drawn: tuple[State, Any]) -> None:
    """P1 and P2 of f at each momentum, over those of -(v_D/v) p F0' and -zeta p F0' (eqs. 16, 20), at 64 markers a cell.

    Sobol points scatter these by 0.3 %; without the weights there is no P1 or P2, with a wrong sign of mu P1 is -1.
    """
    state, parameters = drawn
    p, f = phase_space(state, parameters, Model())
    mu, F0 = middle_cosines(), np.asarray(f).mean(axis=1)
    slope = -4.7 * p**2 / (1.0 + p**2) * F0
    dipole, quadrupole = (np.asarray(f) @ mu) * 3.0 / COSINES, (np.asarray(f) @ (1.5 * mu**2 - 0.5)) * 5.0 / COSINES
    # Means over cells of finite width in mu are smaller by so much.
    small1, small2 = 1.0 - 1.0 / COSINES**2, 1.0 - 5.0 / COSINES**2
    np.testing.assert_allclose(dipole, -DRIFT * np.sqrt(1.0 + p**2) / p * slope * small1, rtol=0.02)
    np.testing.assert_allclose(quadrupole, -ZETA * slope * small2, rtol=0.02)


def test_number_is_that_of_the_ensemble(drawn: tuple[State, Any]) -> None:
    """sum f p^2 dp dmu over all cells is n_c of the control variate, to 1e-7, however the markers are cut."""
    state, parameters = drawn
    want = ensemble_moments(state, parameters, Model()).number
    volume = np.asarray(cells(parameters.background, state.amplitude).volume)
    for layout in (Layout(), Layout(1, 1000)):
        f = phase_space(state, parameters, dataclasses.replace(Model(), layout=layout)).f
        number = np.sum(volume[:, None] * f) * 2.0 / COSINES
        assert number == pytest.approx(float(want), rel=1e-7)


def test_markers_beyond_the_ends_are_in_no_cell(drawn: tuple[State, Any]) -> None:
    """Where all have left the range of F0, only F0 is left."""
    state, parameters = drawn
    gone = dataclasses.replace(state.markers, rise=jnp.full(COUNT, 1e6), excess=jnp.ones(COUNT))
    f = phase_space(dataclasses.replace(state, markers=gone), parameters, Model()).f
    isotropic = cells(parameters.background, state.amplitude).F0
    np.testing.assert_allclose(f, np.broadcast_to(isotropic[:, None], f.shape), rtol=1e-12)
