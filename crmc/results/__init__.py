"""Results: labelled data, the summary, its table and its figures.

Names that experiments build on: `in_units`, `unit_of`, and the colours.
"""

from crmc.results.colours import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY
from crmc.results.variables import in_units, unit_of

__all__ = ["BLACK", "BLUE", "GREEN", "GREY", "ORANGE", "PURPLE", "RED", "SKY", "in_units", "unit_of"]
