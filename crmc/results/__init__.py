"""Results: labelled data, their summary, its table, and figures.

`in_units`, `unit_of`, `driven` (bins in which something drives waves) and the colours serve experiments as well; the
documentation lists variables from `VARIABLES`, `COORDINATES`, `ESTIMATED` and `DISTRIBUTION`.
"""

from crmc.results.colours import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY
from crmc.results.distribution import DISTRIBUTION
from crmc.results.notes import driven
from crmc.results.variables import COORDINATES, ESTIMATED, VARIABLES, in_units, unit_of

__all__ = [
    "BLACK",
    "BLUE",
    "COORDINATES",
    "DISTRIBUTION",
    "ESTIMATED",
    "GREEN",
    "GREY",
    "ORANGE",
    "PURPLE",
    "RED",
    "SKY",
    "VARIABLES",
    "driven",
    "in_units",
    "unit_of",
]
