"""Keys without effect: each kind is named, and a key that has one is not."""

from __future__ import annotations

import pytest
from support.config_cases import config_with

from crmc.config.idle import idle_keys
from crmc.config.warnings import warnings

CONSTANT = ["scattering.model=constant", "scattering.frequency=1e-9 1/s"]


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["injection.index=4.3"], "injection.index: has no effect, there is no injection.pressure_rate"),
        (["injection.index=4.3", "injection.pressure_rate=1e-25 erg/(cm3 s)"], ""),
        ([*CONSTANT, "waves.bins=32", "waves.k_min=0.1"], "waves.k_min, waves.bins: have no effect, scattering.model"),
        (CONSTANT, ""),
        (["waves.evolve=false", "waves.adiabatic=false"], "waves.adiabatic: has no effect, waves.evolve = false"),
        (["expansion.mode=none", "expansion.timescale=", "waves.adiabatic=false"], "waves.adiabatic: has no effect, "),
        (["waves.adiabatic=false"], ""),
        (["run.time_step=1e8 s", "run.scattering_per_step=0.2"], "run.scattering_per_step: has no effect"),
        (["run.scattering_per_step=0.2"], ""),
        (["drift.gradient_length=1 kpc", "drift.switch_off=1e11 s"], "drift.switch_off: has no effect, the run ends"),
        (["drift.gradient_length=1 kpc", "drift.switch_off=9e10 s"], ""),
    ],
)
def test_idle_keys(overrides: list[str], line: str) -> None:
    """The key, the reason, and nothing where it has an effect."""
    found = idle_keys(config_with(*overrides))
    assert len(found) == bool(line) and "".join(found).startswith(line)
    assert set(found) <= set(warnings(config_with(*overrides)))


def test_keys_of_markers_on_a_mesh() -> None:
    """Only with the solver that has none, which has no noise to warn of either."""
    config = config_with("run.markers=64", "run.seed=3")
    assert idle_keys(config) == idle_keys(config, "monte-carlo") == []
    line = "run.markers, run.seed: have no effect, --solver fokker-planck has no markers"
    assert idle_keys(config, "fokker-planck") == warnings(config, "fokker-planck") == [line]
