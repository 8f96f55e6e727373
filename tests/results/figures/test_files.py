"""Figures as files: which are written for which result, and bad files are refused."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import pytest
import xarray as xr
from support.figure_cases import drawn, labels
from support.result_cases import saved, synthetic, without_waves
from support.sweep_cases import swept_data

from crmc.config.config import ConfigError
from crmc.results.dataset import read
from crmc.results.drawn import drawn_from
from crmc.results.figures import plot
from crmc.results.figures.run import ledger, pressures


@pytest.mark.filterwarnings("error")
def test_plot_file_writes_every_figure(tmp_path: Path) -> None:
    """Five PNG files in a new folder, named after the result; matplotlib's settings stay."""
    before = dict(matplotlib.rcParams)
    paths = plot(saved(synthetic(), tmp_path / "run.nc"), tmp_path / "new" / "folder")
    names = [path.name for path in paths]
    assert names == [f"run-{name}.png" for name in ("pressures", "spectra", "heating", "ledger", "scattering")]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
    assert dict(matplotlib.rcParams) == before


@pytest.mark.filterwarnings("error")
def test_free_expansion_leaves_out_what_is_not_there(tmp_path: Path) -> None:
    """Without waves: pressures and ledger alone, without entries for waves and gap."""
    paths = plot(saved(without_waves(), tmp_path / "free.nc"), tmp_path)
    assert [path.name for path in paths] == ["free-pressures.png", "free-ledger.png"]
    result = drawn_from(read(tmp_path / "free.nc"), "run.nc")
    changes, _ = drawn(ledger(result))
    assert "waves" not in labels(changes)
    assert not any("gap" in label for label in labels(drawn(pressures(result))[1]))


@pytest.mark.filterwarnings("error")
def test_constant_scattering_has_no_spectra(tmp_path: Path) -> None:
    """Without a spectrum every figure but that of the spectra."""
    data = without_waves().assign({n: synthetic()[n] for n in ("heating_rate", "mean_free_path")})
    data["scattering_frequency"] = synthetic()["scattering_frequency"]
    paths = plot(saved(data, tmp_path / "constant.nc"), tmp_path)
    assert {path.stem.split("-")[1] for path in paths} == {"pressures", "heating", "ledger", "scattering"}


@pytest.mark.full
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_run_that_has_just_begun(tmp_path: Path, count: int) -> None:
    """The first tally, of which no interval mean exists, and the few next ones."""
    data = synthetic().isel(time=slice(0, count))
    assert plot(saved(data, tmp_path / "young.nc"), tmp_path)


def test_a_name_that_is_no_formula(tmp_path: Path) -> None:
    """Any text may be the name of a run: an open $, line breaks, 200 letters."""
    data = synthetic().assign_attrs(title="a$b_{ \n" + "x" * 200, status="interrupted")
    assert len(plot(saved(data, tmp_path / "odd.nc"), tmp_path)) == 5


@pytest.fixture(scope="module")
def bad_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files that are no result."""
    folder = tmp_path_factory.mktemp("bad")
    whole = saved(synthetic(), folder / "whole.nc").read_bytes()
    (folder / "text.nc").write_text("not a netCDF file")
    (folder / "empty.nc").write_bytes(b"")
    (folder / "cut.nc").write_bytes(whole[: len(whole) // 2])
    data = synthetic()
    return {
        "text": folder / "text.nc",
        "empty": folder / "empty.nc",
        "cut": folder / "cut.nc",
        "absent": folder / "absent.nc",
        "folder": folder,
        "no times": saved(data.isel(time=0, drop=True), folder / "timeless.nc"),
        "zero times": saved(data.isel(time=slice(0, 0)), folder / "zero.nc"),
        "foreign": saved(xr.Dataset({"rain": ("time", [1.0, 2.0])}, {"time": [0, 1]}), folder / "rain.nc"),
        "words": saved(xr.Dataset({"heating_rate": ("time", ["a", "b"])}, {"time": [0, 1]}), folder / "words.nc"),
        "other branches": saved(data.assign_coords(direction=[3, 4]), folder / "branches.nc"),
    }


@pytest.mark.parametrize(
    "kind",
    ["text", "empty", "cut", "absent", "folder", "no times", "zero times", "foreign", "words", "other branches"],
)
def test_bad_files_are_refused_in_one_line(bad_files: dict[str, Path], tmp_path: Path, kind: str) -> None:
    """ConfigError in one printable line that names the file and what to give; nothing is written."""
    path, target = bad_files[kind], tmp_path / "figures"
    with pytest.raises(ConfigError) as caught:
        plot(path, target)
    message = str(caught.value)
    assert message.isprintable() and str(path) in message and "crmc run" in message
    assert not target.exists()


@pytest.mark.filterwarnings("error")
def test_figures_of_a_sweep(tmp_path: Path) -> None:
    """Averages and spectra over one key, averages alone over two."""
    one, two = (saved(swept_data(*keys), tmp_path / f"{len(keys)}.nc") for keys in (["a"], ["a", "b"]))
    assert [path.name for path in plot(one, tmp_path)] == ["1-averages.png", "1-spectra.png"]
    assert [path.name for path in plot(two, tmp_path)] == ["2-averages.png"]
