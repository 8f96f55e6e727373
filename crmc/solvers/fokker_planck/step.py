"""Take one time step of f = F0 + df on a mesh, by the equations that the markers sample.

    d(df)/dt = C[F0 + df] - (1/3 tau_eff) P_2 dF0/d ln y + (free streaming of df) + (v mu/L)(F0 + df)

C is the `diffusion`, exact in v_A/c.  One step is symmetric and second order in dt: sources, tube and damping by halves
around the exchange between particles and waves, in which the diffusion of df is implicit (L-stable), the waves are
explicit, and the drives of F0 act within the implicit stages: dt may exceed 1/nu by far.  The energy that the particles
lose is the energy that the waves gain to round-off, at any dt.

f - F0 is followed on a closed momentum range: none of it crosses the ends, whereas markers may diffuse beyond them.  F0
is taken to go on outside, as for markers read with the control variate.
"""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from crmc.physics import gradient, tube
from crmc.physics.moments import moment_functions, total
from crmc.physics.parameters import Model, Parameters
from crmc.physics.resonance import Broadened
from crmc.physics.spectrum import wave_energy_unit
from crmc.physics.state import State
from crmc.physics.waves import damp, pass_on
from crmc.solvers.fokker_planck import diffusion
from crmc.solvers.fokker_planck.functional import mesh_functional
from crmc.solvers.fokker_planck.mesh import Mesh, cells, free_stream, mesh_of
from crmc.solvers.tally import Tally, empty_tally

#: L-stable, second-order diagonally implicit coefficient.
_STAGE = 1.0 - 1.0 / math.sqrt(2.0)
#: Growth of waves in a step within which it is exact for a constant rate.
_EXACT = (-1.2, 1.0)


def init(parameters: Parameters) -> Tally:
    """Return the tally of no steps, whose ``functional`` has the shape of `mesh_functional`, (2, 2, bins + 1)."""
    bins = parameters.grid.bins
    return empty_tally(jnp.zeros((2, 2, bins)), jnp.zeros((2, 2, bins + 1)))


def step(state: State, parameters: Parameters, model: Model) -> tuple[State, Tally]:
    """Return the state after a time parameters.dt, and the tally of the step.

    state: a state whose markers are the cells of a mesh
    """
    half = 0.5 * parameters.dt
    state = tube.apply_sources(state, parameters, model, half)
    state = apply_gradient(state, parameters, model, half)
    state, first = expand(state, parameters, model, 0.5)
    state, damped = damp(state, parameters, model, half)
    # The drive of the whole step at the rate of its first half; the second half, not known yet, corrects it below.
    if model.scattering == "none":
        state = _holding(state, state.markers.excess + _sources(state, parameters, model, 2.0 * first))
        tally = init(parameters)._replace(power=state.e)
    else:
        state, tally = exchange(state, parameters, model, 2.0 * first)
    state, damped_too = damp(state, parameters, model, half)
    state, second = expand(state, parameters, model, 1.0)
    state = _holding(state, state.markers.excess + _driving(state, parameters, second - first))
    state = apply_gradient(state, parameters, model, half)
    state = tube.apply_sources(state, parameters, model, half)
    if model.scattering == "spectrum" and model.functional:
        tally = _with_functional(state, tally, parameters, model)
    return dataclasses.replace(state, step=state.step + 1), tally._replace(damped=tally.damped + damped + damped_too)


def _with_functional(state: State, tally: Tally, parameters: Parameters, model: Model) -> Tally:
    """Return the tally with a sample of the growth functional where one is due, at the end of each interval."""
    every = parameters.cadence.functional_every
    due = state.step % every == every - 1
    functional = jax.lax.cond(due, lambda: mesh_functional(state, parameters, model.broadens), lambda: tally.functional)
    return tally._replace(functional=functional, samples=jnp.where(due, 1.0, 0.0))


def expand(state: State, parameters: Parameters, model: Model, when: float) -> tuple[State, jax.Array]:
    """Return the state after half a step of the tube, without the drive of F0, and the change of ln(b l_par^2).

    The work of the cosmic rays is that of their pressures on the way.
    when: end of the half step, 1/2 or 1 of the step
    """
    if model.expansion == "none":
        return state, jnp.zeros(())
    at, to = state.stretch, tube.next_field(state, parameters, model, when)
    old, new = _mesh(state, parameters), mesh_of(state.markers, parameters, to)
    start, end = state.markers.excess, free_stream(old, new, state.markers.excess)

    def pressures(part: float) -> tuple[jax.Array, jax.Array]:
        on_way = at.towards(to, part)
        held = cells(mesh_of(state.markers, parameters, on_way), start + part * (end - start))
        there = dataclasses.replace(state, b=on_way.b, length=on_way.length, markers=held)
        weight = there.markers.weight(parameters.background, state.amplitude)
        _, _, parallel, perpendicular = moment_functions(there)
        return total(weight * perpendicular), total(weight * parallel)

    across, along = zip(*(pressures(part) for part in tube.WORK_PARTS), strict=True)
    moved = tube.change_surroundings(state, parameters, model, to)
    moved = tube.add_work(moved, at, across + along)
    return dataclasses.replace(moved, markers=cells(new, end)), jnp.log(to.shear / at.shear)


def _mesh(state: State, parameters: Parameters) -> Mesh:
    """Return the mesh of a state."""
    return mesh_of(state.markers, parameters, state.stretch)


def _driving(state: State, parameters: Parameters, log_ratio: jax.Array) -> jax.Array:
    """Return the change of V df by free streaming of F0, V (log_ratio/3) P_2 dF0/d ln y, (n_p, n_mu) [code].

    log_ratio: change of ln(b l_par^2)
    """
    mesh = _mesh(state, parameters)
    slope = parameters.background.slope(state.amplitude, mesh.y)[:, None]
    return mesh.volume * (log_ratio / 3.0) * slope * mesh.p2


def _sources(state: State, parameters: Parameters, model: Model, log_ratio: jax.Array) -> jax.Array:
    """Return the change of V df in a step by the drives of F0, (n_p, n_mu) [code]: expansion and v mu F0/L.

    Neither changes number or energy at any momentum.
    log_ratio: change of ln(b l_par^2)
    """
    driven = _driving(state, parameters, log_ratio)
    if not model.gradient:
        return driven
    mesh = _mesh(state, parameters)
    span = gradient.gradient_now(state, parameters) * parameters.dt
    return (
        driven + _velocity(mesh) * span * mesh.volume * parameters.background.density(state.amplitude, mesh.y)[:, None]
    )


def _velocity(mesh: Mesh) -> jax.Array:
    """Return the mean of v_par in each cell, (n_p, n_mu) [c]; it is odd in mu to round-off."""
    mean = 0.5 * (mesh.face[:, 1:] + mesh.face[:, :-1])
    return mesh.momentum / jnp.sqrt(1.0 + mesh.momentum**2) * mean


def apply_gradient(state: State, parameters: Parameters, model: Model, dt: jax.Array) -> State:
    """Return the state after a time ``dt`` of the gradient's drive of df, with the books of number and energy.

    dt: time [1/Omega0]
    """
    if not model.gradient:
        return state
    rate = gradient.gradient_now(state, parameters) * _velocity(_mesh(state, parameters))
    change = state.markers.excess * jnp.expm1(rate * dt)
    books = state.books.with_entered(total(change), total(change * moment_functions(state)[1]))
    return dataclasses.replace(_holding(state, state.markers.excess + change), books=books)


def _holding(state: State, excess: jax.Array) -> State:
    """Return the state with ``excess`` = V df in its cells, (n_p, n_mu) [code]."""
    return dataclasses.replace(state, markers=dataclasses.replace(state.markers, excess=excess))


class _Stage(NamedTuple):
    """Rates at one stage of the exchange.

    change: rate of change of V df, drive included, (n_p, n_mu) [code]
    gain: power given to each bin, and to waves beyond k_max that no bin stands for, (2, 2, bins + 1) [code]
    absolute: sum of |power| over the faces [code]
    """

    change: jax.Array
    gain: jax.Array
    absolute: jax.Array


def exchange(state: State, parameters: Parameters, model: Model, log_ratio: jax.Array) -> tuple[State, Tally]:
    """Scatter, grow the waves and drive df for a time parameters.dt in a tube at rest; return the state and the tally.

    Two stages, of second order: implicit in df at a dt and dt, explicit in the wave power at 0 and dt/2a, both with
    weights 1 - a and a, so that losses and gains are equal stage by stage.  Waves that grow or decay at a constant rate
    do so exactly.
    log_ratio: change of ln(b l_par^2) in the step, for the drive
    """
    dt, a, start, e = parameters.dt, _STAGE, state.markers.excess, state.e
    mesh = _mesh(state, parameters)
    at = diffusion.faces(mesh, parameters, state.amplitude)
    basis = _weights(at, parameters, model, e)
    source = _sources(state, parameters, model, log_ratio) / dt
    unit = wave_energy_unit(parameters.grid, parameters.alfven_speed, state.b)
    grows = basis is not None and model.evolve_waves
    to_e = parameters.growth_coefficient / unit if grows else jnp.zeros(())

    def stage(start: jax.Array, e: jax.Array) -> _Stage:
        if basis is None:
            coefficient = diffusion.constant_coefficient(at, parameters, model)
        else:
            coefficient = diffusion.spectrum_coefficient(at, basis, e)
        isotropic = diffusion.divergence(mesh, at, coefficient * at.drive)
        df = diffusion.implicit(mesh, at, coefficient, start + a * dt * (source + isotropic), a * dt)
        flux = coefficient * (diffusion.along_waves(mesh, at, df) + at.drive)
        power = state.density * at.momentum * flux
        change = diffusion.divergence(mesh, at, flux) + source
        return _Stage(change, _per_bin(basis, at.beyond, power, e), jnp.sum(jnp.abs(power)))

    one = stage(start, e)
    later = jnp.maximum(e * _later(dt * to_e * one.gain[..., :-1] / e), parameters.seed)
    two = stage(start + (1.0 - a) * dt * one.change, later)
    change, gain, absolute = (dt * ((1.0 - a) * x + a * y) for x, y in zip(one, two, strict=True))
    after = _holding(state, start + change)
    tally = init(parameters)._replace(
        power=(1.0 - a) * e + a * later,
        gain=jnp.sum(gain, axis=-1),
        absolute_exchange=absolute,
        imbalance=-state.density * total(change * moment_functions(state)[1]) - jnp.sum(gain),
        peak=dt * _peak(parameters, model, state),
    )
    if basis is None:
        books = dataclasses.replace(state.books, radiated=state.books.radiated + jnp.sum(gain) / state.density)
        return dataclasses.replace(after, books=books), tally
    after, passed = pass_on(after, gain[..., -1], parameters, model)
    return _grown(after, to_e * gain[..., :-1], parameters, unit), tally._replace(damped=passed)


def _weights(at: diffusion.Faces, parameters: Parameters, model: Model, e: jax.Array) -> jax.Array | Broadened | None:
    """Return the weights of all bins at every face, None for a constant nu.

    The width of a broadened resonance is that of the waves as the step begins, in both stages.
    """
    if model.scattering != "spectrum":
        return None
    if model.broadens:
        return diffusion.broadened_weights(parameters, at, e)
    return diffusion.spline_weights(parameters.grid, at)


def _later(growth: jax.Array) -> jax.Array:
    """Return the wave power of the second stage relative to that of the first, (2, 2, bins).

    With (1 - a) + a x (the result) = (e^z - 1)/z the two stages together change e by e^z.  The terms beyond z/2a are
    taken within `_EXACT`, so that strong growth does not overshoot.
    growth: z, growth of e in a step at the rate of the first stage, (2, 2, bins)
    """
    z = jnp.clip(growth, *_EXACT)
    small = jnp.abs(z) < 1e-4
    safe = jnp.where(small, 1.0, z)
    beyond = jnp.where(small, z**2 / 6.0, jnp.expm1(safe) / safe - 1.0 - 0.5 * safe)
    return 1.0 + (0.5 * growth + beyond) / _STAGE


def _per_bin(basis: jax.Array | Broadened | None, beyond: jax.Array, power: jax.Array, e: jax.Array) -> jax.Array:
    """Return the power given to each bin, face by face in proportion to e_j S_j, and to waves beyond k_max.

    The latter come last, (2, 2, bins + 1) [code].

    basis: from `_weights`; None for a constant nu, which knows no bins: all goes to the first bin of each direction's
        first branch
    beyond: part of the power at each face that waves beyond k_max take, (2, n_p, n_mu - 1)
    power: power given to the waves at each face, (2, n_p, n_mu - 1) [code]
    e: wave power of each branch and bin, (2, 2, bins)
    """
    if basis is None:
        return jnp.zeros((2, 2, e.shape[-1] + 1)).at[:, 0, 0].set(jnp.sum(power, axis=(1, 2)))
    flat, past = ((x * power).reshape(2, -1) for x in (1.0 - beyond, beyond))
    total_e = diffusion.power_met(basis, e)
    share = jnp.where(total_e > 0.0, flat / jnp.where(total_e > 0.0, total_e, 1.0), 0.0)
    found = e * diffusion.taken(basis, share)
    if isinstance(basis, Broadened):
        return jnp.pad(found, ((0, 0), (0, 0), (0, 1)))
    # Below k_max the splines sum to one.
    last = jnp.einsum("df,dhf->dh", past, jnp.sum(basis, axis=-1))
    return jnp.append(found, last[..., None], axis=-1)


def _peak(parameters: Parameters, model: Model, state: State) -> jax.Array:
    """Return the largest scattering frequency, that of a particle at rest [Omega0]."""
    if model.scattering != "spectrum":
        return parameters.scattering_frequency
    return parameters.nu_coefficient * state.b * jnp.max(state.e)


def _grown(state: State, change: jax.Array, parameters: Parameters, unit: jax.Array) -> State:
    """Return the state with the wave power e + ``change``, no lower than the seed.

    The energy that keeps a bin at the seed is booked as injected.
    change: change of e, (2, 2, bins)
    unit: energy density of a bin per unit e_j [code]
    """
    raw = state.e + change
    e = jnp.maximum(raw, parameters.seed)
    seeded = jnp.sum(unit * (e - raw)) / state.density
    books = dataclasses.replace(state.books, injected=state.books.injected + seeded)
    return dataclasses.replace(state, e=e, books=books)
