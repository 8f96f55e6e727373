"""The table at the end of a run: every number in its row, and nothing made up where one is missing."""

from __future__ import annotations

import math
from typing import Any

import pytest

from crmc.results.table import WIDTH, table


def entry(value: float | None, stderr: float | None = None, unit: str = "1") -> dict[str, Any]:
    """An average as the summary holds it."""
    return {"value": value, "stderr": stderr, "unit": unit}


def theory(value: float | None, unit: str = "") -> dict[str, Any]:
    """A prediction as the summary holds it."""
    return {"value": value, "unit": unit, "description": "", "source": ""}


def summary() -> dict[str, Any]:
    """A complete summary with a number of its own for every entry."""
    averages = {
        "heating_rate": entry(2.2e-30, 1.1e-32, "erg cm-3 s-1"),
        "spectral_heating_rate": entry(2.211e-30, 3e-32, "erg cm-3 s-1"),
        "identity_ratio": entry(1.005, 0.012),
        "identity_residual": entry(0.005, 0.012),
        "pressure_anisotropy": entry(3e-4, 6e-6),
        "gap_pressure_anisotropy": entry(6e-5, 1e-6),
        "energy_residual": entry(3.3e-11),
        "energy_imbalance": entry(4.4e-9),
    }
    predicted = {
        "alfven_speed": theory(2e-4, "c"),
        "gyrofrequency": theory(9.58e-3, "rad s-1"),
        "expansion_time": theory(3.7e12, "s"),
        "threshold": theory(2.66e-4),
        "heating_exact": theory(2.5e-30),
        "heating_exact_gap": theory(2e-30),
        "heating_bound": theory(1.1e-30),
        "cooling": theory(8e-29),
    }
    for i, p in enumerate(("1", "3", "10"), start=1):
        averages[f"scattering_frequency_p{p}"] = entry(1.111e-9 * i, 1e-12, "s-1")
        averages[f"mean_free_path_p{p}"] = entry(5.5 * i, 0.01, "pc")
        predicted[f"scattering_frequency_p{p}"] = theory(1.25e-9 * i, "s-1")
        predicted[f"mean_free_path_p{p}"] = theory(5.75 * i, "pc")
    return {
        "name": "halo",
        "status": "done",
        "status_text": "",
        "precision": "float32",
        "markers": 32768,
        "steps": 7400,
        "time_step_s": 5.4e7,
        "wall_seconds": 12.5,
        "compile_seconds": 18.25,
        "marker_steps_per_second": 1.94e7,
        "max_scattering_per_step": 0.41,
        "averages": averages,
        "theory": predicted,
    }


def row(text: str, title: str) -> str:
    """What stands behind ``title`` in its only row."""
    found = [line for line in text.splitlines() if line.strip().startswith(title)]
    assert len(found) == 1, (title, found)
    return " ".join(found[0].strip().removeprefix(title).split())


def section(text: str, title: str) -> str:
    """The section that starts with ``title``."""
    (found,) = [part for part in text.split("\n\n") if part.startswith(title)]
    return found


def test_every_number_stands_in_its_row() -> None:
    """Every number of the summary in its row, with the digits and ratios worked out by hand."""
    text = table(summary())
    run, heat = section(text, "Run"), section(text, "Heating")
    assert row(run, "name") == "halo"
    assert row(run, "status") == "done"
    assert row(run, "markers") == "32,768"
    assert row(run, "steps") == "7,400"
    assert row(run, "time step") == "5.400e+07 s"
    assert row(run, "largest nu_max dt") == "0.410"
    assert row(run, "precision") == "float32"
    assert row(run, "speed") == "1.94e+07 marker-steps/s"
    assert row(run, "wall time, stepping") == "12.5 s"
    assert row(run, "wall time, compiling") == "18.2 s"
    assert row(text, "Omega0") == "9.580e-03 rad s-1"
    assert row(text, "tau_B") == "3.700e+12 s (1.17e+05 yr)"
    assert row(heat, "particles into waves") == "2.200e-30 +- 1.1e-32"
    assert row(heat, "theory, with the gap") == "2.000e-30 1.1000 +- 5.5e-03"
    assert row(heat, "theory, no gap") == "2.500e-30 0.8800 +- 4.4e-03"
    assert row(heat, "lower bound (eq. 48)") == "1.100e-30 2.000 +- 0.010"
    assert row(heat, "radiative cooling") == "8.000e-29 0.02750 +- 1.4e-04"


def test_anisotropy_scattering_and_checks() -> None:
    """Every number of anisotropy, scattering and checks in its row, with the digits worked out by hand."""
    text = table(summary())
    anisotropy, checks = section(text, "Anisotropy"), section(text, "Checks")
    assert row(anisotropy, "measured") == "3.000e-04 +- 6.0e-06 1.500 +- 0.030"
    assert row(anisotropy, "threshold (eq. 23)") == "2.660e-04 1.330"
    assert row(anisotropy, "share of the gap's markers").endswith("(20 % of measured)")
    for p, nu, path in (
        ("1", "1.1110e-09 +- 1.0e-12 1.25e-09", "5.500 +- 0.010 5.75"),
        ("3", "2.2220e-09 +- 1.0e-12 2.50e-09", "11.000 +- 0.010 11.5"),
        ("10", "3.3330e-09 +- 1.0e-12 3.75e-09", "16.500 +- 0.010 17.2"),
    ):
        assert row(text, f"p = {p} m_p c") == f"{nu} {path}"
    assert row(checks, "spectral/kick heat (eq. 37)") == "1.005 +- 0.012"
    assert row(checks, "largest energy residual") == "3.3e-11"
    assert row(checks, "largest imbalance of a step") == "4.4e-09"


def test_width_and_characters() -> None:
    """At most WIDTH characters in a line, ASCII, no line that ends in spaces."""
    text = table(summary())
    lines = text.splitlines()
    assert max(len(line) for line in lines) <= WIDTH
    assert text.isascii()
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("missing", [None, math.nan, math.inf])
def test_values_that_are_no_number_print_as_a_dash(missing: float | None) -> None:
    """None, NaN and infinity are "-", and so is a ratio to them."""
    data = summary()
    data["marker_steps_per_second"] = missing
    data["averages"]["heating_rate"] = entry(missing, missing)
    data["theory"]["threshold"] = theory(missing)
    text = table(data)
    assert row(text, "speed") == "-"
    assert row(text, "particles into waves") == "-"
    assert row(text, "theory, no gap") == "2.500e-30 -"
    assert row(text, "threshold (eq. 23)") == "- -"
    assert "nan" not in text.lower() and "inf" not in text.lower() and "None" not in text


def test_missing_rows_and_sections_vanish() -> None:
    """An entry that is missing has no row, a section without rows no title, an empty summary no text."""
    data = summary()
    for name in ("heating_exact_gap", "cooling", "scattering_frequency_p3", "mean_free_path_p3"):
        del data["theory"][name]
    for name in ("scattering_frequency_p3", "mean_free_path_p3", "energy_imbalance"):
        del data["averages"][name]
    del data["compile_seconds"]
    text = table(data)
    for title in ("theory, with the gap", "radiative cooling", "p = 3 ", "largest imbalance", "wall time, comp"):
        assert title not in text
    data |= {"averages": {}, "theory": {}}
    assert [part.splitlines()[0] for part in table(data).split("\n\n")] == ["Run"]
    assert table({}) == ""


def test_programs_from_the_cache_are_said_to_be() -> None:
    """ "(cached)" behind the time of compiling where an earlier run had compiled all, and only there."""
    assert row(table(summary() | {"compiled_before": True}), "wall time, compiling").endswith(" s (cached)")
    assert row(table(summary() | {"compiled_before": False}), "wall time, compiling").endswith(" s")


def test_theory_stands_alone_before_anything_is_measured() -> None:
    """Without averages theory has its rows, measured values are "-", and nothing speaks of a mean."""
    text = table(summary() | {"averages": {}})
    assert row(text, "theory, with the gap") == "2.000e-30 -"
    assert row(text, "p = 10 m_p c") == "- 3.75e-09 - 17.2"
    assert "last half" not in text and "Checks" not in text


def test_no_cooling_is_no_row() -> None:
    """Cooling of 0 is left out."""
    data = summary()
    data["theory"]["cooling"] = theory(0.0)
    assert "radiative cooling" not in table(data)


def test_a_long_reason_is_folded_and_stays_printable() -> None:
    """A long reason goes on below itself without losing a word; a name loses what cannot be printed."""
    reason = "the gas pressure fell to zero by step 17; lower plasma.cooling or run.duration, " * 3
    text = table(summary() | {"status": "failed", "status_text": reason, "name": "two\nlines\x1b[31m"})
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    assert "failed: the gas pressure" in text
    folded = section(text, "Run").partition("status")[2].partition("markers")[0]
    assert " ".join(folded.split()) == f"failed: {reason.strip()}"
    assert row(text, "name") == "two lines\\x1b[31m"
