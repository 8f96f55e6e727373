"""The result of a sweep, from tracks made by hand: places of points, missing ones, shared axes, averages, table."""

import numpy as np
import pytest
from support.run_cases import BOTH, driven

from crmc.config.axes import make_points, read_axes
from crmc.results import sweep
from crmc.results.observed import Observed, Rows
from crmc.results.sweep import DONE, FAILED, NOT_RUN, Track, plan_of, point_dataset, summarise, table, track
from crmc.results.variables import FIRST_MOMENTS, VARIABLES
from crmc.setup.build import build_replicas
from crmc.statistics import Estimate

ROWS, BINS = 5, 8
SIZES = {"momentum": 3, "direction": 2, "helicity": 2, "k": BINS}
UNITS = {"heating_rate": "erg cm-3 s-1", "mean_free_path_p3": "pc", "energy_residual": "1"}
OVER = ("expansion.timescale=3.7e12s:7.4e12s:2", "plasma.magnetic_field=1 uG,1.1 uG")


def made(number, status=DONE, text=""):
    """A track whose variables are all ``number`` + the index of the row."""
    values = {}
    for name, (dims, *_) in VARIABLES.items():
        shape = (ROWS, *(SIZES[dim] for dim in dims))
        values[name] = number + np.arange(float(ROWS)).reshape(-1, *[1] * len(dims)) * np.ones(shape)
    times, k = np.arange(ROWS) * (10.0 + number), np.arange(BINS) + 0.5 + number
    averages, spectra = {}, {}
    if status == DONE:
        entries = {name: (number + 3.5, 0.1 + number, UNITS[name]) for name in UNITS}
        averages = {name: dict(zip(("value", "stderr", "unit"), entry, strict=True)) for name, entry in entries.items()}
        averages["energy_residual"]["stderr"] = None
        spectra = {"wave_power": Estimate(np.full((2, 2, BINS), number + 0.25), np.full((2, 2, BINS), number + 0.5))}
    return Track(times, k, values, averages, spectra, status, text, 2.0 * number)


def swept(tracks, *over):
    """Plan, points and dataset of a sweep of BOTH."""
    axes = read_axes(over, None, BOTH)
    plan = plan_of(axes)
    return plan, make_points(BOTH, axes), sweep.dataset(plan, tracks, {"status": "done"})


def summarised(tracks):
    """The same with averages and theory, over OVER."""
    plan, points, data = swept(tracks, *OVER)
    return plan, points, data, summarise(data, plan, points, tracks)


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
    """Averages of the track and their errors. A failed point has theory alone, tau_B that of its config."""
    _, _, data, found = summarised([made(0), made(1), made(2, FAILED), made(3)])
    want = np.array([[3.5, 4.5], [np.nan, 6.5]])
    for name in ("heating_rate", "mean_free_path_p3", "energy_residual"):
        np.testing.assert_array_equal(found[f"average_{name}"], want)
        assert found[f"average_{name}"].attrs["units"] == UNITS[name]
    np.testing.assert_allclose(found["average_heating_rate_stderr"], want - 3.4, rtol=1e-14)
    assert np.isnan(found["average_energy_residual_stderr"]).all()
    assert "largest absolute value" in found["average_energy_residual"].attrs["long_name"]
    assert "independent repetitions" in found["average_heating_rate_stderr"].attrs["long_name"]
    np.testing.assert_allclose(found["theory_expansion_time"], [[3.7e12] * 2, [7.4e12] * 2], rtol=1e-12)
    np.testing.assert_array_equal(found["heating_rate"], data["heating_rate"])


def test_averages_of_the_waves():
    """Bin by bin, with errors, along the swept keys; NaN for a point that failed or was not run."""
    plan, _, data = swept([None, made(1), made(2, FAILED), made(3)], *OVER)
    for name, more in (("average_wave_power", 0.25), ("average_wave_power_stderr", 0.5)):
        assert data[name].dims == (*plan.dims, "direction", "helicity", "k")
        np.testing.assert_array_equal(data[name][..., 1, 0, 3], [[np.nan, 1.0 + more], [np.nan, 3.0 + more]])
        assert data[name].attrs["long_name"].startswith("mean over the last half of the run: ")


def test_table():
    """A line per point: swept values, means of the last half beside theory, and the word of a point that failed."""
    plan, points, _, found = summarised([made(0), made(1), made(2, FAILED), None])
    head, *lines = table(found, plan, points).splitlines()
    assert head.split()[:4] == ["timescale", "[s]", "magnetic_field", "[G]"]
    assert [line.split()[:2] for line in lines[:4]] == [
        ["3.7e+12", "1e-06"],
        ["3.7e+12", "1.1e-06"],
        ["7.4e+12", "1e-06"],
        ["7.4e+12", "1.1e-06"],
    ]
    assert "3.50 +- 0.10" in lines[0] and "4.5 +- 1.1" in lines[1]
    assert [line.split()[-1] for line in lines[2:3]] == [FAILED] and lines[3].endswith(NOT_RUN)
    assert lines[4] == "" and " ".join(lines[5:]) == (
        "Measured: mean over the last half of the run +- the standard deviation of this number over independent "
        "repetitions of the whole run."
    )


def rows_of(steps, **changed):
    """Rows of two replicas, ones in code units but for what is changed: one value of both per row."""
    count = len(steps)
    made = {name: np.ones((count, 2, *(SIZES[dim] for dim in dims))) for name, (dims, *_) in VARIABLES.items()}
    made |= {name: np.zeros((count, 2)) for name in ("number_entered", "heavy_markers", *FIRST_MOMENTS)}
    made["ledger"] = np.ones((count, 2))
    made |= {"max_scattering_per_step": np.full((count, 2), 0.3), "heating_rate": np.ones((count, 2)) * [0.9, 1.1]}
    return Rows(list(steps), made | {name: np.stack([array, array], axis=1) for name, array in changed.items()})


def track_of(records=None, **changed):
    """The track of one point with four rows, some variables replaced; records and blocks of the same steps.

    records: what replaces variables of the records and blocks
    """
    setup, steps = build_replicas(driven(run__replicas=2))[0], (0, 15, 30, 45)
    others = rows_of(steps, **(records or {}))
    return setup, track(Observed(setup, rows_of(steps, **changed), others, others, 0.5, False))


def test_track_of_a_sound_point():
    """Times in steps of 2e7 s, values in the unit of the file, nothing to say; advice where the steps were coarse."""
    setup, found = track_of()
    assert (found.status, found.text) == (DONE, "")
    np.testing.assert_allclose(found.times, [0.0, 3e8, 6e8, 9e8], rtol=1e-12)
    assert found.time_step == pytest.approx(2e7, rel=1e-12)
    np.testing.assert_allclose(found.values["magnetic_field"], 1e-6, rtol=1e-15)
    np.testing.assert_array_equal(found.k, setup.parameters.grid.centres)
    # 0.9 and 1.1: mean 1, standard deviation sqrt(2)/10, error of the mean 0.1.
    unit = setup.units.power_density
    assert found.averages["heating_rate"]["value"] == pytest.approx(unit, rel=1e-12)
    assert found.averages["heating_rate"]["stderr"] == pytest.approx(0.1 * unit, rel=1e-12)
    np.testing.assert_allclose(found.values["heating_rate_stderr"], 0.1 * unit, rtol=1e-12)
    np.testing.assert_allclose(found.spectra["wave_power"].value, 1.0, rtol=1e-14)
    _, coarse = track_of(records={"max_scattering_per_step": np.array([0.1, 0.7, 0.2, 0.2])})
    assert coarse.status == DONE and "nu_max dt reached 0.7" in coarse.text


def test_track_of_a_failed_point():
    """The row that shows the failure is kept, what follows is NaN in every variable; there are no averages."""
    _, found = track_of(gas_pressure=np.array([1.0, 0.5, -0.1, -0.2]))
    assert found.status == FAILED and "fell to zero by step 30" in found.text
    for name, array in found.values.items():
        assert np.isnan(array[3]).all() and np.isfinite(array[:3]).all(), name
    assert found.values["gas_pressure"][2] < 0.0
    assert found.averages == {} and found.spectra == {}


def test_a_failure_that_records_alone_show():
    """A record at step 15 that fails takes the rows after it, whatever these say themselves."""
    _, found = track_of(records={"gas_pressure": np.array([1.0, -0.1, 1.0, 1.0])})
    assert found.status == FAILED and "by step 15" in found.text
    assert np.isfinite(found.values["gas_pressure"]).tolist() == [True, True, False, False]


def test_residuals_are_formed_from_the_rows():
    """Change of the ledger over the first energy of the cosmic rays; number less what came in, relative to the first."""
    _, found = track_of(
        ledger=np.array([2.0, 2.0, 2.0004, 1.9984]),
        energy_cosmic_rays=np.array([4.0, 1.0, 1.0, 1.0]),
        cr_energy_density=np.array([4.0, 1.0, 1.0, 1.0]),
        number_cosmic_rays=np.array([2.0, 3.0, 3.0, 3.0]),
        number_entered=np.array([0.0, 1.0, 0.5, 0.0]),
    )
    np.testing.assert_allclose(found.values["energy_residual"], [0.0, 0.0, 1e-4, -4e-4], rtol=1e-9)
    np.testing.assert_allclose(found.values["number_residual"], [0.0, 0.0, 0.25, 0.5])
