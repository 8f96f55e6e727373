"""Close the equations of a fluid of cosmic rays: what a cell of a fluid code can load.

`crmc.closure(...)` is `crmc.closure.solve.closure`: this module can be called.

In order of dependency:
  spectrum   A_g and A_e, what gradient and expansion drive at each k, per unit pressure
  balance    wave power in which drive and damping balance
  transport  scattering, diffusion and streaming by these waves
  cell       inputs in cgs;  scales: the same in code units
  fluid      averages over the cosmic rays;  flags: when not to believe them
  solve      all of it, for one cell or millions
  spread     what conventions that are not settled change
"""

from __future__ import annotations

import sys
import types
from typing import Any

from crmc.closure.cell import Cell, dissipation_rate, expansion_rate, kappa_spectrum
from crmc.closure.flags import MEANING, Flag, names
from crmc.closure.solve import DEFAULT_MOMENTA, Closure, closure
from crmc.closure.spread import spread

__all__ = [
    "DEFAULT_MOMENTA",
    "MEANING",
    "Cell",
    "Closure",
    "Flag",
    "closure",
    "dissipation_rate",
    "expansion_rate",
    "kappa_spectrum",
    "names",
    "spread",
]


class _Callable(types.ModuleType):
    """A module that can be called, so that the wing and its main function share their name."""

    def __call__(self, *arguments: Any, **inputs: Any) -> Closure:
        """Return `crmc.closure.solve.closure` of the arguments."""
        return closure(*arguments, **inputs)


_Callable.__call__.__wrapped__ = closure  # type: ignore[attr-defined]
sys.modules[__name__].__class__ = _Callable
