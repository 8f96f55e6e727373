"""The summary of a run, from records made by hand: its size, averages of its last half, and theory's numbers."""

import numpy as np
import pytest
from support.run_cases import small

from crmc.results.averages import Records, averages
from crmc.results.summary import summarise
from crmc.results.variables import FIRST_MOMENTS, VARIABLES
from crmc.setup.build import build, build_replicas
from crmc.setup.predictions import predict

SIZES = {"direction": 2, "helicity": 2, "k": 8, "momentum": 3}


def recorded(steps):
    """Records of two replicas, of random numbers; the largest nu_max dt is 0.3."""
    rng = np.random.default_rng(2)
    values = {
        name: rng.random((len(steps), 2, *(SIZES[dim] for dim in dims))) for name, (dims, *_) in VARIABLES.items()
    }
    values |= {name: np.zeros((len(steps), 2)) for name in FIRST_MOMENTS}
    values["max_scattering_per_step"] = np.full((len(steps), 2), 0.1)
    values["max_scattering_per_step"][0] = np.nan
    if len(steps) > 1:
        values["max_scattering_per_step"][1, 1] = 0.3
    return Records(np.array(steps), values, np.array(steps), values, False)


@pytest.mark.parametrize(
    ("solver", "size"), [("monte-carlo", {"markers": 512, "replicas": 2}), ("fokker-planck", {"cells": 6 * 16})]
)
def test_summary(solver, size):
    """Status as given, the solver with its size and precision, the largest nu_max dt, averages and theory."""
    config = small(run__precision="float32", run__replicas=2)
    markers = solver == "monte-carlo"
    setup = build_replicas(config)[0] if markers else build(config, solver=solver, cells=(6, 16))
    records = recorded([0, 4, 8, 12, 16])
    found = summarise(setup, records, {"status": "done", "steps": 100})
    assert {name: found.pop(name) for name in ("status", "steps", "solver", *size)} == {
        "status": "done",
        "steps": 100,
        "solver": solver,
        **size,
    }
    assert found.pop("name") == "small"
    assert found.pop("precision") == ("float32" if solver == "monte-carlo" else "float64")
    assert found.pop("time_step_s") == pytest.approx(2e7, rel=1e-12)
    assert found.pop("max_scattering_per_step") == pytest.approx(0.3, rel=1e-12)
    assert found.pop("averages") == averages(records)
    assert found.pop("theory") == predict(setup.config)
    assert not found


def test_one_row_has_no_averages():
    """At t = 0 nothing is measured; theory stands alone."""
    found = summarise(build(small()), recorded([0]), {})
    assert found["averages"] == {} and found["theory"]
    assert found["max_scattering_per_step"] == 0.0
