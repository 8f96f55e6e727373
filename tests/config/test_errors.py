"""Messages: one line with key, value, rule and remedy."""

from __future__ import annotations

import pytest

from crmc.config.errors import as_written, did_you_mean, show, wrong


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


def test_as_written() -> None:
    """The user's text in place of cgs, for the key in question and for others that a rule names; no key is guessed."""
    data = {"plasma": {"magnetic_field": "1.3 mG"}, "run": {"duration": "1 Myr", "seed": 3}, "drift": 5}
    message = "plasma.magnetic_field = 0.0013000000000000002 G: exceeds run.duration (3.16e+13 s); see run.seed (3)"
    written = 'plasma.magnetic_field = "1.3 mG": exceeds run.duration (1 Myr); see run.seed (3)'
    assert as_written(message, data) == written
    for other in ("run.seed = 5: is odd", "drift.x = 3 s: is odd", "plasma: is missing", "waves.bins = 1: is (odd)"):
        assert as_written(other, data) == other
