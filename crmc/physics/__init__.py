"""State of the cosmic rays, waves, gas and field, and the operators that act on it, common to all solvers.

The names exported here are those that experiments build on: the steady state of both drives, markers at t = 0, moments,
and the spectrum with the resonance that it broadens.

Conventions of all docstrings of this wing: an argument is stated as `name: meaning, (shape) [unit]`; a scalar has shape
(); no unit means a pure number; [code] are the units of `crmc.units`.  N is the number of markers, K that of the
components of F0, bins that of the spectrum.  Functions of a state take their arguments in one order: the state or a
part of it, parameters, model, then the rest.
"""

from crmc.physics.equilibrium import (
    equilibrium_spectrum,
    growth_of_slope,
    steady_departure,
    steady_drift,
    steady_growth,
)
from crmc.physics.markers import initial_markers, unit_square
from crmc.physics.moments import Moments, ensemble_moments
from crmc.physics.parameters import Model, Parameters
from crmc.physics.resonance import broadened
from crmc.physics.spectrum import SpectrumGrid, make_grid
from crmc.physics.state import State
from crmc.physics.waves import MOMENTA

__all__ = [
    "MOMENTA",
    "Model",
    "Moments",
    "Parameters",
    "SpectrumGrid",
    "State",
    "broadened",
    "ensemble_moments",
    "equilibrium_spectrum",
    "growth_of_slope",
    "initial_markers",
    "make_grid",
    "steady_departure",
    "steady_drift",
    "steady_growth",
    "unit_square",
]
