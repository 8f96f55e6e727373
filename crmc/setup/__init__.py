"""Turn a config into the arrays, in code units, that a solver starts from; predict what theory says of it."""

from crmc.setup.arrays import background_of
from crmc.setup.cells import cell_of
from crmc.setup.growth import growth_of
from crmc.setup.schedule import cadence_of, scheduled
from crmc.setup.shape import shape_of

__all__ = ["background_of", "cadence_of", "cell_of", "growth_of", "scheduled", "shape_of"]
