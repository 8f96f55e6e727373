"""Deform the flux tube and carry field, cosmic rays, waves and gas with it; sources of cosmic rays and gas."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from crmc.physics.ensemble import BlockResult, held, pass_over
from crmc.physics.flow import Stretch
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
from crmc.theory.quadrature import gauss_legendre

#: gamma_c of eqs. 1 and 3.
COSMIC_RAY_INDEX = 4.0 / 3.0


def expand(state: State, parameters: Parameters, model: Model, end: float) -> State:
    """Advance the expansion by half a step: deform the tube by the model's law, and markers, waves and gas with it.

    end: time at which the half step ends, in steps from the start of the step, 1/2 or 1.
    """
    if model.expansion == "none":
        return state
    return change_field(state, parameters, model, next_field(state, parameters, model, end))


def known_ahead(model: Model) -> bool:
    """Return whether the deformation at the end of a step is known at its start."""
    return model.expansion in ("none", "prescribed", "flow")


def change_field(state: State, parameters: Parameters, model: Model, new: Stretch) -> State:
    """Deform the tube adiabatically for markers, gas, waves and field, and book their work.

    p_par and k times the length, magnetic moment and wave action are constant.
    new: deformation after the change.
    """

    def body(state: State, shared: tuple[Parameters, Stretch], words: None, histograms: Any) -> BlockResult:
        parameters, new = shared
        full = state.markers.weight(parameters.background, state.amplitude)
        state, terms = carry(state, full, new)
        return moved(state), histograms, terms

    sizes = work_sizes(state, parameters)
    markers, _, sums = pass_over(model.layout, body, state, (parameters, new), sizes=sizes)
    after = add_work(change_surroundings(state, parameters, model, new), state.stretch, sums)
    return dataclasses.replace(after, markers=markers)


def moved(state: State) -> dict[str, jax.Array]:
    """Return the fields of the markers that a deformation of the tube changes, (N,) each."""
    m = state.markers
    return {"rise": m.rise} if state.length is None else {"rise": m.rise, "parallel_momentum": m.parallel_momentum}


def carry(state: State, full: jax.Array, new: Stretch) -> tuple[State, tuple[jax.Array, ...]]:
    """Deform the tube adiabatically for the markers alone; return the state and the terms whose sums `add_work` takes.

    full: weights W, (N,) [n_i]; new: deformation after the change; terms: W p_perp v_perp/2 at each of the
    `work_nodes` and, where the length changes, W p_par v_par at each of them, (N,) each [code].
    """
    across, along = zip(*(_pressures(state, at) for at in work_nodes(state.stretch, new)), strict=True)
    # Held, as they would round differently where they merge with their sums, from layout to layout.
    pressures = held(across if state.length is None else across + along, state.step >= 0)
    terms = tuple(full * x for x in pressures)
    markers = expand_markers(state.markers, state.stretch, new)
    return dataclasses.replace(state, b=new.b, length=new.length, markers=markers), terms


def work_sizes(state: State, parameters: Parameters) -> tuple[jax.Array, ...]:
    """Return the sizes of the terms of `carry`, with p_perp v_perp/2 and p_par v_par at most 2 eps."""
    energy = expected_sizes(parameters.background, state.amplitude, state.density).energy
    return (energy,) * (len(WORK_PARTS) * (1 if state.length is None else 2))


def add_work(state: State, old: Stretch, sums: Sequence[jax.Array]) -> State:
    """Book the work int (P_par d ln l_par - P_perp d ln b)/density of the cosmic rays in a deformation to the state's.

    old: deformation before the change; sums: those of the terms of `carry`, () each [code].
    """
    parts = len(WORK_PARTS)
    work = -0.5 * jnp.log(state.b / old.b) * sum(sums[:parts])
    if old.length is not None:
        work += 0.5 * jnp.log(state.stretch.along() / old.length) * sum(sums[parts:])
    work = held(work, state.step >= 0)
    return dataclasses.replace(state, books=dataclasses.replace(state.books, work=state.books.work + work))


#: Nodes in (0, 1) of the two-point Gauss-Legendre rule, by which the work is integrated over ln b and ln l_par.
WORK_PARTS = tuple(0.5 * (1.0 + node) for node in (-1.0 / np.sqrt(3.0), 1.0 / np.sqrt(3.0)))


def work_nodes(old: Stretch, new: Stretch) -> list[Stretch]:
    """Return the deformations at which the work integral takes pressures.

    old, new: before and after the change.
    """
    return [old.towards(new, part) for part in WORK_PARTS]


def change_surroundings(state: State, parameters: Parameters, model: Model, new: Stretch) -> State:
    """Deform the tube adiabatically for gas, waves and field, and book their work.

    Work is int (P_par d ln l_par - P_perp d ln b)/density with the pressures of gas, of waves (half their energy
    density in every direction, since wave action W/omega x volume is conserved) and of the field, a tension along B.
    new: deformation after the change.
    """
    old = state.stretch
    log_ratio = jnp.log(new.b / old.b)
    work = jnp.zeros(())
    for at in work_nodes(old, new):
        isotropic, magnetic = _other_pressures(state, parameters, model, at), magnetic_pressure(parameters, at.b)
        work += -0.5 * log_ratio / at.density * (isotropic + magnetic)
        if old.length is not None:
            work += 0.5 * jnp.log(new.along() / old.length) / at.density * (isotropic - magnetic)
    ratio = new.density / old.density
    # Held: this product would be rounded or not as it merges with later sums, from layout to layout.
    gas, work = held((state.gas_pressure * ratio**parameters.adiabatic_index, work), state.step >= 0)
    return dataclasses.replace(
        state,
        b=new.b,
        length=new.length,
        e=state.e * _wave_factor(old, new, model),
        gas_pressure=gas,
        books=dataclasses.replace(state.books, work=state.books.work + work),
    )


def _wave_factor(old: Stretch, new: Stretch, model: Model) -> jax.Array:
    """Return the factor by which e changes, ().

    The waves' energy density, e b^2, goes as density^(3/2) by conservation of action, since omega = k v_A goes as
    density^(1/2), or stays if the term is switched off.
    old, new: deformation before and after.
    """
    ratio = new.density / old.density
    factor = ratio ** (-0.5) if model.adiabatic_waves else ratio ** (-2.0)
    return factor if old.length is None else factor * (old.length / new.along()) ** 2


def _pressures(state: State, at: Stretch) -> tuple[jax.Array, jax.Array]:
    """Return p_perp v_perp/2 and p_par v_par of every marker after an adiabatic change, (N,) each [m_p c^2].

    at: deformation after the change.
    """
    m = state.markers
    perp2 = m.perpendicular_squared(state.density) * (at.b / state.b).astype(m.rise.dtype)
    par2 = m.parallel_momentum**2
    if state.length is not None:
        par2 = par2 * ((state.length / at.along()) ** 2).astype(m.rise.dtype)
    inverse = jax.lax.rsqrt(1.0 + par2 + perp2)
    return 0.5 * perp2 * inverse, par2 * inverse


def _other_pressures(state: State, parameters: Parameters, model: Model, at: Stretch) -> jax.Array:
    """Return the pressure of gas and waves after an adiabatic change, () [code].

    at: deformation after the change.
    """
    ratio = at.density / state.density
    gas = state.gas_pressure * ratio**parameters.adiabatic_index
    waves = wave_energy(state, parameters)
    # Without the adiabatic term the wave energy density is constant: dE = -W d(1/density), pressure -W.
    waves = 0.5 * waves * ratio**1.5 if model.adiabatic_waves else -waves
    return gas + waves


def magnetic_pressure(parameters: Parameters, b: jax.Array) -> jax.Array:
    """Return the magnetic pressure P_m = B^2/8 pi, () [code].

    b: B/B0, ().
    """
    return 0.5 * (parameters.alfven_speed * b) ** 2


def next_field(state: State, parameters: Parameters, model: Model, end: float) -> Stretch:
    """Return B/B0 and the length of the tube after half a step by the model's law of expansion.

    end: time at which the half step ends, in steps from the start of the step, 1/2 or 1.
    """
    if model.expansion == "none":
        return state.stretch
    if model.expansion == "prescribed":
        return Stretch(jnp.exp(-parameters.expansion_rate * parameters.dt * (state.step + end)))
    if model.expansion == "flow":
        assert parameters.flow is not None
        return parameters.flow.at(parameters.dt * (state.step + end))
    if model.expansion == "injection":
        cosmic_rays = COSMIC_RAY_INDEX * ensemble_moments(state, parameters, model).pressure
        stiffness = parameters.adiabatic_index * state.gas_pressure + cosmic_rays
        stiffness += 2.0 * magnetic_pressure(parameters, state.b)
        return Stretch(state.b * jnp.exp(-0.5 * parameters.injection_rate * parameters.dt / stiffness))
    return Stretch(balanced_field(state, parameters, model))


def balanced_field(state: State, parameters: Parameters, model: Model) -> jax.Array:
    """Return B/B0 at which P_g + P_perp + P_m + P_waves = P_ext after an adiabatic change, ().

    P_perp is the estimator's (w and F0).  A step changes ln b by dt/tau_B << 1, so two Newton steps in ln b leave an
    error of (dt/tau_B)^4.
    """

    def body(state: State, shared: tuple[Parameters, jax.Array], words: None, histograms: Any) -> BlockResult:
        parameters, b = shared
        weight = estimator_weight(state, parameters, model)
        return {}, histograms, weight * _pressures(state, Stretch(b))[0]

    size = work_sizes(state, parameters)[0]

    def pressure(log_b: jax.Array) -> jax.Array:
        b = jnp.exp(log_b)
        total = b * pass_over(model.layout, body, state, (parameters, b), sizes=size)[2]
        if model.estimator == "delta_f":
            total += _background_perpendicular(state, parameters, b)
        return total + (_other_pressures(state, parameters, model, Stretch(b)) + magnetic_pressure(parameters, b))

    log_b = jnp.log(state.b)
    for _ in range(2):
        value, slope = jax.jvp(pressure, (log_b,), (jnp.ones_like(log_b),))
        log_b = log_b - (value - parameters.external_pressure) / slope
    return jnp.exp(log_b)


def _background_perpendicular(state: State, parameters: Parameters, b: jax.Array) -> jax.Array:
    """Return P_perp of F0, isotropic at state.b, after an adiabatic change to the field b, by quadrature, () [code]."""
    y, dy = parameters.background.quadrature()
    p = (y * jnp.cbrt(state.b))[:, None]
    mu, dmu = gauss_legendre(16)
    perp2 = p**2 * (1.0 - mu**2) * (b / state.b)
    integrand = 0.5 * perp2 / jnp.sqrt(1.0 + (p * mu) ** 2 + perp2) * dmu
    return b * jnp.sum(parameters.background.density(state.amplitude, y) * y**2 * dy * jnp.sum(integrand, 1))


def apply_sources(state: State, parameters: Parameters, model: Model, dt: jax.Array) -> State:
    """Inject cosmic rays isotropically, and heat and cool the gas, over dt at constant B.

    Heating per ion and the cooling coefficient Lambda are constant, so the rates scale as the density
    and its square.
    dt: time, () [code].
    """
    heat = parameters.heating * state.density * dt
    cool = parameters.cooling * state.density**2 * dt
    books = dataclasses.replace(
        state.books,
        injected=state.books.injected + heat / state.density,
        radiated=state.books.radiated + cool / state.density,
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
    unit = background.moments(source, state.density).pressure
    added = source * (parameters.injection_rate * dt / unit)

    def body(state: State, shared: tuple[Background, jax.Array], words: None, histograms: Any) -> BlockResult:
        background, added = shared
        m = state.markers
        # W rises by V dF0(y), the part V dF0(y0) through the amplitude.
        excess = m.excess + m.volume * background.change(added, m.birth_momentum, m.rise)
        y = m.comoving_momentum
        gained = (m.volume * background.density(added, y)).astype(jnp.float64)
        return {"excess": excess}, histograms, (gained, gained * moment_functions(state)[1])

    sizes = expected_sizes(background, added, state.density)[:2]
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
