"""Code units of a cell against those of a run."""

from __future__ import annotations

import dataclasses

import pytest
from support.closure_cases import WIM

import crmc
from crmc.closure.scales import in_code_units
from crmc.setup.arrays import damping_of
from crmc.setup.cells import cell_of
from crmc.setup.numbers import gradient


def test_as_in_a_run() -> None:
    """Oracle: `setup.arrays`, the other conversion, for every mechanism of damping: to rounding."""
    config = crmc.load_config(
        "drift",
        [
            "damping.ion_neutral_density=0.1 cm-3",
            "damping.turbulent_dissipation=1e-4 cm2/s3",
            "expansion.mode=prescribed",
            "expansion.timescale=1e15 s",
        ],
    )
    scales, run = in_code_units(cell_of(config)), damping_of(config)
    assert float(scales.damping.constant) == pytest.approx(float(run.linear + run.ion_neutral), rel=1e-12)
    assert float(scales.damping.turbulent) == pytest.approx(float(run.turbulent), rel=1e-12)
    assert float(scales.damping.landau) == pytest.approx(float(run.thermal_speed), rel=1e-12)
    assert float(scales.gradient) == pytest.approx(float(gradient(config)), rel=1e-12)
    assert float(scales.rate) * config.code_units.gyrofrequency == pytest.approx(1e-15, rel=1e-12)
    assert float(scales.pressure) == pytest.approx(config.cosmic_rays.pressure / config.code_units.energy_density)
    assert float(scales.length[0] * scales.gradient) == pytest.approx(1.0)


def test_heavier_ions() -> None:
    """v_A falls by the root of the mass, v_i too."""
    one, heavy = in_code_units(WIM), in_code_units(dataclasses.replace(WIM, ion_mass=4.0))
    assert float(heavy.v_alfven / one.v_alfven) == pytest.approx(0.5)
    assert float(heavy.damping.landau / one.damping.landau) == pytest.approx(0.5)
