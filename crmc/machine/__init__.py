"""Devices, memory and cores that a run uses.

Names that experiments build on: the compiler options of programs that step, and independent tasks in parallel.
"""

from crmc.machine.devices import compiler_options
from crmc.machine.parallel import each

__all__ = ["compiler_options", "each"]
