"""The spectrum in which growth by steady expansion balances damping, in the splines' own space."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from crmc.damping import NonlinearLandau
from crmc.parameters import Model, Parameters
from crmc.spectrum import SIGNS
from crmc.theory import growth_times_power

#: Iterations, and nodes in ln k of the integral of power.
_ITERATIONS, _NODES = 400, 2000


def equilibrium_amplitudes(
    parameters: Parameters, amplitude: jax.Array, model: Model, tau_B: jax.Array | float
) -> jax.Array:
    """e_j of the driven branches (co-moving for tau_B > 0, counter-moving for compression), (bins,).

    The power Gamma e that expansion feeds per ln k does not depend on e; bin j takes the share e_j S_j/e of it.  The
    balance with damping is the fixed point of an iteration that keeps every e_j positive.
    """
    return _balance(parameters, amplitude, tau_B, driven_branches(tau_B), model.nonlinear_landau)


@partial(jax.jit, static_argnames="form")
def _balance(parameters: Parameters, amplitude: jax.Array, tau_B, driven: jax.Array, form: NonlinearLandau):
    """The amplitudes of the branches marked in ``driven``, the others being at the seed."""
    grid = parameters.grid
    step = grid.knot * (grid.bins + 2) / _NODES
    k = jnp.exp(grid.log_k_min + step * (jnp.arange(_NODES) + 0.5))
    power = growth_times_power(
        k, parameters.background, amplitude, parameters.alfven_speed, jnp.abs(tau_B), k_max=1.0 / grid.x_gap
    )
    basis = grid.basis(1.0 / k)
    weight = power[:, None] * basis * (step / grid.knot)

    def iterate(_: jax.Array, e: jax.Array) -> jax.Array:
        waves = jnp.where(driven[..., None], e, parameters.seed)
        rate = parameters.damping.rate(grid, waves, jnp.ones(()), form, parameters.nu_coefficient)
        damping = jnp.where(tau_B > 0.0, rate[0, 0], rate[0, 1])
        # Square root of the ratio of growth to damping: damping itself may rise in proportion to e.
        return e * jnp.sqrt((1.0 / (basis @ e)) @ weight / damping)

    e = jax.lax.fori_loop(0, _ITERATIONS, iterate, jnp.ones(grid.bins))
    return jnp.maximum(e, parameters.seed)


def driven_branches(tau_B: jax.Array | float) -> jax.Array:
    """Mask (direction, helicity) of the branches that expansion (tau_B > 0) or compression drives."""
    co_moving = np.outer(SIGNS, SIGNS) > 0
    return co_moving == (jnp.asarray(tau_B) > 0.0)
