"""Devices, memory and cores that a run uses."""

from crmc.machine.devices import compiler_options
from crmc.machine.parallel import each

__all__ = ["compiler_options", "each"]
