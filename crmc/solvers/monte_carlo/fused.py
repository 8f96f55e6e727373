"""Expand and kick all markers in one kernel (Pallas on Triton), in place of the compiled pass of `scatter`, on a GPU.

The markers of a program pass through registers once: expansion, random words, both kicks and, where they are wanted,
their mirror images, deposits and sums are those of the plain pass, made of the same functions.  Tables are read through
the caches.  Histograms are added to by atomics, in copies that few programs share; since all that is added is rounded
(`physics.exact`), the order of additions changes no bit.  Markers that a kick leaves where they are deposit nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

from crmc.physics import tube
from crmc.physics.ensemble import spread
from crmc.physics.exact import rounded
from crmc.physics.flow import Stretch
from crmc.physics.layout import _AXIS
from crmc.physics.markers import Markers
from crmc.physics.moments import moment_functions
from crmc.physics.noise import word_pair
from crmc.physics.parameters import Model, Parameters
from crmc.physics.spectrum import CELLS, DEPOSIT_CELLS, ROWS
from crmc.physics.state import State
from crmc.solvers.monte_carlo import kernel, tables
from crmc.solvers.monte_carlo.deposits import Deposit, deposits
from crmc.solvers.one_kernel import in_one_kernel, on_gpu, together
from crmc.theory.distribution import Background

#: Markers that a program holds at a time, its warps, most programs, and most copies of the histograms.
BLOCK, _WARPS, _PROGRAMS, _COPIES = 256, 4, 132 * 8, 66
_FIELDS = ("birth_momentum", "parallel_momentum", "rise", "volume", "excess")
#: Entries of the histograms of kicks and images, both directions and both helicities.
_ENTRIES = 8 * (DEPOSIT_CELLS + 1)


class Kicks(NamedTuple):
    """What the kernel needs beside markers, words and table.

    start, to: deformation of the tube before the expansion and at the kicks
    velocity: phase velocities of both directions' waves, (2,) [c]
    nu_dt: as for `kernel.spectrum_kick`, ()
    reference: e_ref of both directions, (2,)
    grid: values of `GRID`, () each
    amplitude, spectral_index, turnover, cutoff: those of the components of F0, (K,); cutoff None without any
    nodes: expected sizes of the deposits at every node, (2 (DEPOSIT_CELLS + 1),)
    sizes: expected sizes of every term, () each
    order: numbers of the directions in the order in which they kick, (2,) integer
    imaged: 1 where mirror images of the kicks are wanted, else 0, () integer
    begin: number of the first marker of these, by which random words are drawn, () integer
    """

    start: Stretch
    to: Stretch
    velocity: jax.Array
    nu_dt: jax.Array
    reference: jax.Array
    grid: tuple[jax.Array, ...]
    amplitude: jax.Array
    spectral_index: jax.Array
    turnover: jax.Array
    cutoff: jax.Array | None
    nodes: jax.Array
    sizes: tuple[jax.Array, ...]
    order: jax.Array
    imaged: jax.Array
    begin: jax.Array


#: Fields of the spectrum's grid that a kick needs.
GRID = ("x_low", "x_high", "x_gap", "row_start", "row_step")


@jax.tree_util.register_static
class _Tables:
    """The look-up of one direction's metric, read where the kernel needs it."""

    def __init__(self, table: Any, direction: jax.Array, reference: jax.Array):
        """Read from the reference ``table``, the ``pairs`` of `kernel.Lookup`."""
        self.table, self.offset, self.reference = table, direction * (2 * ROWS * (CELLS + 1)), [reference]

    def node(self, index: jax.Array, mix: jax.Array) -> jax.Array:
        """Return what `kernel.Lookup.node` does."""
        found = self.table[index + self.offset]
        if found.dtype == jnp.uint64:
            low, high = (
                jax.lax.bitcast_convert_type(half.astype(jnp.uint32), mix.dtype)
                for half in (found, found >> jnp.uint64(32))
            )
        else:
            low, high = found, self.table[index + (self.offset + CELLS + 1)]
        return low + mix * (high - low)


def applies(model: Model) -> bool:
    """Return whether the kernel makes the kicks of a model: chosen by its layout, without scattering in the gap."""
    return model.layout.kernel == "fused" and not model.crossing


def few(model: Model) -> bool:
    """Return whether functions of small arrays run as one kernel each (`one_kernel`): on a GPU, with the kernel."""
    return applies(model) and on_gpu()


def aside(
    model: Model, name: str, function: Callable[[State, Parameters], tuple], state: State, parameters: Parameters
) -> tuple:
    """Return ``function(state, parameters)``, which leaves the markers as they are; see `together`."""
    bare = dataclasses.replace(state, markers=None)  # type: ignore[arg-type]
    after, *others = together(few(model), name, function, bare, parameters)
    return dataclasses.replace(after, markers=state.markers), *others


def in_turn(model: Model, first: Any, state: State) -> tuple[Any, State]:
    """Return both; where kernels change the markers in place, ``first`` is made of them before that.

    Without it XLA would copy them.
    """
    return jax.lax.optimization_barrier((first, state)) if few(model) else (first, state)


def programs(count: int) -> int:
    """Return the number of programs for so many markers."""
    return min(_PROGRAMS, pl.cdiv(count, BLOCK))


def _copies(count: int) -> int:
    """Return the number of copies of the histograms for so many markers."""
    return min(_COPIES, programs(count))


def as_parts(model: Model, markers: Markers, sums: Any, programs: Callable[[int], int] = programs) -> jax.Array:
    """Return sums as those of a kernel's programs, (programs, terms), as if one had made all.

    programs: function from the number of markers to that of the programs
    """
    leaves = jnp.stack(jax.tree.leaves(sums))
    count = programs(markers.rise.shape[0] // model.layout.devices)
    return jnp.zeros((count, leaves.size)).at[0].set(leaves)


def _tables_and_zeros(
    model: Model, before: State, ready: Any, to: Stretch, parameters: Parameters
) -> tuple[jax.Array, jax.Array]:
    """Return the ``pairs`` of the look-up of both directions, and zeros for all copies of the histograms, or more.

    Arguments are those that `pass_over` unpacks.
    """
    dtype, grid = before.markers.rise.dtype, parameters.grid
    given = (grid, ready.state.e, ready.velocity, to.resonance, parameters.seed)
    entries = _copies(before.markers.rise.shape[0] // model.layout.devices) * _ENTRIES
    if few(model):
        rows = partial(tables.row_pairs, dtype=dtype)

        def row(i: jax.Array, *given: Any) -> tuple[jax.Array, jax.Array]:
            # With its share of the empty histograms.
            return rows(i, *given), jnp.zeros((1, 1, pl.cdiv(entries, ROWS)))

        pairs, empty = in_one_kernel("tables", row, *given, ready.nu_dt, count=ROWS, axis=2)
    else:
        metric = tables.bare_metric(*given, dtype)
        pairs = kernel.make_lookup(tables.compressed(grid, metric, ready.nu_dt), dtype).pairs
        empty = jnp.zeros(entries)
    return pairs, empty


def pass_over(model: Model, arguments: tuple) -> tuple[Markers, jax.Array, jax.Array]:
    """Return markers, histograms of kicks and images, and the parts of the sums, (programs, terms).

    Raises NotImplementedError for a background with a tabulated factor.
    arguments: state before, `Ready`, deformation at the kicks, key data or words of the step, nothing, parameters
    """
    before, ready, to, noise, _, parameters = arguments
    if parameters.background.factor is not None:
        raise NotImplementedError("the fused kernel knows no tabulated factor of F0; use kernel = 'plain'")
    background, grid = parameters.background, parameters.grid
    pairs, empty = _tables_and_zeros(model, before, ready, to, parameters)
    kicks = Kicks(
        before.stretch,
        to,
        ready.velocity,
        ready.nu_dt,
        ready.reference,
        tuple(getattr(grid, name) for name in GRID),
        before.amplitude,
        background.index,
        background.turnover,
        background.cutoff,
        ready.nodes,
        tuple(jax.tree.leaves(ready.sizes)),
        ready.order,
        ready.imaged,
        jnp.zeros((), jnp.int32),
    )

    def local(ensemble: tuple, shared: tuple) -> tuple[dict[str, jax.Array], tuple]:
        (markers, words), (table, kicks, empty, key) = ensemble, shared
        count, layout = markers.rise.shape[0], model.layout
        if layout.devices > 1:
            kicks = kicks._replace(begin=(jax.lax.axis_index(_AXIS) * count).astype(jnp.int32))
        halves = (key,) if words is None else (words.astype(jnp.uint32), (words >> jnp.uint64(32)).astype(jnp.uint32))
        changes, *sums = pass_over_kicks(
            markers,
            halves,
            table,
            kicks,
            empty,
            full_f=model.estimator == "full_f",
            interpret=jax.default_backend() == "cpu",
        )
        return changes, tuple(sums)

    key, words = (noise, None) if noise.dtype == jnp.uint32 else (None, noise)
    shared = pairs.reshape(-1), kicks, empty.reshape(-1), key
    changes, (histograms, sums) = spread(model.layout, local, (before.markers, words), shared)
    return dataclasses.replace(before.markers, **changes), histograms, sums


def pass_over_kicks(
    markers: Markers,
    words: tuple[jax.Array, ...],
    table: jax.Array,
    kicks: Kicks,
    empty: jax.Array,
    *,
    full_f: bool,
    interpret: bool,
) -> tuple[dict[str, jax.Array], jax.Array, jax.Array]:
    """Return the changed fields of the markers, histograms (2, 2, 2, DEPOSIT_CELLS + 1), and sums (programs, terms).

    words: data of the step's random key, (2,) uint32, alone; or the words of both directions, (N,) uint32 each
    table: the ``pairs`` of the look-up of both directions; empty: zeros for all copies of the histograms, or more
    full_f: whether the estimator sums full weights
    interpret: whether to interpret the kernel, where there is no GPU
    """
    count, dtype, terms = markers.rise.shape[0], markers.rise.dtype, len(kicks.sizes)
    number = programs(count)
    copies, turns = _copies(count), pl.cdiv(pl.cdiv(count, BLOCK), number)
    small, shape = jax.tree.flatten(jax.tree.map(jnp.atleast_1d, kicks))
    fields = [getattr(markers, name) for name in _FIELDS]
    operands = (*small, *words, table, *fields, empty)
    before = len(small) + len(words) + 1
    run = pl.pallas_call(
        partial(
            _kernel,
            shape=shape,
            count=count,
            turns=turns,
            copies=copies,
            given=len(words) > 1,
            full_f=full_f,
            interpret=interpret,
        ),
        grid=(number,),
        out_shape=[
            jax.ShapeDtypeStruct((count,), dtype),
            jax.ShapeDtypeStruct((count,), dtype),
            jax.ShapeDtypeStruct(empty.shape, jnp.float64),
            jax.ShapeDtypeStruct((number * terms,), jnp.float64),
        ],
        input_output_aliases={before + 1: 0, before + 2: 1, len(operands) - 1: 2},
        interpret=interpret,
        compiler_params=None if interpret else triton.CompilerParams(num_warps=_WARPS, num_stages=1),
        name="kicks",
    )
    moved, risen, histograms, sums = run(*operands)
    histograms = jnp.sum(histograms[: copies * _ENTRIES].reshape(copies, 2, 2, 2, DEPOSIT_CELLS + 1), axis=0)
    return {"parallel_momentum": moved, "rise": risen}, histograms, sums.reshape(number, terms)


def _kernel(
    *refs: Any, shape: Any, count: int, turns: int, copies: int, given: bool, full_f: bool, interpret: bool
) -> None:
    """Take the blocks of one program through the step.

    refs: of `Kicks`, of words, table, markers and zeros; then of p_par, rise, histograms and sums
    shape: tree of `Kicks`; count: number of markers; turns: blocks of a program; copies: of the histograms;
        given: whether words are given; full_f, interpret: as for `pass_over_kicks`
    """
    small: Kicks = jax.tree.unflatten(shape, refs[: shape.num_leaves])
    words, (table, *fields, _, moved_ref, rise_ref, histogram_ref, sums_ref) = (
        refs[shape.num_leaves : shape.num_leaves + 1 + given],
        refs[shape.num_leaves + 1 + given :],
    )
    program, terms = pl.program_id(0), len(small.sizes)
    sizes, begin = [size[0] for size in small.sizes], small.begin[0]

    def turn(i: jax.Array, sums: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        number = (program * turns + i) * BLOCK + jnp.arange(BLOCK, dtype=jnp.int32)
        mine = number < count
        place = jnp.minimum(number, count - 1)
        y0, parallel, rise, volume, excess = (ref[place] for ref in fields)
        volume, excess = (jnp.where(mine, x, jnp.zeros_like(x)) for x in (volume, excess))
        markers = Markers(y0, parallel, rise, volume, excess)
        both = tuple(ref[place] for ref in words) if given else word_pair((words[0][0], words[0][1]), begin + place)

        def deposit(base: jax.Array, found: Deposit, moves: jax.Array) -> None:
            spot, size = (program % copies) * _ENTRIES + base + found.cell, small.nodes[found.cell]
            _add(histogram_ref, spot, rounded(found.below, size), mine & moves, interpret)
            _add(histogram_ref, spot + 1, rounded(found.above, size), mine & moves, interpret)

        markers, found = _stepped(markers, both, small, table, deposit, full_f)
        triton.store(moved_ref.at[number], markers.parallel_momentum, mask=mine)
        triton.store(rise_ref.at[number], markers.rise, mask=mine)
        return tuple(x + jnp.sum(rounded(y, size)) for x, y, size in zip(sums, found, sizes, strict=True))

    sums = jax.lax.fori_loop(0, turns, turn, (jnp.zeros((), jnp.float64),) * terms)
    for i, x in enumerate(sums):
        sums_ref[program * terms + i] = x


def _add(histograms: Any, spot: jax.Array, weight: jax.Array, mask: jax.Array, interpret: bool) -> None:
    """Add weights to the entries ``spot`` of the reference ``histograms`` where ``mask`` is true."""
    if interpret:  # Pallas interprets atomic additions as if no two went to one entry
        histograms[...] = histograms[...].at[spot].add(jnp.where(mask, weight, 0.0))
    else:
        triton.atomic_add(histograms, (spot,), weight, mask=mask)


def _stepped(
    markers: Markers,
    words: Sequence[jax.Array],
    small: Kicks,
    table: Any,
    deposit: Callable[[jax.Array, Deposit, jax.Array], None],
    full_f: bool,
) -> tuple[Markers, tuple[jax.Array, ...]]:
    """Return markers after expansion and kicks, and the terms of all sums.

    words: random words of direction + and -, (N,) uint32 each
    deposit: adds to the histograms, given the first entry of one of them, what is added, and where that is wanted, (N,)
    """
    start, to, imaged = jax.tree.map(lambda x: x[0], (small.start, small.to, small.imaged))
    first = small.order[0].astype(jnp.int32)
    estimator: Any = "full_f" if full_f else "delta_f"
    grid: Any = SimpleNamespace(**{name: x[0] for name, x in zip(GRID, small.grid, strict=True)})
    nothing: Any = None
    cutoff = None if small.cutoff is None else small.cutoff[...]
    background = Background(small.spectral_index[...], small.turnover[...], nothing, nothing, cutoff)
    weighing = markers.weighing(background, small.amplitude[...])
    state = State(first, markers, nothing, nothing, start.b, nothing, nothing, start.length)
    full = weighing.full(markers)
    state, work = tube.carry(state, full, to)

    def kick_by(i: jax.Array, carry: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        parallel, rise, weight, exchanged, absolute = carry
        # Image, then kick, of one direction and then of the other; without images, two kicks.
        second, image = i >> imaged, imaged & (1 - (i & 1))
        direction = jnp.where(second == 0, first, 1 - first)
        forward = direction == 0
        m = dataclasses.replace(state.markers, parallel_momentum=parallel, rise=rise)
        V, reference = (jnp.where(forward, x[0], x[1]) for x in (small.velocity, small.reference))
        frame = kernel.wave_frame(m.momentum_squared(to.density), m.parallel_momentum, V)
        lookup: Any = _Tables(table, direction, reference)
        bits = jnp.where(forward, words[0], words[1])
        bits = jnp.where(image == 1, ~bits, bits)
        kick = kernel.spectrum_kick(grid, lookup, frame, to.resonance, small.nu_dt[0], bits)
        moved = kernel.after_kick(dataclasses.replace(state, markers=m), kick).markers
        after = weighing.estimated(moved, estimator)
        one = full * kernel.energy_change(kick)
        # A marker that stays would deposit +w and -w in one place.
        moves = kick.q != frame.q
        base = 2 * (DEPOSIT_CELLS + 1) * (2 * image + direction)
        for found in deposits(grid, kick, 0.5 * (weight + after), to.resonance):
            deposit(base, found, moves)
        kicked = moved.parallel_momentum, moved.rise, after, exchanged + one, absolute + jnp.abs(one)
        return tuple(jnp.where(image == 1, x, y) for x, y in zip(carry, kicked, strict=True))

    m, nothing_yet = state.markers, jnp.zeros_like(full)
    carry = m.parallel_momentum, m.rise, weighing.estimated(m, estimator), nothing_yet, nothing_yet
    carry = jax.lax.fori_loop(0, 2 << imaged, kick_by, carry)
    m = dataclasses.replace(m, parallel_momentum=carry[0], rise=carry[1])
    state = dataclasses.replace(state, markers=m)
    envelope = full - weighing.control(m)
    eps = moment_functions(state)[1]
    return m, (*work, *carry[3:], envelope, envelope * eps, envelope * eps * eps)
