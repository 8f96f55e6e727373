"""Rules between the keys of a config.

Errors name the key to change.  Wavenumbers are in Omega0/c at t = 0 and momenta in m_p c,
so that the resonant parallel momentum of a wave is simply 1/k (times B/B0 later on).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmc.config.errors import wrong
from crmc.units import CodeUnits

if TYPE_CHECKING:
    from crmc.config.config import Config

#: Beyond this many e-foldings of B nothing of the flux tube is left, and exp() overflows later.
_MOST_FOLDINGS = 100.0


def check_all(config: Config) -> None:
    """Rules between sections."""
    _check_source(config)
    _check_speeds(config)
    _check_resonance(config)
    _check_equilibrium(config)
    _check_steady_start(config)


def _check_source(config: Config) -> None:
    rate, expansion, run = config.injection.pressure_rate, config.expansion, config.run
    if expansion.mode == "injection" and rate <= 0:
        raise wrong(
            "injection.pressure_rate",
            f"{rate!r} erg cm-3 s-1",
            'must be greater than 0 with expansion.mode = "injection"',
            'give a rate such as "1.67e-25 erg/(cm3 s)", or change the mode',
        )
    if rate > 0 and config.injection_index is None:
        raise wrong(
            "injection.pressure_rate",
            f"{rate!r} erg cm-3 s-1",
            'needs injection.index where cosmic_rays.spectrum = "kappa"',
            "add index = 4.3 to [injection]",
        )
    if expansion.timescale is not None and run.duration > _MOST_FOLDINGS * abs(expansion.timescale):
        raise wrong(
            "run.duration",
            f"{run.duration!r} s",
            f"must not exceed {_MOST_FOLDINGS:g} times expansion.timescale ({expansion.timescale:g} s)",
            "shorten the run or lengthen the timescale",
        )


def alfven_speed(config: Config) -> float:
    """v_A/c at t = 0."""
    return CodeUnits(config.plasma.magnetic_field, config.plasma.ion_density).alfven_speed


def _check_speeds(config: Config) -> None:
    alfven = alfven_speed(config)
    if alfven >= 0.3:
        raise wrong(
            "plasma.magnetic_field",
            f"{config.plasma.magnetic_field!r} G",
            f"gives an Alfven speed of {alfven:.3g} c with this ion_density; it must be below 0.3 c",
            "lower the field or raise plasma.ion_density",
        )
    drift = config.cosmic_rays.drift_velocity
    if abs(drift) * alfven >= 0.1:
        raise wrong(
            "cosmic_rays.drift_velocity",
            drift,
            f"times v_A = {alfven:.3g} c must be below 0.1 c, or the start is far from isotropic",
            "lower it",
        )
    if config.waves.k_max * alfven >= 1:
        raise wrong(
            "waves.k_max",
            config.waves.k_max,
            f"is beyond the ion cyclotron frequency; Alfven waves need k_max < c/v_A = {1 / alfven:.4g}",
            "lower it",
        )


def _check_resonance(config: Config) -> None:
    waves, rays = config.waves, config.cosmic_rays
    if config.scattering.model == "spectrum" and 1 / waves.k_max >= rays.momentum_max:
        raise wrong(
            "waves.k_max",
            waves.k_max,
            f"resonates with no marker: 1/k_max = {1 / waves.k_max:.4g} must be less than "
            f"cosmic_rays.momentum_max ({rays.momentum_max:g} m_p c)",
            f"raise it well above {1 / rays.momentum_max:.4g}",
        )


def _check_equilibrium(config: Config) -> None:
    if config.waves.start != "equilibrium":
        return
    problem = ""
    if not config.damping.active:
        problem = "needs damping, and every key of [damping] is zero or none"
    elif config.drift.gradient_length is not None:
        return
    elif config.expansion.mode == "none":
        problem = 'needs a drive, but expansion.mode is "none" and there is no drift.gradient_length'
    elif config.expansion.mode != "prescribed" and config.injection.pressure_rate <= 0:
        problem = "needs a drive, and injection.pressure_rate is zero"
    if problem:
        raise wrong("waves.start", "equilibrium", problem, 'add it, or use start = "seed"')


def _check_steady_start(config: Config) -> None:
    rays = config.cosmic_rays
    if rays.start != "equilibrium":
        return
    for key in ("anisotropy", "drift_velocity"):
        if getattr(rays, key) != 0.0:
            raise wrong(
                f"cosmic_rays.{key}",
                getattr(rays, key),
                'is only used with cosmic_rays.start = "given"',
                "remove it or change the start",
            )
    problem, remedy = "", ""
    if config.waves.start != "equilibrium":
        problem, remedy = 'needs waves.start = "equilibrium"', "set it"
    elif config.scattering.gap != "broadened":
        problem, remedy = "needs waves that scatter at every mu", 'set scattering.gap = "broadened"'
    if problem:
        raise wrong("cosmic_rays.start", rays.start, problem, f'{remedy}, or use start = "given"')
