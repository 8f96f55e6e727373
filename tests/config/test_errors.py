"""Messages: one line with key, value, rule and remedy."""

from __future__ import annotations

import pytest
from support.config_cases import valid

from crmc.config.config import parse_config
from crmc.config.errors import ConfigError, did_you_mean, show, wrong


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


def test_wrong() -> None:
    """Key, value as in TOML, rule and remedy."""
    assert (
        str(wrong("waves.k_max", 0.5, "must be greater", "raise it")) == "waves.k_max = 0.5: must be greater; raise it"
    )
    assert str(wrong("run.evolve", True, "a\nb", "c")) == "run.evolve = true: a b; c"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        ("1 uG", '"1 uG"'),
        ({}, "(a section)"),
        (1e-9, "1e-09"),
        (10**5000, "(int)"),
        ([1] * 100, "[1, 1"),
        ("x\n" * 99, '"x x x'),
    ],
    ids=["flag", "text", "section", "number", "huge", "list", "lines"],
)
def test_show(value: object, text: str) -> None:
    """Values as in TOML, in at most 62 printable characters."""
    shown = show(value)
    assert shown.startswith(text) and len(shown) <= 62 and shown.isprintable()


def test_did_you_mean() -> None:
    """The close choice, whatever the case of letters, or all of them in order."""
    assert did_you_mean("Injction", ["injection", "none"]) == "did you mean 'injection'?"
    assert did_you_mean("xyz", ["b", "a"]) == "use one of: a, b"
