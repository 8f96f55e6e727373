"""The variables of a result file: units that are those of their numbers, and dimensions that have coordinates."""

import math

import numpy as np
import pytest
from astropy import units as astropy_units

from crmc.results.variables import COORDINATES, VARIABLES, in_units, shared_coordinates, unit_of
from crmc.units import CodeUnits

# cgs, written out here: the conversions must not come from the code under test.
C, M_P, ELECTRON_CHARGE, PARSEC = 2.99792458e10, 1.67262192e-24, 4.80320471e-10, 3.0856775814913673e18
UNITS = CodeUnits(5e-6, 0.01)
OMEGA = ELECTRON_CHARGE * 5e-6 / (M_P * C)


@pytest.mark.parametrize(
    ("name", "unit", "size"),
    [
        ("magnetic_field", "G", 5e-6),
        ("cr_number_density", "cm-3", 0.01),
        ("gas_pressure", "erg cm-3", 0.01 * M_P * C**2),
        ("heating_rate", "erg cm-3 s-1", 0.01 * M_P * C**2 * OMEGA),
        ("growth_rate", "s-1", OMEGA),
        ("drift_velocity", "cm s-1", C),
        ("mean_free_path", "pc", C / OMEGA / PARSEC),
        ("pressure_anisotropy", "1", 1.0),
    ],
)
def test_code_units_in_those_of_the_file(name, unit, size):
    """One code unit of each kind by hand, to 1e-6; arrays keep their shape."""
    assert unit_of(name) == unit
    assert in_units(UNITS, name, 1.0) == pytest.approx(size, rel=1e-6)
    np.testing.assert_allclose(in_units(UNITS, name, np.array([0.0, -2.0])), [0.0, -2.0 * size], rtol=1e-6)


def test_equal_units_have_equal_sizes():
    """A unit of the file determines the factor: one of two variables with one unit cannot be scaled otherwise."""
    sizes = {}
    for name in VARIABLES:
        sizes.setdefault(unit_of(name), set()).add(in_units(UNITS, name, 1.0))
    assert all(len(found) == 1 for found in sizes.values()), sizes


@pytest.mark.parametrize("name", VARIABLES)
def test_units_and_dimensions_are_known(name):
    """Astropy reads the unit; every dimension has a coordinate; a description is there."""
    dims, unit, _, text = VARIABLES[name]
    assert astropy_units.Unit(unit if unit != "1" else "") is not None
    assert set(dims) <= set(COORDINATES) and len(set(dims)) == len(dims)
    assert text and "time" not in dims


def test_errors_match_their_variables():
    """A standard error has the dimensions and the unit of what it is the error of."""
    errors = [name for name in VARIABLES if name.endswith("_stderr")]
    assert len(errors) >= 7
    for name in errors:
        assert VARIABLES[name][:3] == VARIABLES[name.removesuffix("_stderr")][:3], name


def test_shared_coordinates():
    """Signs +1 and -1 and the momenta 1, 3, 10, each with its unit and description."""
    shared = shared_coordinates()
    assert {name: list(values) for name, (_, values, _) in shared.items()} == {
        "direction": [1, -1],
        "helicity": [1, -1],
        "momentum": [1.0, 3.0, 10.0],
    }
    for name, (dim, _, attributes) in shared.items():
        assert dim == name and attributes == COORDINATES[name] and set(attributes) == {"units", "long_name"}
    assert math.prod(len(values) for _, values, _ in shared.values()) == 12
