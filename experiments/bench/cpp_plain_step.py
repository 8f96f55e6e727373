"""Run the step in plain C++17 and OpenMP, plain.cpp: one loop over markers, as one would write it first."""

from __future__ import annotations

from . import cpp_step


def available() -> str:
    """Say why this reference cannot run here ("" if it can)."""
    return cpp_step.available(Reference.source)


class Reference(cpp_step.Reference):
    """Advance the halo problem by plain C++; float32 markers only."""

    source = "plain.cpp"
