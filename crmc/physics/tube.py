"""The flux tube: how B changes, what expands with it, and the thermal gas."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from crmc.physics.ensemble import sweep
from crmc.physics.markers import expand as expand_markers
from crmc.physics.moments import ensemble_moments, estimator_weight, moment_functions, wave_energy
from crmc.physics.parameters import Model, Parameters
from crmc.physics.state import State

#: gamma_c of eqs. 1 and 3.
COSMIC_RAY_INDEX = 4.0 / 3.0


def expand(state: State, parameters: Parameters, model: Model, end: float) -> State:
    """Half a step of the expansion drive, to ``end`` = 1/2 or 1 of the step; markers, waves, gas and field follow B."""
    if model.expansion == "none":
        return state
    return change_field(state, parameters, model, next_field(state, parameters, model, end))


def known_ahead(model: Model) -> bool:
    """Whether the field at the end of a step is known before what happens in it."""
    return model.expansion in ("none", "prescribed")


def change_field(state: State, parameters: Parameters, model: Model, b_new: jax.Array) -> State:
    """Adiabatic change to B/B0 = ``b_new``: p_par, magnetic moment, k and wave action are constant."""

    def body(state: State, shared: tuple, words: None, histograms: tuple) -> tuple:
        parameters, b_new = shared
        full = state.markers.weight(parameters.background, state.amplitude)
        state, terms = carry(state, full, b_new)
        return {"rise": state.markers.rise}, histograms, terms

    markers, _, sums = sweep(model.layout, body, state, (parameters, b_new))
    moved = add_work(change_surroundings(state, parameters, model, b_new), state.b, sums)
    return dataclasses.replace(moved, markers=markers)


def carry(state: State, full: jax.Array, b_new: jax.Array) -> tuple[State, tuple[jax.Array, ...]]:
    """Markers of weights ``full`` (W) carried to field ``b_new``, and the terms whose sums `add_work` needs."""
    terms = tuple(full * _perpendicular(state, b) for b in work_nodes(state.b, b_new))
    return dataclasses.replace(state, b=b_new, markers=expand_markers(state.markers, state.b, b_new)), terms


def add_work(state: State, b_old: jax.Array, sums: Sequence[jax.Array]) -> State:
    """``state`` with the work int P_perp d(1/b) of the cosmic rays on their way from ``b_old`` in its books."""
    log_ratio = jnp.log(state.b / b_old)
    work = -0.5 * log_ratio * sum(sums)
    return dataclasses.replace(state, books=dataclasses.replace(state.books, work=state.books.work + work))


def work_nodes(b: jax.Array, b_new: jax.Array) -> list[jax.Array]:
    """Fields at which pressures are taken for the work: two-point Gauss-Legendre in ln b."""
    log_ratio = jnp.log(b_new / b)
    return [b * jnp.exp(0.5 * (1.0 + node) * log_ratio) for node in (-1.0 / np.sqrt(3.0), 1.0 / np.sqrt(3.0))]


def change_surroundings(state: State, parameters: Parameters, model: Model, b_new: jax.Array) -> State:
    """The same for all but the markers, without the work of the cosmic rays.

    Work per unit length is int P d(1/b) with P of gas, waves (half their energy density: W/omega x volume conserved)
    and field.
    """
    log_ratio = jnp.log(b_new / state.b)
    work = jnp.zeros(())
    for b in work_nodes(state.b, b_new):
        work += -0.5 * log_ratio / b * _other_pressures(state, parameters, model, b)
    ratio = b_new / state.b
    return dataclasses.replace(
        state,
        b=b_new,
        waves=state.waves * _wave_factor(ratio, model),
        gas_pressure=state.gas_pressure * ratio**parameters.adiabatic_index,
        books=dataclasses.replace(state.books, work=state.books.work + work),
    )


def _wave_factor(ratio: jax.Array, model: Model) -> jax.Array:
    """Change of e: the energy density goes as b^(3/2) (action), or stays if the term is switched off."""
    return ratio ** (-0.5) if model.adiabatic_waves else ratio ** (-2.0)


def _perpendicular(state: State, b: jax.Array) -> jax.Array:
    """p_perp v_perp/2 of every marker when it is carried adiabatically to field b."""
    m = state.markers
    perp2 = m.perpendicular_squared(state.b) * (b / state.b).astype(m.rise.dtype)
    return 0.5 * perp2 * jax.lax.rsqrt(1.0 + m.parallel_momentum**2 + perp2)


def _other_pressures(state: State, parameters: Parameters, model: Model, b: jax.Array) -> jax.Array:
    ratio = b / state.b
    gas = state.gas_pressure * ratio**parameters.adiabatic_index
    waves = wave_energy(state, parameters)
    # Without the adiabatic term the wave energy density is constant: dE = -W d(1/b), pressure -W.
    waves = 0.5 * waves * ratio**1.5 if model.adiabatic_waves else -waves
    return gas + waves + magnetic_pressure(parameters, b)


def magnetic_pressure(parameters: Parameters, b: jax.Array) -> jax.Array:
    """P_m = B^2/8 pi, code units."""
    return 0.5 * (parameters.alfven_speed * b) ** 2


def next_field(state: State, parameters: Parameters, model: Model, end: float) -> jax.Array:
    """B/B0 at ``end`` of the step, half a step on."""
    if model.expansion == "none":
        return state.b
    if model.expansion == "prescribed":
        return jnp.exp(-parameters.expansion_rate * parameters.dt * (state.step + end))
    if model.expansion == "injection":
        cosmic_rays = COSMIC_RAY_INDEX * ensemble_moments(state, parameters, model).pressure
        stiffness = parameters.adiabatic_index * state.gas_pressure + cosmic_rays
        stiffness += 2.0 * magnetic_pressure(parameters, state.b)
        return state.b * jnp.exp(-0.5 * parameters.injection_rate * parameters.dt / stiffness)
    return balanced_field(state, parameters, model)


def balanced_field(state: State, parameters: Parameters, model: Model) -> jax.Array:
    """B/B0 at which P_g + P_perp + P_m + P_waves = P_ext: two Newton steps in ln b.

    P_perp is the estimator's (w and F0), carried adiabatically; one step changes ln b by dt/tau_B << 1, so two
    Newton steps leave (dt/tau_B)^4.
    """

    def body(state: State, shared: tuple, words: None, histograms: tuple) -> tuple:
        parameters, b = shared
        weight = estimator_weight(state, parameters, model)
        return {}, histograms, weight * _perpendicular(state, b)

    def pressure(log_b: jax.Array) -> jax.Array:
        b = jnp.exp(log_b)
        total = b * sweep(model.layout, body, state, (parameters, b))[2]
        if model.estimator == "delta_f":
            total += _background_perpendicular(state, parameters, b)
        return total + _other_pressures(state, parameters, model, b)

    log_b = jnp.log(state.b)
    for _ in range(2):
        value, slope = jax.jvp(pressure, (log_b,), (jnp.ones_like(log_b),))
        log_b = log_b - (value - parameters.external_pressure) / slope
    return jnp.exp(log_b)


def _background_perpendicular(state: State, parameters: Parameters, b: jax.Array) -> jax.Array:
    """P_perp at field b of the F0 that was isotropic at state.b and is carried there freely, by quadrature."""
    y, dy = parameters.background.quadrature()
    p = (y * jnp.cbrt(state.b))[:, None]
    mu, dmu = np.polynomial.legendre.leggauss(16)
    perp2 = p**2 * (1.0 - mu**2) * (b / state.b)
    integrand = 0.5 * perp2 / jnp.sqrt(1.0 + (p * mu) ** 2 + perp2) * dmu
    return b * jnp.sum(parameters.background.density(state.amplitude, y) * y**2 * dy * jnp.sum(integrand, 1))


def apply_sources(state: State, parameters: Parameters, model: Model, dt: jax.Array) -> State:
    """Isotropic injection of cosmic rays, background heating and cooling of the gas, at constant B.

    Heating per ion and a cooling coefficient Lambda are constant: rates scale as b and b^2.
    """
    heat = parameters.heating * state.b * dt
    cool = parameters.cooling * state.b**2 * dt
    books = dataclasses.replace(
        state.books,
        injected=state.books.injected + heat / state.b,
        radiated=state.books.radiated + cool / state.b,
    )
    gas = state.gas_pressure + (parameters.adiabatic_index - 1.0) * (heat - cool)
    state = dataclasses.replace(state, gas_pressure=gas, books=books)
    return inject(state, parameters, model, dt) if model.inject else state


def inject(state: State, parameters: Parameters, model: Model, dt: jax.Array) -> State:
    """Raise the amplitude of the source's component of F0; the markers' full weights follow.

    The source fills the last component, whose turnover is comoving, so its shape in y never changes.
    """
    background = parameters.background
    source = jnp.zeros_like(state.amplitude).at[-1].set(1.0)
    unit = background.moments(source, state.b).pressure
    added = source * (parameters.injection_rate * dt / unit)

    def body(state: State, shared: tuple, words: None, histograms: tuple) -> tuple:
        background, added = shared
        m = state.markers
        # W rises by V dF0(y), the part V dF0(y0) through the amplitude.
        excess = m.excess + m.volume * background.change(added, m.birth_momentum, m.rise)
        y = m.comoving_momentum
        gained = (m.volume * background.density(added, y)).astype(jnp.float64)
        return {"excess": excess}, histograms, (gained, gained * moment_functions(state)[1])

    markers, _, (number, energy) = sweep(model.layout, body, state, (background, added))
    return dataclasses.replace(
        state,
        markers=markers,
        amplitude=state.amplitude + added,
        books=state.books.with_entered(number, energy),
    )


@partial(jax.jit, static_argnames="model")
def total_pressure(state: State, parameters: Parameters, model: Model) -> jax.Array:
    """P_g + P_perp + P_m + P_waves at t = 0."""
    rays = ensemble_moments(state, parameters, model).perpendicular_pressure
    return rays + state.gas_pressure + magnetic_pressure(parameters, state.b) + 0.5 * wave_energy(state, parameters)
