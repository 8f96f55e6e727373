"""The figures of a run over time: lines equal the data, and nothing is drawn of what is not there."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from support.figure_cases import band, changed, drawn, labels, line, synthetic_drawn
from support.result_cases import THEORY, V_ALFVEN

from crmc.results.colours import RED
from crmc.results.drawn import Drawn
from crmc.results.figures.run import heating, ledger, pressures, scattering
from crmc.results.figures.spectra import spectra


@pytest.fixture(scope="module")
def result() -> Drawn:
    """The synthetic result."""
    return synthetic_drawn()


def test_pressures(result: Drawn) -> None:
    """Lines are the pressures over their first values and the anisotropies over v_A/c, to 1e-14; the band ends at +1 error."""
    relative, anisotropy = drawn(pressures(result))
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
    _, anisotropy = drawn(pressures(result._replace(theory={})))
    np.testing.assert_array_equal(line(anisotropy, "measured")[1], result.data["pressure_anisotropy"])
    assert "v_A" not in anisotropy.get_ylabel()


def test_heating(result: Drawn) -> None:
    """Lines are the data, levels those of theory; a level far off the axis stands in the legend alone."""
    (axes,) = drawn(heating(result))
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
    changes, balance = drawn(ledger(result))
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
    panels = drawn(scattering(result))
    for axes, name in zip(panels, ("scattering_frequency", "mean_free_path"), strict=True):
        for i, p in enumerate((1, 3, 10)):
            np.testing.assert_array_equal(line(axes, f"$p = {p}\\ ")[1], result.data[name][:, i])
        curves = [np.asarray(curve.get_ydata(), float) for curve in axes.lines]
        assert [curve[0] for curve in curves if len(curve) == 2] == [THEORY[f"{name}_p1"]]


def test_missing_variables_leave_the_rest(result: Drawn) -> None:
    """Variables that are absent take their lines and panels with them, and no others."""
    alone = drawn(spectra(changed(result, wave_power=None, damping_rate=None)))
    assert len(alone) == 2
    (axes,) = drawn(pressures(changed(result, parallel_pressure=None, magnetic_field=None, pressure_anisotropy=None)))
    assert labels(axes) == [r"$P_\perp$, ±1 standard error"]
    none = dict.fromkeys(("heating_rate", "spectral_heating_rate", "gas_heating_rate"))
    assert heating(changed(result, **none)) is None
    (path,) = drawn(scattering(changed(result, scattering_frequency=None)))
    assert "pc" in path.get_ylabel()


def test_scattering_has_bands(result: Drawn) -> None:
    """The band of each momentum ends at +1 error, to 1e-12."""
    error = 0.1 * result.data["scattering_frequency"]
    panel, _ = drawn(scattering(changed(result, scattering_frequency_stderr=error)))
    top = (result.data["scattering_frequency"] + error).max("time")
    for i in range(3):
        assert band(panel, i)[:, 1].max() == pytest.approx(float(top[i]), rel=1e-12)


@pytest.mark.filterwarnings("error")
def test_constant_scattering_is_seen(result: Drawn) -> None:
    """Lines that are constant, with errors of 0: the axis has room about them, without a warning."""
    constant = 0.0 * result.data["scattering_frequency"] + 1e-9
    figure = scattering(changed(result, scattering_frequency=constant, scattering_frequency_stderr=0.0 * constant))
    low, high = drawn(figure)[0].get_ylim()
    assert low < 0.5e-9 and high > 2e-9
