"""Bands of a broadened resonance: its weights between nodes, shares that lose nothing, and the limit of sharp ones."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from crmc.physics.bands import BANDS, NODES, make_bands
from crmc.physics.resonance import broadened
from crmc.physics.spectrum import CELLS, make_grid, range_slope
from crmc.solvers.monte_carlo.tables import power_on_rows

BINS = 7
#: Uneven powers of both helicities, apart by three.
E = np.random.default_rng(3).uniform(0.5, 1.5, (2, BINS)) * np.array([[1.0], [0.3]])


@functools.cache
def made():
    """Return a grid with x_gap = 0.1, scaled momenta 0.5 to 5, and its bands."""
    grid = make_grid(0.1, 10.0, BINS, 0.5, 5.0, gap="resonance")
    return grid, jax.jit(make_bands)(grid, 5.0)


@pytest.mark.parametrize("width", [1e-6, 0.03, 0.08, 0.2])
def test_power_on_rows_is_that_of_the_resonance(width):
    """Oracle: `resonance.broadened` at the same places, to 6e-3 of the largest e; a sharp one, the splines themselves.

    There nothing scatters in the gap, but within the width of the narrowest band.  Helicities that do not change places
    in the other hemisphere are 0.5 off.
    """
    grid, bands = made()
    found = np.asarray(jax.jit(power_on_rows)(grid, bands, jnp.asarray(E), jnp.asarray(width)))
    x, spread = grid.x_mid, (grid.row_momentum * width)[:, None]
    for i, s in enumerate((1.0, -1.0)):
        want = jax.jit(lambda x, spread: broadened(grid, x[None], spread).power(jnp.asarray(E)[None])[0])(s * x, spread)
        np.testing.assert_allclose(found[i], want, atol=6e-3 * E.max())
    if width < 1e-3:
        sharp = np.einsum("hj,jrc->hrc", E, np.asarray(grid.basis_mid))
        np.testing.assert_allclose(found, sharp, atol=0.01 * E.max())
        assert not found[:, np.asarray(x) < 0.85 * float(grid.x_gap)].any()


@pytest.mark.parametrize("width", [0.06, 0.08, 0.2])
def test_paths_across_90_degrees(width):
    """int (1 - mu^2)/power dmu over a hemisphere, on which kappa depends, to 3 % for each row that is crossed.

    Oracle: `resonance.broadened` at the same places.  What is linear between tails of a Gaussian is too large: 32 widths,
    or nodes that begin at x_gap/4, miss by 6 and 9 %.
    """
    grid, bands = made()
    e = jnp.asarray(E)
    found = jax.jit(power_on_rows)(grid, bands, e, jnp.asarray(width))[0]
    x, spread = grid.x_mid, (grid.row_momentum * width)[:, None]
    want = jax.jit(lambda x, spread: broadened(grid, x[None], spread).power(e[None])[0])(x, spread)
    cells = (grid.top - grid.x_low)[:, None] * range_slope((np.arange(CELLS) + 0.5) / CELLS)
    weight = np.clip(1.0 - (x / grid.row_momentum[:, None]) ** 2, 0.0, None) * cells
    path, exact = (np.sum(np.asarray(weight / power), axis=-1) for power in (found, want))
    crossed = np.asarray(spread[:, 0]) > 0.5 * float(grid.x_gap)
    np.testing.assert_allclose(path[crossed], exact[crossed], rtol=0.03)


def test_shares_lose_nothing_and_are_the_transpose_of_scattering():
    """sum_hj e_hj Psi_hj(x_n) = x_n to 1e-13 in each band and hemisphere; of one cell, w_hj over the power to 1 %.

    Oracle: `resonance.broadened` in the middle of the cell.
    """
    grid, bands = made()
    e, rng = jnp.asarray(E), np.random.default_rng(1)
    shared = jax.jit(lambda amount: bands.shared(e, amount, jnp.asarray(1e-12)))
    amount = rng.normal(size=(2, BANDS, NODES))
    total = float(jnp.sum(e * shared(jnp.asarray(amount))))
    each = amount * np.asarray(bands.x)[1:]
    assert total == pytest.approx(each.sum(), abs=1e-13 * np.abs(each).sum())
    # Across 90 degrees, within the gap, at its edge, and outside.
    for band, node, side in ((50, 0, 0), (50, 44, 1), (40, 65, 0), (20, 102, 1)):
        amount = np.zeros((2, BANDS, NODES))
        amount[side, band, node] = 1.0
        amount[side, band, max(node - 1, 0)] -= float(node > 0)
        low, high = np.asarray(bands.x)[node : node + 2]
        weights = broadened(grid, jnp.asarray([0.5 * (low + high)]), bands.width[band]).matrix()[0]
        weights = np.asarray(weights)[:: 1 if side == 0 else -1]
        want = (high - low) * weights / np.sum(E * weights)
        np.testing.assert_allclose(shared(jnp.asarray(amount)), want, atol=0.01 * want.max())
