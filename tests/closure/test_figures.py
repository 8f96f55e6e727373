"""The figure of a closure."""

from __future__ import annotations

import pytest
from support.closure_cases import WIM

from crmc.closure.figures import plot


@pytest.mark.full
def test_plot(tmp_path) -> None:
    """A PNG file."""
    path = plot(WIM, "none", tmp_path / "wim.png")
    assert path.read_bytes().startswith(b"\x89PNG")
