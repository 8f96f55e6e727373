"""An imposed gradient of the cosmic rays along the field: df/ds = -f/L, the drive of eq. 33.

The local ensemble gains (v mu/L) f per unit time: what streams in from the side where there is more of f, less what
streams out.  It is a factor on f at each place of phase space, so markers stay where they are and their full weight W
grows,

    W -> W exp(v mu dt/L),

F0's share of it included; w = W - V F0 takes up the whole change, since F0 stays as it is.  The flux n_c v_D leaves
n_c v_D/L particles and the corresponding energy behind; both are booked as having entered.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from crmc.physics.ensemble import pass_over
from crmc.physics.markers import Markers
from crmc.physics.moments import moment_functions
from crmc.physics.parameters import Model, Parameters
from crmc.physics.state import State


def gradient_now(state: State, parameters: Parameters) -> jax.Array:
    """1/L in the present step; a step belongs to the gradient if its middle does."""
    return jnp.where((state.step + 0.5) * parameters.dt < parameters.gradient_end, parameters.gradient, 0.0)


def gain(markers: Markers, full: jax.Array, b: jax.Array, span: jax.Array) -> jax.Array:
    """Change of the weights W = ``full`` in a time dt, ``span`` = dt/L; float64."""
    dtype = markers.rise.dtype
    velocity = markers.parallel_momentum * jax.lax.rsqrt(1.0 + markers.momentum_squared(b))
    return full * jnp.expm1(velocity * span.astype(dtype))


def apply_gradient(state: State, parameters: Parameters, model: Model, dt: jax.Array) -> State:
    """The gradient's drive over ``dt`` on the markers' weights, with the books of number and energy."""
    if not model.gradient:
        return state

    def body(state: State, shared: tuple, words: None, histograms: tuple) -> tuple:
        parameters, span = shared
        m = state.markers
        change = gain(m, m.weight(parameters.background, state.amplitude), state.b, span)
        excess = m.excess + change.astype(m.excess.dtype)
        return {"excess": excess}, histograms, (change, change * moment_functions(state)[1])

    span = gradient_now(state, parameters) * dt
    markers, _, (number, energy) = pass_over(model.layout, body, state, (parameters, span))
    return dataclasses.replace(state, markers=markers, books=state.books.with_entered(number, energy))
