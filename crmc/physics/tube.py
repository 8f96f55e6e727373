"""Change the field of the flux tube and carry cosmic rays, waves and gas with it; sources of cosmic rays and gas."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from crmc.physics.ensemble import BlockResult, held, pass_over
from crmc.physics.markers import expand as expand_markers
from crmc.physics.moments import (
    ensemble_moments,
    estimator_weight,
    expected_sizes,
    moment_functions,
    wave_energy,
)
from crmc.physics.parameters import Model, Parameters
from crmc.physics.state import State
from crmc.theory.distribution import Background

#: gamma_c of eqs. 1 and 3.
COSMIC_RAY_INDEX = 4.0 / 3.0


def expand(state: State, parameters: Parameters, model: Model, end: float) -> State:
    """Advance the expansion by half a step: change B by the model's law, and markers, waves and gas with it.

    end: time at which the half step ends, in steps from the start of the step, 1/2 or 1.
    """
    if model.expansion == "none":
        return state
    return change_field(state, parameters, model, next_field(state, parameters, model, end))


def known_ahead(model: Model) -> bool:
    """Return whether the field at the end of a step is known at its start."""
    return model.expansion in ("none", "prescribed")


def change_field(state: State, parameters: Parameters, model: Model, b_new: jax.Array) -> State:
    """Change B adiabatically for markers, gas, waves and field, and book their work.

    p_par, magnetic moment, k and wave action are constant.
    b_new: B/B0 after the change, ().
    """

    def body(state: State, shared: tuple[Parameters, jax.Array], words: None, histograms: Any) -> BlockResult:
        parameters, b_new = shared
        full = state.markers.weight(parameters.background, state.amplitude)
        state, terms = carry(state, full, b_new)
        return {"rise": state.markers.rise}, histograms, terms

    sizes = work_sizes(state, parameters)
    markers, _, sums = pass_over(model.layout, body, state, (parameters, b_new), sizes=sizes)
    moved = add_work(change_surroundings(state, parameters, model, b_new), state.b, sums)
    return dataclasses.replace(moved, markers=markers)


def carry(state: State, full: jax.Array, b_new: jax.Array) -> tuple[State, tuple[jax.Array, ...]]:
    """Change B adiabatically for the markers alone; return the state and the terms whose sums `add_work` takes.

    full: weights W, (N,) [n_i]; b_new: B/B0 after the change, (); terms: W p_perp v_perp/2 at each of the
    `work_nodes`, (N,) each [code].
    """
    # Held, as they would round differently where they merge with their sums, from layout to layout.
    pressures = held(tuple(_perpendicular(state, b) for b in work_nodes(state.b, b_new)), state.step >= 0)
    terms = tuple(full * x for x in pressures)
    return dataclasses.replace(state, b=b_new, markers=expand_markers(state.markers, state.b, b_new)), terms


def work_sizes(state: State, parameters: Parameters) -> tuple[jax.Array, ...]:
    """Return the sizes of the terms of `carry`, p_perp v_perp/2 <= 2 eps, for a pass over the markers."""
    energy = expected_sizes(parameters.background, state.amplitude, state.b).energy
    return (energy,) * len(work_nodes(state.b, state.b))


def add_work(state: State, b_old: jax.Array, sums: Sequence[jax.Array]) -> State:
    """Book the work int P_perp d(1/b) of the cosmic rays in the change of B from b_old to that of the state.

    b_old: B/B0 before the change, (); sums: those of the terms of `carry`, () each [code].
    """
    log_ratio = jnp.log(state.b / b_old)
    work = held(-0.5 * log_ratio * sum(sums), state.step >= 0)
    return dataclasses.replace(state, books=dataclasses.replace(state.books, work=state.books.work + work))


def work_nodes(b: jax.Array, b_new: jax.Array) -> list[jax.Array]:
    """Return the fields at which the work integral takes pressures, two-point Gauss-Legendre in ln b, () each.

    b, b_new: B/B0 before and after the change, ().
    """
    log_ratio = jnp.log(b_new / b)
    return [b * jnp.exp(0.5 * (1.0 + node) * log_ratio) for node in (-1.0 / np.sqrt(3.0), 1.0 / np.sqrt(3.0))]


def change_surroundings(state: State, parameters: Parameters, model: Model, b_new: jax.Array) -> State:
    """Change B adiabatically for gas, waves and field, and book their work.

    Work per unit length is int P d(1/b) with the pressures of gas, waves (half their energy density, since wave action
    W/omega x volume is conserved) and field.
    b_new: B/B0 after the change, ().
    """
    log_ratio = jnp.log(b_new / state.b)
    work = jnp.zeros(())
    for b in work_nodes(state.b, b_new):
        work += -0.5 * log_ratio / b * _other_pressures(state, parameters, model, b)
    ratio = b_new / state.b
    # Held: this product would be rounded or not as it merges with later sums, from layout to layout.
    gas, work = held((state.gas_pressure * ratio**parameters.adiabatic_index, work), state.step >= 0)
    return dataclasses.replace(
        state,
        b=b_new,
        e=state.e * _wave_factor(ratio, model),
        gas_pressure=gas,
        books=dataclasses.replace(state.books, work=state.books.work + work),
    )


def _wave_factor(ratio: jax.Array, model: Model) -> jax.Array:
    """Return the factor by which e changes, ().

    The waves' energy density, e b^2, goes as b^(3/2) by conservation of action, or stays if the term is switched off.
    ratio: b_new/b, ().
    """
    return ratio ** (-0.5) if model.adiabatic_waves else ratio ** (-2.0)


def _perpendicular(state: State, b: jax.Array) -> jax.Array:
    """Return p_perp v_perp/2 of every marker after an adiabatic change to the field b, (N,) [m_p c^2]."""
    m = state.markers
    perp2 = m.perpendicular_squared(state.b) * (b / state.b).astype(m.rise.dtype)
    return 0.5 * perp2 * jax.lax.rsqrt(1.0 + m.parallel_momentum**2 + perp2)


def _other_pressures(state: State, parameters: Parameters, model: Model, b: jax.Array) -> jax.Array:
    """Return the pressure of gas, waves and field after an adiabatic change to the field b, () [code]."""
    ratio = b / state.b
    gas = state.gas_pressure * ratio**parameters.adiabatic_index
    waves = wave_energy(state, parameters)
    # Without the adiabatic term the wave energy density is constant: dE = -W d(1/b), pressure -W.
    waves = 0.5 * waves * ratio**1.5 if model.adiabatic_waves else -waves
    return gas + waves + magnetic_pressure(parameters, b)


def magnetic_pressure(parameters: Parameters, b: jax.Array) -> jax.Array:
    """Return the magnetic pressure P_m = B^2/8 pi, () [code].

    b: B/B0, ().
    """
    return 0.5 * (parameters.alfven_speed * b) ** 2


def next_field(state: State, parameters: Parameters, model: Model, end: float) -> jax.Array:
    """Return B/B0 after half a step by the model's law of expansion, ().

    end: time at which the half step ends, in steps from the start of the step, 1/2 or 1.
    """
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
    """Return B/B0 at which P_g + P_perp + P_m + P_waves = P_ext after an adiabatic change, ().

    P_perp is the estimator's (w and F0).  A step changes ln b by dt/tau_B << 1, so two Newton steps in ln b leave an
    error of (dt/tau_B)^4.
    """

    def body(state: State, shared: tuple[Parameters, jax.Array], words: None, histograms: Any) -> BlockResult:
        parameters, b = shared
        weight = estimator_weight(state, parameters, model)
        return {}, histograms, weight * _perpendicular(state, b)

    size = work_sizes(state, parameters)[0]

    def pressure(log_b: jax.Array) -> jax.Array:
        b = jnp.exp(log_b)
        total = b * pass_over(model.layout, body, state, (parameters, b), sizes=size)[2]
        if model.estimator == "delta_f":
            total += _background_perpendicular(state, parameters, b)
        return total + _other_pressures(state, parameters, model, b)

    log_b = jnp.log(state.b)
    for _ in range(2):
        value, slope = jax.jvp(pressure, (log_b,), (jnp.ones_like(log_b),))
        log_b = log_b - (value - parameters.external_pressure) / slope
    return jnp.exp(log_b)


def _background_perpendicular(state: State, parameters: Parameters, b: jax.Array) -> jax.Array:
    """Return P_perp of F0, isotropic at state.b, after an adiabatic change to the field b, by quadrature, () [code]."""
    y, dy = parameters.background.quadrature()
    p = (y * jnp.cbrt(state.b))[:, None]
    mu, dmu = np.polynomial.legendre.leggauss(16)
    perp2 = p**2 * (1.0 - mu**2) * (b / state.b)
    integrand = 0.5 * perp2 / jnp.sqrt(1.0 + (p * mu) ** 2 + perp2) * dmu
    return b * jnp.sum(parameters.background.density(state.amplitude, y) * y**2 * dy * jnp.sum(integrand, 1))


def apply_sources(state: State, parameters: Parameters, model: Model, dt: jax.Array) -> State:
    """Inject cosmic rays isotropically, and heat and cool the gas, over dt at constant B.

    Heating per ion and the cooling coefficient Lambda are constant, so the rates scale as b and b^2.
    dt: time, () [code].
    """
    heat = parameters.heating * state.b * dt
    cool = parameters.cooling * state.b**2 * dt
    books = dataclasses.replace(
        state.books,
        injected=state.books.injected + heat / state.b,
        radiated=state.books.radiated + cool / state.b,
    )
    gas = state.gas_pressure + held((parameters.adiabatic_index - 1.0) * (heat - cool), state.step >= 0)
    state = dataclasses.replace(state, gas_pressure=gas, books=books)
    return inject(state, parameters, model, dt) if model.inject else state


def inject(state: State, parameters: Parameters, model: Model, dt: jax.Array) -> State:
    """Inject cosmic rays over dt by raising the amplitude of the last component of F0, and full weights with it.

    The turnover of this component is comoving, so its shape in y never changes.
    dt: time, () [code].
    """
    background = parameters.background
    source = jnp.zeros_like(state.amplitude).at[-1].set(1.0)
    unit = background.moments(source, state.b).pressure
    added = source * (parameters.injection_rate * dt / unit)

    def body(state: State, shared: tuple[Background, jax.Array], words: None, histograms: Any) -> BlockResult:
        background, added = shared
        m = state.markers
        # W rises by V dF0(y), the part V dF0(y0) through the amplitude.
        excess = m.excess + m.volume * background.change(added, m.birth_momentum, m.rise)
        y = m.comoving_momentum
        gained = (m.volume * background.density(added, y)).astype(jnp.float64)
        return {"excess": excess}, histograms, (gained, gained * moment_functions(state)[1])

    sizes = expected_sizes(background, added, state.b)[:2]
    markers, _, (number, energy) = pass_over(model.layout, body, state, (background, added), sizes=sizes)
    return dataclasses.replace(
        state,
        markers=markers,
        amplitude=state.amplitude + added,
        books=state.books.with_entered(number, energy),
    )


@partial(jax.jit, static_argnames="model")
def total_pressure(state: State, parameters: Parameters, model: Model) -> jax.Array:
    """Return P_g + P_perp + P_m + P_waves of a state, () [code]."""
    rays = ensemble_moments(state, parameters, model).perpendicular_pressure
    return rays + state.gas_pressure + magnetic_pressure(parameters, state.b) + 0.5 * wave_energy(state, parameters)
