"""The config as a whole: frozen, checked whatever comes in, and the same after a round trip through a file."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.config_cases import config_with, valid

import crmc.config
from crmc.config.config import Config, ConfigError, load_config, parse_config
from crmc.config.warnings import warnings


def test_config_is_frozen() -> None:
    """No value changes after the check."""
    with pytest.raises(ValueError, match="frozen"):
        config_with().run.markers = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["run.duration=1 kyr", "plasma.magnetic_field=0.123456789 nT", "run.time_step=0.1 yr"],
        ["scattering.model=constant", "scattering.frequency=1 / yr", "scattering.frame=forward"],
        ["expansion.mode=injection", "expansion.timescale=", "injection.pressure_rate=1e-25 erg/(cm3 s)"],
        ['name=a "quoted" \\ name'],
    ],
)
def test_resolved_toml_reads_back_exactly(overrides: list[str], tmp_path: Path) -> None:
    """The written file is this config, to the bit."""
    config = config_with(*overrides)
    path = tmp_path / "resolved.toml"
    path.write_text(config.to_toml(), encoding="utf-8")
    again = load_config(path)
    assert again == config and again.to_toml() == config.to_toml()
    assert parse_config(config.to_dict()) == config


def test_with_overrides() -> None:
    """Replaced values, and defaults where a key is removed."""
    config = config_with().with_overrides({"cosmic_rays.index": 4.2, "expansion.timescale": "1e12 s"})
    assert config.cosmic_rays.index == 4.2 and config.injection_index == 4.2
    assert config.expansion.timescale == 1e12
    assert config.with_overrides({"cosmic_rays.index": None}).cosmic_rays.index == 4.7


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**300, max_value=10**5000),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["1 uG", "1e400 s", "auto", "never", "kappa", "constant", "1e11 s", "nan s", "(((((", "1 s^9999"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
keys = [
    (section, key) for section, table in config_with().to_dict().items() if isinstance(table, dict) for key in table
]
keys += [("cosmic_rays", "kappa"), ("injection", "index"), ("scattering", "frequency"), ("plasma", "wrong")]


@settings(deadline=None, max_examples=400)
@given(st.dictionaries(st.sampled_from(keys), values, min_size=1, max_size=3))
def test_any_values_give_a_config_or_one_line(changes: dict[tuple[str, str], Any]) -> None:
    """Any value of any key gives a config that round-trips, or one printable line."""
    data = valid()
    for (section, key), value in changes.items():
        data.setdefault(section, {})[key] = value
    _check_one_line_or_valid(data)


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from([*Config.model_fields, "other"]) | st.text(max_size=5), values, max_size=4))
def test_any_sections_give_a_config_or_one_line(changes: dict[str, Any]) -> None:
    """Anything in the place of a section gives a config that round-trips, or one printable line."""
    _check_one_line_or_valid({**valid(), **changes})


def _check_one_line_or_valid(data: dict[str, Any]) -> None:
    try:
        config = parse_config(data)
    except ConfigError as error:
        message = str(error)
        assert message.isprintable() and len(message) < 1000
    else:
        assert parse_config(config.to_dict()) == config
        assert all(line.isprintable() for line in warnings(config))


def test_code_units() -> None:
    """Those of field and density: v_A/c = B/sqrt(4 pi n m_p)/c by hand, to 1e-8."""
    config = config_with("plasma.magnetic_field=3 uG", "plasma.ion_density=0.01 cm-3")
    speed = 3e-6 / math.sqrt(4.0 * math.pi * 0.01 * 1.67262192369e-24) / 2.99792458e10
    assert config.code_units.alfven_speed == pytest.approx(speed, rel=1e-8)
    assert config.code_units == config.plasma.code_units


def test_study_is_no_config(tmp_path: Path) -> None:
    """A file with a section [qlt] is refused by name."""
    path = tmp_path / "study.toml"
    path.write_text("[qlt]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="has a section .qlt."):
        load_config(path)


def test_the_package_gives_its_public_names() -> None:
    """`crmc.config` gives the objects of its modules, and no other name."""
    assert sorted(crmc.config.__all__) == ["Config", "ConfigError", "load_config", "parse_config"]
    for name in crmc.config.__all__:
        assert getattr(crmc.config, name) is globals()[name]
    with pytest.raises(AttributeError, match="nothing"):
        _ = crmc.config.nothing


def test_public_names_load_no_jax() -> None:
    """A config is read and checked without JAX, xarray, matplotlib and scipy."""
    code = (
        "import sys; from crmc.config import Config, ConfigError, load_config, parse_config; load_config('halo'); "
        "print(*{'jax', 'xarray', 'matplotlib', 'scipy'} & set(sys.modules))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(crmc.config.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == ""
