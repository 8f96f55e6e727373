"""The spectrum in which growth by steady expansion balances damping, in the splines' own space."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from crmc.parameters import Model, Parameters
from crmc.spectrum import SIGNS
from crmc.theory import growth_times_power

_ITERATIONS = 400


def equilibrium_amplitudes(parameters: Parameters, amplitude: jax.Array, model: Model, tau_B: float) -> np.ndarray:
    """e_j of the driven branches (co-moving for tau_B > 0, counter-moving for compression), (bins,).

    The power Gamma e that expansion feeds per ln k does not depend on e; bin j takes the share e_j S_j/e of it.  The
    balance with damping is the fixed point of an iteration that keeps every e_j positive.
    """
    grid = parameters.grid
    log_k = float(grid.log_k_min) + float(grid.knot) * (grid.bins + 2) * (np.arange(2000) + 0.5) / 2000
    power = jax.jit(growth_times_power)(
        np.exp(log_k),
        parameters.background,
        amplitude,
        parameters.alfven_speed,
        abs(tau_B),
        k_max=1.0 / grid.x_gap,
    )
    basis = np.asarray(grid.basis(jnp.exp(-jnp.asarray(log_k))))
    weight = np.asarray(power)[:, None] * basis * (log_k[1] - log_k[0]) / float(grid.knot)
    driven = driven_branches(tau_B)
    rate = jax.jit(
        lambda e: parameters.damping.rate(
            grid,
            jnp.where(driven[..., None], e, parameters.seed),
            jnp.ones(()),
            model.nonlinear_landau,
            parameters.nu_coefficient,
        )[0, 0 if tau_B > 0 else 1]
    )
    e = np.full(grid.bins, 1.0)
    for _ in range(_ITERATIONS):
        fed = e * (weight / (basis @ e)[:, None]).sum(axis=0)
        damping = np.asarray(rate(jnp.asarray(e)))
        # Square root of the ratio: damping itself may rise in proportion to e.
        e = e * np.sqrt(fed / (damping * e))
    return np.maximum(e, float(parameters.seed))


def driven_branches(tau_B: float) -> np.ndarray:
    """Mask (direction, helicity) of the branches that expansion (tau_B > 0) or compression drives."""
    co_moving = np.outer(SIGNS, SIGNS) > 0
    return co_moving if tau_B > 0 else ~co_moving
