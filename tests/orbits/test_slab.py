"""The slab of explicit waves: its field against sums over waves, its power against the spectrum, and bad numbers of cells."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import BSpline
from support.slab_cases import BINS, BRANCHES, CELLS, DOUBLE, K_MAX, K_MIN, LENGTH, full_slab, grid, one_wave, spectrum

from crmc.orbits.slab import field, make_modes, slab_of


def test_field_is_the_sum_of_its_waves():
    """At nodes: the raised modes summed one by one, to 1e-12; at midpoints: the mean of both neighbours."""
    modes, slab = full_slab()
    phase = (
        2 * np.pi * 2.0**-32 * np.asarray(jax.random.bits(jax.random.key(3), modes.amplitude.shape, "uint32"), float)
    )
    k = 2 * np.pi / LENGTH * np.arange(CELLS // 2)
    half = 0.5 * k * LENGTH / CELLS
    raised = np.asarray(modes.amplitude) * np.divide(half, np.sin(half), out=np.ones_like(half), where=half > 0) ** 2
    nodes = np.array([0, 1, 777, 16384, CELLS - 1, 0])

    def direct(d, s):
        return sum(
            np.sum(raised[d, i] * np.exp(1j * (phase[d, i] - h * k * s))) for i, h in ((0, 1), (1, -1))
        )  # exp(-i h k s)

    for d in (0, 1):
        want = np.array([direct(d, s) for s in nodes * LENGTH / CELLS])
        x, y = field(slab, d, jnp.asarray(nodes, jnp.int32), jnp.zeros(nodes.size))
        np.testing.assert_allclose(np.asarray(x) + 1j * np.asarray(y), want, atol=1e-12)
        x, y = field(slab, d, jnp.asarray(nodes[-2:-1], jnp.int32), jnp.asarray([0.5]))
        np.testing.assert_allclose(complex(x[0], y[0]), 0.5 * (want[-2] + want[-1]), atol=1e-12)


@pytest.mark.parametrize("mode", [1, 40, 200])
def test_every_mode_keeps_its_amplitude(mode):
    """The interpolated field projected on its own wave is a exp(i phase) to 1e-6 (quadrature), up to k cell = 1.2."""
    # Without raising the nodes it is low by (k cell)^2/12, 12 % at the last.
    modes, phase = one_wave(1, -1, mode, 0.01, 0.0)
    slab = slab_of(modes, phase + 0.4, DOUBLE)
    fine = (np.arange(64 * slab.cells) + 0.5) / 64
    cell = np.floor(fine).astype(np.int32)
    x, y = field(slab, 0, jnp.asarray(cell), jnp.asarray(fine - cell))
    found = np.mean((np.asarray(x) + 1j * np.asarray(y)) * np.exp(-2j * np.pi * mode * fine / slab.cells))
    assert abs(found / (0.01 * np.exp(0.4j)) - 1.0) < 1e-4 * (mode / 200) ** 2 + 1e-9


def test_power_is_that_of_the_spectrum():
    """sum a^2 = (dB/B)^2 = int e dln k to 1e-6, per branch a quarter; and a^2 k/dk = e(ln k) by other B-splines."""
    modes, slab = full_slab(amplitude=0.05)
    np.testing.assert_allclose(np.sum(np.asarray(modes.amplitude) ** 2, axis=-1), 0.05**2 / 4, rtol=2e-4)
    b = np.asarray(slab.table[:, 0]) + 1j * np.asarray(slab.table[:, 1])
    np.testing.assert_allclose(np.mean(abs(b) ** 2, axis=1), 0.05**2 / 2, rtol=0.02)  # nodes are raised
    e, _ = spectrum(0.05, BRANCHES)
    h = np.log(K_MAX / K_MIN) / (BINS + 2)
    knots = np.log(K_MIN) + h * np.arange(-2, BINS + 5)  # scipy's splines are complete only between inner knots
    spline = BSpline(knots, np.pad(np.asarray(e[0, 1]), 2), 2, extrapolate=False)
    k = np.asarray(modes.wavenumber)[1:]
    want = np.nan_to_num(spline(np.log(k))) / np.arange(1, CELLS // 2)
    np.testing.assert_allclose(np.asarray(modes.amplitude)[1, 0, 1:] ** 2, want, atol=1e-12)


def test_cells_must_be_a_power_of_two():
    """ValueError that says so."""
    e, velocity = spectrum(0.01, BRANCHES)
    with pytest.raises(ValueError, match="power of two"):
        make_modes(grid(), e, velocity, length=LENGTH, cells=1000)
