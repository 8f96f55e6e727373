"""Averages over the last half of a run, as a pure function of the config's numbers that JAX can differentiate.

The steps are those of `run.run`, taken by `simulate` instead of the host loop.  Only the samples for the growth
functional are left out, because no step reads them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from crmc.config.config import Config
from crmc.config.keys import replaced
from crmc.physics.layout import Layout
from crmc.physics.parameters import Model, Parameters
from crmc.physics.state import State
from crmc.results.averages import RATES, interval_weights, moment_weights
from crmc.results.variables import FIRST_MOMENTS, in_units
from crmc.setup.arrays import complete, markers_of, start_of, time_step
from crmc.setup.build import require_solver
from crmc.setup.mesh import cells_of, model_on_mesh, steps_on_mesh
from crmc.setup.schedule import Schedule, begin, cadence_of, scheduled
from crmc.setup.shape import Shape, shape_of
from crmc.solvers.diagnostics import row_of
from crmc.solvers.fokker_planck.solver import FOKKER_PLANCK
from crmc.solvers.registry import SOLVERS
from crmc.solvers.simulate import simulate
from crmc.solvers.tally import Tally

#: Variables of a result that have a derivative along every marker's path.  Left out are those that count markers
#: within sharp bounds (the growth functional, the gap), and the residuals of the energy books.
QUANTITIES = (
    "heating_rate",
    "gas_heating_rate",
    "pressure_anisotropy",
    "drift_velocity",
    "scattering_frequency",
    "mean_free_path",
    "wave_power",
    "damping_rate",
    "cr_number_density",
    "cr_energy_density",
    "parallel_pressure",
    "perpendicular_pressure",
    "gas_pressure",
    "magnetic_field",
)
#: Most markers worked on at a time: many, because XLA on CPU takes two to three times as long (measured) for the
#: derivative of a loop over blocks.
_BLOCK = 1 << 17


@dataclasses.dataclass(frozen=True)
class Averages:
    """The averages of a run as a function ``averages(numbers, sample, key)`` of the config's numbers.

    config, solver: of the run.  shape, model: static parts of its program.
    quantities: names of the averages, of `QUANTITIES`.
    outputs: number of rows of output, even.  every: steps between them.
    """

    config: Config
    solver: str
    shape: Shape
    model: Model
    schedule: Schedule
    quantities: tuple[str, ...]
    outputs: int
    every: int

    @property
    def steps(self) -> int:
        """Number of steps of a run."""
        return self.outputs * self.every

    @property
    def on_mesh(self) -> bool:
        """Whether the solver on the mesh runs, which has no noise."""
        return self.solver == FOKKER_PLANCK.name

    def runs(self, replicas: int) -> int:
        """Return how many of ``replicas`` runs to make: on the mesh all would be the same, so that one is enough."""
        return 1 if self.on_mesh else replicas

    def __call__(self, numbers: Mapping[str, Any], sample: jax.Array, key: jax.Array) -> dict[str, jax.Array]:
        """Run, and return the average of each quantity over the last half, in the units of a result.

        numbers: values of keys that replace the config's, as `keys.value_of` gives them.
        sample: places of the markers, `markers.unit_square`; not used by the solver on the mesh.
        key: random key of the run.
        """
        config = replaced(self.config, numbers)
        start = start_of(config, self.shape)
        markers = cells_of(start) if self.on_mesh else markers_of(config, start, sample)
        parameters, state = complete(
            start, config, self.model, time_step(config, self.steps), cadence_of(self.schedule), markers
        )
        _, rows = simulate(
            SOLVERS[self.solver],
            state,
            key,
            parameters,
            self.model,
            outputs=self.outputs,
            steps_per_output=self.every,
            read=self._read,
        )
        half = {name: row[self.outputs // 2 :] for name, row in rows.items()}
        means = {name: _mean(name, half, self.every) for name in self.quantities}
        return {name: in_units(start.units, name, mean) for name, mean in means.items()}

    def _read(
        self, state: State, tally: Tally, count: jax.Array, parameters: Parameters, model: Model
    ) -> dict[str, jax.Array]:
        """Return the quantities of a row, and the moments of their rates, without computing the growth functional."""
        no_growth = jnp.zeros((2, 2, parameters.grid.bins + 1))
        functional = no_growth if model.scattering == "spectrum" else None
        row = row_of(state, tally, count, parameters, model, functional)
        return {name: row[name] for name in (*self.quantities, *_moments(self.quantities))}


def _moments(quantities: Sequence[str]) -> list[str]:
    """Return the names of the moments of those rates that have one."""
    return [moment for moment, rate in FIRST_MOMENTS.items() if rate in quantities]


def _mean(name: str, rows: Mapping[str, jax.Array], every: int) -> jax.Array:
    """Return the average of a variable over equal intervals of ``every`` steps, as `results.averages` forms it.

    rows: variables and moments, one per interval, (intervals, ...).
    """
    values = rows[name]
    steps = every * np.arange(values.shape[0] + 1)
    weights = interval_weights(steps, name in RATES)
    if name == "mean_free_path":  # v over the mean scattering frequency
        return 1.0 / jnp.tensordot(weights, 1.0 / values, 1)
    mean = jnp.tensordot(weights, values, 1)
    for moment in _moments([name]):
        mean = mean + jnp.tensordot(moment_weights(steps), rows[moment], 1)
    return mean


def averages_of(config: Config, quantities: Sequence[str], solver: str = "monte-carlo") -> Averages:
    """Return the averages of a run of ``config`` as a function of its numbers.

    Call that function inside ``jax.enable_x64(True)``.  A run has about sqrt(steps) rows of sqrt(steps) steps: as many
    steps as `run.run` takes, or up to a row more.  Replicas are the caller's: each has all of
    run.markers.  Raises ConfigError for a solver that does not exist.
    """
    require_solver(solver, config)
    config = config.alone
    with jax.enable_x64(True):
        _, demand = begin(config)
        on_mesh = solver == FOKKER_PLANCK.name
        outputs = 2 * math.ceil(math.sqrt(demand.steps) / 2.0)
        every = math.ceil((steps_on_mesh(config, demand.steps) if on_mesh else demand.steps) / outputs)
        schedule = demand.schedule(outputs * every)._replace(functional_every=0)
        model = scheduled(demand.model, schedule)
        model = dataclasses.replace(model_on_mesh(model) if on_mesh else model, layout=Layout(1, _BLOCK))
        return Averages(config, solver, shape_of(config), model, schedule, tuple(quantities), outputs, every)
