"""Apply functions to all markers: in parallel on devices, and on each device block by block.

A block's intermediate results stay in cache and only one block's exist at a time, so that the memory of a step is
little more than the markers' own.  Sums of stated size do not depend on the division (`exact`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jax.sharding import PartitionSpec

from crmc.physics.exact import in_two_parts
from crmc.physics.layout import _AXIS, Layout
from crmc.physics.markers import padded
from crmc.physics.noise import words as draw_words
from crmc.physics.state import State

#: Result of `pass_over` for a block: changed fields of the markers by name, histograms with the block added, and terms
#: with one entry per marker, which are summed over the ensemble.  Histograms and terms are pytrees of arrays.
BlockResult: TypeAlias = tuple[dict[str, jax.Array], Any, Any]

#: Fewest markers that are cut in two, see `_block`.
_HALVED = 256


def spread(layout: Layout, function: Callable[..., tuple[Any, Any]], ensemble: Any, shared: Any) -> tuple[Any, Any]:
    """Apply a function to each device's share of the ensemble, and add up its sums over the devices.

    function: (ensemble, shared) -> (changed ensemble, sums); ensemble: pytree of arrays, (N, ...);
    shared: pytree of arrays that every device needs whole.
    """
    if layout.devices == 1:
        return function(ensemble, shared)

    def local(ensemble: Any, shared: Any) -> tuple[Any, Any]:
        ensemble, sums = function(ensemble, shared)
        if not jax.tree.leaves(sums):
            return ensemble, sums
        # In one array: the devices meet once, not once for every sum.
        flat, restore = ravel_pytree(sums)
        return ensemble, restore(jax.lax.psum(flat, _AXIS))

    cut, whole = PartitionSpec(_AXIS), PartitionSpec()
    on_devices = jax.shard_map(local, mesh=layout.mesh, in_specs=(cut, whole), out_specs=(cut, whole), check_vma=False)
    return on_devices(ensemble, shared)


def excerpt(layout: Layout, ensemble: Any, start: jax.Array, size: int) -> Any:
    """Return entries start to start + size of arrays over markers, each on the device that holds it.

    `joined` brings them together.
    ensemble: pytree of arrays, (N,); start: first entry, (); size: number of entries.
    """
    if layout.devices == 1:
        return jax.tree.map(lambda x: jax.lax.dynamic_slice_in_dim(x, start, size), ensemble)

    def own_share(ensemble: Any, start: jax.Array) -> tuple[Any, tuple]:
        count = jax.tree.leaves(ensemble)[0].shape[0]
        index = start + jnp.arange(size) - jax.lax.axis_index(_AXIS) * count
        mine = (index >= 0) & (index < count)
        place = jnp.clip(index, 0, count - 1)
        return jax.tree.map(lambda x: jnp.where(mine, x[place], jnp.zeros((), x.dtype)), ensemble), ()

    return spread(layout, own_share, ensemble, start)[0]


def joined(layout: Layout, shares: Any) -> Any:
    """Return the entries that `excerpt` took, in order and whole on every device, (size,)."""
    return jax.tree.map(lambda x: jnp.sum(x.reshape(layout.devices, -1), axis=0), shares)


def pass_over(
    layout: Layout,
    body: Callable[..., BlockResult],
    state: State,
    shared: Any = (),
    noise: jax.Array | None = None,
    zeros: Any = (),
    sizes: Any = None,
) -> tuple[Any, Any, Any]:
    """Apply a function to all markers, block by block; return the changed markers, the histograms and the sums.

    body: (state, shared, words, histograms) -> `BlockResult`; its state holds one block of the markers, words are the
        block's random words, histograms those of the blocks before.
    shared: pytree of arrays that every block needs whole.
    noise: random key from which words are drawn block by block, or the words themselves, (N,) uint64.
    zeros: histograms before the first block.
    sizes: sum that is expected of the absolute values of each term, a pytree like the terms, () each.
    The sums of the terms over the ensemble are float64, and where the sizes hold, they are exact: equal to the bit for
    any order and division of the markers.  What is added to histograms must be rounded by ``body`` (`exact.rounded`).
    """
    rest = dataclasses.replace(state, markers=None)  # type: ignore[arg-type]
    key, given = None, noise
    if noise is not None and jnp.issubdtype(noise.dtype, jax.dtypes.prng_key):
        key, given = jax.random.key_data(noise), None

    def local(ensemble: Any, everything: Any) -> tuple[Any, Any]:
        rest, shared, zeros, key, sizes = everything
        shape = ensemble[0].rise.shape
        first = jax.lax.axis_index(_AXIS) * shape[0] if layout.devices > 1 else 0

        def block(ensemble: Any, start: jax.Array, histograms: Any) -> BlockResult:
            markers, words = ensemble
            if key is not None:
                words = draw_words(key, start + jnp.arange(markers.rise.size))
            changes, histograms, terms = body(dataclasses.replace(rest, markers=markers), shared, words, histograms)
            return changes, histograms, terms if sizes is None else in_two_parts(terms, sizes)

        count, size = _cut(shape[0], _block(shape[0], layout)) if len(shape) == 1 else (1, shape[0])
        if count == 1:
            changes, histograms, terms = block(ensemble, jnp.asarray(first), zeros)
            return changes, (histograms, jax.tree.map(partial(jnp.sum, dtype=jnp.float64), terms))
        return _by_blocks(block, ensemble, first + size * jnp.arange(count), zeros, size)

    changes, sums = spread(layout, local, (state.markers, given), (rest, shared, zeros, key, sizes))
    # What follows of few numbers must not merge with the pass, or it would round differently from layout to layout: a
    # product and a sum in one kernel become one operation.
    histograms, sums = held(sums, state.step >= 0)
    sums = sums if sizes is None else jax.tree.map(jnp.add, *sums)
    return dataclasses.replace(state.markers, **changes), histograms, sums


def held(x: Any, always: jax.Array) -> Any:
    """Keep XLA from recomputing x at each use.

    x: pytree of arrays; always: true at run time but unknown at compile time, ().

    XLA on CPU computes what feeds several scatters anew within each, entry by entry, and a derivative's three times
    over (measured: 3.0 instead of 1.0 microseconds for five tangents of a marker and step).
    """
    if jax.default_backend() != "cpu":
        return x
    return jax.lax.cond(always, lambda: x, lambda: jax.tree.map(jnp.zeros_like, x))


def _by_blocks(
    block: Callable[..., BlockResult], ensemble: Any, starts: jax.Array, zeros: Any, size: int
) -> tuple[dict[str, jax.Array], tuple[Any, Any]]:
    """Apply a function to blocks of equal size one after another; return the changes and (histograms, sums).

    block: (ensemble, start, histograms) -> `BlockResult`; ensemble: markers and their random words or None, (N,);
    starts: number of the first marker of each block, (blocks,); zeros: histograms before the first block;
    size: markers of a block.

    Terms are added block upon block, entry by entry, and summed at the end: XLA on CPU would compute the terms over
    again, slowly, inside a sum per block (measured: half the time of a step).
    """
    markers, words = ensemble
    n, count = markers.rise.shape[0], starts.shape[0]
    if count * size > n:
        markers = padded(markers, count * size)
        words = None if words is None else jnp.pad(words, (0, count * size - n))
    parts = jax.tree.map(lambda x: x.reshape(count, size), (markers, words))
    one = jax.tree.map(lambda x: x[0], (parts, starts))
    terms = jax.eval_shape(lambda part, start: block(part, start, zeros)[2], *one)

    def add(carry: tuple[Any, Any], part: Any) -> tuple[tuple[Any, Any], Any]:
        histograms, lanes = carry
        changes, histograms, terms = block(*part, histograms)
        return (histograms, jax.tree.map(lambda lane, x: lane + x.astype(lane.dtype), lanes, terms)), changes

    lanes = jax.tree.map(lambda x: jnp.zeros(x.shape), terms)
    (histograms, lanes), changes = jax.lax.scan(add, (zeros, lanes), (parts, starts))
    changes = jax.tree.map(lambda x: x.reshape(count * size)[:n], changes)
    return changes, (histograms, jax.tree.map(jnp.sum, lanes))


def _block(n: int, layout: Layout) -> int:
    """Return the most markers of a block where a device has n of them.

    On a CPU there are two blocks at least: without a loop XLA would merge, and round, what is in it otherwise.
    """
    halved = jax.default_backend() == "cpu" and n >= _HALVED and n % 2 == 0
    return min(layout.block, n // 2) if halved else layout.block


def _cut(n: int, block: int) -> tuple[int, int]:
    """Return the number and the size of the blocks that n markers are divided into, without padding where n allows it.

    block: most markers of a block.
    """
    fewest = max(1, -(-n // block))
    count = next((c for c in range(fewest, 2 * fewest) if n % c == 0), fewest)
    return count, -(-n // count)
