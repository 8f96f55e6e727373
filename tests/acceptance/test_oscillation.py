"""A tube that oscillates heats by the part of its path on which waves grow (experiments/oscillation)."""

from __future__ import annotations

import math

import pytest
from support.scripts import load_script

import crmc

oscillation = load_script("oscillation", "oscillation")


def test_all_tubes_have_one_rate() -> None:
    """1/tau_B of t = 0 is 1/TAU whatever the amplitude, to 1e-9, and so it is of the shipped config, to 1e-3."""
    for config in (oscillation.config_of(x, oscillation.PRESSURES[0]) for x in (1.5, 24.0)):
        assert crmc.predict(config)["expansion_time"]["value"] == pytest.approx(oscillation.TAU, rel=1e-9)
    shipped = crmc.load_config("oscillation")
    assert crmc.predict(shipped)["expansion_time"]["value"] == pytest.approx(oscillation.TAU, rel=1e-3)
    assert shipped.expansion.amplitude == pytest.approx(12.0 * oscillation.SPEED)


@pytest.mark.full
@pytest.mark.parametrize(("amplitude", "low", "high"), [(1.5, -0.001, 0.001), (6.0, 0.31, 0.34)])
def test_reversals_cost_a_part_of_the_path(amplitude: float, low: float, high: float) -> None:
    """No heating below the threshold, a third of the mean rate at 6 v_A/c; the anisotropy is 0.8 A where nothing grows."""
    one = oscillation.cycle(oscillation.config_of(amplitude, oscillation.PRESSURES[1]), 32)
    assert low < one.ratio < high
    if amplitude < 2.0:
        largest = 0.8 * amplitude * oscillation.SPEED
        assert max(abs(one.anisotropy)) == pytest.approx(largest, rel=0.05)
        assert math.isnan(oscillation.work(one))
