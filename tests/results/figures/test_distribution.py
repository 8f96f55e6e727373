"""The figure of f(p, mu): the spectrum times p^2, the map of the anisotropy, the edge of the gap."""

from __future__ import annotations

import numpy as np
import pytest
from support.figure_cases import band, drawn, line, synthetic_drawn

from crmc.results.drawn import Drawn
from crmc.results.figures.distribution import distribution


@pytest.fixture
def result() -> Drawn:
    """The synthetic result with a made-up f: 5 momenta, 4 cosines."""
    shown = synthetic_drawn()._replace(k_max=5.0)
    p, mu = np.geomspace(1.0, 16.0, 5), np.array([-0.75, -0.25, 0.25, 0.75])
    data = shown.data.assign_coords(p=p, mu=mu).assign(
        momentum_spectrum=("p", 1e-11 * p**-2.5),
        momentum_spectrum_stderr=("p", 1e-12 * p**-2.5),
        distribution_anisotropy=(("p", "mu"), 1e-4 * p[:, None] * mu),
    )
    return shown._replace(data=data)


def test_nothing_is_drawn_without_f() -> None:
    """A run that was not asked for f has no figure of it."""
    assert distribution(synthetic_drawn()) is None


def test_spectrum_map_and_gap(result: Drawn) -> None:
    """Line and band are p^2 dn/dp and its error, the colours the data, the dotted lines |mu| = 1/(p k_max)."""
    top, bottom, _ = drawn(distribution(result))
    p = result.data["p"].values
    np.testing.assert_allclose(top.lines[0].get_ydata(), 1e-11 * p**-0.5, rtol=1e-12)
    assert band(top)[:, 1].max() == pytest.approx(1.1e-11)
    (mesh,) = bottom.collections
    np.testing.assert_allclose(np.ravel(mesh.get_array()), np.ravel(result.data["distribution_anisotropy"].values.T))
    x, y = line(bottom, r"$|p_\parallel|")
    np.testing.assert_allclose(x * y, 0.2, rtol=1e-12)


def test_without_waves_no_gap_is_drawn(result: Drawn) -> None:
    """A result without a spectrum has no k_max to mark."""
    assert not drawn(distribution(result._replace(k_max=None)))[1].lines
