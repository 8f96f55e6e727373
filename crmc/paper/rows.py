"""Collect the rows of the table of numbers, from the inputs as printed and the example of section 6."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from crmc import theory
from crmc.paper.simulation import Measured, Simulation
from crmc.theory.distribution import Background
from crmc.units import CodeUnits


@dataclasses.dataclass(frozen=True)
class Number:
    """One number that the paper states; None where it has no such value.

    key: name of the row in JSON
    section: section of the paper
    equation: numbers of its equations, or ""
    name: the number in words
    unit: unit of all its values
    printed: the paper's number
    relation: how the paper states it, "=", "~", ">" or "<"
    recomputed, exact, simulated, expected: the columns of `crmc.paper.numbers`
    flag: "misprint" (contradicts the paper's own formula), "coefficient" (does not close the energy balance), "input"
        (taken as given), "unstated input" (depends on a number that the paper does not give), or ""
    note: remark, may be empty
    """

    key: str
    section: str
    equation: str
    name: str
    unit: str
    printed: float | None
    relation: str
    recomputed: float | None
    exact: float | None
    simulated: Measured | None
    expected: float | None
    flag: str
    note: str

    @property
    def misprint(self) -> bool:
        """Whether the number contradicts the paper's own formula."""
        return self.flag == "misprint"


#: Index a of section 3, inputs and results of sections 5 and 6, as printed [cgs unless named otherwise].
INPUTS = {
    "index": 4.7,
    "gas_pressure": 3.2e-13,
    "magnetic_pressure": 3.97e-14,
    "cr_pressure": 8.2e-14,
    "pressure_rate": 1.67e-25,
    "heating_per_atom": 1.0e-25,
    "temperature": 1.1e6,
    "v_alfven": 2e-4,  # c
    "tau_B": 3.7e12,
    "balance": 9.0e-29,
    "bound": 1.2e-30,
    "kappa": 3e28,
    "length_pc": 1e3,
    "field_5": 5e-6,
    "density_5": 0.01,
    "v_alfven_5_km": 100.0,
}
#: Fully ionised helium per hydrogen atom, for the rows where protons alone miss the printed number.
HELIUM = 0.1


@dataclasses.dataclass(frozen=True)
class Example:
    """The paper's example of section 6.

    field: B of the magnetic pressure [G]
    hydrogen: n_H of the heating rates [cm^-3]
    units: code units of B and n_H
    thermal_speed: v_i [c]
    background: shape of f0 in the shipped experiment halo
    amplitude: its amplitude at the paper's P_c, (1,) [code]
    """

    field: float
    hydrogen: float
    units: CodeUnits
    thermal_speed: float
    background: Background
    amplitude: jax.Array


def example() -> Example:
    """Return the paper's example, from its printed numbers and the momentum range of halo."""
    from crmc.config.config import load_config
    from crmc.setup.arrays import background_of
    from crmc.setup.shape import shape_of

    field = math.sqrt(8.0 * math.pi * INPUTS["magnetic_pressure"])
    hydrogen = INPUTS["balance"] / INPUTS["heating_per_atom"]
    units = CodeUnits(field, hydrogen)
    halo = load_config("halo")
    background, _ = background_of(halo, shape_of(halo))
    amplitude = background.amplitude_for_pressure(jnp.array([INPUTS["cr_pressure"] / units.energy_density]))
    return Example(field, hydrogen, units, units.thermal_speed(INPUTS["temperature"]), background, amplitude)


def whole_population() -> tuple[Background, jax.Array]:
    """Return an ultrarelativistic f0 of the paper's index that is negligible at both ends of its range.

    The second part is its amplitude at P_c = 1, (1,) [code].
    """
    index, turnover, low, high = (jnp.asarray(x, float) for x in ([INPUTS["index"]], [1e6], 1e3, 1e13))
    background = Background(index, turnover, low, high)
    return background, jax.jit(Background.amplitude_for_pressure)(background, jnp.ones(1))


class Rows:
    """Rows of the table in the order in which they are added; without a simulation nothing is simulated."""

    def __init__(self, example: Example, simulation: Simulation | None) -> None:
        self.example, self.simulation = example, simulation
        self.rows: list[Number] = []

    def add(
        self,
        key: str,
        section: str,
        equation: str,
        name: str,
        printed: float | None,
        unit: str = "",
        *,
        relation: str = "=",
        formula: object = None,
        exact: object = None,
        simulated: Callable[[Simulation], Measured] | None = None,
        expected: Callable[[Simulation], float] | None = None,
        flag: str = "",
        note: str = "",
    ) -> None:
        """Append a row.

        formula, exact: numbers, also of numpy or JAX
        simulated, expected: functions of the simulation, called if there is one

        The other arguments are those of `Number`.
        """
        run = self.simulation
        self.rows.append(
            Number(
                key,
                section,
                equation,
                name,
                unit,
                printed,
                relation,
                _number(formula),
                _number(exact),
                None if run is None or simulated is None else simulated(run),
                None if run is None or expected is None else float(expected(run)),
                flag,
                note,
            )
        )

    def given(
        self, key: str, section: str, equation: str, name: str, printed: float, unit: str = "", note: str = ""
    ) -> None:
        """Append an input of the paper, for which there is no formula."""
        self.add(key, section, equation, name, printed, unit, flag="input", note=note)


def _number(value: object) -> float | None:
    """Return a number of numpy or JAX as a float; None for None."""
    return None if value is None else float(value)  # type: ignore[arg-type]


def mean_drive(simulation: Simulation, speed: float) -> float:
    """Return the mean over mu of the exact -nu A/(df0/dp) for particles of one speed [1/s].

    The product is linear in |mu|: its mean is its value at 1/2.

    speed: v [c]
    """
    scales = simulation.theory["alfven_speed"], simulation.theory["expansion_time"]
    return float(theory.driven_expansion(0.5, -1.0, *scales, speed))
