"""The figure of the waves: lines, bands and the balance of theory equal the numbers."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from support.figure_cases import band, changed, drawn, spectra_in, synthetic_drawn
from support.result_cases import SEED

from crmc.results.colours import BLACK
from crmc.results.drawn import Drawn
from crmc.results.figures.spectra import spectra


@pytest.fixture(scope="module")
def result() -> Drawn:
    """The synthetic result."""
    return synthetic_drawn()


def test_spectra(result: Drawn) -> None:
    """Lines are the branches of the data, co-moving and counter-moving apart; the legend names times and seed."""
    co_moving, counter, *_ = drawn(spectra(result))
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
    *_, co_moving, counter = drawn(spectra(result))
    growth = result.data["growth_rate"].values
    mean = growth[result.time >= 0.5 * result.time[-1]].mean(axis=0)
    for axes, branch in ((co_moving, (0, 0)), (counter, (0, 1))):
        symbols = [curve for curve in axes.lines if curve.get_marker() == "o"]
        for curve, sign in zip(symbols, (1.0, -1.0), strict=True):
            y = np.asarray(curve.get_ydata(), float)
            wanted = np.where(sign * mean[branch] > 0.0, sign * mean[branch], np.nan)
            np.testing.assert_allclose(y, wanted, rtol=1e-12)
            assert (curve.get_markerfacecolor() == "white") == (sign < 0.0)
    damping = [curve.get_ydata() for curve in counter.lines if to_hex(curve.get_color()) == BLACK]
    np.testing.assert_allclose(np.asarray(damping, float), np.full((2, 16), 1e-11))


def test_the_order_of_the_axes_does_not_matter(result: Drawn) -> None:
    """A file with transposed and reversed axes gives the lines of the original."""
    flipped = result.data.isel(direction=[1, 0]).transpose("k", "helicity", "direction", "time", ...)
    axes = drawn(spectra(result._replace(data=flipped)))[0]
    np.testing.assert_array_equal(spectra_in(axes)[-2], result.data["wave_power"].values[-1, 0, 0])


@pytest.mark.filterwarnings("error")
def test_bands(result: Drawn) -> None:
    """Of e(k) at every time, and of the mean growth rate: each ends at +1 error, to 1e-12."""
    power, growth = result.data["wave_power"], result.data["growth_rate"]
    more = {
        "wave_power_stderr": 0.2 * power,
        "average_growth_rate_stderr": 0.3 * np.abs(growth.isel(time=-1, drop=True)),
    }
    axes, _, rates, _ = drawn(spectra(changed(result, **more)))
    # Two directions at each of five times; the last two are those of the end.
    assert len(axes.collections) == 10
    end = power.values[-1, 0, 0]
    assert band(axes, 8)[:, 1].max() == pytest.approx(1.2 * end.max(), rel=1e-12)
    assert band(axes, 8)[:, 1].min() == pytest.approx(0.8 * end.min(), rel=1e-12)
    assert band(rates)[:, 1].max() == pytest.approx(1.3 * np.abs(growth.values[-1, 0, 0]).max(), rel=1e-12)
    # Errors beyond the value: the band ends at a quarter of it, since the axis has no zero.
    wide = drawn(spectra(changed(result, wave_power_stderr=5.0 * power)))[0]
    assert band(wide, 8)[:, 1].min() == pytest.approx(0.25 * end.min(), rel=1e-12)


def test_balance(result: Drawn) -> None:
    """A dotted line where theory's spectrum is above the seed, named in the legend; none without theory."""
    e = np.stack([np.stack([np.geomspace(1e-7, 1e-8, 16), np.full(16, SEED)]), np.full((2, 16), SEED)])
    axes, counter, *_ = drawn(spectra(result._replace(balance=e)))
    (found,) = [curve for curve in axes.lines if curve.get_linestyle() == ":" and to_hex(curve.get_color()) == BLACK]
    np.testing.assert_array_equal(found.get_ydata(), e[0, 0])
    legend = counter.get_legend()
    assert legend is not None and "theory, steady state" in [text.get_text() for text in legend.get_texts()]
    plain = drawn(spectra(result))[0]
    assert not [curve for curve in plain.lines if to_hex(curve.get_color()) == BLACK and curve.get_linestyle() == ":"]


def test_growth_of_theory(result: Drawn) -> None:
    """Dotted where waves grow at t = 0, sparsely where they are absorbed; also where the run measured no rates."""
    rate = np.stack([np.stack([np.linspace(-1e-9, 2e-9, 16), np.full(16, 3e-9)]), np.full((2, 16), -1e-10)])
    bare = changed(result, growth_rate=None, damping_rate=None)._replace(growth=rate)
    *_, co_moving, counter = drawn(spectra(bare))
    grows, absorbed = (np.asarray(curve.get_ydata(), float) for curve in co_moving.lines[:2])
    np.testing.assert_array_equal(grows, np.where(rate[0, 0] > 0.0, rate[0, 0], np.nan))
    np.testing.assert_array_equal(absorbed, np.where(rate[0, 0] < 0.0, -rate[0, 0], np.nan))
    legend = counter.get_legend()
    assert legend is not None
    shown = [text.get_text() for text in legend.get_texts()]
    assert [text for text in shown if "theory" in text] == [
        "theory at $t$ = 0, growth, direction +1",
        "theory at $t$ = 0, absorption, direction -1",
    ]
    assert len(drawn(spectra(bare._replace(growth=None)))) == 2
