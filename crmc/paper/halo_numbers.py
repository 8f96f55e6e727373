"""Recompute the numbers of section 6: the gas between a cosmic-ray source and a halo cloud."""

from __future__ import annotations

import math

import jax

from crmc import theory
from crmc.paper.rows import HELIUM, INPUTS, Rows, mean_drive
from crmc.paper.simulation import Measured
from crmc.units import BOLTZMANN, PARSEC, SPEED_OF_LIGHT, CodeUnits

#: Free particles per hydrogen atom: protons and electrons alone, and with helium.
_PARTICLES = (2.0, 2.0 + 3.0 * HELIUM)
_PROTONS = f"recomputed: protons and electrons alone; exact: with {HELIUM} fully ionised helium per hydrogen atom"


def add(rows: Rows) -> None:
    """Append the rows of section 6."""
    _plasma(rows)
    _cosmic_rays(rows)
    _heating(rows)
    _eq_57(rows)
    _eq_60(rows)
    _bracket(rows)


def _plasma(rows: Rows) -> None:
    """Append the gas, the magnetic field and the heating that balances cooling."""
    kT, known = BOLTZMANN * INPUTS["temperature"], rows.example
    pressure = [known.hydrogen * x * kT for x in _PARTICLES]
    rows.add(
        "gas_pressure",
        "6",
        "",
        "P_g",
        INPUTS["gas_pressure"],
        "dyn cm-2",
        formula=pressure[0],
        exact=pressure[1],
        note=f"{_PROTONS}; n_H from the two heating rates",
    )
    rows.given("magnetic_pressure", "6", "", "P_m", INPUTS["magnetic_pressure"], "dyn cm-2")
    rows.given("distance", "6", "", "source to cloud, earlier study", 1e3, "pc")
    rows.given("heating_per_atom", "6", "", "heating per hydrogen atom", INPUTS["heating_per_atom"], "erg s-1")
    rows.given("temperature", "6", "", "T", INPUTS["temperature"], "K")
    atoms = [INPUTS["gas_pressure"] / (x * kT) for x in _PARTICLES]
    rows.add(
        "balance",
        "6",
        "",
        "heating that balances cooling",
        INPUTS["balance"],
        "erg cm-3 s-1",
        relation="~",
        formula=INPUTS["heating_per_atom"] * atoms[0],
        exact=INPUTS["heating_per_atom"] * atoms[1],
        note=f"{_PROTONS}; n_H from P_g and T",
    )
    rows.add(
        "v_alfven",
        "6",
        "",
        "v_A/c",
        INPUTS["v_alfven"],
        relation="~",
        formula=known.units.alfven_speed,
        exact=CodeUnits(known.field, known.hydrogen * (1.0 + 4.0 * HELIUM)).alfven_speed,
        simulated=lambda s: Measured(s.theory["alfven_speed"]),
        note=f"{_PROTONS}.  simulated: an input of the run, protons alone as in section 3",
    )


def _cosmic_rays(rows: Rows) -> None:
    """Append the pressure of the cosmic rays and the expansion time that it causes."""
    P_g, P_m, P_c = (INPUTS[f"{name}_pressure"] for name in ("gas", "magnetic", "cr"))
    rows.given("pressure_rate", "6", "3", "DeltaPdot_c", INPUTS["pressure_rate"], "erg cm-3 s-1")
    rows.add(
        "tau_B",
        "6",
        "3",
        "tau_B",
        INPUTS["tau_B"],
        "s",
        formula=theory.expansion_time(INPUTS["pressure_rate"], P_g, 0.0, P_m),
        exact=theory.expansion_time(INPUTS["pressure_rate"], P_g, P_c, P_m),
        simulated=lambda s: Measured(s.theory["expansion_time"]),
        note="recomputed: before injection, P_c = 0; exact: with P_c.  simulated: an input of the run",
    )
    rows.given("cr_pressure", "6", "48", "P_c", P_c, "dyn cm-2")
    rows.add("pressure_share", "6", "", "P_c over the pressure before", 0.25, relation="<", formula=P_c / (P_g + P_m))


def _heating(rows: Rows) -> None:
    """Append the heating rate of eq. 48 and its share of the heating that balances cooling."""
    scales = INPUTS["cr_pressure"], INPUTS["v_alfven"], INPUTS["tau_B"]
    bound, exact = theory.heating_bound(*scales), theory.heating_ultrarelativistic(*scales)
    rows.add(
        "heating",
        "6",
        "48",
        "H_pa",
        INPUTS["bound"],
        "erg cm-3 s-1",
        relation=">",
        formula=bound,
        exact=exact,
        simulated=lambda s: s["heating_rate"],
        expected=lambda s: s.theory["heating_exact_gap"],
        note="printed: lower bound.  exact: v = c, no gap.  simulated, expected: any v, with the gap, v_A/c of the run",
    )
    scale = 1.0 / INPUTS["balance"]
    rows.add(
        "heating_share",
        "6",
        "48",
        "H_pa over the heating that balances cooling",
        0.01,
        relation=">",
        formula=bound * scale,
        exact=exact * scale,
        simulated=lambda s: s["heating_rate"].times(scale),
        expected=lambda s: s.theory["heating_exact_gap"] * scale,
        note='"slightly more than 1 %"',
    )


def _path(nu: jax.Array | float) -> float:
    """Return the mean free path c/nu [pc] at a scattering frequency nu [1/s]."""
    return float(SPEED_OF_LIGHT / nu / PARSEC)


def _eq_57(rows: Rows) -> None:
    """Append nu and the mean free path of eq. 57."""
    scales = INPUTS["v_alfven"], INPUTS["tau_B"]
    estimate, mean = theory.scattering_eq57(*scales), theory.driven_expansion(0.5, -1.0, *scales)
    rows.add(
        "eq57_nu",
        "6",
        "57",
        "nu, bracket 1",
        theory.PRINTED["eq57_nu"],
        "s-1",
        relation="~",
        formula=estimate,
        exact=mean,
        simulated=lambda s: s["scattering_frequency_p1"],
        expected=lambda s: s.theory["scattering_frequency_p1"],
        flag="misprint",
        note="100 times its formula.  exact: mean over mu, bracket 1.  simulated: nu itself, p = 1 m_p c, where the "
        "bracket is not 1 but some hundredths (last row); that it lies near the printed number is chance",
    )
    rows.add(
        "eq57_path",
        "6",
        "57",
        "mean free path, bracket 1",
        theory.PRINTED["eq57_mean_free_path"],
        "pc",
        relation="~",
        formula=_path(estimate),
        exact=_path(mean),
        simulated=lambda s: s["mean_free_path_p1"],
        expected=lambda s: s.theory["mean_free_path_p1"],
        flag="misprint",
        note="follows from the misprinted nu",
    )


def _eq_60(rows: Rows) -> None:
    """Append nu and the mean free path of eq. 60, and the density of cosmic rays that they need."""
    known = rows.example
    scales = INPUTS["v_alfven"], known.thermal_speed, INPUTS["tau_B"], known.units.gyrofrequency
    ratio = theory.number_above(known.background, known.amplitude, 1.0)
    rows.add(
        "eq60_density_ratio",
        "6",
        "60",
        "n_c/n_i that the printed nu needs",
        None,
        formula=theory.density_ratio_of_eq60(theory.PRINTED["eq60_nu"], *scales),
        exact=ratio,
        flag="unstated input",
        note="the paper gives none.  exact: p > 1 m_p c in f0 of halo at the printed P_c, n_i = n_H",
    )
    estimate = theory.scattering_eq60(ratio, *scales)
    exact = theory.scattering_landau(INPUTS["index"], ratio, 1.0, *scales)
    rows.add(
        "eq60_nu",
        "6",
        "60",
        "nu, nonlinear Landau damping",
        theory.PRINTED["eq60_nu"],
        "s-1",
        relation="~",
        formula=estimate,
        exact=exact,
        simulated=lambda s: s["scattering_frequency_p1"],
        expected=lambda s: s.theory["scattering_frequency_p1"],
        flag="unstated input",
        note="with n_c/n_i of the row above, exact column.  exact: coefficient (pi C/12)^(1/2), v = c, mu = 1.  "
        "simulated: mean over mu, p = 1 m_p c",
    )
    rows.add(
        "eq60_path",
        "6",
        "60",
        "mean free path, the same",
        theory.PRINTED["eq60_mean_free_path"],
        "pc",
        relation="~",
        formula=_path(estimate),
        exact=_path(exact),
        simulated=lambda s: s["mean_free_path_p1"],
        expected=lambda s: s.theory["mean_free_path_p1"],
        flag="unstated input",
        note="the printed path is c over the printed nu",
    )


def _bracket(rows: Rows) -> None:
    """Append the anisotropy factor, nu x factor of eq. 57 over nu of eq. 60."""
    known = rows.example
    w, tau = INPUTS["v_alfven"], INPUTS["tau_B"]
    scales = w, known.thermal_speed, tau, known.units.gyrofrequency
    ratio = theory.number_above(known.background, known.amplitude, 1.0)
    exact = theory.driven_expansion(0.5, -1.0, w, tau) / theory.scattering_landau(INPUTS["index"], ratio, 1.0, *scales)
    speed = 1.0 / math.sqrt(2.0)  # of p = 1 m_p c
    rows.add(
        "bracket",
        "6",
        "55, 57",
        "bracket that balances damping",
        1.0,
        relation="~",
        formula=theory.scattering_eq57(w, tau) / theory.scattering_eq60(ratio, *scales),
        exact=exact,
        simulated=lambda s: s["scattering_frequency_p1"].inverse(mean_drive(s, speed)),
        expected=lambda s: mean_drive(s, speed) / s.theory["scattering_frequency_p1"],
        note='"namely, order unity" (section 5); eqs. 57 and 60 together give far less.  simulated: mean of the exact '
        "nu A over mu, divided by the simulated nu, p = 1 m_p c",
    )
