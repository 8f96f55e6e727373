"""The figures of a result: lines equal the data, nothing is drawn of what is not there, bad files are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from support.result_cases import THEORY, V_ALFVEN, saved, synthetic, without_waves

from crmc.config.config import ConfigError
from crmc.results import figures
from crmc.results.colours import BLACK, RED
from crmc.results.dataset import read
from crmc.results.drawn import Drawn, drawn_from


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """The synthetic result, read from its file."""
    return drawn_from(read(saved(synthetic(), tmp_path_factory.mktemp("plots") / "run.nc")), "run.nc")


def changed(result: Drawn, **values: Any) -> Drawn:
    """The result with some variables replaced (None: left out)."""
    gone = [name for name, value in values.items() if value is None]
    data = result.data.drop_vars(gone).assign({n: v for n, v in values.items() if v is not None})
    return result._replace(data=data)


def drawn(figure: Figure | None) -> list[Axes]:
    """The panels of a figure that must be there."""
    assert figure is not None
    return figure.axes


def line(axes: Axes, label: str) -> tuple[np.ndarray, np.ndarray]:
    """The points of the only line whose label starts so, be it a curve or the points of an errorbar."""
    handles, labels = axes.get_legend_handles_labels()
    (found,) = [handle for handle, name in zip(handles, labels, strict=True) if name.startswith(label)]
    curve: Any = found[0] if isinstance(found, ErrorbarContainer) else found
    return np.asarray(curve.get_xdata(), float), np.asarray(curve.get_ydata(), float)


def spectra_in(axes: Axes) -> list[np.ndarray]:
    """Every line over k, without the horizontal one of the seed."""
    curves = [np.asarray(curve.get_ydata(), float) for curve in axes.lines]
    return [curve for curve in curves if len(curve) > 2]


def labels(axes: Axes) -> list[str]:
    return axes.get_legend_handles_labels()[1]


def band(axes: Axes, number: int = 0) -> np.ndarray:
    """Corners of an error band."""
    return np.asarray(axes.collections[number].get_paths()[0].vertices)


def test_pressures(result: Drawn) -> None:
    """Lines are the pressures over their first values and the anisotropies over v_A/c, to 1e-14; the band ends at +1 error."""
    relative, anisotropy = drawn(figures.pressures(result))
    for label, name in ((r"$P_\parallel$", "parallel"), (r"$P_\perp$", "perpendicular")):
        values = result.data[f"{name}_pressure"].values
        time, y = line(relative, label)
        np.testing.assert_array_equal(time, result.time)
        np.testing.assert_allclose(y, values / values[0], rtol=1e-14)
    _, y = line(anisotropy, "measured")
    np.testing.assert_allclose(y, result.data["pressure_anisotropy"] / V_ALFVEN, rtol=1e-14)
    _, y = line(anisotropy, "share of markers in the gap")
    np.testing.assert_allclose(y, result.data["gap_pressure_anisotropy"] / V_ALFVEN, rtol=1e-14)
    assert line(anisotropy, "threshold")[1] == pytest.approx([1.33, 1.33])
    top = result.data["pressure_anisotropy"] + result.data["pressure_anisotropy_stderr"]
    assert band(anisotropy)[:, 1].max() == pytest.approx(float(top.max()) / V_ALFVEN)
    assert "v_A/c" in anisotropy.get_ylabel()


def test_without_theory_the_anisotropy_has_no_unit(result: Drawn) -> None:
    """Without v_A the line is the data, and the axis names no unit."""
    _, anisotropy = drawn(figures.pressures(result._replace(theory={})))
    np.testing.assert_array_equal(line(anisotropy, "measured")[1], result.data["pressure_anisotropy"])
    assert "v_A" not in anisotropy.get_ylabel()


def test_heating(result: Drawn) -> None:
    """Lines are the data, levels those of theory; a level far off the axis stands in the legend alone."""
    (axes,) = drawn(figures.heating(result))
    for label, name in (("kicks", "heating_rate"), ("damped", "gas_heating_rate")):
        np.testing.assert_array_equal(line(axes, label)[1], result.data[name])
    _, spectral = line(axes, "$2")
    wanted = result.data["spectral_heating_rate"].values
    np.testing.assert_array_equal(spectral[np.isfinite(spectral)], wanted[np.isfinite(wanted)])
    for label, name in (("theory with", "heating_exact_gap"), ("lower bound", "heating_bound")):
        assert set(line(axes, f"{label} ")[1]) == {THEORY[name]}
    # Forty times the heating: the legend gives it, the axis stays readable.
    assert any("cooling" in label and "off scale" in label for label in labels(axes))
    assert axes.get_ylim()[1] < 0.1 * THEORY["cooling"]


def test_ledger(result: Drawn) -> None:
    """Changes of the stores, the sign in the line style, and the residual are those of the data, to the bit."""
    changes, balance = drawn(figures.ledger(result))
    assert labels(changes) == ["cosmic rays", "waves", "gas", "mean field", "work done outside"]
    store = result.data["energy_cosmic_rays"].values
    np.testing.assert_array_equal(line(changes, "cosmic rays")[1][1:], (store[0] - store)[1:])
    gas = result.data["energy_gas"].values - result.data["energy_gas"].values[0]
    # Its change has both signs: a solid line where it grew and a dashed one where it shrank.
    both = [curve for curve in changes.lines if to_hex(curve.get_color()) == to_hex(RED)]
    solid, dashed = (np.asarray(curve.get_ydata(), float) for curve in both)
    assert [curve.get_linestyle() for curve in both] == ["-", "--"]
    np.testing.assert_array_equal(np.nan_to_num(solid) - np.nan_to_num(dashed), gas)
    np.testing.assert_array_equal(line(balance, "sum")[1], result.data["energy_residual"])


def test_scattering(result: Drawn) -> None:
    """One line per momentum, equal to the data, and a level where theory has one."""
    panels = drawn(figures.scattering(result))
    for axes, name in zip(panels, ("scattering_frequency", "mean_free_path"), strict=True):
        for i, p in enumerate((1, 3, 10)):
            np.testing.assert_array_equal(line(axes, f"$p = {p}\\ ")[1], result.data[name][:, i])
        curves = [np.asarray(curve.get_ydata(), float) for curve in axes.lines]
        assert [curve[0] for curve in curves if len(curve) == 2] == [THEORY[f"{name}_p1"]]


def test_spectra(result: Drawn) -> None:
    """Lines are the branches of the data, co-moving and counter-moving apart; the legend names times and seed."""
    co_moving, counter, *_ = drawn(figures.spectra(result))
    power, drawn_power = result.data["wave_power"].values, spectra_in(co_moving)
    np.testing.assert_array_equal(drawn_power[-2], power[-1, 0, 0])  # both directions at the last time
    np.testing.assert_array_equal(drawn_power[-1], power[-1, 1, 1])
    np.testing.assert_array_equal(spectra_in(counter)[0], power[0, 0, 1])
    np.testing.assert_array_equal(counter.lines[0].get_xdata(), result.data["k"])
    legend = counter.get_legend()
    assert legend is not None
    shown = [text.get_text() for text in legend.get_texts()]
    assert "$t$ = 0 s" in shown and "$t$ = $4.0\\times10^{10}$ s" in shown
    assert any(text.startswith("seed") for text in shown)


def test_rates_show_their_sign(result: Drawn) -> None:
    """Means over the last half by numpy, to 1e-12: filled symbols where they are positive, open where negative."""
    *_, co_moving, counter = drawn(figures.spectra(result))
    growth = result.data["growth_rate"].values
    mean = growth[result.time >= 0.5 * result.time[-1]].mean(axis=0)
    for axes, branch in ((co_moving, (0, 0)), (counter, (0, 1))):
        symbols = [curve for curve in axes.lines if curve.get_marker() == "o"]
        for curve, sign in zip(symbols, (1.0, -1.0), strict=True):
            y = np.asarray(curve.get_ydata(), float)
            wanted = np.where(sign * mean[branch] > 0.0, sign * mean[branch], np.nan)
            np.testing.assert_allclose(y, wanted, rtol=1e-12)
            assert (curve.get_markerfacecolor() == "white") == (sign < 0.0)
    damping = [curve.get_ydata() for curve in counter.lines if curve.get_color() == BLACK]
    np.testing.assert_allclose(np.asarray(damping, float), np.full((2, 16), 1e-11))


def test_the_order_of_the_axes_does_not_matter(result: Drawn) -> None:
    """A file with transposed and reversed axes gives the lines of the original."""
    flipped = result.data.isel(direction=[1, 0]).transpose("k", "helicity", "direction", "time", ...)
    axes = drawn(figures.spectra(result._replace(data=flipped)))[0]
    np.testing.assert_array_equal(spectra_in(axes)[-2], result.data["wave_power"].values[-1, 0, 0])


@pytest.mark.filterwarnings("error")
def test_plot_file_writes_every_figure(tmp_path: Path) -> None:
    """Five PNG files in a new folder, named after the result; matplotlib's settings stay."""
    before = dict(matplotlib.rcParams)
    paths = figures.plot(saved(synthetic(), tmp_path / "run.nc"), tmp_path / "new" / "folder")
    names = [path.name for path in paths]
    assert names == [f"run-{name}.png" for name in ("pressures", "spectra", "heating", "ledger", "scattering")]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
    assert dict(matplotlib.rcParams) == before


@pytest.mark.filterwarnings("error")
def test_free_expansion_leaves_out_what_is_not_there(tmp_path: Path) -> None:
    """Without waves: pressures and ledger alone, without entries for waves and gap."""
    paths = figures.plot(saved(without_waves(), tmp_path / "free.nc"), tmp_path)
    assert [path.name for path in paths] == ["free-pressures.png", "free-ledger.png"]
    result = drawn_from(read(tmp_path / "free.nc"), "run.nc")
    changes, _ = drawn(figures.ledger(result))
    assert "waves" not in labels(changes)
    assert not any("gap" in label for label in labels(drawn(figures.pressures(result))[1]))


@pytest.mark.filterwarnings("error")
def test_constant_scattering_has_no_spectra(tmp_path: Path) -> None:
    """Without a spectrum every figure but that of the spectra."""
    data = without_waves().assign({n: synthetic()[n] for n in ("heating_rate", "mean_free_path")})
    data["scattering_frequency"] = synthetic()["scattering_frequency"]
    paths = figures.plot(saved(data, tmp_path / "constant.nc"), tmp_path)
    assert {path.stem.split("-")[1] for path in paths} == {"pressures", "heating", "ledger", "scattering"}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_run_that_has_just_begun(tmp_path: Path, count: int) -> None:
    """The first tally, of which no interval mean exists, and the few next ones."""
    data = synthetic().isel(time=slice(0, count))
    assert figures.plot(saved(data, tmp_path / "young.nc"), tmp_path)


def test_missing_variables_leave_the_rest(result: Drawn) -> None:
    """Variables that are absent take their lines and panels with them, and no others."""
    alone = drawn(figures.spectra(changed(result, wave_power=None, damping_rate=None)))
    assert len(alone) == 2
    (axes,) = drawn(
        figures.pressures(changed(result, parallel_pressure=None, magnetic_field=None, pressure_anisotropy=None))
    )
    assert labels(axes) == [r"$P_\perp$, ±1 standard error"]
    none = dict.fromkeys(("heating_rate", "spectral_heating_rate", "gas_heating_rate"))
    assert figures.heating(changed(result, **none)) is None
    (path,) = drawn(figures.scattering(changed(result, scattering_frequency=None)))
    assert "pc" in path.get_ylabel()


def test_a_name_that_is_no_formula(tmp_path: Path) -> None:
    """Any text may be the name of a run: an open $, line breaks, 200 letters."""
    data = synthetic().assign_attrs(title="a$b_{ \n" + "x" * 200, status="interrupted")
    assert len(figures.plot(saved(data, tmp_path / "odd.nc"), tmp_path)) == 5


def bad_files(folder: Path) -> dict[str, Path]:
    """Files that are no result."""
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
def test_bad_files_are_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    """ConfigError in one printable line that names the file and what to give; nothing is written."""
    path, target = bad_files(tmp_path)[kind], tmp_path / "figures"
    with pytest.raises(ConfigError) as caught:
        figures.plot(path, target)
    message = str(caught.value)
    assert message.isprintable() and str(path) in message and "crmc run" in message
    assert not target.exists()


def test_scientific() -> None:
    """Short numbers plain, others as a mantissa and a power of ten."""
    assert [figures.scientific(x) for x in (0.0, 0.5, 250.0, 2.1e10, -1e-14)] == [
        "0",
        "0.5",
        "2.5e+02",
        r"$2.1\times10^{10}$",
        r"$-1.0\times10^{-14}$",
    ]
