"""A mutant: one text of the program replaced by another, and the tests that ought to notice."""

from __future__ import annotations

from typing import NamedTuple


class Mutation(NamedTuple):
    """Replace ``old``, once in crmc/``file``, by ``new``; one of ``tests`` (tests/FILE::NAME) must then fail."""

    name: str
    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
