"""Explicit slab of parallel, circularly polarised Alfven waves of random phase, with the power of four branches.

All waves of direction d move at V = d v_A: in s = z - V t their field is static, and in their own frame it is purely
magnetic,

    dB_x + i dB_y = B0 b_d(s),    b_d(s) = sum_{k,h} a_{kh} exp(-i h k s + i phase_{kh}),    E = -V x dB/c.

A proton (q > 0, B0 along +z) gyrates as exp(-i Omega t).  It keeps step with exp(-i h k s) where h k (v_par - V) =
Omega, so h is the sign of p_par' = gamma_V (p_par - gamma V): the helicity of `crmc.physics.spectrum`.  There k =
Omega0/|p_par - gamma V| is the laboratory's wavenumber; that of the wave's frame is smaller by gamma_V = 1 +
O(v_A^2/c^2).

With modes dk = 2 pi/L apart, a_{kh}^2 = e(ln k) dk/k, so that (dB/B0)^2 = int e dln k summed over branches.  The field
repeats after L.  Over a time T the modes act as a continuum if no particle meets the same field twice,

    |v_par - V| T < L,

because the spectral window of a finite T has a Fourier transform that ends at T; what is left is the curvature of
e(k)/k within dk.

Both helicities of a direction are one complex FFT, its negative wavenumbers being h = -1.  Between nodes, c apart, the
field is linear, and the nodes are raised by 1/sinc^2(k c/2), so that every mode keeps its amplitude.  What remains are
images at k + 2 pi n/c, of relative amplitude (k c/2 pi n)^2.
"""

from __future__ import annotations

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from crmc.physics.spectrum import SpectrumGrid

#: Turns an uint32 word into an angle in [0, 2 pi).
_ANGLE = 2.0 * np.pi * 2.0**-32


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Modes:
    """Waves that all realisations share; mode m has k = 2 pi m/L, and mode 0 is empty.

    velocity: V_d of each direction, (D,) [c]
    cell: distance of neighbouring nodes, () [c/Omega0]
    amplitude: a_{kh} of each direction, helicity and mode, (D, 2, modes) [B0]
    """

    velocity: jax.Array
    cell: jax.Array
    amplitude: jax.Array

    @property
    def cells(self) -> int:
        """Cells of the periodic grid, a power of two."""
        return 2 * self.amplitude.shape[-1]

    @property
    def wavenumber(self) -> jax.Array:
        """Wavenumber of every mode, (modes,) [Omega0/c]."""
        return 2.0 * jnp.pi / (self.cell * self.cells) * jnp.arange(self.cells // 2)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Slab:
    """One realisation of the waves on the nodes of the grid.

    velocity: V_d of each direction, (D,) [c]
    cell: distance of neighbouring nodes, () [c/Omega0]
    table: b_x, b_y at the nodes and their steps to the next node, (D, 4, cells) [B0]
    """

    velocity: jax.Array
    cell: jax.Array
    table: jax.Array

    @property
    def cells(self) -> int:
        """Cells of the periodic grid, a power of two."""
        return self.table.shape[-1]


def make_modes(
    grid: SpectrumGrid, e: jax.Array, velocity: jax.Array, *, length: jax.Array | float, cells: int
) -> Modes:
    """Return the modes of a slab with a given spectrum.

    grid: splines in ln k
    e: wave power of each branch and bin, (D, 2, bins)
    velocity: V_d of each direction, (D,) [c]
    length: period of the slab [c/Omega0]
    cells: number of cells, a power of two; k_max length/cells should stay below about 2

    Raises ValueError if ``cells`` is not a power of two of at least 4.
    """
    if cells < 4 or cells & (cells - 1):
        raise ValueError(f"cells = {cells}: must be a power of two, at least 4")
    return _modes(grid, e, jnp.asarray(velocity), jnp.asarray(length), cells)


@partial(jax.jit, static_argnames="cells")
def _modes(grid: SpectrumGrid, e: jax.Array, velocity: jax.Array, length: jax.Array, cells: int) -> Modes:
    """Return the modes with a_{kh}^2 = e(ln k) dk/k; arguments are those of `make_modes`."""
    number = jnp.arange(1, cells // 2)
    power = jnp.tensordot(e, grid.basis(length / (2.0 * jnp.pi * number)), axes=(-1, -1))
    amplitude = jnp.pad(jnp.sqrt(power / number), ((0, 0), (0, 0), (1, 0)))
    return Modes(velocity, length / cells, amplitude)


def random_slab(modes: Modes, key: jax.Array, dtype: DTypeLike) -> Slab:
    """Return a realisation of random phases, which depend on ``key`` alone.

    dtype: precision of the field, float32 or float64; the phases do not depend on it
    """
    words = jax.random.bits(key, modes.amplitude.shape, "uint32")
    return slab_of(modes, _ANGLE * words.astype(jnp.float64), dtype)


@partial(jax.jit, static_argnames="dtype")
def slab_of(modes: Modes, phase: jax.Array, dtype: DTypeLike) -> Slab:
    """Return the slab of given phases.

    phase: phase of each direction, helicity and mode, (D, 2, modes) [rad]
    dtype: precision in which the field is stored; it is summed in float64
    """
    raised = modes.amplitude / jnp.sinc(jnp.arange(modes.cells // 2) / modes.cells) ** 2
    right, left = jnp.moveaxis(raised * jnp.exp(1j * phase), 1, 0)
    # The transform's exp(-i k s) is h = +1; its upper half holds -k, after an empty place for the Nyquist wavenumber.
    b = jnp.fft.fft(jnp.concatenate([right, jnp.zeros_like(left[:, :1]), jnp.flip(left[:, 1:], axis=-1)], axis=-1))
    step = jnp.roll(b, -1, axis=-1) - b
    table = jnp.stack([b.real, b.imag, step.real, step.imag], axis=1)
    return Slab(*(x.astype(dtype) for x in (modes.velocity, modes.cell, table)))


def field(slab: Slab, direction: int, cell: jax.Array, fraction: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the transverse field b_x, b_y of the waves of one direction, each (N,) [B0].

    direction: number of the direction in the slab
    cell: node below each place, (N,), int32 from 0 to cells - 1
    fraction: distance from that node, (N,) [cell]
    """
    x, y, dx, dy = (slab.table[direction, i].at[cell].get(mode="promise_in_bounds") for i in range(4))
    return x + fraction * dx, y + fraction * dy
