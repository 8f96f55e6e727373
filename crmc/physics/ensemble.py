"""How the ensemble is worked through: spread over devices, and on each device block by block.

A block's intermediate results stay in cache and only one block's exist at a time, so that the memory of a step is
little more than the markers' own.  Sums over the ensemble depend on the cut by their rounding alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jax.sharding import PartitionSpec

from crmc.physics.layout import _AXIS, Layout
from crmc.physics.markers import padded
from crmc.physics.noise import words as draw_words
from crmc.physics.state import State


def spread(layout: Layout, function: Callable[..., tuple[Any, Any]], ensemble: Any, shared: Any) -> tuple[Any, Any]:
    """(ensemble', sums) = function(ensemble, shared) on every device's part of ``ensemble``; sums are added up.

    ensemble: arrays with one entry per marker; shared: what every device needs.
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
    """Entries ``start`` to ``start + size`` of arrays with one entry per marker, where they are: see `joined`."""
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
    """What `excerpt` took, on every device."""
    return jax.tree.map(lambda x: jnp.sum(x.reshape(layout.devices, -1), axis=0), shares)


def pass_over(
    layout: Layout,
    body: Callable[..., tuple[Any, Any, Any]],
    state: State,
    shared: Any = (),
    noise: jax.Array | None = None,
    zeros: Any = (),
) -> tuple[Any, Any, Any]:
    """One pass over the markers of ``state``: (markers', histograms, sums).

    ``body(state, shared, words, histograms)`` sees a state that holds one block of the markers, the block's random
    words, and the histograms so far, at first ``zeros``.  It returns the fields of the markers that change, as a
    dictionary, the histograms with the block added, and terms, one entry per marker, whose sums over the ensemble
    (float64) are the last result.  noise: random key of the words, which are drawn block by block, or the words
    themselves, (N,) uint64.
    """
    rest = dataclasses.replace(state, markers=None)  # type: ignore[arg-type]
    key, given = None, noise
    if noise is not None and jnp.issubdtype(noise.dtype, jax.dtypes.prng_key):
        key, given = jax.random.key_data(noise), None

    def local(ensemble: Any, everything: Any) -> tuple[Any, Any]:
        rest, shared, zeros, key = everything
        shape = ensemble[0].rise.shape
        first = jax.lax.axis_index(_AXIS) * shape[0] if layout.devices > 1 else 0

        def block(ensemble: Any, start: jax.Array, histograms: Any) -> tuple[Any, Any, Any]:
            markers, words = ensemble
            if key is not None:
                words = draw_words(key, start + jnp.arange(markers.rise.size))
            return body(dataclasses.replace(rest, markers=markers), shared, words, histograms)

        count, size = _cut(shape[0], layout.block) if len(shape) == 1 else (1, shape[0])
        if count == 1:
            changes, histograms, terms = block(ensemble, jnp.asarray(first), zeros)
            return changes, (histograms, jax.tree.map(partial(jnp.sum, dtype=jnp.float64), terms))
        return _by_blocks(block, ensemble, first + size * jnp.arange(count), zeros, size)

    changes, (histograms, sums) = spread(layout, local, (state.markers, given), (rest, shared, zeros, key))
    return dataclasses.replace(state.markers, **changes), histograms, sums


def held(x: Any, always: jax.Array) -> Any:
    """``x``, computed once and for all; ``always`` is true, which the compiler must not know.

    XLA on CPU computes what feeds several scatters anew within each, entry by entry, and a derivative's three times
    over (measured: 3.0 instead of 1.0 microseconds for five tangents of a marker and step).
    """
    if jax.default_backend() != "cpu":
        return x
    return jax.lax.cond(always, lambda: x, lambda: jax.tree.map(jnp.zeros_like, x))


def _by_blocks(
    block: Callable[..., Any], ensemble: Any, starts: jax.Array, zeros: Any, size: int
) -> tuple[dict[str, jax.Array], tuple[Any, Any]]:
    """``block`` on each block of ``size`` markers, the first ones numbered ``starts``: (changes, (histograms, sums)).

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


def _cut(n: int, block: int) -> tuple[int, int]:
    """Number and size of blocks, at most ``block`` each, for n markers; without padding where n allows it."""
    fewest = max(1, -(-n // block))
    count = next((c for c in range(fewest, 2 * fewest) if n % c == 0), fewest)
    return count, -(-n // count)
