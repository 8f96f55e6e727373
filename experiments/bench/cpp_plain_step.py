"""The step in C++17 and OpenMP as one would write it first (plain.cpp): one loop over markers."""

from __future__ import annotations

from . import cpp_step


def available() -> str:
    """Why this reference cannot run here ("" if it can)."""
    return cpp_step.available(Reference.source)


class Reference(cpp_step.Reference):
    """The halo problem advanced by plain C++; float32 markers only."""

    source = "plain.cpp"
