"""Static decisions of configs."""

import pytest
from support.by_hand import INJECTION
from support.run_cases import small

from crmc.setup.shape import coarse_cells, functional_rows, shape_of
from crmc.solvers.monte_carlo.coarse_graining import cell_count


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


def test_cells_hold_enough_markers():
    """Ensembles of 1024 markers and more have at least 6 in a cell of coarse-graining, whose fit has three numbers.

    More markers never have fewer cells.  Where particles cross 90 degrees the cells are the finest.
    """
    sizes = [16, 511, 1024, 2048, 4096, 8191, 8192, 32768, 10**7]
    cells = [coarse_cells(n, False) for n in sizes]
    assert cells == sorted(cells)
    assert cells[-1] == (32, 16)
    assert all(n / cell_count(*one) > 6.0 for n, one in zip(sizes, cells, strict=True) if n >= 1024)
    model = shape_of(small(run__markers=4096, run__replicas=4)).model
    assert model.coarse_cells == coarse_cells(1024, False)
    assert shape_of(small(run__markers=4096, scattering__gap="edge")).model.coarse_cells == (32, 16)


def test_rows_are_joined_in_the_steady_state_alone():
    """Few markers have few rows of the growth functional, unless weak waves give f edges that these would blur."""
    sizes = [16, 1024, 2048, 4096, 10**7]
    assert [functional_rows(n, True) for n in sizes] == [8, 16, 24, 48, 48]
    for start, rows in (("equilibrium", 16), ("seed", 48)):
        config = small(run__markers=4096, run__replicas=4, waves__start=start)
        assert shape_of(config).model.functional_rows == rows
