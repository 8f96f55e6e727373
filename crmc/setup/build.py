"""Build a run that is ready to start: its schedule, its static switches, its parameters and its initial state."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from crmc.config.config import Config
from crmc.config.errors import ConfigError, did_you_mean, show, wrong
from crmc.physics.balance import spread
from crmc.physics.initial import Tabulated
from crmc.physics.layout import Layout
from crmc.physics.state import State
from crmc.setup.arrays import Start, complete, markers_of, time_step
from crmc.setup.mesh import CELLS, cells_of, model_on_mesh, schedule_on_mesh
from crmc.setup.schedule import Schedule, begin, cadence_of, scheduled
from crmc.setup.setup import Setup
from crmc.solvers.fokker_planck.solver import FOKKER_PLANCK
from crmc.solvers.monte_carlo.solver import MONTE_CARLO
from crmc.solvers.registry import SOLVERS


def build(
    config: Config,
    schedule: Schedule | None = None,
    *,
    solver: str = MONTE_CARLO.name,
    layout: Layout | None = None,
    cells: tuple[int, int] = CELLS,
) -> Setup:
    """Return the parameters, the model and the initial state of a run of ``config``.

    All of run.markers are in one ensemble, whatever run.replicas says: for replicas see `build_replicas`.

    schedule: steps of the markers, where several configs share them; None for the config's own.
    solver: name of a solver, a key of `registry.SOLVERS`.
    layout: how the markers are cut for devices and caches; None for one piece.  No result depends on it.
    cells: numbers of momenta and of cosines of the mesh; only the Fokker-Planck solver uses them.

    Small arrays are float64 whatever the precision of JAX where it is called.  Raises ValueError for a mesh that is
    too small, and ConfigError for a solver that does not exist.
    """
    require_solver(solver, config)
    with jax.enable_x64(True):
        return _build(config.alone, schedule, solver, layout, cells)[0]


def build_replicas(
    config: Config, schedule: Schedule | None = None, *, solver: str = MONTE_CARLO.name, layout: Layout | None = None
) -> tuple[Setup, list[State]]:
    """Return the setup of a run whose replicas share the markers, and the initial state of each; the mesh has one."""
    require_solver(solver, config)
    with jax.enable_x64(True):
        setup, start = _build(config, schedule, solver, layout, CELLS)
        states = [setup.state]
        if solver == MONTE_CARLO.name:
            others = range(1, config.run.replica_count)
            states += [dataclasses.replace(setup.state, markers=markers_of(config, start, replica=r)) for r in others]
        return setup, states


def require_solver(name: str, config: Config) -> None:
    """Raise ConfigError unless there is a solver called ``name``."""
    if name not in SOLVERS:
        raise ConfigError(f"solver {show(name)}: there is no such solver; {did_you_mean(name, SOLVERS)}")


def _require_steady(config: Config, start: Start) -> None:
    """Raise ConfigError for a start in a steady state that there is not, as the resonance is too narrow to cross."""
    if config.scattering.gap != "resonance" or not isinstance(start.departure, Tabulated):
        return
    if bool(jnp.max(jnp.abs(start.departure.ratio)) < 1.0):
        return
    width, p = float(spread(start.parameters, start.e)), config.cosmic_rays.momentum_min
    rule = f"needs particles that cross 90 degrees, and the resonance of these waves is {width:.2g} wide in mu"
    remedy = f'raise waves.k_max towards 1/(momentum_min Delta mu) = {1.0 / (p * width):.3g}, or use start = "given"'
    raise wrong("cosmic_rays.start", "equilibrium", rule, remedy)


def _build(
    config: Config, schedule: Schedule | None, solver: str, layout: Layout | None, cells: tuple[int, int]
) -> tuple[Setup, Start]:
    """Return what `build` does and the start of the run; JAX must be in 64-bit mode."""
    start, demand = begin(config)
    _require_steady(config, start)
    schedule = schedule or demand.schedule(demand.steps)
    model, dt = demand.model, time_step(config, schedule.steps)
    if solver == FOKKER_PLANCK.name:
        markers, steps = cells_of(start, cells), schedule.steps
        model, schedule = model_on_mesh(model), schedule_on_mesh(config, schedule)
        dt = dt * (steps / schedule.steps)
    else:
        markers = markers_of(config, start)
    model = scheduled(model, schedule)
    parameters, state = complete(start, config, model, dt, cadence_of(schedule), markers)
    if layout is not None:
        model = dataclasses.replace(model, layout=layout)
    return Setup(config, start.units, parameters, model, state, start.tau_B, schedule, solver), start
