"""The config: quantities, rules between keys, messages, warnings, round trips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.config_cases import BAD, valid

from crmc.config import files
from crmc.config.config import Config, ConfigError, load_config, parse_config
from crmc.config.files import apply_overrides, parse_override
from crmc.config.quantity import Quantity
from crmc.config.warnings import warnings
from crmc.orbits.config import QltConfig, load_study

STARTER = Path(files.__file__).parent / "starter.toml"


def config_with(*overrides: str) -> Config:
    return parse_config(apply_overrides(valid(), [parse_override(text) for text in overrides]))


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("plasma.magnetic_field", "1 uG", 1e-6),
        ("plasma.magnetic_field", "0.1 nT", 1e-6),
        ("plasma.magnetic_field", "1e-6G", 1e-6),
        ("plasma.ion_density", "1 cm^-3", 1.0),
        ("plasma.ion_density", "1e6 / m3", 1.0),
        ("plasma.temperature", "100 eV", 1.160451812e6),
        ("plasma.gas_pressure", "3.2e-14 Pa", 3.2e-13),
        ("plasma.gas_pressure", "0.2 eV/cm3", 3.204353e-13),
        ("plasma.cooling", "9e-30 J / (m3 s)", 9e-29),
        ("expansion.timescale", "1 Myr", 3.15576e13),
        ("expansion.timescale", "-1e13 s", -1e13),
        ("run.duration", "1 kyr", 3.15576e10),
        ("damping.linear", "1 / yr", 1 / 3.15576e7),
        ("damping.turbulent_dissipation", "1 erg/(g s)", 1.0),
    ],
)
def test_quantities_are_stored_in_cgs(key: str, text: str, expected: float) -> None:
    config = config_with(f"{key}={text}")
    section, name = key.split(".")
    np.testing.assert_allclose(getattr(getattr(config, section), name), expected, rtol=1e-6)


@pytest.mark.parametrize(("overrides", "key", "words"), BAD, ids=[";".join(case[0]) for case in BAD])
def test_bad_config_names_key_and_rule(overrides: list[str], key: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config_with(*overrides)
    message = str(caught.value)
    assert message.startswith(key) and words in message and "\n" not in message, message


def test_section_that_is_no_table() -> None:
    with pytest.raises(ConfigError, match=r"waves = 3: must be a section; write \[waves\]"):
        parse_config({**valid(), "waves": 3})


def test_missing_sections_are_named() -> None:
    with pytest.raises(ConfigError, match=r"section \[plasma\] is missing.*and 2 more"):
        parse_config({})


def test_defaults() -> None:
    config = config_with("cosmic_rays.index=")
    assert config.cosmic_rays.index == 4.7
    assert config.injection.index is None and config.injection_index == 4.7
    assert config.run.output_interval == "auto" and config.run.output_seconds == 1e9
    assert config_with("run.time_step=5e9 s").run.output_seconds == 5e9
    assert config_with("run.markers=1e6").run.markers == 10**6


def test_config_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        config_with().run.markers = 3  # type: ignore[misc]


def test_kappa_needs_an_index_for_its_source() -> None:
    keys = ["cosmic_rays.spectrum=kappa", "cosmic_rays.kappa=1.25", "cosmic_rays.turnover_momentum=1.0"]
    keys += ["cosmic_rays.index="]
    assert config_with(*keys).injection_index is None
    with pytest.raises(ConfigError, match=r"injection\.index"):
        config_with(*keys, "injection.pressure_rate=1e-25 erg/(cm3 s)")
    config_with(*keys, "injection.pressure_rate=1e-25 erg/(cm3 s)", "injection.index=4.3")


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
    config = config_with(*overrides)
    path = tmp_path / "resolved.toml"
    path.write_text(config.to_toml(), encoding="utf-8")
    again = load_config(path)
    assert again == config and again.to_toml() == config.to_toml()
    assert parse_config(config.to_dict()) == config


@given(st.floats(1e-70, 1e70), st.sampled_from(["G", "cm-3", "erg cm-3 s-1", "s", "cm2 s-3"]))
def test_quantity_round_trip_is_exact(value: float, unit: str) -> None:
    quantity = Quantity(unit, f"1 {unit}")
    assert quantity.parse(quantity.format(value)) == value


def test_with_overrides() -> None:
    config = config_with().with_overrides({"cosmic_rays.index": 4.2, "expansion.timescale": "1e12 s"})
    assert config.cosmic_rays.index == 4.2 and config.injection_index == 4.2
    assert config.expansion.timescale == 1e12
    assert config.with_overrides({"cosmic_rays.index": None}).cosmic_rays.index == 4.7


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("waves.bins=32", ("waves.bins", 32)),
        (" waves.k_min = 1e-2 ", ("waves.k_min", 0.01)),
        ("waves.evolve=false", ("waves.evolve", False)),
        ("run.duration=1e11 s", ("run.duration", "1e11 s")),
        ('run.duration="1e11 s"', ("run.duration", "1e11 s")),
        ("name=a=b", ("name", "a=b")),
        ("name=1\nx=2", ("name", "1\nx=2")),
        ("name=[1]", ("name", "[1]")),
        ("name=2020-01-01", ("name", "2020-01-01")),
        ("run.seed=", ("run.seed", None)),
    ],
)
def test_overrides_are_toml_scalars_or_text(text: str, expected: tuple[str, Any]) -> None:
    assert parse_override(text) == expected


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
    skipped = ("kappa =", "gradient_length =", "frequency =", "frame =", "index = 4.7   ", "start_level =")
    lines = STARTER.read_text(encoding="utf-8").split("\n[plasma]", 1)[1].splitlines()
    shown = [line.removeprefix("# ") if " = " in line else line for line in lines]
    path = tmp_path / "all.toml"
    path.write_text("\n".join(["[plasma]", *(line for line in shown if not line.startswith(skipped))]))
    everything = load_config(path).with_overrides({"name": "starter"})
    starter = load_config(STARTER)
    assert everything.model_copy(update={"injection": starter.injection}) == starter


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["waves.k_max=0.5"], "never scattered"),
        (["waves.k_max=3"], "narrows this gap"),
        (["waves.k_min=1e-4"], "those bins stay at the seed level"),
        (["waves.k_min=0.1"], "a lower k_min reaches them"),
        (["run.duration=1e13 s"], "once B is"),
        (["run.duration=2e13 s"], "times expansion.timescale"),
        (["expansion.timescale=-2e10 s", "waves.k_max=1.0"], "no marker resonates any more"),
        (["damping.linear="], "no steady state"),
        (["waves.evolve=false"], "throughout"),
        (["waves.bins=4"], "coarse"),
        (["waves.coefficients=printed"], "do not conserve energy"),
        (["plasma.gas_pressure=1e-10 erg/cm3"], "n_i k T"),
        (["cosmic_rays.pressure=1e-7 erg/cm3"], "1 % of n_i m_p c^2"),
        (["run.estimator=full_f"], "full_f"),
        (["run.estimator=full_f", "run.precision=float32"], "rounding"),
        (["run.markers=64"], "growth rate"),
        (["run.scattering_per_step=1.5"], "accuracy"),
        (["run.coarse_grain_interval=1e12 s"], "longer than the run"),
        (["scattering.model=constant", "scattering.frequency=1e-9 1/s"], "ignores the waves"),
        (["drift.gradient_length=1 kpc"], 'set scattering.gap = "broadened"'),
        (
            ["drift.gradient_length=1 kpc", "scattering.model=constant", "scattering.frequency=1e-9 1/s"],
            'set scattering.frame = "forward"',
        ),
        (["drift.gradient_length=0.1 pc", "scattering.gap=broadened"], "pile up exponentially"),
    ],
)
def test_warnings(overrides: list[str], words: str) -> None:
    found = warnings(config_with(*overrides))
    assert any(words in line for line in found), found
    assert all("\n" not in line for line in found)


def test_a_plain_config_gives_no_warnings() -> None:
    assert warnings(config_with("run.markers=32768")) == []
    broadened = ("drift.gradient_length=1 kpc", "scattering.gap=broadened", "waves.k_max=3")
    assert warnings(config_with("run.markers=32768", *broadened)) == []


def test_experiments_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = tmp_path / "shipped"
    (shipped / "halo").mkdir(parents=True)
    (shipped / "halo" / "config.toml").write_bytes(STARTER.read_bytes())
    monkeypatch.setattr(files, "EXPERIMENT_FOLDERS", (tmp_path / "nowhere", shipped))
    monkeypatch.chdir(tmp_path)
    assert load_config("halo").name == "starter"
    (tmp_path / "halo").mkdir()  # a folder of that name does not hide the experiment
    assert load_config("halo").name == "starter"
    with pytest.raises(ConfigError, match="did you mean 'halo'"):
        load_config("hallo")


def test_shipped_experiments_load() -> None:
    for name in files.experiments():
        if files.is_study(name):
            assert isinstance(load_study(name), QltConfig)
        else:
            assert isinstance(load_config(name), Config)


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
    data = valid()
    for (section, key), value in changes.items():
        data.setdefault(section, {})[key] = value
    _check_one_line_or_valid(data)


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from([*Config.model_fields, "other"]) | st.text(max_size=5), values, max_size=4))
def test_any_sections_give_a_config_or_one_line(changes: dict[str, Any]) -> None:
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
