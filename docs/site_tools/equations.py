"""A hook of MkDocs that renders equations, written in LaTeX, as MathML.

Browsers draw MathML themselves, so that a page needs neither a script nor a network.
"""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert

#: Equations as the extension `pymdownx.arithmatex` leaves them, within a line and on lines of their own.
_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_BLOCK = re.compile(r'<div class="arithmatex">\\\[(.*?)\\\]</div>', re.DOTALL)


def on_page_content(content: str, **_: Any) -> str:
    """Return the HTML of a page with its equations as MathML; an equation that cannot be read ends the build."""
    content = _BLOCK.sub(lambda found: _mathml(found[1], "block"), content)
    return _INLINE.sub(lambda found: _mathml(found[1], "inline"), content)


def _mathml(latex: str, display: str) -> str:
    """Return an equation as MathML."""
    found = convert(html.unescape(latex).strip(), display=display)
    if "\\" in re.sub(r"<[^>]*>", "", found):  # a command that the converter does not know stays as it is
        raise ValueError(f"equation {latex!r} has a command that is not known; write it otherwise")
    return f'<div class="equation">{found}</div>' if display == "block" else found
