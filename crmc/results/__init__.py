"""Results: labelled data, their summary, its table, and figures.

`in_units`, `unit_of`, `driven` (bins in which something drives waves) and the colours serve experiments as well.
"""

from crmc.results.colours import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY
from crmc.results.notes import driven
from crmc.results.variables import in_units, unit_of

__all__ = ["BLACK", "BLUE", "GREEN", "GREY", "ORANGE", "PURPLE", "RED", "SKY", "driven", "in_units", "unit_of"]
