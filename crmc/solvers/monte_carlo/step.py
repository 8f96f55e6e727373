"""Take one time step: sources, gradient, expansion and damping by halves around the kicks by both directions' waves.

``step(state, noise, parameters, model) -> (state, tally)`` is pure; randomness enters as ``noise``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from crmc.physics import gradient, tube
from crmc.physics.flow import Stretch
from crmc.physics.parameters import Model, Parameters
from crmc.physics.state import State
from crmc.solvers.monte_carlo import fused
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
    alone = not (model.inject or model.gradient) and tube.known_ahead(model)
    opening, closing = partial(_opening, model), partial(_closing, model)
    state, middle, end = (
        fused.aside(model, "opening", opening, state, parameters) if alone else opening(state, parameters)
    )
    if model.scattering == "none":
        state = tube.change_field(state, parameters, model, middle)
        state, tally = tube.expand(state, parameters, model, 1.0), empty_tally(state.e, jnp.zeros(()))
        state = closing(state, parameters)
    else:
        state, tally = _scattered(state, noise, parameters, model, middle, end, closing if alone else None)
        state = state if alone else closing(state, parameters)
    if model.coarse_grain:
        due = state.step % parameters.cadence.coarse_grain_every == 0
        excess = jax.lax.cond(due, lambda: coarse_grain(state, parameters, model), lambda: state.markers.excess)
        state = dataclasses.replace(state, markers=dataclasses.replace(state.markers, excess=excess))
    return state, tally


def _opening(model: Model, state: State, parameters: Parameters) -> tuple[State, Stretch, Stretch]:
    """Return the state after half a step of sources and gradient, and the tube's deformations at the kicks and the end.

    Where the end depends on what the step does, it is not known yet: that at the kicks stands for it.
    """
    half = 0.5 * parameters.dt
    state = tube.apply_sources(state, parameters, model, half)
    state = gradient.apply_gradient(state, parameters, model, half)
    middle = tube.next_field(state, parameters, model, 0.5)
    end = tube.next_field(state, parameters, model, 1.0) if tube.known_ahead(model) else middle
    return state, middle, end


def _closing(model: Model, state: State, parameters: Parameters) -> State:
    """Return the state, whose step this ends, after half a step of gradient and sources."""
    half = 0.5 * parameters.dt
    state = gradient.apply_gradient(state, parameters, model, half)
    state = tube.apply_sources(state, parameters, model, half)
    return dataclasses.replace(state, step=state.step + 1)


def _scattered(
    state: State,
    noise: jax.Array,
    parameters: Parameters,
    model: Model,
    middle: Stretch,
    end: Stretch,
    closing: Callable[[State, Parameters], State] | None,
) -> tuple[State, Tally]:
    """Return the state after expansion and damping by halves around the kicks, and the tally.

    The tally holds a sample of the growth functional where one is due.
    noise: as in `step`
    middle: deformation of the tube in the middle of the step, where markers are kicked; end: at its end, if known
    closing: what ends the step, if it leaves the markers as they are
    """
    start, sampled = state.stretch, model.scattering == "spectrum" and model.functional
    sample = take_sample(state, parameters, model) if sampled else None
    sample, state = fused.in_turn(model, sample, state)
    state, tally, correction, metric = scatter(state, noise, parameters, model, middle)
    if sample is not None:
        functional = functional_of(sample, start, state, tally.power, metric, parameters, model)
        functional, state = fused.in_turn(model, functional, state)
        tally = tally._replace(functional=functional, samples=sample.due.astype(jnp.float64))
    ahead = tube.known_ahead(model)
    state, tally = settle(state, tally, correction, parameters, model, end if ahead else state.stretch, closing)
    # Where the end depends on what the step does, it can be found only after all weights are right.
    if not ahead:
        state = tube.expand(state, parameters, model, 1.0)
    return state, tally
