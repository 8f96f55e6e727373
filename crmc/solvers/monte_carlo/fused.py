"""Expand and kick all markers in one kernel (Pallas on Triton), in place of the compiled pass of `scatter`, on a GPU.

The markers of a program pass through registers once: expansion, random words, both kicks, deposits and sums are those
of the plain pass, made of the same functions.  Tables are read through the caches.  Histograms are added to by atomics,
in copies that few programs share; since all that is added is rounded (`physics.exact`), the order of additions changes
no bit.  Markers that a kick leaves where they are deposit nothing.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

from crmc.physics import tube
from crmc.physics.exact import rounded
from crmc.physics.markers import Markers
from crmc.physics.noise import word_pair
from crmc.physics.parameters import Model
from crmc.physics.state import State
from crmc.solvers.monte_carlo import kernel
from crmc.solvers.monte_carlo.deposits import deposits, empty_histogram

#: Markers that a program holds in registers, its warps, most programs, and copies of the histograms.
BLOCK, _WARPS, _PROGRAMS, _COPIES = 256, 4, 132 * 8, 132
_FIELDS = ("birth_momentum", "parallel_momentum", "rise", "volume", "excess")
#: Scalars that the kernel needs, in the order in which they lie in one array.
_GRID = ("x_low", "x_top", "x_gap", "row_start", "row_step")


class Kicks(NamedTuple):
    """What the kernel needs beside the markers.

    start, b: B/B0 before the expansion and at the kicks, ()
    velocity: phase velocities of both directions' waves, (2,) [c]
    nu_dt: as for `kernel.spectrum_kick`, ()
    first: number of the direction that kicks first, ()
    lookup: look-up of both directions' metric
    amplitude, index, turnover: those of F0, (K,)
    grid: values of `_GRID`
    sizes: expected sizes of the sums: of the deposits, of both terms of the work, and of the terms of `Exchange`
    """

    start: jax.Array
    b: jax.Array
    velocity: jax.Array
    nu_dt: jax.Array
    first: jax.Array
    lookup: kernel.Lookup
    amplitude: jax.Array
    index: jax.Array
    turnover: jax.Array
    grid: tuple[jax.Array, ...]
    sizes: tuple[jax.Array, ...]


def kicked(
    markers: Markers, words: tuple[jax.Array, jax.Array] | jax.Array, kicks: Kicks, model: Model, interpret: bool
) -> tuple[dict[str, jax.Array], jax.Array, tuple[jax.Array, ...]]:
    """Return the changed fields of the markers, the histograms (2, 2, DEPOSIT_CELLS + 1), and the sums, () each.

    words: data of the step's random key, (2,) uint32, or the words of both directions, (N,) uint32 each
    interpret: whether to interpret the kernel, for tests without a GPU
    """
    count, dtype = markers.rise.shape[0], markers.rise.dtype
    blocks = pl.cdiv(count, BLOCK)
    programs = min(_PROGRAMS, blocks)
    copies = min(_COPIES, programs)
    numbers, unpack = _packed(kicks)
    zeros = jnp.broadcast_to(empty_histogram().reshape(-1), (copies, 2 * empty_histogram().size // 1)) * 0.0
    zeros = jnp.zeros((copies * 2 * empty_histogram().size,))
    given = words if isinstance(words, tuple) else (words,)
    fields = [getattr(markers, name) for name in _FIELDS]
    tables = (kicks.lookup.values, kicks.lookup.pairs)
    per_program = pl.cdiv(blocks, programs)
    body = partial(
        _kernel, unpack=unpack, count=count, per_program=per_program, copies=copies, given=len(given), model=model
    )
    operands = (numbers, *given, *tables, *fields, zeros)
    terms = len(kicks.sizes) - 1
    place = pl.BlockSpec(memory_space=pl.ANY) if False else pl.no_block_spec
    moved, risen, histograms, sums = pl.pallas_call(
        body,
        grid=(programs,),
        in_specs=[place] * len(operands),
        out_specs=[place] * 4,
        out_shape=[
            jax.ShapeDtypeStruct((count,), dtype),
            jax.ShapeDtypeStruct((count,), dtype),
            jax.ShapeDtypeStruct(zeros.shape, jnp.float64),
            jax.ShapeDtypeStruct((programs * terms,), jnp.float64),
        ],
        input_output_aliases={len(operands) - 1: 2},
        interpret=interpret,
        compiler_params=None if interpret else triton.CompilerParams(num_warps=_WARPS, num_stages=1),
        name="kicks",
    )(*operands)
    histograms = jnp.sum(histograms.reshape(copies, 2, *empty_histogram().shape), axis=0)
    found = jnp.sum(sums.reshape(programs, terms), axis=0)
    return {"parallel_momentum": moved, "rise": risen}, histograms, tuple(found)
