"""Predict by theory the numbers that ``crmc theory`` prints and that stand beside the results of every run."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from crmc.physics.balance import spread
from crmc.physics.damping import DampingRates, NonlinearLandau
from crmc.physics.equilibrium import steady_drift
from crmc.physics.flow import Stretch
from crmc.physics.parameters import Model
from crmc.physics.waves import MOMENTA, mean_scattering
from crmc.setup.arrays import Start, start_of
from crmc.setup.shape import shape_of
from crmc.theory import (
    anisotropy_of_zeta,
    drift_of_frame,
    equilibrium_wave_power,
    heating,
    heating_bound,
    heating_combined,
    heating_drift,
    heating_ultrarelativistic,
    landau_slope,
    scattering_eq57,
    scattering_frequency,
    sign_change,
    threshold_anisotropy,
    zeta_constant_nu,
)
from crmc.theory.distribution import Background
from crmc.theory.quadrature import gauss_legendre
from crmc.units import PARSEC, SPEED_OF_LIGHT

if TYPE_CHECKING:
    from crmc.config.config import Config

#: Nodes of the mean over mu.
_NODES = 64
#: Name -> unit, description and source of each prediction, in the order of `predict`.
_TABLE = {
    "alfven_speed": ("c", "Alfven speed of the ions, v_A/c", "B/sqrt(4 pi n_i m_p)"),
    "gyrofrequency": ("rad s-1", "non-relativistic proton gyrofrequency Omega0", "e B/(m_p c)"),
    "cr_density_ratio": ("", "n_c/n_i of the simulated momentum range", "quadrature"),
    "threshold": ("", "Delta P/P_c of marginal growth, f0 ~ p^-a, no damping", "eq. 23"),
    "expansion_time": ("s", "|tau_B| = |B/(dB/dt)|", "eq. 3"),
    "heating_exact": ("erg cm-3 s-1", "steady power into waves, no gap, any v", "eqs. 33, 42 pointwise"),
    "heating_exact_gap": ("erg cm-3 s-1", "the same with the 90-degree gap", "eqs. 33, 42 pointwise"),
    "heating_ultrarelativistic": ("erg cm-3 s-1", "(1/2)(v_A/c) P_c/tau_B", "eq. 42 pointwise, v = c"),
    "heating_drift": ("erg cm-3 s-1", "-v_A dP_c/ds, power into waves by the gradient alone", "eq. 38"),
    "heating_bound": ("erg cm-3 s-1", "lower bound of the power into waves", "eq. 48"),
    "drift_velocity": ("cm s-1", "steady bulk drift v_D", "eqs. 17, 33"),
    "diffusivity": ("cm2 s-1", "L (v_D - drift of f isotropic in the frame of the waves)", "eq. 52"),
    "sign_change": ("", "mu below which particles give energy to backward waves alone, f0 ~ p^-a, v = c", "section 7"),
    "cooling": ("erg cm-3 s-1", "radiative cooling of the gas", "plasma.cooling"),
    "scattering_eq57": ("s-1", "estimate of nu x anisotropy factor", "eq. 57"),
    "anisotropy_constant_nu": ("", "steady Delta P/P_c of constant nu, v = c", "eqs. 21, 42"),
    "gap_mu_p_min": ("", "half-width in mu of the 90-degree gap at momentum_min", "eq. 12"),
    "resonance_width": ("", "standard deviation Delta mu of the resonance, waves in balance", "experiment qlt"),
    "gap_mu_p1": ("", "half-width in mu of the 90-degree gap at p = 1 m_p c", "eq. 12"),
}
for _p in MOMENTA:
    _nu = f"mean over mu of steady nu), p = {_p:g} m_p c"
    _TABLE[f"scattering_frequency_p{_p:g}"] = ("s-1", _nu.replace(")", ""), "eqs. 30, 42")
    _TABLE[f"mean_free_path_p{_p:g}"] = ("pc", f"v/({_nu}", "eqs. 30, 42")


def _steady_arguments(config: Config, start: Start) -> tuple[Any, ...]:
    """Return background, amplitude, v_A and |tau_B| at t = 0 [code]; tau_B is None without expansion."""
    tau_B = None if start.tau_B is None else abs(start.tau_B)
    return start.parameters.background, start.amplitude, config.code_units.alfven_speed, tau_B


def _mean_nu(config: Config, arguments: tuple, damping: DampingRates) -> np.ndarray:
    """Return the steady scattering frequency int_0^1 nu dmu at each of `MOMENTA` [code]; 0 where it is not known.

    arguments: those of `_steady_arguments`; damping: coefficients of its mechanisms.
    """
    units, waves = config.code_units, config.waves
    if config.scattering.model == "constant":
        return np.full(MOMENTA.shape, (config.scattering.frequency or 0.0) * units.time)
    # Damping that is not local in k leaves no balance at one k.
    local = config.damping.active and config.damping.nonlinear_landau != "cumulative"
    if arguments[-1] is None or not local:
        return np.zeros(MOMENTA.shape)
    band = waves.k_min, waves.k_max
    static = config.damping.nonlinear_landau, waves.coefficients, config.scattering.gap != "empty"
    return np.asarray(_balanced_nu(MOMENTA, band, arguments, damping, *static))


@partial(jax.jit, static_argnames=("form", "coefficients", "crossing"))
def _balanced_nu(
    momenta: jax.Array,
    band: tuple,
    arguments: tuple,
    damping: DampingRates,
    form: NonlinearLandau,
    coefficients: str,
    crossing: bool,
) -> jax.Array:
    """Return int_0^1 nu dmu of waves whose growth balances their damping, (P,) [code].

    momenta: (P,) [m_p c]; band: first and last wavenumber [code]; arguments: those of `_steady_arguments`;
    damping: its coefficients; form: that of nonlinear Landau damping; coefficients: "exact" or "printed";
    crossing: whether waves scatter in the gap.
    """
    x, w = gauss_legendre(_NODES)
    p = momenta[:, None]
    high, low = (jnp.minimum(1.0 / (k * p), 1.0) for k in band)
    half = 0.5 * jnp.log(high / low)
    mu = low * jnp.exp(half * (x + 1.0))
    dmu = half * w * mu
    if crossing:
        # All of the gap meets waves as strong as those at its edge.
        mu, dmu = (jnp.append(at, low, axis=-1) for at in (mu, dmu))
    k = jnp.minimum(1.0 / (p * mu), band[1])
    slope = 0.0 if form == "none" else landau_slope(k, damping.thermal_speed, form, coefficients=coefficients)
    background, amplitude, v_alfven, tau_B = arguments
    e = equilibrium_wave_power(
        k,
        background,
        amplitude,
        v_alfven,
        tau_B,
        damping.linear_rate(k),
        damping_slope=slope,
        k_max=None if crossing else band[1],
        coefficients=coefficients,
    )
    return jnp.sum(scattering_frequency(p, e, coefficients) * dmu, axis=-1)


def _heating_values(config: Config, arguments: tuple) -> dict[str, float]:
    """Return the predictions that need an expansion, by name.

    arguments: those of `_steady_arguments`, with an expansion time.
    """
    units = config.code_units
    power = jax.jit(heating)
    scales, constant = arguments[2:], config.scattering.model == "constant"
    pressure = config.cosmic_rays.pressure / units.energy_density
    heat = {}
    drifts = config.drift.gradient_length is not None
    if not (drifts or (constant and config.scattering.frame == "forward")):
        heat["heating_exact"] = power(*arguments, math.inf)
        heat["heating_ultrarelativistic"] = heating_ultrarelativistic(pressure, *scales)
        heat["heating_bound"] = heating_bound(pressure, *scales)
    if not (drifts or constant or config.scattering.gap != "empty"):
        heat["heating_exact_gap"] = power(*arguments, config.waves.k_max)
    values = {name: float(value) * units.power_density for name, value in heat.items()}
    if "heating_exact" in heat and (nu := (config.scattering.frequency or 0.0) * units.time) > 0:
        values["anisotropy_constant_nu"] = jax.jit(anisotropy_of_zeta)(*arguments[:2]) * zeta_constant_nu(nu, *scales)
    return values | {
        "expansion_time": scales[1] * units.time,
        "scattering_eq57": scattering_eq57(*scales) * units.gyrofrequency,
    }


def _constant_drift(config: Config, start: Start) -> float:
    """Return the drift of diffusion by a constant nu [c]: the mean of v^2/(3 nu L) over the cosmic rays."""
    units = config.code_units
    background, amplitude = start.parameters.background, start.amplitude
    p, dp = background.quadrature()
    nu = (config.scattering.frequency or 0.0) * units.time
    kappa = p**2 / (1.0 + p**2) / (3.0 * nu)
    number = 2.0 * p**2 * background.density(amplitude, p) * dp
    return float(jnp.sum(kappa * number) / jnp.sum(number) * start.parameters.gradient)


def _drift_values(config: Config, model: Model, start: Start) -> dict[str, float]:
    """Return the predictions that need a gradient, by name."""
    units = config.code_units
    parameters, amplitude = start.parameters, start.amplitude
    background, v_alfven = parameters.background, units.alfven_speed
    length, tau_B = 1.0 / float(parameters.gradient), start.tau_B
    pressure = config.cosmic_rays.pressure / units.energy_density
    heat = {"heating_drift": heating_drift(-pressure / abs(length), v_alfven)}
    arguments = (background, amplitude, v_alfven, length, np.inf if tau_B is None else tau_B)
    if model.scattering == "spectrum":
        heat["heating_exact"] = jax.jit(heating_combined)(*arguments)
        if not model.crossing:
            heat["heating_exact_gap"] = jax.jit(heating_combined)(*arguments, config.waves.k_max)
    values = {name: float(value) * units.power_density for name, value in heat.items()}
    carried = v_alfven * float(jax.jit(drift_of_frame)(background, amplitude)) * np.sign(length)
    diffusing = None
    if model.scattering == "forward":
        carried, diffusing = abs(carried), _constant_drift(config, start)
    elif model.crossing and start.predicted is not None:
        drift = float(steady_drift(parameters, amplitude, model, tau_B, start.predicted))
        # A resonance that does not reach across 90 degrees leaves no steady state.
        diffusing = drift - carried if abs(drift) < 1.0 else None
    if diffusing is not None:
        values["drift_velocity"] = (carried + diffusing) * SPEED_OF_LIGHT
        if tau_B is None:
            values["diffusivity"] = diffusing * length * units.time * SPEED_OF_LIGHT**2
    if tau_B is not None and background.power_laws:
        values["sign_change"] = float(sign_change(1.0, -background.index[0], 1.0, length, tau_B))
    return values


def _scattering_values(config: Config, arguments: tuple, start: Start, by_bins: bool) -> dict[str, float]:
    """Return nu and mean free path at `MOMENTA` and the width of the gap, by name.

    arguments: those of `_steady_arguments`; by_bins: whether nu is that of the bins in balance, not that of every k.
    """
    units = config.code_units
    predicted = start.predicted if by_bins else None
    if predicted is not None:
        still = Stretch(jnp.ones(()))
        nus = np.array([mean_scattering(predicted, start.parameters, still, p) for p in MOMENTA.tolist()])
    else:
        nus = _mean_nu(config, arguments, start.parameters.damping)
    values = {}
    for p, nu in zip(MOMENTA.tolist(), nus.tolist(), strict=True):
        if nu > 0.0:
            values[f"scattering_frequency_p{p:g}"] = nu * units.gyrofrequency
            values[f"mean_free_path_p{p:g}"] = p / math.hypot(1.0, p) / nu * units.time * SPEED_OF_LIGHT / PARSEC
    if predicted is not None and config.scattering.gap == "resonance":
        values["resonance_width"] = float(spread(start.parameters, predicted))
    if config.scattering.model == "spectrum":
        for name, p in (("p_min", config.cosmic_rays.momentum_min), ("p1", 1.0)):
            values[f"gap_mu_{name}"] = min(1.0 / (config.waves.k_max * p), 1.0)
    return values


def predict(config: Config) -> dict[str, dict]:
    """Return theory's numbers for ``config`` at t = 0: name -> {"value", "unit", "description", "source"}.

    Numbers that do not apply (no expansion, no gradient, no damping) or are not local in k (cumulative nonlinear
    Landau damping without a gradient) are absent.  Steady values assume that expansion and gradient alone drive the
    waves.  The precision of JAX where it is called does not matter.
    """
    units = config.code_units
    with jax.enable_x64(True):
        shape = shape_of(config)
        model, start = shape.model, start_of(config, shape)
        arguments = _steady_arguments(config, start)
        background, amplitude, v_alfven, tau_B = arguments
        values = {"alfven_speed": v_alfven, "gyrofrequency": units.gyrofrequency}
        values["cr_density_ratio"] = jax.jit(Background.moments)(background, amplitude, np.ones(())).number
        values["cooling"] = config.plasma.cooling
        # A closed form of power laws.
        if (index := float(np.asarray(background.index)[0])) > 2.0 and background.power_laws:
            values["threshold"] = threshold_anisotropy(index, v_alfven)
        values |= _heating_values(config, arguments) if tau_B is not None else {}
        values |= _drift_values(config, model, start) if model.gradient else {}
        values |= _scattering_values(config, arguments, start, model.gradient or model.broadens)
    keys = ("unit", "description", "source")
    rows = {name: row for name, row in _TABLE.items() if name in values}
    return {n: {"value": float(values[n]), **dict(zip(keys, row, strict=True))} for n, row in rows.items()}
