"""Correct and expand all markers in one kernel (Pallas on Triton), in place of the compiled pass of `scatter.settle`.

Markers pass through registers once; the function that changes them is that of the plain pass.  Sums are those of each
program, exact as all that is added is rounded (`physics.exact`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

from crmc.physics.exact import rounded
from crmc.physics.markers import Markers

#: Markers that a program holds at a time, its warps, and most programs.
BLOCK, _WARPS, _PROGRAMS = 512, 4, 132 * 8
#: Fields of the markers and what stands for them beyond the last marker, which weighs nothing.
_FIELDS = {"birth_momentum": 1.0, "parallel_momentum": 0.0, "rise": 0.0, "volume": 0.0, "excess": 0.0}


def programs(count: int) -> int:
    """Return the number of programs for so many markers."""
    return min(_PROGRAMS, pl.cdiv(count, BLOCK))


def over_markers(
    name: str, body: Callable[..., tuple[dict[str, jax.Array], Any]], markers: Markers, small: Any, sizes: Any
) -> tuple[dict[str, jax.Array], jax.Array]:
    """Return fields of the markers that a function changes, (N,) each, and its sums by program, (programs, terms).

    body: (markers, small) -> (changed fields, terms with one entry per marker), elementwise, for a block of markers
    small: pytree of arrays, () or with a power of two of entries; sizes: of the terms, a pytree like them, () each
    """
    interpret = jax.default_backend() == "cpu"
    count, dtype, number = markers.rise.shape[0], markers.rise.dtype, programs(markers.rise.shape[0])
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(jnp.shape(x), jnp.result_type(x)), small)
    changed = sorted(jax.eval_shape(body, markers, shapes)[0])
    flat, sized = jax.tree.leaves(small), jax.tree.leaves(sizes)
    fields = [getattr(markers, field) for field in _FIELDS]
    before, names = len(flat) + len(sized), list(_FIELDS)
    run = pl.pallas_call(
        partial(_kernel, body=body, shapes=shapes, changed=changed, count=count, terms=len(sized)),
        grid=(number,),
        out_shape=[
            *(jax.ShapeDtypeStruct((count,), dtype) for _ in changed),
            jax.ShapeDtypeStruct((number * len(sized),), jnp.float64),
        ],
        input_output_aliases={before + names.index(field): i for i, field in enumerate(changed)},
        interpret=interpret,
        compiler_params=None if interpret else triton.CompilerParams(num_warps=_WARPS, num_stages=1),
        name=name,
    )
    *found, sums = run(*(jnp.atleast_1d(x) for x in (*flat, *sized)), *fields)
    return dict(zip(changed, found, strict=True)), sums.reshape(number, len(sized))


def _kernel(*refs: Any, body: Callable[..., Any], shapes: Any, changed: list[str], count: int, terms: int) -> None:
    """Take the blocks of one program through ``body``.

    refs: of the small arrays, the sizes and the fields; then of the changed fields and the sums
    shapes: of the small arrays; changed: names of the changed fields; count: number of markers; terms: number of sums
    """
    leaves, tree = jax.tree.flatten(shapes)
    first = len(leaves) + terms
    read = [ref[...] if x.shape else ref[0] for ref, x in zip(refs, leaves, strict=False)]
    small = jax.tree.unflatten(tree, read)
    sizes = [ref[0] for ref in refs[len(leaves) : first]]
    fields, outputs = refs[first : first + len(_FIELDS)], refs[first + len(_FIELDS) :]
    program, turns = pl.program_id(0), pl.cdiv(pl.cdiv(count, BLOCK), programs(count))

    def turn(i: jax.Array, sums: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        number = (program * turns + i) * BLOCK + jnp.arange(BLOCK, dtype=jnp.int32)
        mine = number < count
        markers = Markers(
            *(
                triton.load(ref.at[number], mask=mine, other=jnp.asarray(x, ref.dtype))
                for ref, x in zip(fields, _FIELDS.values(), strict=True)
            )
        )
        changes, found = body(markers, small)
        for name, ref in zip(changed, outputs, strict=False):
            triton.store(ref.at[number], changes[name], mask=mine)
        entries = jax.tree.leaves(found)
        return tuple(x + jnp.sum(rounded(y, size)) for x, y, size in zip(sums, entries, sizes, strict=True))

    sums = jax.lax.fori_loop(0, turns, turn, (jnp.zeros((), jnp.float64),) * terms)
    for i, x in enumerate(sums):
        outputs[-1][program * terms + i] = x
