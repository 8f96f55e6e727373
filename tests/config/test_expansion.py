"""The section [expansion]: which keys belong to which law, tables, and what the whole history says of a run."""

import math
from pathlib import Path
from typing import Any

import pytest
from support.config_cases import VALID

from crmc.config.config import Config, load_config, parse_config
from crmc.config.errors import ConfigError
from crmc.config.warnings import warnings

TABLE = {"history": "table", "times": ["0 s", "1e10 s", "1e11 s"], "field": [2.0, 1.0, 4.0]}


def flow(**keys: Any) -> Config:
    """VALID with a flow of these keys."""
    return parse_config(VALID | {"expansion": {"mode": "flow", **keys}})


@pytest.mark.parametrize(
    ("keys", "along", "across"),
    [
        ({"timescale": "1e11 s"}, 0.0, 0.25),
        ({"timescale": "1e11 s", "power_along": 1.0, "power_across": -1.0, "stop": "2e10 s"}, 0.2, -0.2),
        ({"timescale": "1e11 s", "history": "linear", "power_along": 2.0}, 2 * math.log(1.5), 0.5 * math.log(1.5)),
        ({"history": "rates", "rate_along": "-2e-11 1/s", "rate_across": "1e-11 1/s"}, -1.0, 0.5),
        ({"history": "sinusoid", "amplitude": 0.1, "period": "2e11 s", "power_along": 1.0}, 0.1, 0.05),
        ({**TABLE, "interpolation": "linear"}, 0.0, -0.5 * (math.log(0.5) + 4 / 9 * math.log(4.0))),
    ],
)
def test_lengths_after_5e10_s(keys: dict[str, Any], along: float, across: float) -> None:
    """By hand, to 1e-12; the config reads back from its own text, and each of these drives anisotropy at t = 0."""
    config = flow(**keys)
    assert config.expansion.log_lengths(5e10) == pytest.approx((along, across), rel=1e-12, abs=1e-15)
    assert parse_config(config.to_dict()) == config
    assert config.expansion.drives
    assert not flow(history="rates", rate_along="1e-12 1/s", rate_across="1e-12 1/s").expansion.drives


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, 'expansion.history = "exponential": needs expansion.timescale'),
        ({"history": "sinusoid", "period": "1e11 s"}, "needs expansion.amplitude"),
        ({"history": "table"}, "needs expansion.times"),
        ({"history": "sinusoidal"}, "did you mean 'sinusoid'"),
        ({"timescale": "1e11 s", "period": "1e11 s"}, "expansion.period"),
        ({"timescale": "1e11 s", "rate_along": "1e-12 1/s"}, "expansion.rate_along"),
        ({"timescale": "-5e10 s", "history": "linear"}, "run.duration"),
        ({"timescale": "1e8 s"}, "run.duration"),
        ({**TABLE, "times": ["0 s", "1e10 s", "9e10 s"]}, "which end at 9e+10 s"),
        ({**TABLE, "times": ["1 s", "1e10 s", "1e11 s"]}, "rise from 0"),
        ({**TABLE, "times": ["0 s", "1e11 s", "1e11 s"]}, "rise from 0"),
        ({**TABLE, "times": [0, 1, 2]}, "a list of numbers with a unit"),
        ({**TABLE, "times": "0 s"}, "must be a list"),
        ({**TABLE, "field": [1.0, 2.0]}, "as many rows"),
        ({**TABLE, "field": [1.0, 0.0, 2.0]}, "greater than 0"),
        ({**TABLE, "scale": [1.0, 1.0, 2.0]}, "beside expansion.scale"),
        ({"history": "table", "times": ["0 s", "1e11 s"]}, "needs one of"),
        ({"history": "table", "file": "nowhere.csv"}, 'expansion.file = "nowhere.csv": cannot be read'),
    ],
)
def test_what_is_refused(keys: dict[str, Any], words: str) -> None:
    """One line that names the key; a key of another law is refused, not passed over."""
    with pytest.raises(ConfigError) as error:
        flow(**keys)
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("key", ["history", "power_along", "stop", "amplitude"])
def test_keys_of_a_flow_in_another_mode(key: str) -> None:
    """They are refused beside mode = prescribed."""
    values = {"history": "linear", "power_along": 1.0, "stop": "1e10 s", "amplitude": 0.1}
    with pytest.raises(ConfigError, match=f"expansion.{key}"):
        parse_config(VALID | {"expansion": {"mode": "prescribed", "timescale": "1e12 s", key: values[key]}})


def test_equilibrium_needs_shear() -> None:
    """waves.start = equilibrium is refused for an isotropic flow, which drives nothing."""
    rates = {"mode": "flow", "history": "rates", "rate_along": "1e-12 1/s", "rate_across": "1e-12 1/s"}
    with pytest.raises(ConfigError, match="drive"):
        parse_config(VALID | {"expansion": rates, "waves": {"start": "equilibrium"}})


def test_a_file_beside_the_config(tmp_path: Path) -> None:
    """A path is relative to the config; its columns replace it, so that the config says all of itself."""
    (tmp_path / "b.csv").write_text("time [yr],field\n0,1\n10000,0.9\n", encoding="utf-8")
    config = parse_config(VALID | {"expansion": {"mode": "flow", **TABLE}})
    lines = config.to_toml().split("[expansion]\n", 1)
    rest = "\n[" + lines[1].split("\n[", 1)[1]
    path = tmp_path / "flow.toml"
    path.write_text(f'{lines[0]}[expansion]\nmode = "flow"\nhistory = "table"\nfile = "b.csv"\n{rest}', "utf-8")
    expansion = load_config(path).expansion
    assert expansion.file is None and expansion.field == (1.0, 0.9)
    assert expansion.times == (0.0, pytest.approx(3.15576e11))


def test_steps_follow_the_history() -> None:
    """A sinusoid has 128 steps in a period, a table one from row to row; other laws ask for nothing."""
    sinusoid = flow(history="sinusoid", amplitude=0.1, period="1.28e11 s").expansion
    assert sinusoid.longest_step(1e11) == pytest.approx(1e9)
    assert flow(**TABLE).expansion.longest_step(1e11) == pytest.approx(1e10)
    assert flow(timescale="1e11 s").expansion.longest_step(1e11) == math.inf
    assert sinusoid.turning_times(1e11) == pytest.approx([0.0, 3.2e10, 9.6e10, 1e11])


def test_warnings_judge_the_shear() -> None:
    """A flow that stretches the tube along B moves resonances as compression does; an isotropic one leaves them."""
    fast = {"history": "rates", "rate_along": "1e-10 1/s"}
    assert any("B l_par^2 has risen" in line for line in warnings(flow(**fast)))
    assert not any("l_par" in line for line in warnings(flow(**fast, rate_across="1e-10 1/s")))
