"""A small valid config, and bad ones as overrides of it; shared by the config and command-line tests."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from crmc.config import files
from crmc.config.config import Config, parse_config
from crmc.config.errors import ConfigError
from crmc.config.files import apply_overrides, parse_override

Case = tuple[list[str], str, str]

#: The config that `crmc init` writes.
STARTER = Path(files.__file__).parent / "starter.toml"

VALID: dict[str, Any] = {
    "name": "small",
    "plasma": {
        "magnetic_field": "1.0 uG",
        "ion_density": "9e-4 cm-3",
        "temperature": "1.1e6 K",
        "gas_pressure": "3.2e-13 dyn/cm2",
    },
    "expansion": {"mode": "prescribed", "timescale": "3.67e12 s"},
    "cosmic_rays": {"pressure": "8.2e-14 erg/cm3", "index": 4.7},
    "damping": {"linear": "4e-10 1/s"},
    "run": {"duration": "1e11 s", "markers": 4096},
}


def valid() -> dict[str, Any]:
    """A fresh copy of VALID."""
    return copy.deepcopy(VALID)


def config_with(*overrides: str) -> Config:
    """VALID with ``section.key=value`` replaced."""
    return parse_config(apply_overrides(valid(), [parse_override(text) for text in overrides]))


#: Refused by one section alone: (overrides, key that the message must name, words that it must contain).
BAD_WITHIN: list[Case] = [
    (["plasma.magnetic_field=5"], "plasma.magnetic_field", "unit"),
    (["plasma.magnetic_field=-1 uG"], "plasma.magnetic_field", "greater than 0"),
    (["plasma.magnetic_field=nan uG"], "plasma.magnetic_field", "finite"),
    (["plasma.magnetic_field=1e300 uG"], "plasma.magnetic_field", "credible size"),
    (["plasma.magnetic_field=1.0"], "plasma.magnetic_field", '"1.0 uG"'),
    (["plasma.magnetic_field=1 2 uG"], "plasma.magnetic_field", "convertible to [G]"),
    (["plasma.magnetic_field="], "plasma.magnetic_field", "missing"),
    (["plasma.temperature=3 s"], "plasma.temperature", "convertible to [K]"),
    (["plasma.temperature=inf K"], "plasma.temperature", "finite"),
    (["plasma.temperature=hot"], "plasma.temperature", '"1.1e6 K"'),
    (["plasma.adiabatic_index=1"], "plasma.adiabatic_index", "greater than 1"),
    (["plasma.cooling=-1 erg/(cm3 s)"], "plasma.cooling", "negative"),
    (
        ["cosmic_rays.cutoff_momentum=2"],
        "cosmic_rays.cutoff_momentum",
        "leaves nothing at cosmic_rays.momentum_max (100)",
    ),
    (["plasma.magnetic_feild=1 uG"], "plasma.magnetic_feild", "did you mean 'magnetic_field'"),
    (["plasm.temperature=1 K"], "plasm", "did you mean 'plasma'"),
    (["expansion.mode=injction"], "expansion.mode", "did you mean 'injection'"),
    (["expansion.timescale="], "expansion.mode", "expansion.timescale"),
    (["expansion.timescale=0 s"], "expansion.timescale", "zero"),
    (["expansion.mode=none"], "expansion.timescale", "prescribed"),
    (["cosmic_rays.pressure=0 erg/cm3"], "cosmic_rays.pressure", "greater than 0"),
    (["cosmic_rays.index=0"], "cosmic_rays.index", "greater than 0"),
    (["cosmic_rays.index=steep"], "cosmic_rays.index", "plain number"),
    (["cosmic_rays.kappa=1.25"], "cosmic_rays.kappa", "is not used with spectrum"),
    (["cosmic_rays.spectrum=table", "cosmic_rays.index="], "cosmic_rays.spectrum", 'file = "spectrum.csv"'),
    (["cosmic_rays.spectrum=kappa", "cosmic_rays.index="], "cosmic_rays.spectrum", "cosmic_rays.kappa"),
    (["cosmic_rays.spectrum=kappa", "cosmic_rays.kappa=2"], "cosmic_rays.index", "not used"),
    (
        ["cosmic_rays.spectrum=kappa", "cosmic_rays.kappa=2.0", "cosmic_rays.index="],
        "cosmic_rays.turnover_momentum",
        "p0",
    ),
    (["cosmic_rays.momentum_min=100"], "cosmic_rays.momentum_min", "momentum_max"),
    (["cosmic_rays.momentum_max=1 kpc"], "cosmic_rays.momentum_max", '"5 GV" (rigidity)'),
    (["cosmic_rays.momentum_max=1e6 K"], "cosmic_rays.momentum_max", "is not a momentum"),
    (["cosmic_rays.momentum_max=1e6 kelvins"], "cosmic_rays.momentum_max", "is not a momentum"),
    (["cosmic_rays.momentum_max=nan"], "cosmic_rays.momentum_max", "must be finite"),
    (["cosmic_rays.momentum_max=1e20 GV"], "cosmic_rays.momentum_max", "must be at most"),
    (["cosmic_rays.momentum_min=-1 GeV"], "cosmic_rays.momentum_min", "must not be negative"),
    (["cosmic_rays.momentum_min=1 eV/c"], "cosmic_rays.momentum_min", "must be at least 1e-06 m_p c"),
    (["cosmic_rays.anisotropy=0.5"], "cosmic_rays.anisotropy", "less than 0.5"),
    (["cosmic_rays.start=steady"], "cosmic_rays.start", "equilibrium"),
    (["injection.pressure_rate=1 erg/cm3"], "injection.pressure_rate", "erg cm-3 s-1"),
    (["drift.gradient_length=0 kpc"], "drift.gradient_length", "must not be zero"),
    (["drift.gradient_length=1 s"], "drift.gradient_length", "[cm]"),
    (["drift.switch_off=1e9 s"], "drift.switch_off", "drift.gradient_length"),
    (["scattering.gap=closed"], "scattering.gap", "broadened"),
    (
        ["scattering.model=constant", "scattering.frequency=1e-9 1/s", "scattering.gap=broadened"],
        "scattering.gap",
        "only used with",
    ),
    (["waves.k_min=10"], "waves.k_max", "waves.k_min"),
    (["waves.k_min=nan"], "waves.k_min", "finite"),
    (["waves.k_min=1e-6", "waves.k_max=20"], "waves.k_max", "at most 1.05e+06 times"),
    (["waves.bins=3"], "waves.bins", "at least 4"),
    (["waves.bins=4.5"], "waves.bins", "whole number"),
    (["waves.bins=true"], "waves.bins", "whole number"),
    (["waves.seed_level=0.1"], "waves.seed_level", "less than"),
    (["waves.start=seed", "waves.start_level=1e-30"], "waves.start_level", "seed_level"),
    (["waves.start=equilibrium", "waves.start_level=1e-9"], "waves.start_level", "seed"),
    (["waves.evolve=1"], "waves.evolve", "true or false"),
    (["damping.linear=-1 1/s"], "damping.linear", "negative"),
    (["damping.nonlinear_landau=yes"], "damping.nonlinear_landau", "cumulative"),
    (["scattering.model=constant"], "scattering.model", "scattering.frequency"),
    (["scattering.frequency=1 1/s"], "scattering.frequency", "constant"),
    (["scattering.frame=forward"], "scattering.frame", "constant"),
    (["run.duration=0 s"], "run.duration", "greater than 0"),
    (["run.time_step=2e11 s"], "run.time_step", "run.duration"),
    (["run.time_step=1e10 s", "run.output_interval=1e9 s"], "run.time_step", "run.output_interval"),
    (["run.time_step=1 s"], "run.time_step", "steps"),
    (["run.time_step=automatic"], "run.time_step", '"auto"'),
    (["run.output_interval=1 kpc"], "run.output_interval", "[s]"),
    (["run.output_interval=1e12 s"], "run.output_interval", "run.duration"),
    (["run.output_interval=1 s"], "run.output_interval", "records"),
    (["run.time_step=1e8 s", "run.coarse_grain_interval=1 s"], "run.coarse_grain_interval", "run.time_step"),
    (["run.markers=10"], "run.markers", "at least 64"),
    (["run.markers=1e12"], "run.markers", "at most"),
    (["run.seed=-1"], "run.seed", "at least 0"),
    (["run.precision=float16"], "run.precision", "float32"),
    (["run.scattering_per_step=0"], "run.scattering_per_step", "greater than 0"),
    (["name=3"], "name", "text"),
]
#: Refused by rules between sections.
BAD_BETWEEN: list[Case] = [
    (["plasma.magnetic_field=1 G"], "plasma.magnetic_field", "Alfven speed"),
    (["expansion.mode=injection", "expansion.timescale="], "injection.pressure_rate", "greater than 0"),
    (["cosmic_rays.drift_velocity=1e5"], "cosmic_rays.drift_velocity", "v_A"),
    (["cosmic_rays.start=equilibrium"], "cosmic_rays.start", "waves.start"),
    (["cosmic_rays.start=equilibrium", "waves.start=equilibrium"], "cosmic_rays.start", "edge"),
    (
        ["cosmic_rays.start=equilibrium", "waves.start=equilibrium", "cosmic_rays.anisotropy=0.01"],
        "cosmic_rays.anisotropy",
        "only used with",
    ),
    (["waves.k_min=1e-6", "waves.k_max=0.01"], "waves.k_max", "resonates with no marker"),
    (["waves.k_min=1", "waves.k_max=1e5"], "waves.k_max", "cyclotron"),
    (["waves.start=equilibrium", "damping.linear="], "waves.start", "damping"),
    (
        ["waves.start=equilibrium", "expansion.mode=none", "expansion.timescale="],
        "waves.start",
        "expansion.mode",
    ),
    (["run.duration=1e20 s"], "run.duration", "expansion.timescale"),
]
BAD = BAD_WITHIN + BAD_BETWEEN


def names(cases: list[Case]) -> list[str]:
    """Names of the tests of ``cases``: their overrides."""
    return [";".join(overrides) for overrides, _, _ in cases]


def assert_refused(overrides: list[str], key: str, words: str) -> None:
    """VALID with ``overrides`` raises one line that begins with ``key`` and has ``words`` in it."""
    with pytest.raises(ConfigError) as caught:
        config_with(*overrides)
    message = str(caught.value)
    assert message.startswith(key) and words in message and "\n" not in message, message
