"""Rules between the keys of a config.

Errors name the key to change.  Wavenumbers are in Omega0/c at t = 0 and momenta in m_p c,
so that the resonant parallel momentum of a wave is simply 1/k (times B/B0 later on).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmc.config_errors import wrong
from crmc.units import CodeUnits

if TYPE_CHECKING:
    from crmc.config import Config, CosmicRays, Drift, Expansion, Run, Scattering, Waves

#: Beyond this many e-foldings of B nothing of the flux tube is left, and exp() overflows later.
_MOST_FOLDINGS = 100.0
_MOST_STEPS = 2**31 - 1  # steps are counted by a 32-bit integer
_MOST_RECORDS = 10**6
#: k_max/k_min that the deposit's octaves (spectrum.DEPOSIT_OCTAVES) span; JAX is not loaded here to ask.
_WIDEST_SPECTRUM = 2.0**20


def check_expansion(expansion: Expansion) -> None:
    """A timescale with mode = prescribed, and only there."""
    if expansion.mode == "prescribed" and expansion.timescale is None:
        raise wrong(
            "expansion.mode",
            expansion.mode,
            "needs expansion.timescale, which is missing",
            'add timescale = "3.7e12 s" to [expansion]',
        )
    if expansion.mode != "prescribed" and expansion.timescale is not None:
        raise wrong(
            "expansion.timescale",
            f"{expansion.timescale!r} s",
            f'is only used with expansion.mode = "prescribed", not "{expansion.mode}"',
            "remove it or change the mode",
        )


def check_cosmic_rays(rays: CosmicRays) -> None:
    """A non-empty momentum range, and the keys of the chosen spectrum and no others."""
    if rays.momentum_min >= rays.momentum_max:
        raise wrong(
            "cosmic_rays.momentum_min",
            rays.momentum_min,
            f"must be less than cosmic_rays.momentum_max ({rays.momentum_max:g})",
            "lower it or raise momentum_max",
        )
    if rays.spectrum == "kappa":
        if rays.kappa is None:
            raise wrong(
                "cosmic_rays.spectrum",
                "kappa",
                "needs cosmic_rays.kappa, which is missing",
                "add kappa = 1.25",
            )
        if rays.index is not None:
            raise wrong("cosmic_rays.index", rays.index, 'is not used with spectrum = "kappa"', "remove it")
        if rays.turnover_momentum <= 0:
            raise wrong(
                "cosmic_rays.turnover_momentum",
                rays.turnover_momentum,
                'must be greater than 0 with spectrum = "kappa" (it is p0)',
                "give p0 in m_p c, such as turnover_momentum = 1.0",
            )
    elif rays.kappa is not None:
        raise wrong(
            "cosmic_rays.kappa",
            rays.kappa,
            'is only used with spectrum = "kappa"',
            "remove it or change the spectrum",
        )


def check_waves(waves: Waves) -> None:
    """A non-empty range of wavenumbers."""
    if waves.k_min >= waves.k_max:
        raise wrong(
            "waves.k_max",
            waves.k_max,
            f"must be greater than waves.k_min ({waves.k_min:g})",
            "raise it or lower k_min",
        )
    if waves.k_max / waves.k_min > _WIDEST_SPECTRUM:
        raise wrong(
            "waves.k_max",
            waves.k_max,
            f"must be at most {_WIDEST_SPECTRUM:.3g} times waves.k_min ({waves.k_min:g})",
            "lower it or raise k_min",
        )
    level = waves.start_level
    if level is not None and waves.start != "seed":
        raise wrong("waves.start_level", level, 'is used with start = "seed" only', "remove one of the two")
    if level is not None and level < waves.seed_level:
        raise wrong(
            "waves.start_level",
            level,
            f"must not be below waves.seed_level ({waves.seed_level:g})",
            "raise it or lower seed_level",
        )


def check_scattering(scattering: Scattering) -> None:
    """Frequency and frame belong to model = constant."""
    constant = scattering.model == "constant"
    if constant and scattering.frequency is None:
        raise wrong(
            "scattering.model",
            scattering.model,
            "needs scattering.frequency, which is missing",
            'add frequency = "1e-9 1/s" to [scattering]',
        )
    if not constant and scattering.frequency is not None:
        raise wrong(
            "scattering.frequency",
            f"{scattering.frequency!r} s-1",
            'is only used with scattering.model = "constant"',
            "remove it or change the model",
        )
    if constant and scattering.gap != "empty":
        raise wrong(
            "scattering.gap",
            scattering.gap,
            'is only used with scattering.model = "spectrum"',
            'remove it or change the model; frame = "forward" has no gap',
        )
    if not constant and scattering.frame != "co_moving":
        raise wrong(
            "scattering.frame",
            scattering.frame,
            'is only used with scattering.model = "constant"',
            "remove it or change the model",
        )


def check_drift(drift: Drift) -> None:
    """A time of its end only for a gradient that there is."""
    if drift.gradient_length is None and not isinstance(drift.switch_off, str):
        raise wrong(
            "drift.switch_off",
            f"{drift.switch_off!r} s",
            "needs drift.gradient_length, which is missing",
            'add gradient_length = "1 kpc" to [drift], or remove it',
        )


def check_run(run: Run) -> None:
    """Step <= output interval <= duration, and numbers of steps and records that can be handled."""
    for key in ("output_interval", "time_step"):
        value = getattr(run, key)
        if not isinstance(value, str) and value > run.duration:
            raise wrong(
                f"run.{key}",
                f"{value!r} s",
                f"must not exceed run.duration ({run.duration:g} s)",
                "shorten it",
            )
    if run.duration / run.output_seconds > _MOST_RECORDS:
        raise wrong(
            "run.output_interval",
            f"{run.output_seconds!r} s",
            f"gives more than {_MOST_RECORDS} records in run.duration ({run.duration:g} s)",
            "use a longer interval",
        )
    if isinstance(run.time_step, str):
        return
    step = f"{run.time_step!r} s"
    if run.time_step > run.output_seconds:
        rule = f"must not exceed run.output_interval ({run.output_seconds:g} s)"
        raise wrong("run.time_step", step, rule, "shorten it or write output less often")
    if run.duration / run.time_step > _MOST_STEPS:
        rule = f"gives more than {_MOST_STEPS} steps in run.duration ({run.duration:g} s)"
        raise wrong("run.time_step", step, rule, 'lengthen it, or use time_step = "auto"')
    if not isinstance(run.coarse_grain_interval, str) and run.coarse_grain_interval < run.time_step:
        raise wrong(
            "run.coarse_grain_interval",
            f"{run.coarse_grain_interval!r} s",
            f"must not be shorter than run.time_step ({run.time_step:g} s)",
            'lengthen it, or use "never"',
        )


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
