"""Drift and expansion in one run: the mesh at a few points against theory; the full set is experiments/combined."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support.scripts import load_script

combined = load_script("combined", "combined")
LINEAR = 4e-11


@pytest.fixture(scope="module")
def mixed():
    """y = 0.5, x = 1: backward waves at low k, forward ones at high k, scatter the backward hemisphere."""
    return combined.plane_point(1.0, 0.5)


@pytest.mark.full
def test_steady_state_of_both_drives(mixed):
    """Heating by wave number to 0.5 %, where the pointwise one is 4.5 % off; v_D, and the energy of all branches."""
    assert mixed["heating"] == pytest.approx(mixed["heating_theory"], rel=5e-3)
    assert mixed["heating"] < 0.955 * mixed["heating_pointwise"]
    assert mixed["drift"] == pytest.approx(mixed["drift_theory"], rel=0.01)
    np.testing.assert_allclose(mixed["shares"], mixed["shares_theory"], atol=0.005)
    # (+, +), (+, -) and (-, -) live, in this order; with either drive's sign reversed it would be another one.
    assert mixed["shares"][0] > mixed["shares"][1] > 10 * mixed["shares"][3] > 0.1 > 1e5 * mixed["shares"][2]


def test_growth_rates_of_the_steady_state(mixed):
    """Driven branches grow as fast as they are damped, (-, +) decays as `steady_growth` says."""
    np.testing.assert_allclose(mixed["growth"][:2], LINEAR, rtol=0.01)
    assert mixed["growth"][2] == pytest.approx(mixed["growth_theory"][2], rel=0.01)


@pytest.mark.full
@pytest.mark.parametrize("expansion", [1.0, 0.0])
def test_bottleneck(expansion):
    """Before: forward waves alone.  After, with expansion: both directions, heating of expansion alone, no streaming.

    Without: nothing drives, waves decay at 2 Gamma_d and leave the cosmic rays at v_A.
    """
    run = combined.bottleneck(expansion, duration=1e11, mesh_step=1e9)
    time, heating = np.array(run["time"]), np.array(run["heating"])
    energy = np.array([run[f"energy({name})"] for name in combined.BRANCHES])
    before = np.flatnonzero(time < combined.SWITCH_OFF)[-1]
    assert energy[:2, before].sum() > 0.999 * energy[:, before].sum()
    late = time > 8e10
    if expansion:
        # Theory of expansion alone at the field of that time; f is still settling.
        assert np.mean(heating[late]) == pytest.approx(2.28e-30, rel=0.1)
        assert energy[3, -1] == pytest.approx(energy[0, -1], rel=0.5)
        assert energy[1:3, -1].max() < 1e-3 * energy[0, -1]
        assert run["drift"][-1] < 0.3
    else:
        rate = math.log(energy[:2, late][:, 0].sum() / energy[:2, -1].sum()) / (time[-1] - time[late][0])
        assert rate == pytest.approx(2.0 * LINEAR, rel=0.05)
        assert np.all(np.abs(heating[late]) < 0.01 * heating[before])
        assert run["drift"][-1] == pytest.approx(1.0, abs=0.1)
