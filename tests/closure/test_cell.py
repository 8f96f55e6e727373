"""Inputs of a cell: the drive of a flow, the kappa distribution, and bad numbers."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest
from support.closure_cases import WIM

from crmc.closure import dissipation_rate, expansion_rate, kappa_spectrum
from crmc.closure.cell import sound

SOUND = jax.jit(sound)


def test_expansion_rate() -> None:
    """The drive of a uniform flow u_i = A_ij x_j is div u - 3 bb:grad u, with dln B/dt of the frozen-in field by finite
    steps of B rho^-1 -> F B rho^-1: within 1e-6.  A tube that expands transversely has 1/tau_B, a sheared one 0."""
    rng = np.random.default_rng(3)
    flow, b = rng.normal(size=(3, 3)), rng.normal(size=3)
    b /= np.linalg.norm(b)
    h = 1e-6
    moved = [(np.eye(3) + s * h * flow) for s in (1, -1)]
    field = [np.log(np.linalg.norm(f @ b) / np.linalg.det(f)) for f in moved]
    density = [-np.log(np.linalg.det(f)) for f in moved]
    found = expansion_rate((field[0] - field[1]) / (2 * h), (density[0] - density[1]) / (2 * h))
    assert found == pytest.approx(np.trace(flow) - 3.0 * b @ flow @ b, rel=1e-6)
    assert expansion_rate(-2.0, -2.0) == 2.0  # B and rho fall together


def test_kappa_spectrum() -> None:
    """(1 + p^2/(kappa p0^2))^(-kappa-1) ~ (p^2 + p_t^2)^(-a/2)."""
    index, turnover = kappa_spectrum(1.25, 2.0)
    p = np.array([0.1, 1.0, 30.0])
    shape = (p**2 + turnover**2) ** (-index / 2.0) / (1.0 + p**2 / (1.25 * 4.0)) ** -2.25
    np.testing.assert_allclose(shape / shape[0], 1.0, rtol=1e-12)


def test_dissipation_rate() -> None:
    """10 km/s at 100 pc: 3e-3 cm^2/s^3."""
    assert dissipation_rate(1e6, 3.0856776e20) == pytest.approx(3.24e-3, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("magnetic_field", 0.0),
        ("ion_density", np.nan),
        ("cr_pressure", -1.0),
        ("expansion_rate", np.inf),
        ("index", 21.0),
    ]
    + [("momentum_max", 1e-3), ("linear_damping", -1e-9), ("temperature", 1e80)],
)
def test_bad_numbers(name, value) -> None:
    """Told, and sound numbers in their place; a sound cell stays as it is."""
    found, good = SOUND(dataclasses.replace(WIM, **{name: value}))
    assert not good and np.isfinite(float(getattr(found, name))) and float(getattr(found, name)) != value
    found, good = SOUND(WIM)
    assert good and {f.name: float(getattr(found, f.name)) for f in dataclasses.fields(WIM)} == dataclasses.asdict(WIM)
