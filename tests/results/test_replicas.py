"""Reduction of replicas to values and errors, from rows made by hand."""

import numpy as np
import pytest

from crmc.results.replicas import physical, reduced
from crmc.results.variables import ESTIMATED, FIRST_MOMENTS, LARGEST, VARIABLES
from crmc.units import CodeUnits

ROWS, REPLICAS = 3, 6
UNITS = CodeUnits(1e-6, 1e-3)
SIZES = {"direction": 2, "helicity": 2, "k": 4, "momentum": 3}


def made(seed=1):
    """Positive values of every variable without an error, (rows, replicas, ...)."""
    rng = np.random.default_rng(seed)
    return {
        name: 1.0 + rng.random((ROWS, REPLICAS, *(SIZES[dim] for dim in dims)))
        for name, (dims, *_) in VARIABLES.items()
        if not name.endswith("_stderr")
    }


def test_mean_and_standard_error_of_the_mean():
    values = made()
    found = reduced(values)
    assert list(found) == list(VARIABLES)
    for name in set(ESTIMATED) - {"mean_free_path", "identity_residual"}:
        np.testing.assert_allclose(found[name], values[name].mean(axis=1), rtol=1e-14)
        want = values[name].std(axis=1, ddof=1) / np.sqrt(REPLICAS)
        np.testing.assert_allclose(found[f"{name}_stderr"], want, rtol=1e-12)


def test_a_mean_free_path_is_that_of_the_mean_frequency():
    values = made()
    values["mean_free_path"] = 5.0 / values["scattering_frequency"]
    found = reduced(values)
    np.testing.assert_allclose(found["mean_free_path"], 5.0 / found["scattering_frequency"], rtol=1e-12)
    relative = found["scattering_frequency_stderr"] / found["scattering_frequency"]
    np.testing.assert_allclose(found["mean_free_path_stderr"] / found["mean_free_path"], relative, rtol=1e-12)


def test_the_identity_is_a_ratio_of_means():
    values = made()
    found = reduced(values)
    ratio = values["spectral_heating_rate"].mean(axis=1) / values["heating_rate"].mean(axis=1)
    np.testing.assert_allclose(found["identity_residual"], ratio - 1.0, rtol=1e-12)


def test_residuals_are_those_of_the_worst_replica():
    values = made()
    for name in LARGEST:
        values[name][1, 4] = -9.0
        values[name][2, 0] = np.nan
        found = reduced(values)[name]
        assert found[0] == values[name][0].max() and found[1] == -9.0 and np.isnan(found[2])


def test_one_replica_has_no_errors_and_a_mesh_none_but_zero():
    one = {name: array[:, :1] for name, array in made().items()}
    for name in ESTIMATED:
        assert np.isnan(reduced(one)[f"{name}_stderr"]).all()
        assert (reduced(one, exact=True)[f"{name}_stderr"] == 0.0).all()
        np.testing.assert_allclose(reduced(one)["wave_power"], one["wave_power"][:, 0], rtol=1e-15)


def test_residuals_of_each_replica_are_formed_from_its_own_ledgers():
    rows = {name: array for name, array in made().items() if name not in ("energy_residual", "number_residual")}
    rows["ledger"] = np.array([[2.0, 4.0], [2.0, 5.0]])
    rows = {name: array[:2, :2] for name, array in rows.items()}
    rows["energy_cosmic_rays"] = np.array([[1.0, 2.0], [1.0, 1.0]])
    rows["number_cosmic_rays"] = np.array([[4.0, 4.0], [6.0, 4.0]])
    rows["number_entered"] = np.array([[0.0, 0.0], [1.0, 0.0]])
    rows |= {name: np.array([[3.0, 1.0], [2.0, 0.5]]) for name in FIRST_MOMENTS}
    found = physical(UNITS, rows)
    np.testing.assert_allclose(found["energy_residual"], [[0.0, 0.0], [0.0, 0.5]])
    np.testing.assert_allclose(found["number_residual"], [[0.0, 0.0], [0.25, 0.0]])
    assert found["magnetic_field"] == pytest.approx(UNITS.magnetic_field * rows["magnetic_field"])
    for name in FIRST_MOMENTS:
        assert found[name] == pytest.approx(UNITS.power_density * rows[name])
