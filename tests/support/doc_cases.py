"""Blocks of code in README and documentation, and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
#: Pages with blocks that a reader types, README first.
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


class Block(NamedTuple):
    """A block of code: language, and text without the indentation of the list that it is in."""

    language: str
    text: str


def blocks(path: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found = []
    for indent, language, text in re.findall(
        r"^( *)```(\w+)\n(.*?)^\1```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    ):
        found.append(Block(language, re.sub(rf"^{indent}", "", text, flags=re.MULTILINE)))
    return found


def commands(text: str) -> Iterator[list[str]]:
    """The words of every call of crmc in a block of a shell."""
    for line in text.replace("\\\n", " ").splitlines():
        for part in re.split(r"&&|\|", line.removeprefix("$ ")):
            words = shlex.split(part, comments=True)
            places = [i for i, word in enumerate(words) if Path(word).name == "crmc" and words[0] != "pip"]
            if places:
                yield words[places[0] + 1 :]
