"""The sections: rules of each key, defaults, and the starter that shows them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.config_cases import BAD_WITHIN, STARTER, assert_refused, config_with, names

from crmc.config.config import Config, ConfigError, load_config
from crmc.config.sections import WIDEST_SPECTRUM
from crmc.config.warnings import warnings
from crmc.physics.spectrum import DEPOSIT_OCTAVES


@pytest.mark.parametrize(("overrides", "key", "words"), BAD_WITHIN, ids=names(BAD_WITHIN))
def test_bad_config_names_key_and_rule(overrides: list[str], key: str, words: str) -> None:
    """One line that begins with the key to change and states the rule."""
    assert_refused(overrides, key, words)


def test_defaults() -> None:
    """The documented defaults: index 4.7, also of the source, and duration/100 between rows or a longer step."""
    config = config_with("cosmic_rays.index=")
    assert config.cosmic_rays.index == 4.7
    assert config.injection.index is None and config.injection_index == 4.7
    assert config.run.output_interval == "auto" and config.run.output_seconds == 1e9
    assert config_with("run.time_step=5e9 s").run.output_seconds == 5e9
    assert config_with("run.markers=1e6").run.markers == 10**6


def test_starter_shows_every_key_and_its_default() -> None:
    """Each key stands in the starter, commented or not, and a commented one shows its default."""
    text = STARTER.read_text(encoding="utf-8")
    config = load_config(STARTER)
    assert warnings(config) == []
    enabled = text.replace("\n# ", "\n").split("\nname = ", 1)[1]
    for section, field in Config.model_fields.items():
        if section == "name":
            continue
        part = enabled.split(f"\n[{section}]", 1)[1].split("\n[", 1)[0]
        for key in field.annotation.model_fields:  # type: ignore[union-attr]
            assert f"\n{key} = " in part, f"{section}.{key}"


def test_starter_comments_give_the_defaults(tmp_path: Path) -> None:
    """The starter with every comment in force is the starter itself."""
    skipped = (
        "kappa =",
        "cutoff_momentum =",
        "gradient_length =",
        "frequency =",
        "frame =",
        "index = 4.7   ",
        "start_level =",
    )
    skipped += ("amplitude =", "period =", "times =", "scale =", "field =", "along =", "across =", "file =")
    skipped += ("momenta =", "f0 =")
    lines = STARTER.read_text(encoding="utf-8").split("\n[plasma]", 1)[1].splitlines()
    shown = [line.removeprefix("# ") if " = " in line else line for line in lines]
    path = tmp_path / "all.toml"
    path.write_text("\n".join(["[plasma]", *(line for line in shown if not line.startswith(skipped))]))
    everything = load_config(path).with_overrides({"name": "starter"})
    starter = load_config(STARTER)
    assert everything.model_copy(update={"injection": starter.injection}) == starter


def test_octaves_of_the_deposit_cover_every_config() -> None:
    """The widest spectrum that a config may ask for."""
    assert WIDEST_SPECTRUM == 2.0**DEPOSIT_OCTAVES


@pytest.mark.parametrize(
    ("overrides", "allowed"),
    [
        (["waves.k_min=0.00000762939453125", "waves.k_max=8"], True),
        (["waves.k_min=0.00000762939453125", "waves.k_max=8.0001"], False),
        (["run.time_step=1e9 s", "run.output_interval=1e9 s", "run.coarse_grain_interval=1e9 s"], True),
        (["run.time_step=1.0001e9 s", "run.output_interval=1e9 s"], False),
        (["run.output_interval=1e11 s"], True),
        (["run.output_interval=1e5 s"], True),
        (["run.output_interval=9.99e4 s"], False),
        (["waves.start_level=1e-14"], True),
        (["waves.start_level=0.99e-14"], False),
        (["scattering.model=constant", "scattering.frequency=0 1/s", "scattering.frame=forward"], True),
        (["scattering.gap=resonance", "scattering.broadening=1.2"], True),
        (["scattering.gap=edge", "scattering.broadening=1.2"], False),
        (["drift.gradient_length=-1 kpc", "drift.switch_off=1e9 s"], True),
    ],
)
def test_limits(overrides: list[str], allowed: bool) -> None:
    """Each limit is allowed itself: k_max/k_min = 2^20 (2^-17 to 8), step = output = duration, a million rows."""
    if allowed:
        config_with(*overrides)
    else:
        with pytest.raises(ConfigError):
            config_with(*overrides)


@pytest.mark.parametrize(
    ("key", "active"),
    [
        ("linear=1e-12 1/s", True),
        ("ion_neutral_density=0.1 cm-3", True),
        ("nonlinear_landau=local", True),
        ("turbulent_dissipation=1e-4 cm2/s3", True),
        ("linear=0 1/s", False),
    ],
)
def test_active_damping(key: str, active: bool) -> None:
    """Any one mechanism damps."""
    assert config_with("damping.linear=", f"damping.{key}").damping.active is active
