"""Rows of results: sums over the markers by numpy, and means over the steps of a tally by hand."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.run_cases import small

from crmc.physics.waves import MOMENTA
from crmc.results.variables import FIRST_MOMENTS, VARIABLES
from crmc.setup.build import build
from crmc.solvers.diagnostics import row_of
from crmc.solvers.tally import empty_tally

#: Steps of the tally.
COUNT = 7


@functools.cache
def setup():
    """A small state with drifting cosmic rays at b = 0.8, and its parameters and model."""
    with jax.enable_x64(True):
        ready = build(small(run__markers=64, cosmic_rays__drift_velocity=2.0))
        return dataclasses.replace(ready.state, b=jnp.asarray(0.8)), ready.parameters, ready.model


@functools.cache
def row(count):
    """Row of a tally of whole numbers and a functional of random ones; the functional."""
    with jax.enable_x64(True):
        state, parameters, model = setup()
        functional = jnp.asarray(np.random.default_rng(1).normal(size=(2, 2, parameters.grid.bins + 1)))
        tally = empty_tally(state.e, jnp.zeros(()))._replace(
            gain=jnp.asarray([[1.0, 2.0], [3.0, 4.0]]),
            absolute_exchange=jnp.asarray(16.0),
            imbalance=jnp.asarray(2.0),
            correction=jnp.asarray(0.5),
            samples=jnp.asarray(1.0),
            damped=jnp.asarray(6.0),
            moment=jnp.asarray([-20.0, 11.0]),
            peak=jnp.asarray(0.25),
        )
        found = jax.jit(row_of, static_argnames="model")(
            state, tally, jnp.asarray(count), parameters, model, functional
        )
        return {name: np.asarray(value) for name, value in found.items()}, np.asarray(functional)


def test_means_over_the_steps_of_a_tally():
    """Sums of the tally per time of 7 steps, its maxima as they are; to 1e-14."""
    found, span = row(COUNT)[0], COUNT * float(setup()[1].dt)
    want = {
        "heating_rate": 10.0 / span,
        "gas_heating_rate": 6.0 / span,
        # The steps are -7 to -1, before the step 0 of the state.
        "heating_rate_moment": (-20.0 + 4.0 * 10.0) / span,
        "gas_heating_rate_moment": (11.0 + 4.0 * 6.0) / span,
        "energy_imbalance": 0.125,
        "balancing_correction": 0.5,
        "max_scattering_per_step": 0.25,
    }
    for name, value in want.items():
        assert float(found[name]) == pytest.approx(value, rel=1e-14), name


def test_nothing_is_averaged_over_no_steps():
    """With count = 0 the means are NaN; values of the state are those of any other count."""
    before, after = row(0)[0], row(COUNT)[0]
    means = {name for name in before if np.all(np.isnan(before[name]))}
    assert means == {
        "heating_rate",
        "heating_rate_moment",
        "gas_heating_rate",
        "gas_heating_rate_moment",
        "identity_residual",
        "energy_imbalance",
    }
    for name in before.keys() - means:
        np.testing.assert_array_equal(before[name], after[name], err_msg=name)


def test_heating_by_the_functional():
    """sum 2 Gamma W = sum of 2 Gamma_j E_j/e_j times e_j, beyond k_max that of the last bin; to 1e-12.

    Eq. 37 compares it with the kicks.
    """
    (found, functional), (state, _, _) = row(COUNT), setup()
    e = np.asarray(state.e)
    want = np.sum(functional[..., :-1] * e) + np.sum(functional[..., -1] * e[..., -1])
    assert float(found["spectral_heating_rate"]) == pytest.approx(want, rel=1e-12)
    assert float(found["identity_residual"]) == pytest.approx(want / float(found["heating_rate"]) - 1.0, rel=1e-12)


def test_drift_and_gap_are_sums_over_the_markers():
    """v_D = b sum w v_par/n and the gap's part of (P_par - P_perp)/P_c, by numpy, to 1e-10; n = b sum W."""
    found, (state, parameters, _) = row(COUNT)[0], setup()
    m, b = state.markers, 0.8
    par = np.asarray(m.parallel_momentum)
    p = np.sqrt(1.0 + np.asarray(m.rise)) * np.asarray(m.birth_momentum) * b ** (1.0 / 3.0)
    gamma, mu = np.sqrt(1.0 + p**2), par / p
    w = np.asarray(m.control_weight(parameters.background, state.amplitude))
    full = np.asarray(m.weight(parameters.background, state.amplitude))
    number = float(found["cr_number_density"])
    assert float(found["drift_velocity"]) == pytest.approx(b * np.sum(w * par / gamma) / number, rel=1e-10)
    pressure = (float(found["parallel_pressure"]) + 2.0 * float(found["perpendicular_pressure"])) / 3.0
    inside = np.abs(par) < float(parameters.grid.x_gap) * b
    assert 0 < inside.sum() < 64
    gap = b * np.sum((w * p**2 / gamma * (1.5 * mu**2 - 0.5))[inside]) / pressure
    assert float(found["gap_pressure_anisotropy"]) == pytest.approx(gap, rel=1e-10)
    assert float(found["number_cosmic_rays"]) == pytest.approx(np.sum(full), rel=1e-12)
    assert float(found["energy_cosmic_rays"]) == pytest.approx(np.sum(full * (gamma - 1.0)), rel=1e-12)


def test_the_ledger_is_the_sum_of_its_entries():
    """Stores + radiated + work - injected = ledger, to 1e-14."""
    found = row(COUNT)[0]
    stores = sum(float(found[f"energy_{name}"]) for name in ("cosmic_rays", "waves", "gas", "field", "radiated"))
    want = stores + float(found["work_external"]) - float(found["energy_injected"])
    assert float(found["ledger"]) == pytest.approx(want, rel=1e-14)


def test_wave_power_is_the_spectrum_at_the_bins():
    """e(ln k) at the centre of a bin is (e_(j-1) + 6 e_j + e_(j+1))/8 of the quadratic splines, to 1e-12."""
    found, e = row(COUNT)[0], np.pad(np.asarray(setup()[0].e), [(0, 0), (0, 0), (1, 1)])
    np.testing.assert_allclose(found["wave_power"], (e[..., :-2] + 6.0 * e[..., 1:-1] + e[..., 2:]) / 8.0, rtol=1e-12)


@pytest.mark.parametrize(("scattering", "nu"), [("co_moving", 3e-3), ("none", 0.0)])
def test_scattering_without_a_spectrum(scattering, nu):
    """nu is the constant of the model or zero, the mean free path v/nu or NaN, and nothing is known of waves."""
    state, parameters, model = setup()
    parameters = dataclasses.replace(parameters, scattering_frequency=jnp.asarray(3e-3))
    model = dataclasses.replace(model, scattering=scattering)
    found = row_of(state, empty_tally(state.e, jnp.zeros(())), jnp.asarray(0), parameters, model, None)
    np.testing.assert_array_equal(found["scattering_frequency"], nu)
    path = MOMENTA / np.sqrt(1.0 + MOMENTA**2) / nu if nu else np.full(3, math.nan)
    np.testing.assert_allclose(found["mean_free_path"], path, rtol=1e-14)
    for name in ("wave_power", "growth_rate", "damping_rate", "spectral_heating_rate"):
        assert np.all(np.isnan(found[name])), name


def test_every_value_is_a_variable_of_results():
    """But for the ledger, of which results keep the change alone, and the moments, of which averages are made."""
    assert set(row(COUNT)[0]) - set(VARIABLES) == {"ledger", *FIRST_MOMENTS}


def test_heavy_markers_are_counted():
    """Of markers with 8.1, -8.1 and 7.9 times F0's weight at birth two are beyond 8; of a run's markers none."""
    state, parameters, model = setup()
    m = state.markers
    at_birth = m.volume * parameters.background.density(state.amplitude, m.birth_momentum)
    excess = at_birth[:3] * jnp.asarray([7.1, -9.1, 6.9])
    far = dataclasses.replace(m, excess=m.excess.at[:3].set(excess.astype(m.excess.dtype)))
    tally = empty_tally(state.e, jnp.zeros(()))
    for markers, count in ((m, 0.0), (far, 2.0)):
        now = dataclasses.replace(state, markers=markers)
        found = row_of(now, tally, jnp.asarray(1), parameters, model, jnp.ones((2, 2, parameters.grid.bins + 1)))
        assert float(found["heavy_markers"]) == count
