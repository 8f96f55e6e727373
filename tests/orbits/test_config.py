"""The config of the study of quasilinear theory: bad input is refused, and the resolved config reads back."""

import math
import tomllib

import pytest
from support.cli_cases import assert_bad_input, call

from crmc.config.config import ConfigError
from crmc.orbits.config import load_study, parse_study


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("qlt.amplitudes=[0.1,0.01]", "ascending"),
        ("qlt.amplitudes=[]", "qlt.amplitudes"),
        ("qlt.amplitudes=[0.1,-1]", "greater than 0"),
        ("qlt.amplitudes=strong", "not a list of numbers"),
        ("qlt.momenta=[1,1]", "ascending"),
        ("qlt.cosines=[1.0]", "less than 1"),
        ("qlt.cells=60000", "power of two"),
        ("qlt.cells=1024", "shorter than the path"),
        ("qlt.k_max=0.1", "ten times"),
        ("qlt.momenta=0.01", "beyond qlt.k_max"),
        ("qlt.alfven_speed=1", "less than 0.5"),
        ("qlt.realisations=1", "at least 4"),
        ("qlt.precision=half", "float32"),
        ("qlt.amplitude=1", "did you mean 'amplitudes'"),
        ("plasma.temperature=1 K", "plasma"),
    ],
)
def test_bad_input(override, words):
    """Exit code 2 and one line that says what is wrong."""
    assert_bad_input(call("run", "qlt", "--set", override), words)


def test_validate_prints_what_reads_back():
    """The printed TOML, parsed again, is the same config."""
    reply = call("validate", "qlt", "--set", "qlt.momenta=[2,4]")
    assert reply.code == 0
    again = parse_study(tomllib.loads(reply.out))
    assert again == load_study("qlt", ["qlt.momenta=[2,4]"])
    assert again.qlt.momenta == (2.0, 4.0)


def test_a_config_without_the_section_is_another_run():
    """ConfigError that names the section."""
    with pytest.raises(ConfigError, match="qlt"):
        parse_study({"name": "x"})


def test_narrow_spectra_are_resonant():
    """A particle with mu = 0.5 at the lowest momentum meets k (v_par - v_A) = Omega at the middle of narrow spectra."""
    study = load_study("qlt", ["qlt.momenta=2", "qlt.alfven_speed=0.1"]).qlt
    gamma = math.sqrt(1.0 + 2.0**2)
    assert study.narrow_k * (0.5 * 2.0 / gamma - 0.1) == pytest.approx(1.0 / gamma, rel=1e-12)
