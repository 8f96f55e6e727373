"""Find what the kicks of a step need before them, and what waves, gas and books take up after them.

These are functions of few numbers, without markers, between a step's passes over the ensemble; on a GPU each runs as
one kernel (`one_kernel`).  Arguments that functions share: start: deformation of the tube before the expansion to that
at the kicks; sums: as a pass returns them, a tree of (), or their parts, (parts, terms) in the order of the tree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from crmc.physics import tube
from crmc.physics.flow import Stretch
from crmc.physics.moments import Sizes, expected_sizes
from crmc.physics.parameters import Model, Parameters
from crmc.physics.resonance import spread_of
from crmc.physics.state import State
from crmc.physics.waves import damp, grow, pass_on, wave_velocities
from crmc.solvers.monte_carlo.deposits import lost_per_deposit, node_sizes, sizes_in_bands
from crmc.solvers.monte_carlo.images import share_of_kicks
from crmc.solvers.tally import Tally, empty_tally


class Exchange(NamedTuple):
    """Sums over markers and kicks of a step, per unit length of tube; before the sum an entry (N,) for each marker.

    exchanged, absolute: W d eps and |W d eps|, W the full weight [code]
    envelope: V F0 after the kicks, times 1, eps and eps^2 [code]
    """

    exchanged: jax.Array
    absolute: jax.Array
    envelope: tuple[jax.Array, jax.Array, jax.Array]


class Correction(NamedTuple):
    """A change of each marker's weight by eta V F0(y) (eps - mean).

    eta: strength [1/(m_p c^2)]
    mean: mean kinetic energy of F0's markers [m_p c^2]
    sizes: sizes of the terms of work, and of supplied energy where energies are balanced, of `settle`
    """

    eta: jax.Array
    mean: jax.Array
    sizes: tuple


class Ready(NamedTuple):
    """What the kicks of a step need.

    state: state after all but the markers have followed the tube to its deformation at the kicks
    velocity: phase velocities of both directions' waves, (2,) [c]
    reference: largest wave power of each direction, (2,)
    order: numbers of the directions in the order in which they kick, (2,)
    nu_dt: nu dt of a particle at rest per unit e, ()
    kept: share of the kicks in the growth, lambda_j of `images`, (2, 2, bins)
    imaged: 1 where mirror images of the kicks are wanted, else 0, () int32
    nodes: sizes of the deposits at every node, from `node_sizes` or `sizes_in_bands`
    spread: Delta mu of the waves, (); None where they do not broaden the resonance
    sizes: sizes of the work's terms and of those of `Exchange`
    """

    state: State
    velocity: jax.Array
    reference: jax.Array
    order: jax.Array
    nu_dt: jax.Array
    kept: jax.Array
    imaged: jax.Array
    nodes: jax.Array
    spread: jax.Array | None
    sizes: tuple[tuple[jax.Array, ...], Exchange]


def before_kicks(model: Model, before: State, parameters: Parameters, to: Stretch) -> Ready:
    """Return what the kicks of a step need.

    before: state before the expansion to ``to``, the deformation at the kicks; without markers
    """
    state = tube.change_surroundings(before, parameters, model, to)
    nu_dt = parameters.nu_coefficient * to.b * parameters.dt
    kept, imaged = share_of_kicks(before, parameters, model)
    size = expected_sizes(parameters.background, before.amplitude, to.density)
    spread = None
    if parameters.bands is None:
        nodes = node_sizes(parameters.grid, parameters.background, before.amplitude, to)
    else:
        spread = spread_of(parameters.grid, state.e, parameters.broadening)
        nodes = sizes_in_bands(parameters.bands, spread, parameters.background, before.amplitude, to)
    return Ready(
        state,
        wave_velocities(state, parameters),
        jnp.max(state.e, axis=(-2, -1)),
        order_of(state),
        nu_dt,
        kept,
        imaged.astype(jnp.int32),
        nodes,
        spread,
        (tube.work_sizes(before, parameters), exchange_sizes(size, state, parameters)),
    )


def after_kicks(
    model: Model, ready: Ready, start: Stretch, taken: tuple[jax.Array, jax.Array], sums: Any, parameters: Parameters
) -> tuple[State, Tally, Correction]:
    """Return the state, whose waves took up what the particles lost between two halves of their damping.

    Also the tally of the step, and the correction that `settle` must make.
    taken: from `deposits_taken` or `taken_in_bands`
    """
    work, exchange = summed(sums, ready.sizes)
    kept, V = ready.kept, ready.velocity
    state = tube.add_work(ready.state, start, work)
    kicking, lost = state.e, lost_per_deposit(V, state.b)
    own, mirrored = (kicking * (lost[..., None] * taken[0][i]) for i in range(2))
    offered = 0.5 * ((1.0 + kept) * own + (1.0 - kept) * mirrored)
    own, mirrored = (lost * taken[1][i] for i in range(2))
    # The waves at k_max tell how long those beyond it remember.
    last = kept[..., -1]
    beyond = 0.5 * ((1.0 + last) * own + (1.0 - last) * mirrored)
    state, damped = damp(state, parameters, model, 0.5 * parameters.dt)
    state, gain = grow(state, offered, parameters, model)
    state, passed = pass_on(state, beyond, parameters, model)
    damped, gain = damped + passed, gain + beyond
    imbalance = -state.density * exchange.exchanged - jnp.sum(gain)
    tally = tally_of(state, kicking, exchange)._replace(
        gain=gain, damped=damped, peak=ready.nu_dt * jnp.max(kicking), imbalance=imbalance
    )
    state, damped = damp(state, parameters, model, 0.5 * parameters.dt)
    correction = correction_of(exchange, imbalance / state.density, state, parameters, model)
    return state, tally._replace(damped=tally.damped + damped), correction


def after_settling(
    model: Model,
    closing: Callable[[State, Parameters], State] | None,
    state: State,
    tally: Tally,
    sums: Any,
    sizes: Any,
    parameters: Parameters,
    to: Stretch,
) -> tuple[State, Tally]:
    """Return the state and the tally after `settle` has changed the markers.

    closing: what follows; state: before the expansion to ``to``; sizes: of the sums of that pass, as a tree
    """
    work, supplied = summed(sums, sizes)
    if supplied:
        given, energy = (state.density * x for x in supplied)
        tally = tally._replace(imbalance=tally.imbalance - given, correction=jnp.abs(given) / energy)
    moved = tube.add_work(tube.change_surroundings(state, parameters, model, to), state.stretch, work)
    return moved if closing is None else closing(moved, parameters), tally


def summed(sums: Any, sizes: Any) -> Any:
    """Return the sums as a tree like ``sizes``, () each."""
    if not isinstance(sums, jax.Array):
        return sums
    found = jnp.sum(sums, axis=0)
    return jax.tree.unflatten(jax.tree.structure(sizes), [found[i] for i in range(sums.shape[1])])


def exchange_sizes(size: Sizes, state: State, parameters: Parameters) -> Exchange:
    """Return the sizes of the terms of `Exchange`: |d eps| is at most about 2 v_A p, and p < 1 + eps.

    state: at the field of the kicks
    """
    speed = jnp.max(jnp.abs(wave_velocities(state, parameters)))
    exchanged = speed * (size.number + size.energy)
    return Exchange(exchanged, exchanged, (size.number, size.energy, size.square))


def order_of(state: State) -> jax.Array:
    """Return the numbers of the directions in the order in which they kick in this step, (2,)."""
    first = state.step % 2
    return jnp.stack([first, 1 - first])


def tally_of(state: State, kicking: jax.Array, sums: Exchange) -> Tally:
    """Return a tally with the sums of a step over the markers.

    kicking: wave power that scattered, (2, 2, bins)
    """
    return empty_tally(kicking, jnp.zeros(()))._replace(absolute_exchange=state.density * sums.absolute)


def is_balanced(model: Model) -> bool:
    """Return whether weights are corrected so that the energies of particles and waves balance."""
    return model.balance_energy and model.scattering == "spectrum"


def correction_of(sums: Exchange, missing: jax.Array, state: State, parameters: Parameters, model: Model) -> Correction:
    """Return the correction that gives the particles the energy ``missing`` per unit length of tube [code].

    The terms of supplied energy are eta V F0 (eps - mean) eps and V F0 eps.
    """
    number, energy, square = sums.envelope
    mean = energy / number
    eta = missing / (square - energy * mean)
    work = tube.work_sizes(state, parameters)
    if not is_balanced(model):
        return Correction(eta, mean, (work, ()))
    size = expected_sizes(parameters.background, state.amplitude, state.density)
    supplied = jnp.abs(eta) * (size.square + jnp.abs(mean) * size.energy), size.energy
    return Correction(eta, mean, (work, supplied))
