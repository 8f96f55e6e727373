"""List the variables and coordinates of a result file: dimensions, units and descriptions."""

from __future__ import annotations

from typing import Any

from crmc.physics.exact import FARTHEST
from crmc.physics.waves import MOMENTA
from crmc.units import PARSEC, SPEED_OF_LIGHT, CodeUnits

_WAVE = ("time", "direction", "helicity", "k")
_INTERVAL = "mean over the interval that ends at this time"

#: Name -> dimensions after time, unit, key of `_factors` that converts the code unit, and description.
VARIABLES: dict[str, tuple[tuple[str, ...], str, str, str]] = {
    "magnetic_field": ((), "G", "field", "magnetic field B"),
    "length": ((), "1", "one", "length of the tube along B relative to that at t = 0"),
    "cr_number_density": ((), "cm-3", "density", "cosmic-ray number density n_c"),
    "cr_energy_density": ((), "erg cm-3", "energy", "cosmic-ray kinetic energy density U"),
    "parallel_pressure": ((), "erg cm-3", "energy", "cosmic-ray parallel pressure P_par"),
    "perpendicular_pressure": ((), "erg cm-3", "energy", "cosmic-ray perpendicular pressure P_perp"),
    "pressure_anisotropy": ((), "1", "one", "pressure anisotropy (P_par - P_perp)/P_c"),
    "gap_pressure_anisotropy": (
        (),
        "1",
        "one",
        "share of the pressure anisotropy held by markers in the gap",
    ),
    "drift_velocity": ((), "cm s-1", "speed", "bulk drift v_D of the cosmic rays along the field (eq. 17)"),
    "gas_pressure": ((), "erg cm-3", "energy", "thermal gas pressure P_g"),
    "heating_rate": ((), "erg cm-3 s-1", "power", f"power the markers give to waves, {_INTERVAL}"),
    "spectral_heating_rate": (
        (),
        "erg cm-3 s-1",
        "power",
        "2 sum Gamma W dk with Gamma from the functional A[f]",
    ),
    "gas_heating_rate": ((), "erg cm-3 s-1", "power", f"wave energy damped into the gas, {_INTERVAL}"),
    "identity_residual": ((), "1", "one", "spectral_heating_rate/heating_rate - 1 (eq. 37)"),
    "energy_residual": ((), "1", "one", "change of the total energy relative to the cosmic rays' at t = 0"),
    "energy_imbalance": (
        (),
        "1",
        "one",
        "sum of particle loss minus wave gain over sum |d eps| of the kicks",
    ),
    "max_scattering_per_step": ((), "1", "one", "largest nu dt of the interval"),
    "balancing_correction": ((), "1", "one", "largest relative change of the markers' energy to balance a kick"),
    "energy_cosmic_rays": ((), "erg cm-3", "energy", "cosmic-ray energy x rho0/rho, full weights"),
    "energy_waves": ((), "erg cm-3", "energy", "wave energy x rho0/rho"),
    "energy_gas": ((), "erg cm-3", "energy", "thermal energy x rho0/rho"),
    "energy_field": ((), "erg cm-3", "energy", "energy of the mean field x rho0/rho"),
    "energy_injected": (
        (),
        "erg cm-3",
        "energy",
        "energy injected x rho0/rho (cosmic rays, gas heating, wave seed)",
    ),
    "energy_radiated": (
        (),
        "erg cm-3",
        "energy",
        "energy radiated or given to waves that are not followed, x rho0/rho",
    ),
    "number_cosmic_rays": ((), "cm-3", "density", "number of cosmic rays x rho0/rho, full weights"),
    "number_entered": ((), "cm-3", "density", "number that came in by injection and gradient, x rho0/rho"),
    "heavy_markers": (
        (),
        "1",
        "one",
        f"markers with more than {FARTHEST:g} times the weight of F0: with any, last digits may depend on the devices",
    ),
    "number_residual": ((), "1", "one", "change of the number less what came in, relative to that at t = 0"),
    "work_external": ((), "erg cm-3", "energy", "work on the surroundings, int P d(rho0/rho)"),
    "scattering_frequency": (
        ("momentum",),
        "s-1",
        "rate",
        "scattering frequency, int_0^1 nu dmu, both hemispheres' mean",
    ),
    "mean_free_path": (("momentum",), "pc", "length", "v over the mu-averaged scattering frequency"),
    "wave_power": (_WAVE[1:], "1", "one", "e = 8 pi k W_M/B^2 of a branch, at the bin's centre"),
    "growth_rate": (
        _WAVE[1:],
        "s-1",
        "rate",
        f"amplitude growth rate from the functional A[f] (eq. 13), {_INTERVAL}; NaN where f was not sampled in it",
    ),
    "damping_rate": (_WAVE[1:], "s-1", "rate", "amplitude damping rate"),
}

#: What "+-" and "_stderr" mean everywhere.
MEANING = "standard deviation of this number over independent repetitions of the whole run"
#: Variables with a standard error, from the scatter of the replicas.
ESTIMATED = (
    "cr_number_density",
    "cr_energy_density",
    "parallel_pressure",
    "perpendicular_pressure",
    "pressure_anisotropy",
    "gap_pressure_anisotropy",
    "drift_velocity",
    "heating_rate",
    "spectral_heating_rate",
    "gas_heating_rate",
    "identity_residual",
    "scattering_frequency",
    "mean_free_path",
    "wave_power",
    "growth_rate",
)
#: Variables of which the replica with the largest absolute value counts; of all others their mean does.
LARGEST = (
    "energy_residual",
    "number_residual",
    "energy_imbalance",
    "max_scattering_per_step",
    "balancing_correction",
    "heavy_markers",
)
#: Variables of a row that no file has: first moments of rates over the steps of an interval, about its middle, in rate
#: times steps; and the rate whose moment each is.
FIRST_MOMENTS = {f"{name}_moment": name for name in ("heating_rate", "gas_heating_rate")}
#: Variables averaged over the last half of a run bin by bin.
AVERAGED = ("wave_power", "growth_rate")

for _name in ESTIMATED:
    _dims, _unit, _factor, _ = VARIABLES[_name]
    VARIABLES[f"{_name}_stderr"] = (_dims, _unit, _factor, f"standard error of {_name}: {MEANING}")


def _factors(units: CodeUnits) -> dict[str, float]:
    """Return the size of the code unit of every kind of variable, in the unit of the file."""
    return {
        "one": 1.0,
        "field": units.magnetic_field,
        "density": units.ion_density,
        "energy": units.energy_density,
        "power": units.power_density,
        "rate": units.gyrofrequency,
        "speed": SPEED_OF_LIGHT,
        "length": units.time * SPEED_OF_LIGHT / PARSEC,
    }


#: Attributes of the coordinates of a result.
COORDINATES: dict[str, dict[str, str]] = {
    "time": {"units": "s", "long_name": "time since the start of the run"},
    "direction": {"units": "1", "long_name": "propagation direction of the waves"},
    "helicity": {"units": "1", "long_name": "sign(p_par) of resonant particles"},
    "k": {"units": "Omega0/c", "long_name": "wavenumber, Omega0 at t = 0; in a flow that of t = 0"},
    "momentum": {"units": "m_p c", "long_name": "momentum"},
}
#: Values of the coordinates that are equal in every result.
_SHARED: dict[str, Any] = {"direction": [1, -1], "helicity": [1, -1], "momentum": MOMENTA}


def shared_coordinates() -> dict[str, tuple[str, Any, dict[str, str]]]:
    """Return the coordinates direction, helicity and momentum: name -> dimension, values and attributes."""
    return {name: (name, values, COORDINATES[name]) for name, values in _SHARED.items()}


def in_units(units: CodeUnits, name: str, value: Any) -> Any:
    """Return ``value`` of a variable of a result, or of a moment, given in code units, in the unit of the file."""
    return value * _factors(units)[VARIABLES[FIRST_MOMENTS.get(name, name)][2]]


def unit_of(name: str) -> str:
    """Return the unit of a variable of a result."""
    return VARIABLES[name][1]
