"""What a run has measured: the earliest failure of its three series of rows, and what averages are made of."""

import dataclasses

import numpy as np
import pytest
from support.run_cases import small

from crmc.results.observed import Observed, Rows
from crmc.results.variables import FIRST_MOMENTS, VARIABLES
from crmc.setup.build import build

SIZES = {"momentum": 3, "direction": 2, "helicity": 2, "k": 8}


def rows(steps, **changed):
    """Rows of two replicas, ones in code units; changed: value of both replicas in each row."""
    made = {name: np.ones((len(steps), 2, *(SIZES[dim] for dim in dims))) for name, (dims, *_) in VARIABLES.items()}
    made |= {name: np.zeros((len(steps), 2)) for name in ("number_entered", "heavy_markers", *FIRST_MOMENTS)}
    made["ledger"] = np.ones((len(steps), 2))
    made["max_scattering_per_step"] = np.full((len(steps), 2), 0.1)
    return Rows(list(steps), made | {name: np.array([value] * 2, float).T for name, value in changed.items()})


def observed(output=None, records=None, blocks=None, **overrides):
    """Rows every 30 steps, records every 10, blocks every 20."""
    return Observed(
        build(small(**overrides)),
        rows(range(0, 61, 30), **(output or {})),
        rows(range(0, 61, 10), **(records or {})),
        rows(range(0, 61, 20), **(blocks or {})),
        coarsest=0.5,
        exact=False,
    )


def test_a_sound_run():
    found = observed()
    assert found.trouble() is None and found.too_coarse() == ""


def test_the_earliest_failure_of_any_series():
    """Failures at step 30 of the output, 40 of the blocks, 20 of the records: the place is the step of the last one."""
    gas, field = {"gas_pressure": [1, 0, 0]}, {"magnetic_field": [1, 1, np.nan, 1]}
    energy = {"cr_energy_density": [1, 1, -1, 1, 1, 1, 1]}
    found = observed(output=gas, blocks=field, records=energy).trouble()
    assert found.place == 20 and "energy of the cosmic rays is not positive at step 20" in found.text
    found = observed(output=gas, blocks=field).trouble()
    assert found.place == 30 and "by step 30" in found.text
    assert observed(blocks=field).trouble().place == 40


def test_energy_need_not_be_conserved_by_the_printed_coefficients():
    """A ledger off by 1 % of the cosmic rays' energy fails a run unless its equations do not conserve energy."""
    drift = {"ledger": [1.0, 1.0, 1.01]}
    assert "total energy" in observed(output=drift).trouble().text
    assert observed(output=drift, waves__coefficients="printed").trouble() is None


def test_advice_comes_from_the_records():
    """The largest of all records counts."""
    found = observed(records={"max_scattering_per_step": [0.1, 0.2, 0.75, 0.2, 0.1, 0.1, 0.1]})
    assert found.too_coarse().startswith("nu_max dt reached 0.75;")
    assert found.remarks() == [found.too_coarse()]


def test_remarks_name_heavy_markers():
    """Of any record, and not in a run without markers."""
    found = observed(records={"heavy_markers": [0, 0, 2, 0, 0, 0, 0]})
    assert [line.split(" have")[0] for line in found.remarks()] == ["2 markers"]
    assert dataclasses.replace(found, exact=True).remarks() == []


def test_units_and_steps_of_what_is_recorded():
    """Rows and records are in the units of a result, one value per replica."""
    found = observed(output={"heating_rate": [1, 2, 3]})
    units = found.setup.units
    np.testing.assert_allclose(found.measured()["heating_rate"], units.power_density * np.array([[1, 2, 3]] * 2).T)
    records = found.recorded()
    assert records.steps.tolist() == list(range(0, 61, 10)) and records.block_steps.tolist() == [0, 20, 40, 60]
    assert records.values["scattering_frequency"].shape == (7, 2, 3)
    assert records.block_values["magnetic_field"] == pytest.approx(np.full((4, 2), 1e-6), rel=1e-12)
