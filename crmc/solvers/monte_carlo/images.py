"""Read the growth of weak waves from every kick and its mirror image.

A kick made of the random numbers o, u and its image made of 1 - o, 1 - u have the same law, so that for any lambda_j
that is known before the kicks

    (1 + lambda_j)/2 (gain of bin j by the kicks) + (1 - lambda_j)/2 (gain by the images)

is the same on average.  A single gain is wbar e_j [Psi_j(q') - Psi_j(q)] with Psi_j = int S_j/e dq: q' - q ~ sqrt(e),
hence d ln e_j walks by ~ 1/sqrt(e) a step and drifts by a rate that does not depend on e.  Kicks and images walk in
opposite directions, which leaves the drift: lambda = 0 serves waves so weak that no marker crosses a bin while they
last.  Where markers cross bins many times, the walk must be kept, for it ends: summed over steps, it is the difference
of Psi_j between two places of the marker, whereas what is left of a walk without it goes on for ever: lambda = 1.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from crmc import theory
from crmc.physics.parameters import Model, Parameters
from crmc.physics.state import State
from crmc.physics.waves import wave_velocities

#: Nodes of the quadrature for the damping by an isotropic f, an estimate.
_NODES = 12
#: Momentum of the particles that stand for all that resonate at k, in units of the lowest one, 1/k.
_TYPICAL = 1.5
#: Images, which double the work, are made while lambda < 1/2 in more than this share of all bins, where only branches
#: count whose largest e is more than this part of that of all.
_SHARE, _COUNTED = 0.125, 0.01


def share_of_kicks(state: State, parameters: Parameters, model: Model) -> tuple[jax.Array, jax.Array]:
    """Return lambda_j of each branch and bin, (2, 2, bins), and whether images are needed, (); else lambda_j = 1.

    lambda = x/(1 + x), x the number of times that a marker crosses the bin, at the rate nu/(Delta ln k)^2, in the time
    1/(2 Gamma) in which the waves forget: Gamma their damping by the gas and by an isotropic f, F0 as a function of p.
    These are estimates: no mean depends on them.  Waves that do not evolve never forget.
    """
    grid, e = parameters.grid, state.e
    if not model.evolve_waves:
        return jnp.ones_like(e), jnp.asarray(False)
    gas = parameters.damping.rate(grid, e, state.stretch, model.nonlinear_landau, parameters.nu_coefficient)
    k = grid.centres / state.resonance
    speed = wave_velocities(state, parameters)[0]
    cosmic_rays = -theory.growth_rate(k, parameters.background, state.amplitude, speed, nodes=_NODES)
    gamma = jnp.sqrt(1.0 + (_TYPICAL / k) ** 2)
    crossing = parameters.nu_coefficient * state.b * e / gamma / grid.knot**2
    x = crossing / (2.0 * (gas + jnp.maximum(cosmic_rays, 0.0)))
    share = jax.lax.stop_gradient(x / (1.0 + x))
    counts = jnp.max(e, axis=-1, keepdims=True) > _COUNTED * jnp.max(e)
    needed = jnp.mean((share < 0.5) & counts) > _SHARE
    return jnp.where(needed, share, 1.0), needed
