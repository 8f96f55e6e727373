"""Name the keys of a config that are set and have no effect."""

from __future__ import annotations

from collections.abc import Iterator

from crmc.config.config import Config

_WAVES = ("k_min", "k_max", "bins", "seed_level", "start", "start_level", "evolve", "coefficients", "adiabatic")
_MARKERS = ("markers", "replicas", "estimator", "seed", "precision", "coarse_grain_interval", "balance_energy")


def idle_keys(config: Config, solver: str = "") -> list[str]:
    """Return one line for each reason why keys have no effect, "section.key: has no effect ...".

    solver: name of the solver that will run the config; empty if it is not known.
    A key that is not set, or set to its default, is not named.
    """
    found = []
    for section, names, reason in _idle(config, solver):
        part = getattr(config, section)
        kept = [name for name in names if getattr(part, name) != type(part).model_fields[name].default]
        if kept:
            verb = "has" if len(kept) == 1 else "have"
            found.append(f"{', '.join(f'{section}.{name}' for name in kept)}: {verb} no effect, {reason}")
    return found


def _idle(config: Config, solver: str) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Yield sections, names of keys in them, and why these have no effect."""
    run, drift = config.run, config.drift
    if config.injection.pressure_rate == 0.0:
        yield "injection", ("index",), "there is no injection.pressure_rate"
    if config.scattering.model == "constant":
        yield "waves", _WAVES, 'scattering.model = "constant" ignores the waves'
    elif not config.waves.evolve:
        yield "waves", ("adiabatic",), "waves.evolve = false"
    elif config.expansion.mode == "none":
        yield "waves", ("adiabatic",), 'expansion.mode = "none"'
    if run.time_step != "auto":
        yield "run", ("scattering_per_step",), "run.time_step is given"
    if not isinstance(drift.switch_off, str) and drift.switch_off >= run.duration:
        yield "drift", ("switch_off",), f"the run ends before, at run.duration ({run.duration:.3g} s)"
    if solver == "fokker-planck":
        yield "run", _MARKERS, f"--solver {solver} has no markers"
