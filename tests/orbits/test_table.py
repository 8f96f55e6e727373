"""The tables of the study of quasilinear theory: numbers with their errors, and one row for each of them."""

import numpy as np
import pytest
from support.study_cases import SMALL, made_up

from crmc.orbits.config import load_study
from crmc.orbits.dataset import dataset
from crmc.orbits.table import table


@pytest.fixture
def data():
    config = load_study("qlt", SMALL)
    return dataset(config, made_up(config.qlt), {})


@pytest.mark.parametrize(
    ("value", "stderr", "want"),
    [
        (1.0034, 0.0123, "1.003(12)"),
        (-0.98, 0.1, "-0.98(10)"),
        (123.4, 5.6, "123.4(56)"),
        (1234.0, 56.0, "1234(56)"),
        (0.5, np.nan, "0.5"),
        (np.nan, 0.1, "-"),
    ],
)
def test_errors_in_units_of_the_last_digit(data, value, stderr, want):
    """The concise notation of the Particle Data Group, by hand: two digits of the error."""
    data.branch_energy.loc[{"direction": -1, "helicity": 1}] = value
    data.branch_energy_stderr.loc[{"direction": -1, "helicity": 1}] = stderr
    (row,) = (line.split() for line in table(data).splitlines() if line.split()[:3] == ["-1", "+1", "1"])
    assert row[-1] == want


def test_a_row_for_every_number(data):
    """Four branches, two dB/B of each set of waves, one narrow spectrum; columns of a block end at the same place."""
    branches, breakdown, narrow = (part.splitlines() for part in table(data).split("\n\n"))
    assert [line.split()[:2] for line in branches[3:]] == [["+1", "+1"], ["+1", "-1"], ["-1", "+1"], ["-1", "-1"]]
    rows = [line for line in breakdown[3:] if "10 % at" not in line]
    assert len(rows) == 8 and len(breakdown[3:]) == 12
    assert len({len(line) for line in breakdown[2:]}) == 1
    ratio = float(data.pooled_ratio.sel(waves="one helicity", amplitude=0.3, momentum=1.0))
    (line,) = (line for line in rows if line.lstrip().startswith("one helicity") and line.split()[3] == "0.3")
    assert float(line.split()[-1].split("(")[0]) == pytest.approx(ratio, abs=5e-4)
    # A factor pi between theory and eq. 30 as printed.
    ratios = [float(word.split("(")[0]) for word in branches[3].split()[3:5]]
    assert ratios[1] / ratios[0] == pytest.approx(np.pi, rel=0.002)
    assert len(narrow) == 3
