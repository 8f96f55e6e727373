"""The campaign of experiments/robustness: that it can tell fine from not, and a small part of it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from support.cli_cases import assert_bad_input, call
from support.scripts import load_script

processes = load_script("robustness", "processes")
mistreatment = load_script("robustness", "mistreatment")


def test_fuzzed_configs_are_taken_or_refused_in_one_line(tmp_path: Path) -> None:
    """Sixty of the campaign's thousand; some of each, so that neither is tested in vain."""
    chance, path, codes = random.Random(1), tmp_path / "fuzzed.toml", []
    for _ in range(60):
        path.write_bytes(mistreatment.fuzzed(chance))
        reply = call("validate", path)
        codes.append(reply.code)
        if reply.code != 0:
            assert_bad_input(reply)
    assert set(codes) == {0, 2}


@pytest.mark.parametrize(
    ("code", "err", "words"),
    [
        (0, "crmc: warning: a\ncrmc: note: b\n", "done"),
        (2, "crmc: error: a\n", "refused in one line"),
        (2, "crmc: error: a\ncrmc: error: b\n", "NOT FINE"),
        (2, "", "NOT FINE"),
        (3, "crmc: error: internal error, KeyError: 'x'\n", "NOT FINE"),
        (0, "Traceback (most recent call last):\n", "NOT FINE"),
        (-11, "crashed", "NOT FINE"),
        (3, "crmc: error: a\n", "ended in order"),
    ],
)
def test_what_is_fine(code: int, err: str, words: str) -> None:
    """Oracle: CONTRIBUTING and README. One line for bad input, reasons for failures, no traceback ever."""
    assert processes.good_words(processes.Ended(code, "", err), (0, 2, 3)).startswith(words)


def test_damage_damages() -> None:
    """Of 200 damages of random bytes all but few change them."""
    chance = random.Random(0)
    content = chance.randbytes(20_000)
    assert sum(mistreatment.damage(content, chance)[0] != content for _ in range(200)) > 190
