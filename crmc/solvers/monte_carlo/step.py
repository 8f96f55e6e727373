"""Take one time step: sources, gradient, expansion and damping by halves around the kicks by both directions' waves.

``step(state, noise, parameters, model) -> (state, tally)`` is pure; randomness enters as ``noise``.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from crmc.physics import gradient, tube
from crmc.physics.flow import Stretch
from crmc.physics.parameters import Model, Parameters
from crmc.physics.state import State
from crmc.solvers.monte_carlo.coarse_graining import coarse_grain
from crmc.solvers.monte_carlo.samples import functional_of, take_sample
from crmc.solvers.monte_carlo.scatter import scatter, settle
from crmc.solvers.tally import Tally, empty_tally


def step(state: State, noise: jax.Array, parameters: Parameters, model: Model) -> tuple[State, Tally]:
    """Return the state after a time parameters.dt, and the tally of the step.

    The order of the two directions' kicks alternates from step to step.  The waves that kick are those before the first
    half of their damping.

    noise: key of the step's random words, from `noise.step_noise`
    """
    half = 0.5 * parameters.dt
    state = tube.apply_sources(state, parameters, model, half)
    state = gradient.apply_gradient(state, parameters, model, half)
    middle = tube.next_field(state, parameters, model, 0.5)
    if model.scattering == "none":
        state = tube.change_field(state, parameters, model, middle)
        state, tally = tube.expand(state, parameters, model, 1.0), empty_tally(state.e, jnp.zeros(()))
    else:
        state, tally = _scattered(state, noise, parameters, model, middle)
    state = gradient.apply_gradient(state, parameters, model, half)
    state = tube.apply_sources(state, parameters, model, half)
    state = dataclasses.replace(state, step=state.step + 1)
    if model.coarse_grain:
        due = state.step % parameters.cadence.coarse_grain_every == 0
        excess = jax.lax.cond(due, lambda: coarse_grain(state, parameters, model), lambda: state.markers.excess)
        state = dataclasses.replace(state, markers=dataclasses.replace(state.markers, excess=excess))
    return state, tally


def _scattered(
    state: State, noise: jax.Array, parameters: Parameters, model: Model, middle: Stretch
) -> tuple[State, Tally]:
    """Return the state after expansion and damping by halves around the kicks, and the tally.

    The tally holds a sample of the growth functional where one is due.
    noise: as in `step`
    middle: deformation of the tube in the middle of the step, where markers are kicked
    """
    start, sampled = state.stretch, model.scattering == "spectrum" and model.functional
    sample = take_sample(state, parameters, model) if sampled else None
    state, tally, correction, metric = scatter(state, noise, parameters, model, middle)
    if sample is not None and metric is not None:
        functional = functional_of(sample, start, state, metric, parameters, model)
        tally = tally._replace(functional=functional, samples=sample.due.astype(jnp.float64))
    # Where the end depends on what the step does, it can be found only after all weights are right.
    end = tube.next_field(state, parameters, model, 1.0) if tube.known_ahead(model) else state.stretch
    state, tally = settle(state, tally, correction, parameters, model, end)
    if not tube.known_ahead(model):
        state = tube.expand(state, parameters, model, 1.0)
    return state, tally
