"""Turn a config into the arrays, in code units, that a solver starts from; predict what theory says of it."""

from crmc.setup.arrays import background_of, shape_of

__all__ = ["background_of", "shape_of"]
