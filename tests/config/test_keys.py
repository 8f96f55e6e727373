"""Keys that hold numbers: which there are, and a config with others in their place."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.config_cases import config_with

from crmc.config.config import ConfigError
from crmc.config.keys import TABLE, differentiable, number, read_names, replaced, sweepable, value_of


def test_what_can_be_swept() -> None:
    """Numbers only: no switch, no size, nothing of [run] but the duration."""
    keys = sweepable()
    assert [key for key in keys if key.startswith("run.")] == ["run.duration"]
    assert {"plasma.magnetic_field", "expansion.timescale", "cosmic_rays.index", "damping.linear"} <= set(keys)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("damping.linaer", "did you mean 'damping.linear'"),
        ("run.markers", "use one of"),
        ("cosmic_rays.kappa", "is not set"),
        ("injection.pressure_rate", "= 0"),
        ("damping.linear,damping.linear", "twice"),
    ],
)
def test_bad_keys(names: str, words: str) -> None:
    """One line that names the key and, where it is unknown, the list of those there are."""
    with pytest.raises(ConfigError, match="--wrt") as caught:
        read_names(names, config_with())
    assert words in str(caught.value)


def test_names() -> None:
    """Blanks around commas are nothing, and the table of damping rates is a key of its own."""
    config = config_with()
    assert read_names(" damping.linear , expansion.timescale", config) == ["damping.linear", "expansion.timescale"]
    assert read_names("damping.linear[k]", config) == [TABLE]
    assert differentiable().keys() == sweepable().keys() | {TABLE}


def test_values() -> None:
    """Numbers in cgs, None where nothing is set, and for the table one rate per direction, helicity and bin."""
    config = config_with("waves.bins=5")
    assert value_of(config, "plasma.magnetic_field") == 1e-6 and value_of(config, "cosmic_rays.kappa") is None
    np.testing.assert_array_equal(value_of(config, TABLE), np.full((2, 2, 5), 4e-10))


def test_every_key_reads_what_it_writes() -> None:
    """Text of a value, as a config file holds it, is the value again to the bit."""
    config = config_with()
    for name, key in sweepable().items():
        value = value_of(config, name)
        if value is not None:
            assert key.read(str(key.write(value))) == value, name


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("waves.k_max", "1 cm", "plain number"),
        ("waves.k_max", "nan", "finite"),
        ("plasma.temperature", "3", "has no unit"),
    ],
)
def test_bad_numbers(name: str, text: str, words: str) -> None:
    """The message begins with the option and quotes the text."""
    with pytest.raises(ConfigError, match=f'^--over: "{text}" .*{words}'):
        number(sweepable()[name], f" {text} ", "--over")


def test_replaced_numbers_may_be_traced() -> None:
    """A config with traced numbers: d v_A/d ln B = v_A through its units, to 1e-12; other keys stay."""
    config = config_with()

    def speed(scale: jax.Array) -> jax.Array:
        other = replaced(config, {"plasma.magnetic_field": 1e-6 * scale})
        assert other.run is config.run and other.plasma.ion_density == config.plasma.ion_density
        return jnp.asarray(other.code_units.alfven_speed)

    value, slope = jax.value_and_grad(speed)(1.0)
    np.testing.assert_allclose([value, slope], config.code_units.alfven_speed, rtol=1e-12)


def test_table_adds_to_the_rate() -> None:
    """damping.linear[k] stands in the place of damping.linear, plus the change of that where both are given."""
    config, table = config_with("waves.bins=4"), np.linspace(1e-10, 2e-10, 16).reshape(2, 2, 4)
    np.testing.assert_allclose(replaced(config, {TABLE: table}).damping.linear, table, rtol=1e-12)
    both = replaced(config, {TABLE: table, "damping.linear": 5e-10})
    np.testing.assert_allclose(both.damping.linear, table + 1e-10, rtol=1e-12)
