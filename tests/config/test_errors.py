"""Messages: one line with key, value, rule and remedy."""

from __future__ import annotations

import pytest

from crmc.config.errors import did_you_mean, show, wrong


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
