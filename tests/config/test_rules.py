"""Rules between sections: what breaks them, and the limits that they allow."""

from __future__ import annotations

import math
from typing import Any

import pytest
from support.config_cases import BAD_BETWEEN, assert_refused, config_with, names

from crmc.config import rules
from crmc.config.config import Config, ConfigError
from crmc.config.sections import Drift, Injection


@pytest.mark.parametrize(("overrides", "key", "words"), BAD_BETWEEN, ids=names(BAD_BETWEEN))
def test_bad_config_names_key_and_rule(overrides: list[str], key: str, words: str) -> None:
    """One line that begins with the key to change and states the rule."""
    assert_refused(overrides, key, words)


def test_kappa_needs_an_index_for_its_source() -> None:
    """A kappa distribution has no index to fall back on: the source must bring its own."""
    keys = ["cosmic_rays.spectrum=kappa", "cosmic_rays.kappa=1.25", "cosmic_rays.turnover_momentum=1.0"]
    keys += ["cosmic_rays.index="]
    assert config_with(*keys).injection_index is None
    with pytest.raises(ConfigError, match=r"injection\.index"):
        config_with(*keys, "injection.pressure_rate=1e-25 erg/(cm3 s)")
    config_with(*keys, "injection.pressure_rate=1e-25 erg/(cm3 s)", "injection.index=4.3")


#: v_A/c = 1 at n = 9e-4 cm-3, for a field B = c sqrt(4 pi n m_p) [G], by hand.
FIELD_OF_C = 2.99792458e10 * math.sqrt(4.0 * math.pi * 9e-4 * 1.67262192369e-24)


def section(config: Config, name: str, **changes: object) -> Any:
    """A section of ``config`` with other numbers, unchecked."""
    return getattr(config, name).model_copy(update=changes)


@pytest.mark.parametrize(
    ("name", "changes", "limit"),
    [
        ("plasma", {"k_max": 1.0, "drift": 0.0}, 0.3),
        ("drift_velocity", {"k_max": 1.0, "drift": 5.0}, 0.1 / 5.0),
        ("drift_velocity", {"k_max": 1.0, "drift": -5.0}, 0.1 / 5.0),
        ("k_max", {"k_max": 20.0, "drift": 0.0}, 1.0 / 20.0),
    ],
)
def test_limits_of_the_alfven_speed(name: str, changes: dict[str, float], limit: float) -> None:
    """v_A < 0.3 c, |v_D| < 0.1 c and k_max < c/v_A: a field 1e-6 below the limit passes, 1e-6 above it does not."""
    config = config_with()
    rays = section(config, "cosmic_rays", drift_velocity=changes["drift"])
    waves = section(config, "waves", k_max=changes["k_max"])
    low, high = (section(config, "plasma", magnetic_field=limit * FIELD_OF_C * x) for x in (1.0 - 1e-6, 1.0 + 1e-6))
    rules.check_speeds(low, rays, waves)
    with pytest.raises(ConfigError, match=name):
        rules.check_speeds(high, rays, waves)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_longest_run(sign: float) -> None:
    """A hundred e-foldings of B, expansion or compression, and not one millionth more."""
    config = config_with()
    expansion = section(config, "expansion", timescale=sign * 1e9)
    for duration, allowed in ((1e11, True), (1e11 * (1.0 + 1e-6), False)):
        run = section(config, "run", duration=duration)
        if allowed:
            rules.check_history(expansion, run)
        else:
            with pytest.raises(ConfigError, match="run.duration"):
                rules.check_history(expansion, run)


def test_shortest_wave_resonates() -> None:
    """1/k_max < momentum_max where waves scatter; a constant frequency asks for no resonance."""
    config = config_with()
    waves, rays = section(config, "waves", k_max=0.1), section(config, "cosmic_rays", momentum_max=10.0)
    with pytest.raises(ConfigError, match="resonates with no marker"):
        rules.check_resonance(rays, waves, config.scattering)
    rules.check_resonance(rays, waves, section(config, "scattering", model="constant"))
    rules.check_resonance(section(config, "cosmic_rays", momentum_max=10.001), waves, config.scattering)


@pytest.mark.parametrize(
    ("mode", "rate", "length", "allowed"),
    [
        ("none", 0.0, None, False),
        ("none", 1e-25, None, False),
        ("none", 0.0, 3e21, True),
        ("prescribed", 0.0, None, True),
        ("pressure_balance", 0.0, None, False),
        ("pressure_balance", 1e-25, None, True),
    ],
)
def test_equilibrium_needs_a_drive(mode: str, rate: float, length: float | None, allowed: bool) -> None:
    """Waves in equilibrium need expansion, injection that expands the tube, or a gradient to balance their damping."""
    config = config_with()
    sections = (
        section(config, "expansion", mode=mode),
        Injection().model_copy(update={"pressure_rate": rate}),
        Drift().model_copy(update={"gradient_length": length}),
        section(config, "waves", start="equilibrium"),
    )
    if allowed:
        rules.check_equilibrium(*sections, config.damping)
    else:
        with pytest.raises(ConfigError, match="needs a drive"):
            rules.check_equilibrium(*sections, config.damping)
    undamped = config.damping.model_copy(update={"linear": 0.0})
    with pytest.raises(ConfigError, match="needs damping"):
        rules.check_equilibrium(*sections, undamped)


def test_steady_start() -> None:
    """Equilibrium of cosmic rays with waves that scatter at every mu is allowed."""
    start = ("cosmic_rays.start=equilibrium", "waves.start=equilibrium", "scattering.gap=broadened")
    assert config_with(*start).cosmic_rays.start == "equilibrium"
