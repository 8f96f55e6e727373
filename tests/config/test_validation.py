"""Errors of pydantic in one line: the most telling one, with key, value, rule and remedy."""

import pytest
from support.config_cases import valid

from crmc.config.config import parse_config
from crmc.config.errors import ConfigError


def test_section_that_is_no_table() -> None:
    """A number in the place of a section."""
    with pytest.raises(ConfigError, match=r"waves = 3: must be a section; write \[waves\]"):
        parse_config({**valid(), "waves": 3})


def test_missing_sections_are_named() -> None:
    """The first missing section, and the number of the others."""
    with pytest.raises(ConfigError, match=r"section \[plasma\] is missing.*and 2 more"):
        parse_config({})


def test_mistyped_key_comes_first() -> None:
    """A mistyped required key is unknown and another missing: the typing error is the one to read."""
    data = valid()
    data["plasma"]["temprature"] = data["plasma"].pop("temperature")
    with pytest.raises(ConfigError) as caught:
        parse_config(data)
    message = str(caught.value)
    assert message.startswith("plasma.temprature = ") and "did you mean 'temperature'?" in message
    assert message.endswith("(and 1 more)")


def test_missing_key_has_an_example() -> None:
    """The description of the key and a valid line of it."""
    data = valid()
    del data["plasma"]["magnetic_field"]
    with pytest.raises(ConfigError) as caught:
        parse_config(data)
    assert str(caught.value) == (
        "plasma.magnetic_field is missing: it is required (magnetic field B [G]); add it to [plasma], "
        'such as magnetic_field = "1.0 uG"'
    )
