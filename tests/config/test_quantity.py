"""Quantities: text with units in, cgs floats out, and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.config_cases import config_with

from crmc.config.config import parse_config
from crmc.config.quantity import Quantity, Sign


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("plasma.magnetic_field", "1 uG", 1e-6),
        ("plasma.magnetic_field", "0.1 nT", 1e-6),
        ("plasma.magnetic_field", "1e-6G", 1e-6),
        ("plasma.ion_density", "1 cm^-3", 1.0),
        ("plasma.ion_density", "1e6 / m3", 1.0),
        ("plasma.temperature", "100 eV", 1.160451812e6),
        ("plasma.gas_pressure", "3.2e-14 Pa", 3.2e-13),
        ("plasma.gas_pressure", "0.2 eV/cm3", 3.204353e-13),
        ("plasma.cooling", "9e-30 J / (m3 s)", 9e-29),
        ("expansion.timescale", "1 Myr", 3.15576e13),
        ("expansion.timescale", "-1e13 s", -1e13),
        ("run.duration", "1 kyr", 3.15576e10),
        ("damping.linear", "1 / yr", 1 / 3.15576e7),
        ("damping.turbulent_dissipation", "1 erg/(g s)", 1.0),
        ("plasma.gas_pressure", "2318 K cm-3", 3.200344382e-13),
        ("cosmic_rays.pressure", "600 K/cm^3", 8.283894e-14),
        ("injection.pressure_rate", "1e-9 K cm-3 s-1", 1.380649e-25),
        ("run.duration", "3 years", 9.46728e7),
        ("expansion.timescale", "1e5 years", 3.15576e12),
        ("drift.gradient_length", "2 parsecs", 6.17135516e18),
        ("plasma.magnetic_field", "2e-6 Gauss", 2e-6),
        ("plasma.magnetic_field", "2 microgauss", 2e-6),
        ("plasma.temperature", "3e5 kelvins", 3e5),
        ("cosmic_rays.pressure", "1e-13 ergs/cm3", 1e-13),
        ("damping.linear", "2e-4 / years", 2e-4 / 3.15576e7),
        ("cosmic_rays.momentum_max", "20", 20.0),
        ("cosmic_rays.momentum_max", "10 GeV/c", 10.0 / 0.9382720894),
        ("cosmic_rays.momentum_max", "9 GeV / c", 9.0 / 0.9382720894),
        ("cosmic_rays.momentum_max", "5 GV", 5.0 / 0.9382720894),
        ("cosmic_rays.momentum_max", "3 GeV", np.sqrt((1.0 + 3.0 / 0.9382720894) ** 2 - 1.0)),
        ("cosmic_rays.momentum_min", "1 MeV", np.sqrt((1.0 + 1.0 / 938.2720894) ** 2 - 1.0)),
        ("cosmic_rays.turnover_momentum", "0", 0.0),
    ],
)
def test_quantities_are_stored_in_cgs(key: str, text: str, expected: float) -> None:
    """Conversions by hand, to 1e-6."""
    config = config_with(f"{key}={text}")
    section, name = key.split(".")
    np.testing.assert_allclose(getattr(getattr(config, section), name), expected, rtol=1e-6)


@given(st.floats(1e-70, 1e70), st.sampled_from(["G", "cm-3", "erg cm-3 s-1", "s", "cm2 s-3"]))
def test_quantity_round_trip_is_exact(value: float, unit: str) -> None:
    """Text and back to the bit."""
    quantity = Quantity(unit, f"1 {unit}")
    assert quantity.parse(quantity.format(value)) == value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1.0, "must be text with a unit"),
        (True, "must be text with a unit"),
        ("inf s", "must be a finite quantity"),
        ("-NaN s", "must be a finite quantity"),
        ("fast", "is not a number with a unit"),
        ("3", "has no unit"),
        ("3 G", "unit convertible to [s]"),
        ("3 4 s", "unit convertible to [s]"),
        ("3 __import__('os')", "unit convertible to [s]"),
        ("1e-81 s", "credible size"),
        ("1e81 s", "credible size"),
        ("0 s", "must be greater than 0"),
        ("-1 s", "must be greater than 0"),
    ],
)
def test_refused(value: object, words: str) -> None:
    """Each bad text names its rule and the form of a good one."""
    with pytest.raises(ValueError) as caught:
        Quantity("s", "1e8 s", words=("auto",)).parse(value)
    assert words in str(caught.value)
    assert str(caught.value).endswith('write a number with a unit of [s], such as "1e8 s" or "auto"')


@pytest.mark.parametrize(("sign", "allowed"), [("positive", "+"), ("non-negative", "+0"), ("non-zero", "+-")])
def test_signs(sign: Sign, allowed: str) -> None:
    """The three signs of 2 s, 0 s and -2 s."""
    for symbol, text in (("+", "2 s"), ("0", "0 s"), ("-", "-2 s")):
        if symbol in allowed:
            assert Quantity("s", "1 s", sign).parse(text) == float(text.split()[0])
        else:
            with pytest.raises(ValueError):
                Quantity("s", "1 s", sign).parse(text)


def test_words_stay_as_they_are() -> None:
    """A word is stored without its blanks and written as it is."""
    quantity = Quantity("s", "1e8 s", words=("auto",))
    assert quantity.parse(" auto ") == "auto" and quantity.format("auto") == "auto"


def test_momenta_are_numbers_in_files() -> None:
    """What a config writes of a momentum it reads as the same number."""
    config = config_with("cosmic_rays.momentum_max=10 GeV/c")
    written = config.to_dict()["cosmic_rays"]["momentum_max"]
    assert written == config.cosmic_rays.momentum_max and parse_config(config.to_dict()) == config
