"""Balance of growth and damping where the waves broaden the resonance, gap = "resonance".

The flux F_mu that the drives force through each mu (``theory.combined_flux``) is shared by all waves that scatter there
by their weights w_hj of `crmc.physics.resonance`.  With e_d = sum_hj e_dhj w_hj and D_d = (pi Omega0/2 gamma) e_d,

    df/dmu = F_mu/[D (1 - mu^2)] - sum_d d (D_d/D) (p v_A/v) df0/dp,      D the sum of D_d,
    Gamma_dhj int S_j dln k = (pi/4) int p^3 (1 - mu^2) A_d w_hj dp dmu,  A_d = df0/dp + d (v/(v_A p)) df/dmu

(eqs. 13 and 14 with k spread over the resonance).  Near 90 degrees waves of both directions and helicities meet the
same particles and damp each other.

Arguments that all functions share are those of `crmc.physics.equilibrium`; length, tau_B: L of the gradient and
timescale of the expansion, () [code], infinite without the drive.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from crmc.physics.flow import Stretch
from crmc.physics.parameters import Model, Parameters
from crmc.physics.resonance import broadened, spread_of
from crmc.physics.spectrum import SIGNS
from crmc.theory import combined_flux
from crmc.theory.quadrature import gauss_legendre

#: Nodes in ln p, and in ln |mu| of each hemisphere.
_MOMENTA, _COSINES = 24, 64
#: Widths of the resonance, iterations with each, and the most that a power changes in one of them.
_WIDTHS, _ITERATIONS, _FACTOR = 5, 80, 2.0


def lowest(parameters: Parameters) -> jax.Array:
    """Return ln of a hundredth of the narrowest gap in mu, (); f does not vary below."""
    return jnp.log(0.01 * jnp.minimum(parameters.grid.x_gap / parameters.background.momentum_max, 1.0))


def met(parameters: Parameters, e: jax.Array, spread: jax.Array, p: jax.Array, mu: jax.Array) -> jax.Array:
    """Return the power e_d of each direction that scatters particles, (2, rows, nodes).

    A row at a time, for the sake of memory.
    spread: Delta mu, (); p: momentum [m_p c] and mu: cosine with its sign, (rows, nodes)
    """

    def row(place: tuple[jax.Array, jax.Array]) -> jax.Array:
        p, mu = place
        return broadened(parameters.grid, (p * mu)[None], p * spread).power_at(e)

    return jnp.moveaxis(jax.lax.map(row, jnp.broadcast_arrays(p, mu)), 0, 1)


def slope_of(
    parameters: Parameters,
    amplitude: jax.Array,
    drives: tuple[jax.Array | float, jax.Array | float],
    e: jax.Array,
    p: jax.Array,
    mu: jax.Array,
) -> jax.Array:
    """Return df/dmu of the steady state, (...) [code].

    drives: length and tau_B; e: power e_d of each direction that scatters there, (2, ...); p: momentum [m_p c] and
    mu: cosine with its sign, broadcast with (...).
    """
    background, gamma = parameters.background, jnp.sqrt(1.0 + p**2)
    v, f0, slope = p / gamma, background.density(amplitude, p), background.slope(amplitude, p)
    # Without waves there is no steady state, and f rises without bound.
    total = jnp.maximum(e[0] + e[1], 1e-300)
    diffusion = 0.5 * parameters.nu_coefficient / gamma * total
    flux = combined_flux(mu, f0, slope, v, *drives) / (1.0 - mu**2)
    return flux / diffusion - (e[0] - e[1]) / total * parameters.alfven_speed / v * slope


class _Nodes(NamedTuple):
    """Places in phase space and the weights of integrals there.

    p: momentum [m_p c]; mu: cosine with its sign; weight: dp dmu; all (nodes,)
    """

    p: jax.Array
    mu: jax.Array
    weight: jax.Array


def _nodes(parameters: Parameters) -> _Nodes:
    """Return Gauss-Legendre nodes in ln p and, in each hemisphere, in ln |mu|."""
    background, low = parameters.background, lowest(parameters)
    (z, w), (t, u) = gauss_legendre(_MOMENTA), gauss_legendre(_COSINES)
    half = 0.5 * jnp.log(background.momentum_max / background.momentum_min)
    p = (background.momentum_min * jnp.exp(half * (z + 1.0)))[:, None]
    mu = jnp.exp(0.5 * low * (1.0 - t))
    both, weight = jnp.concatenate([mu, -mu]), jnp.tile(-0.5 * low * u * mu, 2)
    places = jnp.broadcast_arrays(p, both, (half * w)[:, None] * p * weight)
    return _Nodes(*(x.ravel() for x in places))


def _weights(parameters: Parameters, at: _Nodes, width: jax.Array) -> jax.Array:
    """Return the weights of both helicities and all bins at each place, (nodes, 2, bins).

    width: Delta mu, ()
    """
    return broadened(parameters.grid, at.p * at.mu, at.p * width).matrix()


def _rates(
    parameters: Parameters, amplitude: jax.Array, drives: tuple, at: _Nodes, weights: jax.Array, e: jax.Array
) -> jax.Array:
    """Return `steady_rates` with weights that are known, from `_weights`."""
    power = jnp.einsum("nhj,dhj->dn", weights, e)
    # Where no wave scatters but for the rounding of weights, none grows either.
    lit = power[0] + power[1] > 1e-3 * parameters.seed
    power = jnp.where(lit, power, 1.0)
    slope = slope_of(parameters, amplitude, drives, power, at.p, at.mu)
    # A quarter of the scattering coefficient, times what the printed coefficients add.
    measure = 0.25 * parameters.nu_coefficient * parameters.growth_coefficient * at.p**3 * (1.0 - at.mu**2) * at.weight
    resting = parameters.background.slope(amplitude, at.p) / at.p
    moving = slope / (parameters.alfven_speed * jnp.sqrt(1.0 + at.p**2))
    amount = jnp.stack([jnp.where(lit, measure * (resting + d * moving), 0.0) for d in SIGNS])
    return jnp.einsum("dn,nhj->dhj", amount, weights) / parameters.grid.width


def steady_rates(
    parameters: Parameters, amplitude: jax.Array, drives: tuple[jax.Array | float, jax.Array | float], e: jax.Array
) -> jax.Array:
    """Return the growth rate of each branch and bin by the steady f that given waves maintain, (2, 2, bins) [code].

    drives: length and tau_B; e: wave power of each branch and bin, (2, 2, bins).
    """
    at = _nodes(parameters)
    return _rates(parameters, amplitude, drives, at, _weights(parameters, at, spread(parameters, e)), e)


def spread(parameters: Parameters, e: jax.Array) -> jax.Array:
    """Return Delta mu of the waves, ().

    e: wave power of each branch and bin, (2, 2, bins)
    """
    return spread_of(parameters.grid, e, parameters.broadening)


def broadened_balance(
    parameters: Parameters,
    amplitude: jax.Array,
    model: Model,
    drives: tuple[jax.Array | float, jax.Array | float],
    start: jax.Array,
) -> jax.Array:
    """Return the wave power e_j in which growth balances damping, the seed where waves do not grow, (2, 2, bins).

    Powers are multiplied by the square root of growth over damping until they stay; the width of the resonance follows
    now and then.  Waves much shorter than the resonance is wide grow the less the shorter they are, and die: the
    spectrum ends by itself near k = 1/(p Delta mu).
    drives: length and tau_B; start: wave power of the first iteration, (2, 2, bins).
    """
    grid, at = parameters.grid, _nodes(parameters)

    def settle(_: jax.Array, e: jax.Array) -> jax.Array:
        weights = _weights(parameters, at, spread(parameters, e))

        def iterate(_: jax.Array, e: jax.Array) -> jax.Array:
            damping = parameters.damping.rate(
                grid, e, Stretch(jnp.ones(())), model.nonlinear_landau, parameters.nu_coefficient
            )
            ratio = _rates(parameters, amplitude, drives, at, weights, e) / damping
            factor = jnp.clip(jnp.sqrt(jnp.maximum(ratio, 0.0)), 1.0 / _FACTOR, _FACTOR)
            return jnp.maximum(e * factor, parameters.seed)

        return jax.lax.fori_loop(0, _ITERATIONS, iterate, e)

    return jax.lax.fori_loop(0, _WIDTHS, settle, start)
