"""Hold arrays of one program of a kernel: in registers, in tiles filled up to powers of two, and in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.pallas import triton


def width(n: int) -> int:
    """Return the power of two to which an axis of n entries is filled up."""
    return 1 << max(n - 1, 0).bit_length()


def widths(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape to which that of an array is filled up."""
    return tuple(map(width, shape))


class View(NamedTuple):
    """Entries of an array in memory, flat: entry (i, j, ...) lies at offset + i strides[0] + j strides[1] + ..."""

    ref: Any
    offset: Any
    strides: tuple[int, ...]


class Value:
    """An array of the function: in registers, filled up; in memory; or both."""

    def __init__(self, shape: tuple[int, ...], tile: jax.Array | None = None, view: View | None = None):
        """Hold ``tile``, whose axes are filled up to powers of two, or ``view``."""
        self.shape, self.registers, self.memory = shape, tile, view

    def tile(self) -> jax.Array:
        """Return the entries in registers."""
        if self.registers is None:
            self.registers = self.at([iota(self.shape, axis) for axis in range(len(self.shape))])
        return self.registers

    def at(self, index: Sequence[jax.Array]) -> jax.Array:
        """Return the entries in memory at indices of each axis, the last one in place of those beyond."""
        assert self.memory is not None
        entry = self.memory.offset
        for i, n, stride in zip(index, self.shape, self.memory.strides, strict=True):
            entry = entry + jnp.clip(i, 0, n - 1) * np.int32(stride)
        return self.memory.ref[entry]

    def in_memory(self, scratch: Scratch) -> Value:
        """Return the array in memory, where its entries can be read by other threads."""
        if self.memory is None:
            assert self.registers is not None
            self.memory = scratch.keep(self.shape, self.registers)
        return self

    def view(self, scratch: Scratch) -> View:
        """Return where the array lies in memory."""
        view = self.in_memory(scratch).memory
        assert view is not None
        return view


def iota(shape: tuple[int, ...], axis: int) -> jax.Array:
    """Return the index along an axis, in the shape to which ``shape`` is filled up."""
    return jax.lax.broadcasted_iota(jnp.int32, widths(shape), axis)


def inside(shape: tuple[int, ...]) -> jax.Array:
    """Return where a tile has entries, not filling."""
    found = jnp.asarray(True)
    for axis, n in enumerate(shape):
        if n != width(n):
            found = found & (iota(shape, axis) < n)
    return jnp.broadcast_to(found, widths(shape))


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the distance in memory between neighbours along each axis of an array without gaps."""
    return tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))


def place(shape: tuple[int, ...], offset: Any, strides: Sequence[int]) -> jax.Array:
    """Return the place of every entry of a tile."""
    found = jnp.full(widths(shape), offset, jnp.int32)
    for axis, stride in enumerate(strides):
        found = found + iota(shape, axis) * np.int32(stride)
    return found


class Scratch:
    """Memory of one program for what moves between its threads, by type: references, or None while it is measured."""

    def __init__(self, refs: dict[Any, Any] | None, sizes: dict[Any, int], program: Any, interpret: bool):
        """Hold references of which every program has ``sizes`` entries; ``program`` is the number of this one."""
        self.refs, self.sizes, self.program, self.interpret = refs, sizes, program, interpret
        self.used: dict[Any, int] = {}

    def keep(self, shape: tuple[int, ...], tile: jax.Array) -> View:
        """Store a tile and return where it lies."""
        kind, start = tile.dtype, self.used.get(tile.dtype, 0)
        self.used[kind] = start + math.prod(shape)
        if self.refs is None:
            return View(Nothing(kind), 0, row_major(shape))
        offset = self.program * np.int32(self.sizes[kind]) + np.int32(start)
        store(self.refs[kind], place(shape, offset, row_major(shape)), tile, shape)
        if not self.interpret:
            triton.debug_barrier()
        return View(self.refs[kind], offset, row_major(shape))


class Nothing:
    """Stands for a reference while the need of memory is measured."""

    def __init__(self, kind: Any):
        """Stand for memory of type ``kind``."""
        self.kind = kind

    def __getitem__(self, entry: jax.Array) -> jax.Array:
        """Return zeros."""
        return jnp.zeros(jnp.shape(entry), self.kind)


def store(ref: Any, entry: jax.Array, tile: jax.Array, shape: tuple[int, ...]) -> None:
    """Store the entries of a tile, not its filling, at the places ``entry`` of memory."""
    if shape:
        triton.store(ref.at[entry], tile, mask=inside(shape))
    else:
        triton.store(ref.at[entry], tile)
