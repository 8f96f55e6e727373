"""Heating and diffusivity of expansion over those of a gradient go as v_A/c and c/v_A, on the mesh (experiments/scaling)."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from support.scripts import load_script

drives = load_script("scaling", "drives")
scaling = load_script("scaling", "scaling")
SPEEDS = (1e-4, 1e-3)
#: `scaling.theory_ratios`, which takes as long as all else here.
THEORY = {"heating": 0.5396, "path 1": 2.5317, "path 3": 1.6203, "path 10": 1.3057, "diffusivity": 4.0664}


@pytest.fixture(scope="module")
def ratios() -> dict[str, np.ndarray]:
    """Expansion over gradient at both v_A/c: (2,) each."""
    monkeypatch = pytest.MonkeyPatch()
    # Compilation without optimisation is quicker; for programs that run twice.
    monkeypatch.setattr(drives, "compiler_options", lambda: {"xla_backend_optimization_level": 0})
    for name in ("drift", "expansion"):
        monkeypatch.setitem(drives.DRIVES, name, drives.DRIVES[name]._replace(steps=(0, 120)))
    with jax.enable_x64(True):
        rows = scaling.compare(SPEEDS, *(drives.measure(name, drives.MESH, SPEEDS) for name in ("drift", "expansion")))
    monkeypatch.undo()
    return {name: np.array([float(row.ratio[name].value) for row in rows]) for name in scaling.RATIOS}


@pytest.mark.full
def test_exponents(ratios: dict[str, np.ndarray]) -> None:
    """Powers of v_A/c are 1 and -1 to 0.003; to 0.01 in kappa, where the gap's edge at mu ~ v_A/c counts most."""
    for name, values in ratios.items():
        exponent = np.log(values[1] / values[0]) / np.log(SPEEDS[1] / SPEEDS[0])
        wanted, bound = (1.0 if name == "heating" else -1.0), (0.01 if name == "diffusivity" else 0.003)
        assert abs(exponent - wanted) < bound, name


@pytest.mark.full
def test_prefactors(ratios: dict[str, np.ndarray]) -> None:
    """Those of exact theory: heating to 0.2 %, paths and diffusivity to the 8 % that 13 bins of the spectrum cost."""
    for name, values in ratios.items():
        found = values[0] / (SPEEDS[0] if name == "heating" else 1.0 / SPEEDS[0])
        assert abs(found / THEORY[name] - 1.0) < (0.002 if name == "heating" else 0.08), name


def test_power_law() -> None:
    """lambda_pa/lambda_d of an unbounded power law: 3 (a - 2)/((a - 1)(a - 3)) c/v_A, from the growth power by quadrature."""
    from crmc import theory
    from crmc.theory.distribution import Background

    with jax.enable_x64(True):
        one = jax.numpy.ones(1)
        background = Background(4.7 * one, 0.0 * one, jax.numpy.asarray(1e-3), jax.numpy.asarray(1e9))
        power = [
            theory.growth_times_power_combined(1e-4, background, one, 1e-3, *drive)
            for drive in ((1.0, np.inf), (np.inf, 1e3))
        ]
    np.testing.assert_allclose(power[0] / power[1] * 1e-3, drives.power_law_paths(4.7), rtol=1e-3)
