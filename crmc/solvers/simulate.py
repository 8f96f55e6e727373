"""Drive any solver: a loop of dynamic length for the host, and a pure scan for differentiation.

A solver advances one `State` and is four pure functions, which `Solver` holds:

    init(parameters)                              the tally of no steps
    step(state, key, parameters, model)           the state one step later, and the tally of that step
    observe(state, tally, count, parameters, model)   a row of results, from the tally of ``count`` steps
    phase_space(state, parameters, model)         f(p, mu) of a state

``key`` is the random key of the run; a step draws by the step number of its state, so that neither output nor
chunks nor a restart change what is drawn.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from crmc.physics.parameters import Model, Parameters
from crmc.physics.phase_space import PhaseSpace
from crmc.physics.state import State
from crmc.solvers.one_kernel import on_gpu
from crmc.solvers.tally import Tally, with_step

#: A row of results in code units, by the names of the variables of a result.
Row = dict[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class Solver:
    """A solver as its drivers see it: its name, its four functions, and the coarsest step to trust.

    name: name on the command line and in result files
    init, step, observe, phase_space: the functions stated above
    coarsest: nu_max dt above which a step is too coarse
    advance: `advance(state, tally, key, parameters, count, model)`, made here from ``step``, takes ``count`` steps, a
        traced number, and adds their tallies to ``tally``, whose arrays may have a first axis: several sums at once
    """

    name: str
    init: Callable[[Parameters], Tally]
    step: Callable[[State, jax.Array, Parameters, Model], tuple[State, Tally]]
    observe: Callable[[State, Tally, jax.Array, Parameters, Model], Row]
    phase_space: Callable[[State, Parameters, Model], PhaseSpace]
    coarsest: float
    advance: Callable[..., tuple[State, Tally]] = dataclasses.field(init=False, repr=False, compare=False)

    def tallied_step(
        self, state: State, tally: Tally, key: jax.Array, parameters: Parameters, model: Model
    ) -> tuple[State, Tally]:
        """Take one step and add its tally to ``tally``."""
        after, last = self.step(state, key, parameters, model)
        return after, with_step(tally, last, state.step, one=model.layout.kernel == "fused" and on_gpu())

    def __post_init__(self) -> None:
        # One object for good: JAX finds what it has traced by the identity of a function, and a method is another one
        # at each use.
        object.__setattr__(self, "advance", partial(_advance, self))


def _advance(
    solver: Solver,
    state: State,
    tally: Tally,
    key: jax.Array,
    parameters: Parameters,
    count: jax.Array,
    model: Model,
) -> tuple[State, Tally]:
    """Take ``count`` steps, a traced number: one compilation serves every length."""

    def body(_: jax.Array, carry: tuple[State, Tally]) -> tuple[State, Tally]:
        return solver.tallied_step(*carry, key, parameters, model)

    return jax.lax.fori_loop(0, count, body, (state, tally))


def simulate(
    solver: Solver,
    state: State,
    key: jax.Array,
    parameters: Parameters,
    model: Model,
    *,
    outputs: int,
    steps_per_output: int,
    read: Callable[[State, Tally, jax.Array, Parameters, Model], Any] | None = None,
) -> tuple[State, Any]:
    """Take ``outputs`` x ``steps_per_output`` steps as nested scans, differentiable in both modes.

    Returns the final state and the results of ``read`` at the end of each interval, stacked, (outputs, ...).
    In reverse mode the states at the outputs and within one interval are kept and all else is computed again: memory
    grows as outputs + steps_per_output.

    Spectrum, tube and sums are float64 whatever the markers' precision.  Called by itself it sees to that; a function
    that is compiled around it must be called inside ``jax.enable_x64(True)``, or this raises RuntimeError.

    key: random key of the run
    read: function of state, tally, count, parameters and model; by default the solver's ``observe``
    """
    if state.b.dtype != jnp.float64:
        raise RuntimeError("crmc needs 64-bit JAX for its small arrays: use `with jax.enable_x64(True):`")
    with jax.enable_x64(True):
        return _simulated(solver, state, key, parameters, model, outputs, steps_per_output, read or solver.observe)


def _simulated(
    solver: Solver,
    state: State,
    key: jax.Array,
    parameters: Parameters,
    model: Model,
    outputs: int,
    steps_per_output: int,
    read: Callable[[State, Tally, jax.Array, Parameters, Model], Any],
) -> tuple[State, Any]:
    """Scan over the outputs, and within each over its steps; see `simulate`."""

    @jax.checkpoint
    def inner(carry: tuple[State, Tally], _: None) -> tuple[tuple[State, Tally], None]:
        return solver.tallied_step(*carry, key, parameters, model), None

    @jax.checkpoint
    def outer(state: State, _: None) -> tuple[State, Any]:
        (state, tally), _ = jax.lax.scan(inner, (state, solver.init(parameters)), length=steps_per_output)
        return state, read(state, tally, jnp.asarray(steps_per_output), parameters, model)

    return jax.lax.scan(outer, state, length=outputs)
