"""Warnings of choices in a config that are legal and likely to surprise.

Wavenumbers are in Omega0/c at t = 0 and momenta in m_p c, so that the resonant parallel
momentum of a wave is (B/B0)/k.
"""

from __future__ import annotations

import math

from crmc.config.config import Config
from crmc.config.idle import idle_keys
from crmc.units import BOLTZMANN, SPEED_OF_LIGHT

#: Measured: noise of the growth rate of a bin with delta_f, 2^15 markers and 16 bins.
_NOISE_AT_32768 = 0.045


def warnings(config: Config, solver: str = "") -> list[str]:
    """Return one line for each legal choice in a config that is likely to surprise.

    solver: name of the solver that will run the config; empty if it is not known.
    """
    return [
        *_resonance_warnings(config),
        *_wave_warnings(config),
        *_drift_warnings(config),
        *_plasma_warnings(config),
        *_run_warnings(config),
        *([] if solver == "fokker-planck" else _noise_warnings(config)),
        *idle_keys(config, solver),
    ]


def _log_shears(config: Config) -> tuple[float, float]:
    """Return the least and largest ln (l_par/l_perp)^2, ln B/B0 of a prescribed expansion; 0 where it is not known."""
    expansion, duration = config.expansion, config.run.duration
    if not expansion.given:
        return 0.0, 0.0
    lengths = [expansion.log_lengths(time) for time in expansion.turning_times(duration)]
    shears = [2.0 * (along - across) for along, across in lengths]
    return min(shears), max(shears)


def _resonance_warnings(config: Config) -> list[str]:
    waves, rays = config.waves, config.cosmic_rays
    if config.scattering.model != "spectrum":
        return []
    weakest, strongest = (math.exp(x) for x in _log_shears(config))
    lowest = 1 / waves.k_max  # resonant p|mu| of the shortest wave at t = 0
    k_max, k_min = f"waves.k_max = {waves.k_max:g}", f"waves.k_min = {waves.k_min:g}"
    p_min, p_max = rays.momentum_min, rays.momentum_max
    found = []
    empty = config.scattering.gap == "empty"
    if empty and lowest >= p_min:
        found.append(
            f"{k_max}: markers of momentum below {lowest:.3g} m_p c (momentum_min is {p_min:g}) meet no "
            "resonant wave and are never scattered"
        )
    elif empty and lowest > 0.5 * p_min:
        found.append(
            f"{k_max}: at momentum_min = {p_min:g} m_p c no wave resonates with |mu| < {lowest / p_min:.2f}; "
            "a higher k_max narrows this gap"
        )
    if config.scattering.gap == "broadened":
        found.append(
            'scattering.gap = "broadened": the last bin takes the power of all particles in the gap, so that '
            f'diffusivity and drift depend on waves.bins = {waves.bins}; "edge" converges with the number of bins'
        )
    if config.scattering.gap == "edge" and waves.evolve and not config.damping.active:
        found.append(
            'scattering.gap = "edge": counts on damping, which turns into heat what waves beyond k_max take; '
            "nothing damps here (see [damping])"
        )
    # The resonance is p_par l_par = (B l_par^2/B0)/k with constant p_par l_par: judge the long waves by its extremes.
    reach = weakest / waves.k_min
    if reach > 3 * p_max:
        found.append(
            f"{k_min}: waves below k = {weakest / p_max:.3g} resonate with no marker (momentum_max is "
            f"{p_max:g} m_p c); those bins stay at the seed level"
        )
    elif reach < 0.9 * p_max:
        when = "" if weakest == 1 else f" once {_changed(config)} is {weakest:.3g} B0"
        found.append(
            f"{k_min}: particles with p|mu| above {reach:.3g} m_p c meet no resonant wave{when} "
            f"(momentum_max is {p_max:g}); a lower k_min reaches them"
        )
    if strongest * lowest >= p_max:
        found.append(f"{k_max}: when {_changed(config)} has risen to {strongest:.3g} B0 no marker resonates any more")
    return found


def _changed(config: Config) -> str:
    """Return what the extremes of `_log_shears` are of, in words."""
    return "B l_par^2" if config.expansion.mode == "flow" else "B"


def _wave_warnings(config: Config) -> list[str]:
    waves, found = config.waves, []
    width = math.log(waves.k_max / waves.k_min) / waves.bins
    if width > 1:
        found.append(f"waves.bins = {waves.bins}: each bin spans a factor {math.exp(width):.1f} in k, which is coarse")
    if waves.k_max * config.code_units.alfven_speed > 0.1:
        found.append(f"waves.k_max = {waves.k_max:g}: waves this short are not far below the ion cyclotron frequency")
    if config.scattering.model == "constant":
        if config.damping.active:
            found.append('damping: has no effect on the cosmic rays, scattering.model = "constant" ignores the waves')
        return found
    if waves.evolve and not config.damping.active:
        found.append("damping: nothing damps the waves, so a driven run reaches no steady state")
    if not waves.evolve and config.damping.active and waves.start == "seed":
        found.append("damping: has no effect because waves.evolve = false")
    if not waves.evolve and waves.start == "seed":
        found.append(f"waves.evolve = false: the waves stay at the seed level {waves.seed_level:g} throughout")
    if waves.coefficients == "printed":
        found.append('waves.coefficients = "printed": the paper\'s factors do not conserve energy')
    return found


def _drift_warnings(config: Config) -> list[str]:
    length, scattering, found = config.drift.gradient_length, config.scattering, []
    if length is None:
        return []
    parted = scattering.gap == "empty" if scattering.model == "spectrum" else scattering.frame == "co_moving"
    if parted:
        remedy = 'gap = "edge"' if scattering.model == "spectrum" else 'frame = "forward"'
        found.append(
            f"drift.gradient_length = {length:.3g} cm: nothing carries particles from one hemisphere to the other, "
            "so their drift grows without limit and the heating stays at a quarter of -v_A dP_c/ds; "
            f"set scattering.{remedy}"
        )
    grows = scattering.model == "spectrum" and config.waves.evolve and config.waves.start == "seed"
    if grows and scattering.gap == "edge" and _drives_both_directions(config):
        found.append(
            'scattering.gap = "edge": the expansion outweighs the gradient and drives waves of both directions; from '
            "weak ones the hemispheres may part, and the drift then grows without limit; start from "
            'waves.start = "equilibrium", or set scattering.gap = "broadened"'
        )
    crossing = abs(length) / SPEED_OF_LIGHT
    if config.run.duration > crossing:
        found.append(
            f"run.duration = {config.run.duration:.3g} s: is longer than the {crossing:.3g} s of light along "
            "drift.gradient_length; particles that no wave scatters pile up exponentially"
        )
    return found


def _drives_both_directions(config: Config) -> bool:
    """Tell whether the flux in mu of a gradient and an expansion changes sign within a hemisphere, at |mu| < 1.

    It does so at |mu*| = 3 c tau/(a |L|) (section 7), of the mean rate 1/tau at which ln(l_par/l_perp)^2 changes.  Of a
    spectrum that is no power law it is not known.
    """
    index = config.cosmic_rays.index
    strongest = max(abs(shear) for shear in _log_shears(config))
    length = abs(config.drift.gradient_length or math.inf)
    return index is not None and 3.0 * SPEED_OF_LIGHT * config.run.duration < index * length * strongest


def _plasma_warnings(config: Config) -> list[str]:
    plasma, found = config.plasma, []
    thermal = plasma.ion_density * BOLTZMANN * plasma.temperature
    if not 0.4 < plasma.gas_pressure / thermal < 10:
        found.append(
            f"plasma.gas_pressure = {plasma.gas_pressure:.3g} erg cm-3: is "
            f"{plasma.gas_pressure / thermal:.3g} times n_i k T, though ions and electrons give about 2"
        )
    rest = config.code_units.energy_density  # n_i m_p c^2
    if config.cosmic_rays.pressure > 0.01 * rest:
        found.append(
            f"cosmic_rays.pressure = {config.cosmic_rays.pressure:.3g} erg cm-3: is above 1 % of "
            "n_i m_p c^2; cosmic rays this dense modify the waves, which is not simulated"
        )
    return found


def _run_warnings(config: Config) -> list[str]:
    run, timescale, found = config.run, config.expansion.timescale, []
    if config.expansion.mode == "prescribed" and timescale is not None and run.duration > 3 * abs(timescale):
        found.append(
            f"run.duration = {run.duration:.3g} s: is {run.duration / abs(timescale):.3g} times "
            f"expansion.timescale; B ends at {math.exp(-run.duration / timescale):.3g} B0"
        )
    if not isinstance(run.time_step, str) and run.duration / run.time_step > 1e7:
        found.append(f"run.time_step = {run.time_step:.3g} s: gives {run.duration / run.time_step:.1e} steps")
    if run.duration / run.output_seconds > 20000:
        records = run.duration / run.output_seconds
        found.append(f"run.output_interval = {run.output_seconds:.3g} s: gives {records:.0f} records, a large file")
    if run.time_step == "auto" and run.scattering_per_step > 0.8:
        found.append(f"run.scattering_per_step = {run.scattering_per_step:g}: steps above 0.8 cost accuracy")
    if not isinstance(run.coarse_grain_interval, str) and run.coarse_grain_interval > run.duration:
        found.append(f"run.coarse_grain_interval = {run.coarse_grain_interval:.3g} s: is longer than the run")
    return found


def _noise_warnings(config: Config) -> list[str]:
    run, found = config.run, []
    if run.estimator == "full_f":
        found.append(
            f'run.estimator = "full_f": its noise is some 1000 times that of delta_f; with {run.markers} '
            "markers an anisotropy of order v_A/c is hidden in it"
        )
        if run.precision == "float32":
            found.append('run.precision = "float32": with full_f, rounding adds to that noise; use float64')
    else:
        noise = _NOISE_AT_32768 * math.sqrt(32768 / run.markers * config.waves.bins / 16)
        if noise > 0.25:
            found.append(
                f"run.markers = {run.markers}: expect noise of about {100 * noise:.0f} % in the growth rate "
                "of each bin; it falls as markers^(-1/2)"
            )
    return found
