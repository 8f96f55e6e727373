"""What evolves and what acts on it, whoever solves it: markers, waves, flux tube, gradient, moments.

Names that experiments build on: the steady state of both drives (`equilibrium`), markers at t = 0, moments.
"""

from crmc.physics.equilibrium import (
    equilibrium_amplitudes,
    growth_of_slope,
    steady_departure,
    steady_drift,
    steady_growth,
)
from crmc.physics.markers import initial_markers, unit_square
from crmc.physics.moments import Moments, ensemble_moments
from crmc.physics.parameters import Model, Parameters
from crmc.physics.state import State
from crmc.physics.waves import MOMENTA

__all__ = [
    "MOMENTA",
    "Model",
    "Moments",
    "Parameters",
    "State",
    "ensemble_moments",
    "equilibrium_amplitudes",
    "growth_of_slope",
    "initial_markers",
    "steady_departure",
    "steady_drift",
    "steady_growth",
    "unit_square",
]
