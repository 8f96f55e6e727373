"""Measure scattering on full gyro-orbits in explicit waves, to test the quasilinear theory behind the kicks.

The names exported here are those that experiments build on: waves, particles, and displacements.  Each is loaded at
its first use, so that the config of a study can be read without JAX.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crmc.orbits.pusher import advance, start
    from crmc.orbits.slab import Modes, make_modes, random_slab
    from crmc.orbits.study import WAVES
    from crmc.orbits.transport import Sample, displacements, slope

__all__ = [
    "WAVES",
    "Modes",
    "Sample",
    "advance",
    "displacements",
    "make_modes",
    "random_slab",
    "slope",
    "start",
]

#: Public name -> module that holds it.
_HOMES = {
    "WAVES": "study",
    "Modes": "slab",
    "Sample": "transport",
    "advance": "pusher",
    "displacements": "transport",
    "make_modes": "slab",
    "random_slab": "slab",
    "slope": "transport",
    "start": "pusher",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"crmc.orbits.{_HOMES[name]}"), name)
