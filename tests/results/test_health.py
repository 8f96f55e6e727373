"""The health of a run, told from rows made by hand."""

import numpy as np
import pytest

from crmc.physics.parameters import Model
from crmc.results.health import coarse, first_trouble, inexact

STEPS = [0, 15, 30, 45]


def rows(**changed):
    """Four rows of a sound run, with some variables replaced."""
    scalars = (
        "magnetic_field",
        "gas_pressure",
        "perpendicular_pressure",
        "ledger",
        "max_scattering_per_step",
        "cr_energy_density",
        "pressure_anisotropy",
        "energy_waves",
        "energy_cosmic_rays",
    )
    return {name: np.ones(4) for name in scalars} | {"wave_power": np.ones((4, 2, 2, 8))} | changed


def at(place, value):
    """Four ones but for ``value`` at ``place``."""
    return np.where(np.arange(4) == place, value, 1.0)


def test_a_sound_run_has_no_trouble():
    """Neither does a run of one row, nor what a sound run may hold: a first interval without a mean."""
    assert first_trouble(rows(), STEPS, Model(), 2.0) is None
    assert first_trouble({name: array[:1] for name, array in rows().items()}, STEPS[:1], Model(), 2.0) is None
    assert first_trouble(rows(heating_rate=at(0, np.nan)), STEPS, Model(), 2.0) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["magnetic_field", "perpendicular_pressure", "ledger"])
def test_what_is_not_finite(name, value):
    """The first bad row, its step in words, and advice."""
    found = first_trouble(rows(**{name: np.array([1.0, 1.0, value, value])}), STEPS, Model(), 2.0)
    assert found is not None and found.place == 2
    assert found.text == f"{name} is not finite at step 30; shorten run.time_step or check the input"


def test_one_bad_bin_is_enough():
    """NaN in a single branch and bin; without waves they are NaN throughout, and healthy."""
    power = np.ones((4, 2, 2, 8))
    power[3, 1, 0, 5] = np.nan
    found = first_trouble(rows(wave_power=power), STEPS, Model(), 2.0)
    assert found is not None and (found.place, found.text.split()[0]) == (3, "wave_power")
    assert first_trouble(rows(wave_power=power), STEPS, Model(scattering="co_moving"), 2.0) is None


@pytest.mark.parametrize("value", [0.0, -1e-30])
def test_gas_without_pressure(value):
    """Zero or below: cooling has emptied the gas, at that step."""
    found = first_trouble(rows(gas_pressure=at(1, value)), STEPS, Model(), 2.0)
    assert found is not None and found.place == 1
    assert found.text == "the gas pressure fell to zero by step 15; lower plasma.cooling or run.duration"


def test_the_earliest_trouble_is_told():
    """Of several in different rows the earliest, in whatever variable; of several in one row the one named first."""
    later = rows(magnetic_field=at(3, np.nan), gas_pressure=at(2, 0.0), ledger=at(1, np.nan))
    found = first_trouble(later, STEPS, Model(), 2.0)
    assert found is not None and (found.place, found.text.split()[0]) == (1, "ledger")
    both = first_trouble(rows(ledger=at(2, np.nan), magnetic_field=at(2, np.inf)), STEPS, Model(), 2.0)
    assert both is not None and both.text.startswith("magnetic_field")


def test_coarse_steps():
    """Advice above the coarsest step of the solver alone, with the largest value; NaN, as of the first row, counts as 0."""
    peak = rows(max_scattering_per_step=np.array([np.nan, 0.2, 0.613, 0.5]))
    assert coarse(peak, 0.62) == coarse(peak, 0.613) == ""
    assert coarse(peak, 0.6) == "nu_max dt reached 0.61; lower run.scattering_per_step or set run.time_step"
    assert coarse(rows(max_scattering_per_step=np.full(1, np.nan)), 0.6) == ""


@pytest.mark.parametrize(
    ("name", "bad", "good", "words"),
    [
        ("cr_energy_density", 0.0, 1e-30, "the energy of the cosmic rays is not positive at step 30"),
        ("pressure_anisotropy", -1.5, -1.49, "Delta P/P_c at step 30 is one that no distribution has"),
        ("pressure_anisotropy", 3.0, 2.99, "Delta P/P_c at step 30 is one that no distribution has"),
        ("energy_waves", -1e-30, 0.0, "the energy of the waves is negative at step 30"),
        ("ledger", 1.0011, 1.0009, "the total energy has changed by more than 0.001 of the cosmic rays' by step 30"),
        ("max_scattering_per_step", 10.1, 9.9, "nu_max dt is above 10 by step 30"),
    ],
)
def test_what_no_sound_run_holds(name, bad, good, words):
    """One replica of three beyond the bound fails the run at that row, in words; within it nothing does."""
    three = {key: np.repeat(value[:, None], 3, axis=1) for key, value in rows().items()}
    for value, want in ((bad, words), (good, None)):
        three[name][2, 1] = value
        found = first_trouble(three, STEPS, Model(), 2.0)
        assert (found is None) == (want is None)
        assert found is None or (found.place == 2 and found.text.startswith(words))


def test_coefficients_that_do_not_conserve_energy_may_change_it():
    """The paper's printed ones do not."""
    changed = rows(ledger=at(1, 1.5))
    assert first_trouble(changed, STEPS, Model(), 2.0, conserves=False) is None
    assert first_trouble(changed, STEPS, Model(), 2.0) is not None


def test_heavy_markers_are_told():
    """The most of any row and replica, in words; nothing where there are none."""
    assert inexact(rows(heavy_markers=np.zeros((4, 2)))) == ""
    heavy = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 7.0], [1.0, 1.0]])
    want = (
        "7 markers have more than 8 times the weight of F0: with another number of devices the last digits may differ"
    )
    assert inexact(rows(heavy_markers=heavy)) == want
