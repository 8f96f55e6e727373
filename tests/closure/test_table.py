"""The scaling law of tables: at their nodes they are the closure itself."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from support.closure_cases import DRIFT
from support.table_cases import P, table

import crmc
from crmc.closure.lookup import GIVEN, look_up
from crmc.closure.table import make_table
from crmc.units import SPEED_OF_LIGHT, CodeUnits


@pytest.mark.parametrize(("form", "indices"), [("none", (4.4, 4.7)), pytest.param("local", (), marks=pytest.mark.full)])
def test_scaling(form, indices) -> None:
    """Cells of other fields, densities, pressures and lengths whose shares are nodes of the table: every number and
    flag of the closure within 1e-6 (float64 tables: 1e-9 but for the flip), whatever the signs of both drives."""
    found = table(form, indices)
    axes, rng = found.axes, np.random.default_rng(7)
    count = 96
    y, u, w, a = (rng.choice(axes[n], count) for n in ("expansion_share", "linear_share", "turbulent_share", "index"))
    b, n, temperature = (10.0 ** rng.uniform(*ends, count) for ends in ((-6.5, -5.0), (-3.0, 0.0), (4.0, 7.0)))
    units = CodeUnits(b, n)
    pressure, drive = 10.0 ** rng.uniform(-13.0, -12.0, count), 10.0 ** rng.uniform(-23.0, -22.0, count)
    # In code units from here; D/P_c = 1/|L| + 1/|tau|.
    to_length = SPEED_OF_LIGHT / units.gyrofrequency
    q = pressure / units.energy_density * drive * to_length / (2.0 * units.alfven_speed)
    landau = np.sqrt(units.thermal_speed(temperature) * q) if form != "none" else np.full(count, 1e-9)
    linear = landau * u / np.where(u < 1.0, 1.0 - u, 1.0)
    keeps = (u > 0.0) & ((u < 1.0) | (form == "none"))
    turbulent = (w * linear * SPEED_OF_LIGHT) ** 2 * units.alfven_speed * units.gyrofrequency
    cells = dataclasses.replace(
        DRIFT,
        cut=10.0,
        magnetic_field=b,
        ion_density=n,
        temperature=temperature,
        cr_pressure=pressure,
        pressure_gradient=pressure * (1.0 - y) * drive * rng.choice([-1.0, 1.0], count),
        expansion_rate=SPEED_OF_LIGHT * y * drive * rng.choice([-1.0, 1.0], count),
        linear_damping=(1.0 - w) * linear * units.gyrofrequency,
        turbulent_dissipation=turbulent,
        index=a,
    )
    mine, exact = look_up(found, cells), crmc.closure(cells, P, nonlinear_landau=form)
    own, flags = mine.pop("flags"), np.asarray(exact.flags)
    # Neither a flip, where rounding of y moves a singularity, nor diffusion that is capped.
    calm = keeps & (((own | flags) & (2 + 32)) == 0)
    assert calm.sum() > 25 and np.array_equal(own[calm], flags[calm])
    for name in GIVEN:
        true = np.asarray(getattr(exact, name))
        scale = np.abs(true) + (1e-3 if name.startswith(("v_", "pressure_an", "streaming")) else 0.0)
        if name in ("pressure_anisotropy",):
            scale = np.abs(true) + 1e-3 * units.alfven_speed
        error = np.abs(mine[name] - true) / (scale + 1e-300)
        assert np.max(error[calm]) < 1e-6, name


def test_axes() -> None:
    """The shares from 0 to 1, and the nodes of the expansion around the range in which waves change direction."""
    found = table("none")
    for name in ("expansion_share", "turbulent_share"):
        nodes = found.axes[name]
        assert nodes[0] == 0.0 and nodes[-1] == 1.0 and np.all(np.diff(nodes) > 0.0)
    assert list(found.axes["linear_share"]) == [1.0] and list(found.axes["index"]) == [4.7]
    y = found.axes["expansion_share"][1:-1]
    ratio = y / (1.0 - y)
    low, high = float(found.values["flip_low"][0]), float(found.values["flip_high"][0])
    assert ratio[0] < 0.02 * low and ratio[-1] > 50.0 * high


def test_flip_of_a_power_law() -> None:
    """A pure ultrarelativistic power law flips at every k at once: L/(c tau) = 3 (a-2)/((a-1)(a-3)), within 1e-4."""
    a = 4.5
    cell = dataclasses.replace(
        DRIFT, index=a, turnover_momentum=0.0, momentum_min=1e3, momentum_max=1e12, cut=1e8, k_max=1e-4
    )
    found = make_table(cell, (1e7,), "none", fineness=0.1)
    exact = 3.0 * (a - 2.0) / ((a - 1.0) * (a - 3.0))
    for name in ("flip_low", "flip_high"):
        assert float(found.values[name][0]) == pytest.approx(exact, rel=1e-4)
    assert math.isfinite(float(found.values["resistance_plus"].min()))


def test_bad_form() -> None:
    """ValueError."""
    with pytest.raises(ValueError, match="must be one of"):
        make_table(DRIFT, P, "some")
