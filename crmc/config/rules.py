"""Rules between the sections of a config.

Each rule takes the sections that it ties and raises a ConfigError that names the key to change.  Wavenumbers are in
Omega0/c at t = 0 and momenta in m_p c, so that the resonant parallel momentum of a wave is simply 1/k (times B/B0
later on).
"""

from __future__ import annotations

import math

from crmc.config.cosmic_rays import CosmicRays
from crmc.config.errors import wrong
from crmc.config.expansion import Expansion
from crmc.config.sections import (
    Damping,
    Drift,
    Injection,
    Plasma,
    Run,
    Scattering,
    Waves,
)

#: Beyond this many e-foldings of B nothing of the flux tube is left, and exp() overflows later.
_MOST_FOLDINGS = 100.0
#: Thermal speed of the ions below which they are a non-relativistic gas [c].
_FASTEST_IONS = 0.1
#: F0 may fall by this power of ten over the momenta in float32, whose range ends at 1e-38; n_c/n_i takes the rest.
_LOWEST_POWER = 28.0


def check_all(
    plasma: Plasma,
    expansion: Expansion,
    rays: CosmicRays,
    injection: Injection,
    drift: Drift,
    waves: Waves,
    damping: Damping,
    scattering: Scattering,
    run: Run,
) -> None:
    """Check every rule between sections; the first that is broken raises."""
    check_source(expansion, rays, injection)
    check_history(expansion, run)
    check_temperature(plasma)
    check_precision(rays, injection, run)
    check_speeds(plasma, rays, waves)
    check_resonance(rays, waves, scattering)
    check_equilibrium(expansion, injection, drift, waves, damping)
    check_steady_start(rays, waves, scattering)


def check_source(expansion: Expansion, rays: CosmicRays, injection: Injection) -> None:
    """Require a rate and an index of the injection where they are used."""
    rate = injection.pressure_rate
    shown = f"{rate!r} erg cm-3 s-1"
    if expansion.mode == "injection" and rate <= 0:
        rule = 'must be greater than 0 with expansion.mode = "injection"'
        remedy = 'give a rate such as "1.67e-25 erg/(cm3 s)", or change the mode'
        raise wrong("injection.pressure_rate", shown, rule, remedy)
    if rate > 0 and injection.index is None and rays.index is None:
        rule = f'needs injection.index where cosmic_rays.spectrum = "{rays.spectrum}"'
        raise wrong("injection.pressure_rate", shown, rule, "add index = 4.3 to [injection]")


def check_history(expansion: Expansion, run: Run) -> None:
    """Require a history that lasts as long as the run, of at most 100 e-foldings of B and of the length."""
    shown, timescale = f"{run.duration!r} s", expansion.timescale
    if not expansion.given:
        return
    stop = math.inf if isinstance(expansion.stop, str) else expansion.stop
    last = min(run.duration, stop)
    if expansion.mode == "flow" and expansion.history == "linear" and timescale is not None and last >= -timescale > 0:
        rule = f"must be shorter than -expansion.timescale ({timescale:g} s), when the scale factor is 0"
        raise wrong("run.duration", shown, rule, "shorten the run, or set expansion.stop")
    if expansion.times is not None and last > expansion.times[-1]:
        rule = f"must not exceed expansion.times, which end at {expansion.times[-1]:g} s"
        raise wrong("run.duration", shown, rule, "shorten the run, add rows, or set expansion.stop")
    for time in expansion.turning_times(run.duration):
        along, across = expansion.log_lengths(time)
        if max(abs(along), abs(2.0 * across)) > _MOST_FOLDINGS:
            where = "" if timescale is None else f" times expansion.timescale ({timescale:g} s)"
            rule = f"must not exceed {_MOST_FOLDINGS:g}{where or ' e-foldings of B or of the length'}"
            raise wrong("run.duration", shown, rule, "shorten the run or lengthen the timescale")


def check_speeds(plasma: Plasma, rays: CosmicRays, waves: Waves) -> None:
    """Require v_A < 0.3 c, |v_D| < 0.1 c and waves below the ion cyclotron frequency (k_max < c/v_A)."""
    alfven = plasma.code_units.alfven_speed
    if alfven >= 0.3:
        rule = f"gives an Alfven speed of {alfven:.3g} c with this ion_density; it must be below 0.3 c"
        remedy = "lower the field or raise plasma.ion_density"
        raise wrong("plasma.magnetic_field", f"{plasma.magnetic_field!r} G", rule, remedy)
    drift = rays.drift_velocity
    if abs(drift) * alfven >= 0.1:
        rule = f"times v_A = {alfven:.3g} c must be below 0.1 c, or the start is far from isotropic"
        raise wrong("cosmic_rays.drift_velocity", drift, rule, "lower it")
    if waves.k_max * alfven >= 1:
        rule = f"is beyond the ion cyclotron frequency; Alfven waves need k_max < c/v_A = {1 / alfven:.4g}"
        raise wrong("waves.k_max", waves.k_max, rule, "lower it")


def check_temperature(plasma: Plasma) -> None:
    """Require thermal ions slower than 0.1 c."""
    speed = plasma.code_units.thermal_speed(plasma.temperature)
    if speed >= _FASTEST_IONS:
        rule = f"gives thermal ions of (kT/m_p)^1/2 = {speed:.3g} c; it must be below {_FASTEST_IONS:g} c"
        raise wrong("plasma.temperature", f"{plasma.temperature!r} K", rule, "lower it")


def check_precision(rays: CosmicRays, injection: Injection, run: Run) -> None:
    """Require that the smallest F0 of the momentum range is a number that the precision can hold."""
    indices = [rays.index, injection.index, None if rays.kappa is None else 2.0 * (rays.kappa + 1.0)]
    steepest = max((index for index in indices if index is not None), default=0.0)
    fall = steepest * math.log10(math.hypot(rays.turnover_momentum, rays.momentum_max))
    fall = fall if rays.f0 is None else max(fall, math.log10(max(rays.f0) / min(rays.f0)))
    fall += 0.0 if rays.cutoff_momentum is None else rays.momentum_max / rays.cutoff_momentum * math.log10(math.e)
    if run.precision == "float32" and fall > _LOWEST_POWER:
        rule = f"cannot hold F0 at cosmic_rays.momentum_max ({rays.momentum_max:g} m_p c), 1e-{fall:.0f} of that at 1"
        raise wrong("run.precision", run.precision, rule, 'use "float64" or lower momentum_max')


def check_resonance(rays: CosmicRays, waves: Waves, scattering: Scattering) -> None:
    """Require a wave in resonance with the highest momentum at least, where waves scatter."""
    if scattering.model == "spectrum" and 1 / waves.k_max >= rays.momentum_max:
        rule = (
            f"resonates with no marker: 1/k_max = {1 / waves.k_max:.4g} must be less than "
            f"cosmic_rays.momentum_max ({rays.momentum_max:g} m_p c)"
        )
        raise wrong("waves.k_max", waves.k_max, rule, f"raise it well above {1 / rays.momentum_max:.4g}")


def check_equilibrium(expansion: Expansion, injection: Injection, drift: Drift, waves: Waves, damping: Damping) -> None:
    """Require damping and a drive, whose balance is the spectrum of waves.start = "equilibrium"."""
    if waves.start != "equilibrium":
        return
    problem = ""
    if not damping.active:
        problem = "needs damping, and every key of [damping] is zero or none"
    elif drift.gradient_length is not None:
        return
    elif expansion.mode == "none":
        problem = 'needs a drive, but expansion.mode is "none" and there is no drift.gradient_length'
    elif expansion.given and not expansion.drives:
        problem = "needs a drive, and that of this flow is zero at t = 0"
    elif not expansion.given and injection.pressure_rate <= 0:
        problem = "needs a drive, and injection.pressure_rate is zero"
    if problem:
        raise wrong("waves.start", "equilibrium", problem, 'add it, or use start = "seed"')


def check_steady_start(rays: CosmicRays, waves: Waves, scattering: Scattering) -> None:
    """Require waves that keep up the distribution of cosmic_rays.start = "equilibrium", and nothing else given."""
    if rays.start != "equilibrium":
        return
    for key in ("anisotropy", "drift_velocity"):
        if getattr(rays, key) != 0.0:
            rule = 'is only used with cosmic_rays.start = "given"'
            raise wrong(f"cosmic_rays.{key}", getattr(rays, key), rule, "remove it or change the start")
    problem, remedy = "", ""
    if waves.start != "equilibrium":
        problem, remedy = 'needs waves.start = "equilibrium"', "set it"
    elif scattering.gap == "empty":
        problem, remedy = "needs waves that scatter at every mu", 'set scattering.gap = "edge"'
    if problem:
        raise wrong("cosmic_rays.start", rays.start, problem, f'{remedy}, or use start = "given"')
