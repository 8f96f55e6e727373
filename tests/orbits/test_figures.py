"""The figure of the study of quasilinear theory: the points are those of the result."""

import numpy as np
import pytest
import xarray as xr
from support.study_cases import SMALL, made_up

from crmc.orbits import figures
from crmc.orbits.config import load_study
from crmc.orbits.dataset import dataset


@pytest.fixture
def study():
    """Config, made-up results and their dataset."""
    config = load_study("qlt", SMALL)
    found = made_up(config.qlt)
    return config, found, dataset(config, found, {"kind": "qlt"})


def test_points_are_those_of_the_result(study, monkeypatch, tmp_path):
    """Ratios of one and four branches as means over both signs of mu, D over its theory, by hand to 1e-12."""
    seen = {}
    monkeypatch.setattr("crmc.orbits.figures.Figure.savefig", lambda self, path, dpi, format: seen.update(figure=self))
    config, found, data = study
    figures.draw(data, tmp_path / "x.png")
    axes = seen["figure"].axes
    for ax, waves in ((axes[0], 0), (axes[1], 3)):
        curves = [container.lines[0] for container in ax.containers]
        assert len(curves) == 2  # amplitudes
        for a, curve in enumerate(curves):
            ratio = found["main", (waves, a, 0)]["ratio"]
            np.testing.assert_allclose(curve.get_xdata(orig=False), [0.05, 0.5], rtol=1e-12)
            np.testing.assert_allclose(
                curve.get_ydata(orig=False), [np.mean(ratio[1:3]), np.mean(ratio[::3])], rtol=1e-12
            )
    running = axes[4].containers[1].lines[0]
    one = found["main", (3, 1, 0)]
    np.testing.assert_allclose(
        running.get_ydata(orig=False), one["running_D"][:, 3] / one["theory_mu_mu"][3], rtol=1e-12
    )
    np.testing.assert_allclose(running.get_xdata(orig=False), one["lag_time"] / (2 * np.pi * np.sqrt(2.0)), rtol=1e-12)
    narrow = axes[5].containers[0].lines[0]
    np.testing.assert_allclose(narrow.get_ydata(orig=False), found["narrow", (0, 0)]["spread"][:, 0], rtol=1e-12)


def test_only_results_of_the_study_are_drawn(study, tmp_path):
    """A PNG from a file of the study; nothing, and no error, from another dataset and from what is no dataset."""
    study[2].to_netcdf(tmp_path / "one.nc", engine="h5netcdf")
    xr.Dataset(attrs={"kind": "sweep"}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    (tmp_path / "bad.nc").write_text("not netCDF")
    (path,) = figures.plot_study(tmp_path / "one.nc", tmp_path)
    assert path == tmp_path / "one-breakdown.png" and path.read_bytes().startswith(b"\x89PNG")
    assert figures.plot_study(tmp_path / "other.nc", tmp_path) == []
    assert figures.plot_study(tmp_path / "bad.nc", tmp_path) == []
