"""Energy that kicks give to the waves, from histograms of their deposits."""

import jax

from crmc.physics.bands import Bands
from crmc.physics.spectrum import SpectrumGrid
from crmc.solvers.monte_carlo.deposits import lost_per_deposit, taken_in_bands
from crmc.solvers.monte_carlo.tables import deposited, deposited_beyond


def kick_gain(grid: SpectrumGrid, e: jax.Array, V: jax.Array, histogram: jax.Array, b: jax.Array) -> jax.Array:
    """Return the energy density given to each bin by the kicks, divided by its e_j, (2, 2, bins) [code].

    e: wave power that made the kicks, (2, 2, bins)
    V: phase velocities of both directions' waves, (2,) [c]
    histogram: from `add_deposits` for each direction, (2, 2, DEPOSIT_CELLS + 1) [code]
    b: B/B0, (); its square is density times unit
    """
    return lost_per_deposit(V, b)[..., None] * deposited(grid, e, histogram)


def gain_beyond(grid: SpectrumGrid, V: jax.Array, histogram: jax.Array, b: jax.Array) -> jax.Array:
    """Return the energy density given to each branch's waves beyond k_max that no bin stands for, (2, 2) [code].

    V, histogram: as for `kick_gain`
    """
    return lost_per_deposit(V, b) * deposited_beyond(grid, histogram)


def gain_in_bands(
    bands: Bands, e: jax.Array, V: jax.Array, histogram: jax.Array, b: jax.Array, seed: jax.Array
) -> jax.Array:
    """Return `kick_gain` of deposits in bands; histogram: of each direction, (2, 2, BANDS, NODES) [code]."""
    both = histogram[None].repeat(2, axis=0)
    return lost_per_deposit(V, b)[..., None] * taken_in_bands(bands, e, V, b, seed, both, b > 0.0)[0][0]
