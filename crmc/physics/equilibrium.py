"""Steady state of both drives: the spectrum in which growth balances damping, its growth rates, the drift, and f.

The flux F_mu that the drives force through each mu is known (``theory.combined_flux``).  The waves that scatter there,
e_(d,h)(k = 1/(p |mu|)) with h = sign(mu), share it, and energy goes to each bin in proportion to its share e_j S_j/e.

Arguments that all functions share:
parameters, model: as in `crmc.physics.parameters`; amplitude: c_k of F0, (K,) [code];
tau_B: timescale of the expansion, () [code], None without expansion; e: wave power of each branch and bin,
(2, 2, bins).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from crmc.physics import balance
from crmc.physics.flow import Stretch
from crmc.physics.initial import Harmonics, Tabulated
from crmc.physics.parameters import Model, Parameters
from crmc.physics.spectrum import SIGNS
from crmc.theory import growth_times_power_combined
from crmc.theory.moments import resonant_nodes
from crmc.theory.quadrature import gauss_legendre

#: Iterations of the balance; nodes in ln k of its integrals; nodes in mu of the drift's integral, in each hemisphere.
_ITERATIONS, _NODES, _COSINES = 400, 2000, 256
#: Numbers of momenta and of cosines in a hemisphere at which f is tabulated; of momenta where a resonance is broadened,
#: which leaves f without kinks.
_TABLED, _TABLED_SMOOTH = (512, 512), 128


def _lengths(
    parameters: Parameters, model: Model, tau_B: jax.Array | float | None
) -> tuple[jax.Array | float, jax.Array | float]:
    """Return the length L of the gradient and tau_B, infinite where there is no such drive, () [code]."""
    length = 1.0 / parameters.gradient if model.gradient else math.inf
    return length, math.inf if tau_B is None else tau_B


def _nodes(parameters: Parameters) -> tuple[jax.Array, jax.Array]:
    """Return nodes x = |p_par| over the range that waves scatter and weights dx/x, (nodes,) [m_p c] and (nodes,).

    The last node stands for the part of the gap whose power grows the bins.
    """
    grid = parameters.grid
    step = jnp.log(grid.x_top / grid.x_gap) / _NODES
    x = jnp.exp(-(grid.log_k_min + step * (jnp.arange(_NODES) + 0.5)))
    low = 2.0 * (1.0 - grid.edge) * (1.0 - grid.x_low / grid.x_gap)
    return jnp.append(x, 0.5 * grid.x_gap), jnp.append(step * jnp.ones(_NODES), low)


def _power(
    parameters: Parameters, amplitude: jax.Array, model: Model, tau_B: jax.Array | float | None, x: jax.Array
) -> jax.Array:
    """Return Gamma e of each branch at k = 1/x, (2, 2, nodes) [code].

    x: |p_par|, (nodes,) [m_p c].
    """
    drives = _lengths(parameters, model, tau_B)
    k_max = None if model.crossing else 1.0 / parameters.grid.x_gap

    return growth_times_power_combined(
        1.0 / x,
        parameters.background,
        amplitude,
        parameters.alfven_speed,
        *drives,
        branch=(SIGNS[:, None, None], SIGNS[:, None]),
        k_max=k_max,
    )


@partial(jax.jit, static_argnames="model")
def equilibrium_spectrum(
    parameters: Parameters, amplitude: jax.Array, model: Model, tau_B: jax.Array | float | None
) -> jax.Array:
    """Return the wave power e_j in which growth balances damping, the seed where no drive acts, (2, 2, bins).

    The power Gamma e that the drives feed per ln k does not depend on e; bin j takes the share e_j S_j/e of it.  The
    balance with damping is the fixed point of an iteration that keeps every e_j positive.
    """
    grid = parameters.grid
    x, dlnx = _nodes(parameters)
    basis = grid.resonant(x)
    weight = (_power(parameters, amplitude, model, tau_B, x) * dlnx)[..., None] * basis / grid.width

    def iterate(_: jax.Array, e: jax.Array) -> jax.Array:
        damping = parameters.damping.rate(
            grid, e, Stretch(jnp.ones(())), model.nonlinear_landau, parameters.nu_coefficient
        )
        total = jnp.einsum("nj,dhj->dhn", basis, e)
        # Square root of the ratio of growth to damping: damping itself may rise in proportion to e.
        ratio = jnp.einsum("dhn,dhnj->dhj", 1.0 / jnp.where(total > 0.0, total, 1.0), weight) / damping
        driven = ratio > 0.0
        return jnp.maximum(jnp.where(driven, e * jnp.sqrt(jnp.where(driven, ratio, 1.0)), 0.0), parameters.seed)

    driven = jnp.max(weight, axis=-2) > 0.0
    e = jax.lax.fori_loop(0, _ITERATIONS, iterate, jnp.where(driven, 1.0, parameters.seed))
    if not model.broadens:
        return e
    return balance.broadened_balance(parameters, amplitude, model, _lengths(parameters, model, tau_B), e)


class _Drives(NamedTuple):
    """Drives and the waves that share their flux.

    length: L of the gradient, () [code]; tau_B: timescale of the expansion, () [code]; both infinite without the drive.
    e: wave power of each branch and bin, (2, 2, bins).
    spread: Delta mu of the resonance, (); None where the waves do not broaden it.
    """

    length: jax.Array | float
    tau_B: jax.Array | float
    e: jax.Array
    spread: jax.Array | None


def _drives(parameters: Parameters, model: Model, tau_B: jax.Array | float | None, e: jax.Array) -> _Drives:
    """Return the drives of a run and waves of a given power."""
    spread = balance.spread(parameters, e) if model.broadens else None
    return _Drives(*_lengths(parameters, model, tau_B), e, spread)


def _tilt(
    parameters: Parameters, amplitude: jax.Array, drives: _Drives, h: int, p: jax.Array, mu: jax.Array
) -> jax.Array:
    """Return df/dmu of the steady state in one hemisphere, [F_mu - sum_d d D_d (p v_A/v) df0/dp]/D, (...) [code].

    D_d = (pi Omega0/2 gamma) e_d (1 - mu^2), D their sum.
    h: index of the hemisphere, where the cosine is SIGNS[h] mu; p: momentum, (...) [m_p c]; mu: 0 < mu < 1, (...);
    p and mu are broadcast.
    """
    signed = SIGNS[h] * mu
    if drives.spread is not None:
        e = balance.met(parameters, drives.e, drives.spread, p, signed)
    else:
        e = jnp.einsum("...j,dj->d...", parameters.grid.resonant(p * mu), drives.e[:, h])
    return balance.slope_of(parameters, amplitude, (drives.length, drives.tau_B), e, p, signed)


def _cosines(parameters: Parameters) -> tuple[jax.Array, jax.Array]:
    """Return Gauss-Legendre nodes in ln mu from `balance.lowest` to 0, as mu, and their weights, (cosines,)."""
    nodes, weights = gauss_legendre(_COSINES)
    low = balance.lowest(parameters)
    mu = jnp.exp(0.5 * low * (1.0 - nodes))
    # The first node stands for all below it.
    return mu, (-0.5 * low * weights * mu).at[0].add(jnp.exp(low))


@partial(jax.jit, static_argnames="model")
def steady_drift(
    parameters: Parameters, amplitude: jax.Array, model: Model, tau_B: jax.Array | float | None, e: jax.Array
) -> jax.Array:
    """Return the drift v_D/c (eq. 17) of the steady state that given waves maintain, ().

    n_c v_D = int v p^2 dp int (1 - mu^2)/2 (df/dmu) dmu with df/dmu = [F_mu - sum_d d D_d (p v_A/v) df0/dp]/D,
    D_d = (pi Omega0/2 gamma) e_d (1 - mu^2) and D their sum.  The waves must scatter down to mu = 0.
    """
    p, dp = parameters.background.quadrature()
    p, (mu, dmu) = p[:, None], _cosines(parameters)
    drives = _drives(parameters, model, tau_B, e)
    tilt = _tilt(parameters, amplitude, drives, 0, p, mu) + _tilt(parameters, amplitude, drives, 1, p, mu)
    current = p**3 / jnp.sqrt(1.0 + p**2) * dp[:, None] * 0.5 * (1.0 - mu**2) * tilt * dmu
    return jnp.sum(current) / parameters.background.moments(amplitude, jnp.ones(())).number


#: (i, p, mu) -> df/dmu at the cosine SIGNS[i] mu [code]; p: momentum [m_p c] and 0 < mu < 1, (nodes, 96).
Slope = Callable[[int, jax.Array, jax.Array], jax.Array]


def growth_at(parameters: Parameters, amplitude: jax.Array, df_dmu: Slope, x: jax.Array) -> jax.Array:
    """Return the growth rate of each branch at k = 1/x for a given slope of f in mu, (2, 2, nodes) [code].

    Gamma = (pi/4) p1 int (p^2 - p1^2) A(p, mu = h p1/p) dp with A = df0/dp + (d v/(v_A p)) df/dmu (eqs. 13-14).
    x: |p_par|, (nodes,) [m_p c].
    """
    background = parameters.background
    p, dp = resonant_nodes(background, x)
    mu = jnp.minimum(x[:, None] / p, 1.0 - 1e-12)
    # pi/4: a quarter of the scattering coefficient, times what the printed coefficients add.
    measure = 0.25 * parameters.nu_coefficient * parameters.growth_coefficient * x[:, None] * (p**2 - x[:, None] ** 2)
    resting = background.slope(amplitude, p) / p
    moving = [df_dmu(i, p, mu) / (parameters.alfven_speed * jnp.sqrt(1.0 + p**2)) for i in (0, 1)]
    return jnp.asarray([[jnp.sum(measure * (resting + d * tilted) * dp, axis=-1) for tilted in moving] for d in SIGNS])


def growth_of_slope(parameters: Parameters, amplitude: jax.Array, df_dmu: Slope) -> jax.Array:
    """Return `growth_at` of each branch and bin, (2, 2, bins) [code].

    It is the mean over each bin's S_j and the part of the gap whose power grows it.
    """
    grid = parameters.grid
    x, dlnx = _nodes(parameters)
    weight = dlnx[:, None] * grid.resonant(x) / grid.width
    return jnp.einsum("dhn,nj->dhj", growth_at(parameters, amplitude, df_dmu, x), weight)


@partial(jax.jit, static_argnames="model")
def steady_growth_at(
    parameters: Parameters,
    amplitude: jax.Array,
    model: Model,
    tau_B: jax.Array | float | None,
    e: jax.Array,
    x: jax.Array,
) -> jax.Array:
    """Return `growth_at` of the steady f that given waves maintain; arguments as in `growth_at`."""
    drives = _drives(parameters, model, tau_B, e)
    return growth_at(parameters, amplitude, partial(_tilt, parameters, amplitude, drives), x)


@jax.jit
def harmonic_growth_at(parameters: Parameters, amplitude: jax.Array, harmonics: Harmonics, x: jax.Array) -> jax.Array:
    """Return `growth_at` of f = F0 - (v_D/v) p F0' P1(mu) - zeta p F0' P2(mu); arguments as in `growth_at`."""

    def slope(i: int, p: jax.Array, mu: jax.Array) -> jax.Array:
        dipole = harmonics.drift * jnp.sqrt(1.0 + p**2) / p
        return -parameters.background.slope(amplitude, p) * (dipole + 3.0 * harmonics.anisotropy * SIGNS[i] * mu)

    return growth_at(parameters, amplitude, slope, x)


@partial(jax.jit, static_argnames="model")
def steady_growth(
    parameters: Parameters, amplitude: jax.Array, model: Model, tau_B: jax.Array | float | None, e: jax.Array
) -> jax.Array:
    """Return the growth rate of each branch and bin by the steady f that given waves maintain, (2, 2, bins) [code].

    `growth_of_slope` with df/dmu of `steady_drift`.  Where growth balances damping, driven waves grow at their damping
    rate Gamma_d.  If they are alone at their k and helicity, waves of the other direction grow at 2 Gamma_0 - Gamma_d,
    where Gamma_0 < 0 is the rate for isotropic f.
    """
    drives = _drives(parameters, model, tau_B, e)
    if model.broadens:
        return balance.steady_rates(parameters, amplitude, (drives.length, drives.tau_B), e)
    return growth_of_slope(parameters, amplitude, partial(_tilt, parameters, amplitude, drives))


@partial(jax.jit, static_argnames="model")
def steady_departure(
    parameters: Parameters, amplitude: jax.Array, model: Model, tau_B: jax.Array | float | None, e: jax.Array
) -> Tabulated:
    """Tabulate f - F0 of the steady state that given waves maintain; its mean over mu is zero.

    The integral over mu of df/dmu of `steady_drift`, by the midpoint rule in ln |mu|.  The waves must scatter down to
    mu = 0.
    """
    background, drives = parameters.background, _drives(parameters, model, tau_B, e)
    low = balance.lowest(parameters)
    step = -low / _TABLED[1]
    face = jnp.exp(low + step * jnp.arange(_TABLED[1] + 1))
    middle = jnp.exp(low + step * (jnp.arange(_TABLED[1]) + 0.5))
    momenta = _TABLED_SMOOTH if model.broadens else _TABLED[0]
    p = jnp.geomspace(background.momentum_min, background.momentum_max, momenta)[:, None]
    slopes = jnp.stack([_tilt(parameters, amplitude, drives, h, p, middle) for h in (0, 1)])
    # From mu = 0 outwards; below the first node f does not vary.
    rises = jnp.concatenate([slopes[..., :1] * face[0], slopes * jnp.diff(face)], axis=-1)
    values = jnp.asarray(SIGNS)[:, None, None] * jnp.cumsum(rises, axis=-1)
    between = 0.5 * (values[..., 1:] + values[..., :-1]) * jnp.diff(face)
    mean = 0.5 * (jnp.sum(between, axis=-1) + values[..., 0] * face[0]).sum(axis=0)
    f0 = background.density(amplitude, p[:, 0])
    return Tabulated((values - mean[:, None]) / f0[:, None], low)
