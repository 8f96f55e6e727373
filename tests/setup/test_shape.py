"""Static decisions of configs."""

import pytest
from support.by_hand import INJECTION
from support.run_cases import small

from crmc.setup.shape import shape_of


@pytest.mark.parametrize(
    ("overrides", "expands", "predicts"),
    [
        ({}, True, True),
        ({"expansion__mode": "none", "expansion__timescale": None, "waves__start": "seed"}, False, False),
        ({"waves__start": "seed", "damping__linear": "0 1/s"}, True, False),
        (INJECTION, True, True),
        (
            {"scattering__model": "constant", "scattering__frequency": "1e-9 1/s", "waves__start": "seed"},
            True,
            False,
        ),
    ],
)
def test_static_decisions(overrides, expands, predicts):
    """An expansion is known, and a balance with it, unless there is no damping or no spectrum."""
    shape = shape_of(small(**overrides))
    assert (shape.expands, shape.predicts) == (expands, predicts)
    assert shape.model.inject == ("injection__pressure_rate" in overrides)
    assert shape.model.scattering == ("co_moving" if "scattering__model" in overrides else "spectrum")
