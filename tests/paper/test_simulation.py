"""The simulated column: results of several seeds, the shortened run, and how both can fail."""

import time
import types

import numpy as np
import pytest
from support.cli_cases import call
from support.paper_cases import summary, write_result

from crmc.config.config import load_config
from crmc.paper import simulation
from crmc.paper.numbers import numbers
from crmc.setup.predictions import predict


def test_results_of_several_seeds_are_combined(tmp_path):
    """Inverse-variance mean and error, against numpy."""
    found = []
    for seed, (value, error) in enumerate(((3.0, 0.1), (3.3, 0.2), (2.9, 0.4))):
        entry = summary()["averages"] | {"heating_rate": {"value": value, "stderr": error, "unit": ""}}
        found.append(write_result(tmp_path / f"{seed}.nc", seed, averages=entry))
    heating = simulation.from_results(found)["heating_rate"]
    weights = 1 / np.array([0.1, 0.2, 0.4]) ** 2
    assert heating.value == pytest.approx(np.average([3.0, 3.3, 2.9], weights=weights), rel=1e-12)
    assert heating.stderr == pytest.approx(weights.sum() ** -0.5, rel=1e-12)


def test_runs_of_other_parameters_are_not_combined(tmp_path):
    """Exit code 2 and one line that says why."""
    other = predict(load_config("halo", ["expansion.timescale=4e12 s"]))
    paths = [write_result(tmp_path / "a.nc"), write_result(tmp_path / "b.nc", 1, theory=other)]
    reply = call("paper", "--result", paths[0], "--result", paths[1])
    assert (reply.code, reply.out) == (2, "") and "different parameters" in reply.err and reply.err.count("\n") == 1


@pytest.mark.parametrize(("ended", "code", "words"), [(130, 130, "interrupted"), (3, 3, "ended early: too cold")])
def test_a_quick_run_that_ends_early(monkeypatch, ended, code, words):
    """The command ends with the run's exit code and one line."""
    monkeypatch.delenv("CRMC_TRACEBACK", raising=False)
    monkeypatch.setattr("crmc.runs.run.run", lambda *x, **y: types.SimpleNamespace(exit_code=ended, message="too cold"))
    reply = call("paper")
    assert (reply.code, reply.out) == (code, "") and words in reply.err and reply.err.count("\n") == 1


@pytest.mark.full
@pytest.mark.slow
def test_quick_run():
    """The live column: heating within 4 errors of the exact value, nu within 5 %, anisotropy above its threshold."""
    started = time.perf_counter()
    run = simulation.quick_run()
    elapsed = time.perf_counter() - started
    rows = {row.key: row for row in numbers(run)}
    heating = rows["heating"]
    assert abs(heating.simulated.value - heating.expected) < 4 * heating.simulated.stderr < 0.3 * heating.expected
    nu = rows["eq60_nu"]
    assert nu.simulated.value == pytest.approx(nu.expected, rel=0.05)
    assert rows["threshold_anisotropy"].simulated.value > rows["threshold_anisotropy"].exact
    closure = rows["closure"].simulated
    assert abs(closure.value - 1.0) < 4 * closure.stderr < 1.0
    assert elapsed < 120  # seconds; 25 on two free cores


def test_arithmetic_of_measured_values():
    """Errors to first order, by hand: scaled, inverted, added in quadrature; unknown ones stay unknown."""
    x = simulation.Measured(4.0, 0.3)
    assert x.times(-2.0) == simulation.Measured(-8.0, 0.6)
    assert x.inverse(8.0) == simulation.Measured(2.0, pytest.approx(8.0 * 0.3 / 16.0, rel=1e-12))
    assert x.minus(simulation.Measured(1.0, 0.4)) == simulation.Measured(3.0, pytest.approx(0.5, rel=1e-12))
    assert simulation.Measured(4.0).times(2.0).stderr is None
