"""The steady state of both drives: the spectrum in which growth balances damping, its heating, and the drift.

The flux F_mu that the drives force through each mu is known (``theory.combined_flux``).  What scatters there shares it:
waves e_(d,h)(k = 1/(p |mu|)), h = sign(mu), and energy goes to each bin in proportion to its share e_j S_j/e.
"""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from crmc.parameters import Model, Parameters
from crmc.spectrum import SIGNS
from crmc.theory import combined_flux, growth_times_power_combined

#: Iterations, and nodes in ln k of the integral of power; in momentum and in each hemisphere those of the drift.
_ITERATIONS, _NODES, _COSINES = 400, 2000, 256


def _lengths(parameters: Parameters, model: Model, tau_B: jax.Array | float | None) -> tuple[jax.Array | float, ...]:
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
def equilibrium_amplitudes(
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


@partial(jax.jit, static_argnames="model")
def steady_drift(
    parameters: Parameters, amplitude: jax.Array, model: Model, tau_B: jax.Array | float | None, waves: jax.Array
) -> jax.Array:
    """v_D/c (eq. 17) of the steady state that ``waves`` (2, 2, bins), which scatter down to mu = 0, keep up.

    df/dmu = [F_mu - sum_d d D_d (p v_A/v) df0/dp]/D with D_d = (pi Omega0/2 gamma) e_d (1 - mu^2) and D their sum;
    n_c v_D = int v p^2 dp int (1 - mu^2)/2 (df/dmu) dmu.
    """
    grid, background = parameters.grid, parameters.background
    p, dp = background.quadrature()
    p = p[:, None]
    v = p / jnp.sqrt(1.0 + p**2)
    f0, slope = background.density(amplitude, p), background.slope(amplitude, p)
    nodes, weights = np.polynomial.legendre.leggauss(_COSINES)
    # Uniform in ln mu from a hundredth of the narrowest gap on, below which nothing varies.
    low = jnp.log(0.01 * jnp.minimum(grid.x_gap / background.momentum_max, 1.0))
    mu = jnp.exp(0.5 * low * (1.0 - nodes))
    dmu = -0.5 * low * weights * mu
    x = p * mu
    basis = grid.resonant(x)
    flux = jnp.zeros(())
    for h, waves_h in zip(SIGNS, jnp.moveaxis(waves, 1, 0), strict=True):
        e = jnp.einsum("pmj,dj->dpm", basis, waves_h)
        total = e[0] + e[1]
        diffusion = 0.5 * parameters.nu_coefficient / jnp.sqrt(1.0 + p**2) * total
        F = combined_flux(h * mu, f0, slope, v, *_lengths(parameters, model, tau_B)) / (1.0 - mu**2)
        tilt = F / diffusion - (e[0] - e[1]) / total * parameters.alfven_speed / v * slope
        flux += jnp.sum(v * p**2 * dp[:, None] * 0.5 * (1.0 - mu**2) * tilt * dmu)
    return flux / background.moments(amplitude, jnp.ones(())).number
