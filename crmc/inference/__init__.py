"""Derivatives of a run's averages by the numbers of its config, and fits of these numbers to target averages.

Names that experiments build on.  `crmc.sensitivity`, `crmc.fit` and `crmc.minimise` each do a whole task in one call.
"""

from crmc.config.keys import value_of
from crmc.inference.averages import QUANTITIES, Averages, averages_of
from crmc.inference.derivatives import Differentiation, Replica, Slopes, differentiate, logarithmic, replica
from crmc.inference.fit import changed
from crmc.inference.fitted import Fit, progress
from crmc.inference.sensitivity import Sensitivity
from crmc.inference.sensitivity_table import grid_of
from crmc.inference.targets import Point, Target

__all__ = [
    "QUANTITIES",
    "Averages",
    "Differentiation",
    "Fit",
    "Point",
    "Replica",
    "Sensitivity",
    "Slopes",
    "Target",
    "averages_of",
    "changed",
    "differentiate",
    "grid_of",
    "logarithmic",
    "progress",
    "replica",
    "value_of",
]
