"""Cells of configs."""

from __future__ import annotations

import pytest

import crmc
from crmc.closure.cell import Cell
from crmc.setup.cells import cell_of, form_of
from crmc.units import PARSEC


def test_drift() -> None:
    """The numbers of the file in cgs, gradient and expansion with their signs."""
    cell = cell_of(crmc.load_config("drift", ["drift.gradient_length=-2 kpc", "damping.nonlinear_landau=paper"]), 50.0)
    assert cell.pressure_gradient == pytest.approx(1.602176634e-12 / (2e3 * PARSEC))
    assert (cell.expansion_rate, cell.linear_damping, cell.k_max, cell.cut) == (0.0, 9.3e-10, 20.0, 50.0)
    assert form_of(crmc.load_config("halo")) == "paper"


def test_expansion() -> None:
    """Prescribed, compression negative; by injection as eq. 3 says."""
    cell = cell_of(crmc.load_config("linear_damping", ["expansion.timescale=-2e12 s"]))
    assert cell.expansion_rate == pytest.approx(-5e-13)
    config = crmc.load_config("halo")
    assert cell_of(config).expansion_rate * 3.67e12 == pytest.approx(1.0, rel=0.1)


def test_kappa_distribution() -> None:
    """a = 2 (kappa + 1), p_t = sqrt(kappa) p0."""
    options = ["cosmic_rays.spectrum=kappa", "cosmic_rays.kappa=1.25", "cosmic_rays.index=", "cosmic_rays.start=given"]
    cell = cell_of(crmc.load_config("drift", options))
    assert isinstance(cell, Cell)
    assert cell.index == pytest.approx(4.5) and cell.turnover_momentum == pytest.approx(1.25**0.5)


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        ("constant_scattering", [], 'scattering.model = "constant": has no waves'),
        ("linear_damping", ["damping.linear=", "waves.start=seed"], 'damping.nonlinear_landau = "none"'),
        ("drift", ["cosmic_rays.cutoff_momentum=20"], "cosmic_rays.cutoff_momentum = 20"),
    ],
)
def test_no_balance(source, options, words) -> None:
    """One line that names the key."""
    with pytest.raises(crmc.ConfigError, match=words) as caught:
        cell_of(crmc.load_config(source, options))
    assert str(caught.value).isprintable()


def test_no_table() -> None:
    """A tabulated spectrum is refused by name."""
    keys = {"index": None, "turnover_momentum": 0.0, "spectrum": "table", "momenta": [0.5, 100.0], "f0": [1.0, 1e-9]}
    config = crmc.load_config("linear_damping").with_overrides({f"cosmic_rays.{k}": v for k, v in keys.items()})
    with pytest.raises(crmc.ConfigError, match='cosmic_rays.spectrum = "table"'):
        cell_of(config)
