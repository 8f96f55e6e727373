"""The steady state of both drives: the spectrum in which growth balances damping, its heating, and the drift.

The flux F_mu that the drives force through each mu is known (``theory.combined_flux``).  What scatters there shares it:
waves e_(d,h)(k = 1/(p |mu|)), h = sign(mu), and energy goes to each bin in proportion to its share e_j S_j/e.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.physics.initial import Tabulated
from crmc.physics.parameters import Model, Parameters
from crmc.physics.spectrum import SIGNS
from crmc.theory import combined_flux, growth_times_power_combined
from crmc.theory.moments import resonant_nodes

#: Iterations, and nodes in ln k of the integral of power; in momentum and in each hemisphere those of the drift.
_ITERATIONS, _NODES, _COSINES = 400, 2000, 256
#: Momenta and cosines of a hemisphere at which f is tabulated.
_TABLED = (512, 512)


def _lengths(
    parameters: Parameters, model: Model, tau_B: jax.Array | float | None
) -> tuple[jax.Array | float, jax.Array | float]:
    """L and tau_B [code], infinite where there is no such drive."""
    length = 1.0 / parameters.gradient if model.gradient else math.inf
    return length, math.inf if tau_B is None else tau_B


def _nodes(parameters: Parameters) -> tuple[jax.Array, jax.Array]:
    """Places x = |p_par|, all over what the waves scatter, and weights dx/x; the last one stands for all the gap."""
    grid = parameters.grid
    step = grid.knot * (grid.bins + 2) / _NODES
    x = jnp.exp(-(grid.log_k_min + step * (jnp.arange(_NODES) + 0.5)))
    return jnp.append(x, 0.5 * grid.x_gap), jnp.append(step * jnp.ones(_NODES), 2.0 * (1.0 - grid.x_low / grid.x_gap))


def _power(
    parameters: Parameters, amplitude: jax.Array, model: Model, tau_B: jax.Array | float | None, x: jax.Array
) -> jax.Array:
    """Gamma e of every branch, (2, 2, nodes)."""
    drives = _lengths(parameters, model, tau_B)
    k_max = None if model.broadened else 1.0 / parameters.grid.x_gap

    def branch(d: float, h: float) -> jax.Array:
        return growth_times_power_combined(
            1.0 / x,
            parameters.background,
            amplitude,
            parameters.alfven_speed,
            *drives,
            branch=(d, h),
            k_max=k_max,
        )

    return jnp.stack([jnp.stack([branch(d, h) for h in SIGNS]) for d in SIGNS])


@partial(jax.jit, static_argnames="model")
def equilibrium_spectrum(
    parameters: Parameters, amplitude: jax.Array, model: Model, tau_B: jax.Array | float | None
) -> jax.Array:
    """e_j of all branches, (2, 2, bins), those that nothing drives at the seed; tau_B [code], None: no expansion.

    The power Gamma e that the drives feed per ln k does not depend on e; bin j takes the share e_j S_j/e of it.  The
    balance with damping is the fixed point of an iteration that keeps every e_j positive.
    """
    grid = parameters.grid
    x, dlnx = _nodes(parameters)
    basis = grid.resonant(x)
    weight = (_power(parameters, amplitude, model, tau_B, x) * dlnx / grid.knot)[..., None] * basis

    def iterate(_: jax.Array, e: jax.Array) -> jax.Array:
        damping = parameters.damping.rate(grid, e, jnp.ones(()), model.nonlinear_landau, parameters.nu_coefficient)
        total = jnp.einsum("nj,dhj->dhn", basis, e)
        # Square root of the ratio of growth to damping: damping itself may rise in proportion to e.
        ratio = jnp.einsum("dhn,dhnj->dhj", 1.0 / jnp.where(total > 0.0, total, 1.0), weight) / damping
        driven = ratio > 0.0
        return jnp.maximum(jnp.where(driven, e * jnp.sqrt(jnp.where(driven, ratio, 1.0)), 0.0), parameters.seed)

    driven = jnp.max(weight, axis=-2) > 0.0
    return jax.lax.fori_loop(0, _ITERATIONS, iterate, jnp.where(driven, 1.0, parameters.seed))


class _Drives(NamedTuple):
    """L and tau_B [code] and the waves (2, 2, bins) that share their flux."""

    length: jax.Array | float
    tau_B: jax.Array | float
    e: jax.Array


def _tilt(
    parameters: Parameters, amplitude: jax.Array, drives: _Drives, h: int, p: jax.Array, mu: jax.Array
) -> jax.Array:
    """df/dmu at mu = SIGNS[h] ``mu``, 0 < ``mu`` < 1: [F_mu - sum_d d D_d (p v_A/v) df0/dp]/D, steady.

    D_d = (pi Omega0/2 gamma) e_d (1 - mu^2), D their sum; shapes broadcast.
    """
    background, v = parameters.background, p / jnp.sqrt(1.0 + p**2)
    f0, slope = background.density(amplitude, p), background.slope(amplitude, p)
    e = jnp.einsum("...j,dj->d...", parameters.grid.resonant(p * mu), drives.e[:, h])
    total = e[0] + e[1]
    diffusion = 0.5 * parameters.nu_coefficient / jnp.sqrt(1.0 + p**2) * total
    flux = combined_flux(SIGNS[h] * mu, f0, slope, v, drives.length, drives.tau_B) / (1.0 - mu**2)
    return flux / diffusion - (e[0] - e[1]) / total * parameters.alfven_speed / v * slope


def _lowest(parameters: Parameters) -> jax.Array:
    """ln of a hundredth of the narrowest gap in mu: below, all is even."""
    return jnp.log(0.01 * jnp.minimum(parameters.grid.x_gap / parameters.background.momentum_max, 1.0))


def _cosines(parameters: Parameters) -> tuple[jax.Array, jax.Array]:
    """Nodes mu in (0, 1) and weights, uniform in ln mu from `_lowest` on."""
    nodes, weights = np.polynomial.legendre.leggauss(_COSINES)
    low = _lowest(parameters)
    mu = jnp.exp(0.5 * low * (1.0 - nodes))
    return mu, -0.5 * low * weights * mu


@partial(jax.jit, static_argnames="model")
def steady_drift(
    parameters: Parameters, amplitude: jax.Array, model: Model, tau_B: jax.Array | float | None, e: jax.Array
) -> jax.Array:
    """v_D/c (eq. 17) of the steady state that ``waves`` (2, 2, bins), which scatter down to mu = 0, keep up.

    n_c v_D = int v p^2 dp int (1 - mu^2)/2 (df/dmu) dmu with df/dmu = [F_mu - sum_d d D_d (p v_A/v) df0/dp]/D,
    D_d = (pi Omega0/2 gamma) e_d (1 - mu^2) and D their sum.
    """
    p, dp = parameters.background.quadrature()
    p, (mu, dmu) = p[:, None], _cosines(parameters)
    drives = _Drives(*_lengths(parameters, model, tau_B), e)
    tilt = _tilt(parameters, amplitude, drives, 0, p, mu) + _tilt(parameters, amplitude, drives, 1, p, mu)
    current = p**3 / jnp.sqrt(1.0 + p**2) * dp[:, None] * 0.5 * (1.0 - mu**2) * tilt * dmu
    return jnp.sum(current) / parameters.background.moments(amplitude, jnp.ones(())).number


def growth_of_slope(
    parameters: Parameters, amplitude: jax.Array, df_dmu: Callable[[int, jax.Array, jax.Array], jax.Array]
) -> jax.Array:
    """Growth rates of all branches, (2, 2, bins) [code], for f0 and df/dmu = ``df_dmu``(i, p, mu) at SIGNS[i] mu.

    Gamma = (pi/4) p1 int (p^2 - p1^2) A(p, mu = h p1/p) dp with A = df0/dp + (d v/(v_A p)) df/dmu (eqs. 13-14), the
    mean over each bin's S_j and the part of the gap that it scatters.
    """
    grid, background = parameters.grid, parameters.background
    x, dlnx = _nodes(parameters)
    p, dp = resonant_nodes(background, x)
    mu = jnp.minimum(x[:, None] / p, 1.0 - 1e-12)
    # pi/4: a quarter of the scattering coefficient, times what the printed coefficients add.
    measure = 0.25 * parameters.nu_coefficient * parameters.growth_coefficient * x[:, None] * (p**2 - x[:, None] ** 2)
    resting = background.slope(amplitude, p) / p
    moving = [df_dmu(i, p, mu) / (parameters.alfven_speed * jnp.sqrt(1.0 + p**2)) for i in (0, 1)]
    rates = [[jnp.sum(measure * (resting + d * tilted) * dp, axis=-1) for tilted in moving] for d in SIGNS]
    weight = dlnx[:, None] / grid.knot * grid.resonant(x)
    return jnp.einsum("dhn,nj->dhj", jnp.asarray(rates), weight)


@partial(jax.jit, static_argnames="model")
def steady_growth(
    parameters: Parameters, amplitude: jax.Array, model: Model, tau_B: jax.Array | float | None, e: jax.Array
) -> jax.Array:
    """Growth rates of all branches, (2, 2, bins) [code], by the steady f that ``waves`` of that shape keep up.

    `growth_of_slope` with df/dmu of `steady_drift`.  Where the waves balance damping, this is the damping rate of
    those that are driven; if alone at their k and helicity, the other direction's is 2 Gamma_0 - Gamma_d, Gamma_0 < 0
    that of isotropic f.
    """
    drives = _Drives(*_lengths(parameters, model, tau_B), e)
    return growth_of_slope(parameters, amplitude, partial(_tilt, parameters, amplitude, drives))


@partial(jax.jit, static_argnames="model")
def steady_departure(
    parameters: Parameters, amplitude: jax.Array, model: Model, tau_B: jax.Array | float | None, e: jax.Array
) -> Tabulated:
    """f - F0 of the steady state that ``waves``, which scatter down to mu = 0, keep up; without mean over mu.

    The integral over mu of df/dmu of `steady_drift`, by the midpoint rule in ln |mu|.
    """
    background, drives = parameters.background, _Drives(*_lengths(parameters, model, tau_B), e)
    low = _lowest(parameters)
    step = -low / _TABLED[1]
    face = jnp.exp(low + step * jnp.arange(_TABLED[1] + 1))
    middle = jnp.exp(low + step * (jnp.arange(_TABLED[1]) + 0.5))
    p = jnp.geomspace(background.momentum_min, background.momentum_max, _TABLED[0])[:, None]
    slopes = jnp.stack([_tilt(parameters, amplitude, drives, h, p, middle) for h in (0, 1)])
    # From mu = 0 outwards; the first node is as near to it as nothing varies any more.
    rises = jnp.concatenate([slopes[..., :1] * face[0], slopes * jnp.diff(face)], axis=-1)
    values = jnp.asarray(SIGNS)[:, None, None] * jnp.cumsum(rises, axis=-1)
    between = 0.5 * (values[..., 1:] + values[..., :-1]) * jnp.diff(face)
    mean = 0.5 * (jnp.sum(between, axis=-1) + values[..., 0] * face[0]).sum(axis=0)
    f0 = background.density(amplitude, p[:, 0])
    return Tabulated((values - mean[:, None]) / f0[:, None], low)
