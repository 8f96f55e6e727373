"""An extension of griffe that shows docstrings of crmc as Markdown: arguments as a list, ReST literals as code.

Docstrings state arguments as ``name: meaning, (shape) [unit]``, several on a line where they are short, and continue
them on indented lines.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

#: A line that begins with the name of an argument, or with several.
_ARGUMENT = re.compile(r"(\*{0,2}[A-Za-z_][\w.]*(?:, \*{0,2}[A-Za-z_][\w.]*)*): (?=\S)")


class Docstrings(griffe.Extension):
    """Rewrites every docstring that is shown."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of ``obj``."""
        if obj.docstring is not None:
            obj.docstring.value = markdown(obj.docstring.value)


def markdown(text: str) -> str:
    """Return a docstring as Markdown."""
    found: list[str] = []
    listed = False
    for line in text.splitlines():
        if argument := _ARGUMENT.match(line):
            if not listed and found and found[-1]:
                found.append("")
            found.append(f"- `{argument[1]}`: {_literal(line[argument.end() :])}")
            listed = True
        elif listed and line.startswith("    ") and line.strip():
            found.append("    " + _literal(line.strip()))
        else:
            if listed and line.strip():
                found.append("")
            listed = False
            found.append(_literal(re.sub(r"::$", ":\n", line)))
    return "\n".join(found)


def _literal(line: str) -> str:
    """Return a line with literals as Markdown writes them, and without what Markdown would take for markup."""
    return re.sub(r"``([^`]+)``", r"`\1`", line)
