"""From a config to arrays in code units that a solver starts from."""

from crmc.setup.arrays import background_of, shape_of

__all__ = ["background_of", "shape_of"]
