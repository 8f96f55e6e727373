"""The study of quasilinear theory: bad input, what the file holds, how failures are found, interruption."""

import json

import jax
import numpy as np
import pytest
import xarray as xr
from support.cli_cases import assert_bad_input, call

from crmc.config.config import ConfigError
from crmc.orbits import dataset, table
from crmc.orbits import study as qlt
from crmc.orbits.config import load_study, parse_study

SMALL = [
    "qlt.realisations=4",
    "qlt.particles=4",
    "qlt.amplitudes=[0.01,0.3]",
    "qlt.momenta=1",
    "qlt.cosines=[0.05,0.5]",
    "qlt.widths=[0.3]",
    "qlt.narrow_amplitudes=0.01",
    "qlt.cells=4096",
    "qlt.k_max=5",
    "qlt.gyrations=2",
]


def options(overrides):
    return [word for text in overrides for word in ("--set", text)]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """`crmc run qlt` at a size of seconds: the reply, the dataset, the summary, the folder."""
    folder = tmp_path_factory.mktemp("qlt")
    output, summary = folder / "qlt.nc", folder / "qlt.json"
    reply = call("run", "qlt", "-o", output, "--summary", summary, *options(SMALL))
    with xr.open_dataset(output, engine="h5netcdf") as data:
        return reply, data.load(), json.loads(summary.read_text()), folder


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
    assert_bad_input(call("run", "qlt", "--set", override), words)


@pytest.mark.parametrize("option", [["--resume"], ["--devices", "1"], ["--distributed"], ["--solver", "fokker-planck"]])
def test_options_of_other_runs_are_refused(option):
    assert_bad_input(call("run", "qlt", *option), option[0], "does not apply")


def test_the_output_must_be_writable(tmp_path):
    assert_bad_input(call("run", "qlt", "-o", tmp_path / "nowhere" / "x.nc"), "--output", "no folder")


def test_validate_prints_what_reads_back():
    reply = call("validate", "qlt", "--set", "qlt.momenta=[2,4]")
    assert reply.code == 0
    import tomllib

    again = parse_study(tomllib.loads(reply.out))
    assert again == load_study("qlt", ["qlt.momenta=[2,4]"])
    assert again.qlt.momenta == (2.0, 4.0)


@pytest.mark.parametrize("command", [["theory"], ["sensitivity", "--wrt", "damping.linear"]])
def test_other_commands_refuse_the_study(command):
    assert_bad_input(call(command[0], "qlt", *command[1:]), "[qlt]", "crmc run")


def test_a_config_without_the_section_is_another_run():
    with pytest.raises(ConfigError, match="qlt"):
        parse_study({"name": "x"})


def test_file(small):
    """Every variable has unit and description; the table is printed; everything was measured."""
    reply, data, summary, _ = small
    assert reply.code == 0, reply
    assert "Each branch alone" in reply.out and "10 % at" in reply.out and "Narrow spectra" in reply.out
    for name, variable in data.variables.items():
        if name != "lag":
            assert variable.attrs["units"] and variable.attrs["long_name"], name
    assert data.attrs["status"] == "done" and data.attrs["kind"] == "qlt"
    assert json.loads(data.attrs["summary"])["branches"] == summary["branches"]
    assert np.isfinite(data.D_mu_mu.values).all() and np.isfinite(data.branch_energy.values).all()
    assert len(summary["branches"]) == 4 and summary["cases"] == 4 * 2 + 4 + 1
    # Slopes from the file itself, an nu from them.
    want = (data.spread.isel(lag=-1) - data.spread.isel(lag=1)) / 2 / (data.lag_time[..., -1] - data.lag_time[..., 1])
    np.testing.assert_allclose(data.D_mu_mu.values, want.transpose(*data.D_mu_mu.dims).values, rtol=1e-9)
    np.testing.assert_allclose(data.scattering_frequency, 2 * data.D_mu_mu / (1 - data.mu**2), rtol=1e-12)


def test_energy_goes_with_the_direction(small):
    """d eps/dp_par = d v_A and the sign of D_mup is d for every branch, to 1 and 5 % even at this size."""
    _, data, _, _ = small
    d = data.direction.values[:, None, None]
    np.testing.assert_allclose(data.branch_energy.values * np.ones_like(d), d * np.ones((2, 2, 1)), rtol=0.01)
    np.testing.assert_allclose(data.branch_D_mu_p.values, d * np.ones((2, 2, 1)), rtol=0.05)
    np.testing.assert_allclose(data.branch_D_p_p.values, 1.0, rtol=0.1)


def test_plot(small, tmp_path):
    """`crmc plot` draws the study's figure."""
    reply = call("plot", small[3] / "qlt.nc", "-o", tmp_path)
    assert reply.code == 0 and (tmp_path / "qlt-breakdown.png").stat().st_size > 20000


def test_what_was_not_reached_is_nan():
    """A study stopped before its first case, as an interrupt does: all NaN, and it can still be printed."""
    config = load_study("qlt", SMALL)
    with jax.enable_x64(True):
        found = qlt.run_study(config.qlt, stop=lambda: True)
    assert found == {}
    data = dataset.dataset(config, found, {})
    assert np.isnan(data.D_mu_mu.values).all() and np.isnan(data.threshold.values).all()
    assert "10 % at" in table.table(data)


def test_thresholds():
    """Linear in ln(dB/B) between the amplitudes about the crossing; noise does not count; NaN where nothing fails."""
    amplitudes = np.array([0.01, 0.1, 1.0])
    ratio = np.array([[1.0, 1.05, 1.25], [1.0, 0.7, 1.0], [0.8, 1.0, 1.0], [1.0, 1.2, 1.0]])
    stderr = np.array([[0.01] * 3, [0.01] * 3, [0.01] * 3, [0.01, 0.1, 0.01]])
    found = dataset.thresholds(amplitudes, ratio, stderr)
    np.testing.assert_allclose(found[:3], [0.1 * 10**0.25, 0.01 * 10 ** (1 / 3), 0.01], rtol=1e-9)
    assert np.isnan(found[3])


def test_steps_resolve_gyration_and_waves():
    """Omega dt <= 0.15 and k_max (v + v_A) dt <= 3 in every case; lags are at least one gyration, and never too long."""
    study = load_study("qlt").qlt
    for case in qlt.cases(study):
        dt, steps, times = qlt.timing(case, study)
        gamma = np.hypot(1.0, case.momentum)
        assert dt / gamma <= 0.15 and study.k_max * (case.momentum / gamma + study.alfven_speed) * dt <= 3.0
        assert times[-1] == pytest.approx(8 * steps * dt, rel=1e-12)
        gyrations = times[-1] / (2 * np.pi * gamma)
        assert 1 - 1e-9 <= gyrations <= 4 * study.gyrations
    assert len({case.key for case in qlt.cases(study)}) == len(list(qlt.cases(study)))


def test_spectrum_has_the_stated_power():
    """sum a^2 over all modes and branches is (dB/B)^2 to 1e-3, broad and narrow."""
    study = load_study("qlt").qlt
    for case in qlt.cases(study):
        if case.momentum == study.momenta[0] and case.amplitude in (0.01, 0.3):
            total = float(np.sum(np.asarray(qlt.spectrum_of(case, study).modes.amplitude) ** 2))
            assert total == pytest.approx(case.amplitude**2, rel=1e-3)
