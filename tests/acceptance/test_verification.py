"""Markers against the deterministic solver at a few points, small; the full set is experiments/verification."""

import numpy as np
import pytest
from support.scripts import load_script

pytestmark = pytest.mark.full

verify = load_script("verification", "verify")
SMALL = ("run.markers=4096",)


@pytest.fixture(scope="module")
def rows():
    """Four seeds at three points: linear damping, compression, turbulent damping; one compilation serves all."""
    chosen = verify.points(*SMALL)
    return [row for name in ("linear_damping", "compression", "turbulent") for row in verify.compare(chosen[name], 4)]


def test_every_pull_is_possible(rows):
    """33 pulls of a standard normal: beyond 5.4 with probability 2e-6. Errors are 1 % of the heating, 0.1 % of e."""
    assert len(rows) == 33
    assert max(abs(row["pull"]) for row in rows) < 5.4
    error = {
        name: [r["stderr"] / abs(r["deterministic"]) for r in rows if r["quantity"] == name]
        for name in ("heating_rate", "e(+, k5)")
    }
    assert max(error["heating_rate"]) < 0.03
    assert max(error["e(+, k5)"]) < 0.005


def test_pulls_scatter_as_they_should(rows):
    """Mean within 4.9 of its error from three points' worth of 33 pulls, and width of order one."""
    found = verify.distribution(rows)
    # The pulls of a point are correlated: as if a third of them were independent.
    assert abs(found["mean"]) < 4.9 / np.sqrt(found["count"] / 3)
    assert 0.4 < found["width"] < 2.0


def test_a_wrong_solver_would_be_seen(rows):
    """A heating that is 15 % off, as without the gap or with another coefficient, is beyond all chance."""
    heating = [row for row in rows if row["quantity"] == "heating_rate"]
    wrong = [abs(0.15 * row["deterministic"]) / row["stderr"] for row in heating]
    assert max(verify.normal_deviate(t, 3) for t in wrong) > 2.5


def test_normal_deviates_of_students_t():
    """Equal tail probabilities, by simulation-free identities: 0 to 0, odd, and t -> z for many seeds."""
    assert verify.normal_deviate(0.0, 3) == 0.0
    assert verify.normal_deviate(-2.0, 5) == -verify.normal_deviate(2.0, 5)
    assert verify.normal_deviate(2.0, 10**6) == pytest.approx(2.0, rel=1e-4)
    # P(|t_1| > 1) = 1/2: Cauchy.
    assert verify.normal_deviate(1.0, 1) == pytest.approx(0.67448975, rel=1e-6)


def test_distribution_recognises_normal_and_other_samples():
    """140 normal deviates pass; the same shifted by 0.5, or 1.6 times as wide, do not."""
    z = np.random.default_rng(0).normal(size=140)

    def rows(x):
        return [{"point": f"{i // 10}", "pull": float(v)} for i, v in enumerate(x)]

    right, shifted, wide = (verify.distribution(rows(x)) for x in (z, z + 0.5, 1.6 * z))
    assert right["probability"] > 0.01 and 0.8 < right["width"] < 1.2
    assert abs(right["mean"]) < 3.0 * right["mean_stderr"]
    assert shifted["probability"] < 1e-3 and wide["probability"] < 1e-3
    # P(A^2 > 2.492) = 0.05 for a fully specified distribution (Stephens 1974).
    assert verify.anderson_darling_probability(2.492) == pytest.approx(0.05, abs=0.005)
