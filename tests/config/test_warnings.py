"""Warnings: each surprising choice has its line, a plain config none."""

from __future__ import annotations

import pytest
from support.config_cases import config_with

from crmc.config.warnings import warnings


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["waves.k_max=0.5"], "never scattered"),
        (["waves.k_max=3"], "narrows this gap"),
        (["waves.k_min=1e-4"], "those bins stay at the seed level"),
        (["waves.k_min=0.1"], "a lower k_min reaches them"),
        (["run.duration=1e13 s"], "once B is"),
        (["run.duration=2e13 s"], "times expansion.timescale"),
        (["expansion.timescale=-2e10 s", "waves.k_max=1.0"], "no marker resonates any more"),
        (["damping.linear="], "no steady state"),
        (["waves.evolve=false"], "throughout"),
        (["waves.bins=4"], "coarse"),
        (["waves.coefficients=printed"], "do not conserve energy"),
        (["plasma.gas_pressure=1e-10 erg/cm3"], "n_i k T"),
        (["cosmic_rays.pressure=1e-7 erg/cm3"], "1 % of n_i m_p c^2"),
        (["run.estimator=full_f"], "full_f"),
        (["run.estimator=full_f", "run.precision=float32"], "rounding"),
        (["run.markers=64"], "growth rate"),
        (["run.scattering_per_step=1.5"], "accuracy"),
        (["run.coarse_grain_interval=1e12 s"], "longer than the run"),
        (["scattering.model=constant", "scattering.frequency=1e-9 1/s"], "ignores the waves"),
        (["drift.gradient_length=1 kpc"], 'set scattering.gap = "edge"'),
        (
            ["drift.gradient_length=1 kpc", "scattering.model=constant", "scattering.frequency=1e-9 1/s"],
            'set scattering.frame = "forward"',
        ),
        (["scattering.gap=broadened"], '"edge" converges'),
        (["scattering.gap=edge", "damping.linear="], "counts on damping"),
        (["drift.gradient_length=0.1 pc", "scattering.gap=edge"], "pile up exponentially"),
        (["drift.gradient_length=46 kpc", "scattering.gap=edge"], "hemispheres may part"),
    ],
)
def test_warnings(overrides: list[str], words: str) -> None:
    """A choice that surprises gives its line."""
    found = warnings(config_with(*overrides))
    assert any(words in line for line in found), found
    assert all("\n" not in line for line in found)


def test_a_plain_config_gives_no_warnings() -> None:
    """Neither the small config with enough markers nor one with a gradient and waves in the gap surprises."""
    assert warnings(config_with("run.markers=32768")) == []
    edge = ("drift.gradient_length=1 kpc", "scattering.gap=edge", "waves.k_max=3")
    assert warnings(config_with("run.markers=32768", *edge)) == []


@pytest.mark.parametrize(
    ("overrides", "both"),
    [
        (["drift.gradient_length=22.9 kpc"], False),
        (["drift.gradient_length=23.0 kpc"], True),
        (["drift.gradient_length=-23.0 kpc", "expansion.timescale=-3.7e12 s"], True),
        (["drift.gradient_length=23.0 kpc", "waves.start=equilibrium"], False),
        (["drift.gradient_length=23.0 kpc", "waves.evolve=false"], False),
    ],
)
def test_both_directions_where_the_flux_changes_sign_within_a_hemisphere(overrides: list[str], both: bool) -> None:
    """At 3 c tau_B/a = 22.94 kpc an expansion begins to outweigh the gradient; it matters to waves that grow."""
    found = warnings(config_with("scattering.gap=edge", "expansion.timescale=3.7e12 s", *overrides))
    assert any("both directions" in line for line in found) == both
