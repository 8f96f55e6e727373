"""Apply an imposed gradient of the cosmic rays along the field, df/ds = -f/L, the drive of eq. 33.

The local ensemble gains (v mu/L) f per unit time: the particles that stream in from the side where f is larger, less
those that stream out.  This multiplies f at each place of phase space, so markers stay where they are and their full
weight W grows,

    W -> W exp(v mu dt/L),

F0's share of it included; w = W - V F0 takes up the whole change, since F0 stays as it is.  The flux n_c v_D leaves
n_c v_D/L particles per unit time and the corresponding energy behind; both are booked as having entered.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from crmc.physics.ensemble import BlockResult, pass_over
from crmc.physics.markers import Markers
from crmc.physics.moments import expected_sizes, moment_functions
from crmc.physics.parameters import Model, Parameters
from crmc.physics.state import State


def gradient_now(state: State, parameters: Parameters) -> jax.Array:
    """Return 1/L in the present step, zero if the middle of the step lies after the gradient's end, () [code]."""
    return jnp.where((state.step + 0.5) * parameters.dt < parameters.gradient_end, parameters.gradient, 0.0)


def gain(markers: Markers, full: jax.Array, density: jax.Array, span: jax.Array) -> jax.Array:
    """Return the change of the weights by the gradient, W (exp(v mu dt/L) - 1), (N,) [n_i].

    full: weights W, (N,) float64 [n_i]; density: rho/rho0, (); span: dt/L, ().
    """
    dtype = markers.rise.dtype
    velocity = markers.parallel_momentum * jax.lax.rsqrt(1.0 + markers.momentum_squared(density))
    return full * jnp.expm1(velocity * span.astype(dtype))


def apply_gradient(state: State, parameters: Parameters, model: Model, dt: jax.Array) -> State:
    """Change the markers' weights by the gradient over dt, and book the number and energy that enter.

    dt: time, () [code].
    """
    if not model.gradient:
        return state

    def body(state: State, shared: tuple[Parameters, jax.Array], words: None, histograms: Any) -> BlockResult:
        parameters, span = shared
        m = state.markers
        change = gain(m, m.weight(parameters.background, state.amplitude), state.density, span)
        excess = m.excess + change.astype(m.excess.dtype)
        return {"excess": excess}, histograms, (change, change * moment_functions(state)[1])

    span = gradient_now(state, parameters) * dt
    # |W (exp(v mu dt/L) - 1)| is about W v |mu| dt/L.
    number, energy, _ = expected_sizes(parameters.background, state.amplitude, state.density)
    sizes = number * jnp.abs(span), energy * jnp.abs(span)
    markers, _, (number, energy) = pass_over(model.layout, body, state, (parameters, span), sizes=sizes)
    return dataclasses.replace(state, markers=markers, books=state.books.with_entered(number, energy))
