"""The result of a sweep, from tracks made by hand: places of points, missing ones, shared axes, averages, table."""

import numpy as np
import pytest
from support.run_cases import BOTH, driven

from crmc.config.axes import make_points, read_axes
from crmc.results import sweep
from crmc.results.sweep import DONE, FAILED, NOT_RUN, Track, plan_of, point_dataset, summarise, table, track
from crmc.results.variables import VARIABLES
from crmc.setup.build import build

ROWS, BINS = 5, 8
SIZES = {"momentum": 3, "direction": 2, "helicity": 2, "k": BINS}
OVER = ("expansion.timescale=3.7e12s:7.4e12s:2", "plasma.magnetic_field=1 uG,1.1 uG")


def made(number, status=DONE, text=""):
    """A track whose variables are all ``number`` + the index of the row."""
    values = {}
    for name, (dims, *_) in VARIABLES.items():
        shape = (ROWS, *(SIZES[dim] for dim in dims))
        values[name] = number + np.arange(float(ROWS)).reshape(-1, *[1] * len(dims)) * np.ones(shape)
    return Track(np.arange(ROWS) * (10.0 + number), np.arange(BINS) + 0.5 + number, values, status, text, 2.0 * number)


def swept(tracks, *over):
    """Plan, points and dataset of a sweep of BOTH."""
    axes = read_axes(over, None, BOTH)
    plan = plan_of(axes)
    return plan, make_points(BOTH, axes), sweep.dataset(plan, tracks, {"status": "done"})


def test_points_stand_at_their_places():
    """Last axis fastest: point (i, j) is track 2 i + j; variables, time step and words; coordinates of the config."""
    plan, points, data = swept([made(n) for n in range(4)], *OVER)
    assert plan.dims == ("expansion.timescale", "plasma.magnetic_field") and plan.shape == (2, 2)
    assert [point.place for point in points] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert data["heating_rate"].dims == (*plan.dims, "time")
    assert data["wave_power"].dims == (*plan.dims, "time", "direction", "helicity", "k")
    np.testing.assert_array_equal(data["heating_rate"][:, :, 0], [[0.0, 1.0], [2.0, 3.0]])
    np.testing.assert_array_equal(data["wave_power"][1, 0, :, 1, 0, 3], 2.0 + np.arange(ROWS))
    np.testing.assert_array_equal(data["time_step"], [[0.0, 2.0], [4.0, 6.0]])
    np.testing.assert_allclose(data["plasma.magnetic_field"], [1e-6, 1.1e-6], rtol=1e-15)
    assert data["plasma.magnetic_field"].attrs["units"] == "G"
    assert (data["status"] == DONE).all() and data.attrs == {"status": "done"}
    # All points share the times and wavenumbers of the first.
    np.testing.assert_array_equal(data["time"], np.arange(ROWS) * 10.0)
    np.testing.assert_array_equal(data["k"], np.arange(BINS) + 0.5)


def test_points_that_were_not_run_are_nan():
    """NaN in every number and "not run"; the others are as they are."""
    _, _, data = swept([None, made(1), None, made(3, FAILED, "too cold")], *OVER)
    assert data["status"].values.tolist() == [[NOT_RUN, DONE], [NOT_RUN, FAILED]]
    assert data["status_text"].values.tolist() == [["", ""], ["", "too cold"]]
    for name in (*VARIABLES, "time_step"):
        assert np.isnan(data[name][:, 0]).all() and np.isfinite(data[name][:, 1]).all(), name


@pytest.mark.parametrize(
    ("over", "name", "dim"), [("run.duration=1e9 s,2e9 s", "time", "output"), ("waves.k_max=5,6", "k", "bin")]
)
def test_axes_that_points_do_not_share(over, name, dim):
    """Swept durations: each point has its times; a swept end of the spectrum: its wavenumbers. One point has its own."""
    plan, _, data = swept([made(0), made(1)], over)
    key = over.partition("=")[0]
    assert data[name].dims == (key, dim)
    one = point_dataset(data, {key: 1})
    assert one[name].dims == (name,) and dim not in one.dims
    np.testing.assert_array_equal(one[name], made(1).times if name == "time" else made(1).k)
    assert one["wave_power"].dims == ("time", "direction", "helicity", "k")
    assert (plan.same_times, plan.same_k) == (name != "time", name != "k")


def test_averages_and_theory_of_every_point():
    """Rows 3 and 4 are the last half: mean number + 3.5. A failed point has theory alone, tau_B that of its config."""
    plan, points, data = swept([made(0), made(1), made(2, FAILED), made(3)], *OVER)
    found = summarise(data, plan, points)
    want = np.array([[3.5, 4.5], [np.nan, 6.5]])
    np.testing.assert_allclose(found["average_heating_rate"], want, rtol=1e-14)
    np.testing.assert_allclose(found["average_mean_free_path_p3"], want, rtol=1e-14)
    np.testing.assert_allclose(found["average_energy_residual"], want + 0.5, rtol=1e-14)
    assert "largest absolute value" in found["average_energy_residual"].attrs["long_name"]
    assert found["average_heating_rate"].attrs["units"] == "erg cm-3 s-1"
    np.testing.assert_allclose(found["theory_expansion_time"], [[3.7e12] * 2, [7.4e12] * 2], rtol=1e-12)
    np.testing.assert_array_equal(found["heating_rate"], data["heating_rate"])


def test_table():
    """A line per point: swept values, means of the last half beside theory, and the word of a point that failed."""
    plan, points, data = swept([made(0), made(1), made(2, FAILED), None], *OVER)
    head, *lines = table(summarise(data, plan, points), plan, points).splitlines()
    assert head.split()[:4] == ["timescale", "[s]", "magnetic_field", "[G]"]
    assert [line.split()[:2] for line in lines[:4]] == [
        ["3.7e+12", "1e-06"],
        ["3.7e+12", "1.1e-06"],
        ["7.4e+12", "1e-06"],
        ["7.4e+12", "1.1e-06"],
    ]
    assert "3.500" in lines[0] and "4.500" in lines[1]
    assert [line.split()[-1] for line in lines[2:3]] == [FAILED] and lines[3].endswith(NOT_RUN)
    assert lines[4:] == ["", "Measured: mean over the last half of the run +- standard error."]


def track_of(**changed):
    """The track of one point with four rows, some variables replaced; all others are ones in code units."""
    setup = build(driven())
    rows = {name: np.ones((4, *(SIZES[dim] for dim in dims))) for name, (dims, *_) in VARIABLES.items()}
    rows |= {"ledger": np.ones(4), "number_entered": np.zeros(4), "max_scattering_per_step": np.full(4, 0.3)} | changed
    return setup, track(setup, [0, 15, 30, 45], rows, 0.5)


def test_track_of_a_sound_point():
    """Times in steps of 2e7 s, values in the unit of the file, nothing to say; advice where the steps were coarse."""
    setup, found = track_of()
    assert (found.status, found.text) == (DONE, "")
    np.testing.assert_allclose(found.times, [0.0, 3e8, 6e8, 9e8], rtol=1e-12)
    assert found.time_step == pytest.approx(2e7, rel=1e-12)
    np.testing.assert_allclose(found.values["magnetic_field"], 1e-6, rtol=1e-15)
    np.testing.assert_array_equal(found.k, setup.parameters.grid.centres)
    _, coarse = track_of(max_scattering_per_step=np.array([0.1, 0.7, 0.2, 0.2]))
    assert coarse.status == DONE and "nu_max dt reached 0.7" in coarse.text


def test_track_of_a_failed_point():
    """The row that shows the failure is kept, what follows is NaN in every variable."""
    _, found = track_of(gas_pressure=np.array([1.0, 0.5, -0.1, -0.2]))
    assert found.status == FAILED and "fell to zero by step 30" in found.text
    for name, array in found.values.items():
        assert np.isnan(array[3]).all() and np.isfinite(array[:3]).all(), name
    assert found.values["gas_pressure"][2] < 0.0


def test_residuals_are_formed_from_the_rows():
    """Change of the ledger over the first energy of the cosmic rays; number less what came in, relative to the first."""
    _, found = track_of(
        ledger=np.array([2.0, 2.0, 2.5, 1.0]),
        energy_cosmic_rays=np.array([4.0, 1.0, 1.0, 1.0]),
        number_cosmic_rays=np.array([2.0, 3.0, 3.0, 3.0]),
        number_entered=np.array([0.0, 1.0, 0.5, 0.0]),
    )
    np.testing.assert_allclose(found.values["energy_residual"], [0.0, 0.0, 0.125, -0.25])
    np.testing.assert_allclose(found.values["number_residual"], [0.0, 0.0, 0.25, 0.5])
