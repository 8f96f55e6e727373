"""Run a function of small arrays as one kernel (Pallas on Triton), where XLA launches one for each of its sums.

A step makes some sixty sums and products of arrays with a few hundred entries; on a GPU each costs its launch, not its
work.  Here a function is traced and its operations are carried out one after another by the threads of one program,
each intermediate result in registers, in tiles whose axes are filled up to powers of two.  Where an operation moves
entries between threads (a slice, a transposition, a product of matrices), its operand goes through memory.

What is supported: elementwise operations, sums, maxima, products of matrices, slices, and what joins and reshapes
arrays; no loops, no look-ups.  A function that needs more cannot be run so; `supported` tells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton
from jax.extend import core

#: Most entries of a tile in a product of matrices; more are summed part by part.
_TILE = 1 << 14
_ELEMENTWISE = frozenset(
    """abs acos add add_any and asin atan bitcast_convert_type cbrt ceil convert_element_type cos div eq exp exp2 expm1
    floor ge gt integer_pow is_finite le log log1p lt max min mul ne neg not or pow rem rsqrt shift_left
    shift_right_arithmetic shift_right_logical sign sin sqrt square stop_gradient sub tan tanh xor""".split()  # noqa: SIM905
)
_MOVING = frozenset(("reshape", "squeeze", "transpose", "rev", "slice", "dynamic_slice"))
_OTHERS = frozenset(
    (
        "stack",
        "cond",
        "select_n",
        "clamp",
        "iota",
        "broadcast_in_dim",
        "concatenate",
        "pad",
        "dot_general",
        "copy",
        "copy_p",
    )
)
#: Operations that hold a function, by the name of the parameter that is it.
_CALLS = {"jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr", "custom_jvp_call": "call_jaxpr"}
_REDUCTIONS: dict[str, tuple[Callable[..., jax.Array], float]] = {
    "reduce_sum": (jnp.sum, 0.0),
    "reduce_max": (jnp.max, -np.inf),
    "reduce_min": (jnp.min, np.inf),
}


def _width(n: int) -> int:
    """Return the power of two to which an axis of n entries is filled up."""
    return 1 << max(n - 1, 0).bit_length()


class _View(NamedTuple):
    """Entries of an array in memory, flat: entry (i, j, ...) lies at offset + i strides[0] + j strides[1] + ..."""

    ref: Any
    offset: Any
    strides: tuple[int, ...]


class _Value:
    """An array of the function: in registers, filled up; in memory; or both."""

    def __init__(self, shape: tuple[int, ...], tile: jax.Array | None = None, view: _View | None = None):
        """Hold ``tile``, whose axes are filled up to powers of two, or ``view``."""
        self.shape, self._tile, self._view = shape, tile, view

    def tile(self) -> jax.Array:
        """Return the entries in registers."""
        if self._tile is None:
            self._tile = self.at([_iota(self.shape, axis) for axis in range(len(self.shape))])
        return self._tile

    def at(self, index: Sequence[jax.Array]) -> jax.Array:
        """Return the entries in memory at indices of each axis, the last one in place of those beyond."""
        assert self._view is not None
        place = self._view.offset
        for i, n, stride in zip(index, self.shape, self._view.strides, strict=True):
            place = place + jnp.clip(i, 0, n - 1) * np.int32(stride)
        return self._view.ref[place]

    def in_memory(self, scratch: _Scratch) -> _Value:
        """Return the array in memory, where its entries can be read by other threads."""
        if self._view is None:
            assert self._tile is not None
            self._view = scratch.keep(self.shape, self._tile)
        return self

    def view(self, scratch: _Scratch) -> _View:
        """Return where the array lies in memory."""
        view = self.in_memory(scratch)._view
        assert view is not None
        return view


def _iota(shape: tuple[int, ...], axis: int) -> jax.Array:
    """Return the index along an axis, in the shape to which ``shape`` is filled up."""
    return jax.lax.broadcasted_iota(jnp.int32, tuple(map(_width, shape)), axis)


def _inside(shape: tuple[int, ...]) -> jax.Array:
    """Return where a tile has entries, not filling."""
    inside = jnp.asarray(True)
    for axis, n in enumerate(shape):
        if n != _width(n):
            inside = inside & (_iota(shape, axis) < n)
    return jnp.broadcast_to(inside, tuple(map(_width, shape)))


def _row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))


def _place(shape: tuple[int, ...], offset: Any, strides: Sequence[int]) -> jax.Array:
    """Return the place of every entry of a tile."""
    place = jnp.full(tuple(map(_width, shape)), offset, jnp.int32)
    for axis, stride in enumerate(strides):
        place = place + _iota(shape, axis) * np.int32(stride)
    return place


class _Scratch:
    """Memory of one program for what moves between its threads, by type: references, or None while it is measured."""

    def __init__(self, refs: dict[Any, Any] | None, sizes: dict[Any, int], program: Any, interpret: bool):
        self.refs, self.sizes, self.program, self.interpret = refs, sizes, program, interpret
        self.used: dict[Any, int] = {}

    def keep(self, shape: tuple[int, ...], tile: jax.Array) -> _View:
        """Store a tile and return where it lies."""
        kind, start = tile.dtype, self.used.get(tile.dtype, 0)
        self.used[kind] = start + math.prod(shape)
        if self.refs is None:
            return _View(_Nothing(kind), 0, _row_major(shape))
        offset = self.program * np.int32(self.sizes[kind]) + np.int32(start)
        _store(self.refs[kind], _place(shape, offset, _row_major(shape)), tile, shape)
        if not self.interpret:
            triton.debug_barrier()
        return _View(self.refs[kind], offset, _row_major(shape))


class _Nothing:
    """Stands for a reference while the need of memory is measured."""

    def __init__(self, kind: Any):
        self.kind = kind

    def __getitem__(self, place: jax.Array) -> jax.Array:
        return jnp.zeros(jnp.shape(place), self.kind)


def _store(ref: Any, place: jax.Array, tile: jax.Array, shape: tuple[int, ...]) -> None:
    if shape:
        triton.store(ref.at[place], tile, mask=_inside(shape))
    else:
        triton.store(ref.at[place], tile)


def _evaluate(jaxpr: core.Jaxpr, inputs: Sequence[_Value], scratch: _Scratch) -> list[_Value]:
    """Carry out the operations of ``jaxpr`` on values; return its results."""
    known: dict[Any, _Value] = dict(zip(jaxpr.invars, inputs, strict=True))

    def read(x: Any) -> _Value:
        if isinstance(x, core.Literal):
            return _Value(x.aval.shape, tile=jnp.full(tuple(map(_width, x.aval.shape)), x.val, x.aval.dtype))
        return known[x]

    for equation in jaxpr.eqns:
        name, found = equation.primitive.name, [read(x) for x in equation.invars]
        if name in _CALLS:
            inner = equation.params[_CALLS[name]]
            inner, consts = getattr(inner, "jaxpr", inner), getattr(inner, "consts", ())
            # What inner functions hold themselves are numbers.
            constants = [_Value((), tile=jnp.asarray(x)) for x in consts]
            results = _evaluate(inner, [*constants, *found] if constants else found, scratch)
        elif name == "cond":
            results = _either(equation.params["branches"], found, scratch)
        else:
            results = [_operation(name, equation, found, scratch)]
        known |= zip(equation.outvars, results, strict=True)
    return [read(x) for x in jaxpr.outvars]


def _either(branches: Sequence[Any], found: Sequence[_Value], scratch: _Scratch) -> list[_Value]:
    """Return the results of the branch that counts; both are made."""
    one, other = (_evaluate(branch.jaxpr, found[1:], scratch) for branch in branches)
    second = found[0].tile() != 0
    return [
        _Value(x.shape, jnp.where(jnp.broadcast_to(second, x.tile().shape), y.tile(), x.tile()))
        for x, y in zip(one, other, strict=True)
    ]


def _operation(name: str, equation: Any, found: Sequence[_Value], scratch: _Scratch) -> _Value:
    """Return the result of one operation on values."""
    aval, params = equation.outvars[0].aval, equation.params
    shape, widths = aval.shape, tuple(map(_width, aval.shape))
    if name in ("stop_gradient", "copy", "copy_p"):
        return found[0]
    if name in _ELEMENTWISE:
        tiles = [x.tile() for x in found]
        return _Value(shape, equation.primitive.bind(*tiles, **params))
    if name == "select_n":
        which, no, yes = (x.tile() for x in found)
        return _Value(shape, jnp.where(jnp.broadcast_to(which, widths), yes, no))
    if name == "clamp":
        low, x, high = (jnp.broadcast_to(y.tile(), widths) for y in found)
        return _Value(shape, jnp.minimum(jnp.maximum(low, x), high))
    if name == "iota":
        return _Value(shape, _iota(shape, params["dimension"]).astype(aval.dtype))
    if name in _REDUCTIONS:
        reduce, nothing = _REDUCTIONS[name]
        masked = jnp.where(_inside(found[0].shape), found[0].tile(), jnp.asarray(nothing, aval.dtype))
        return _Value(shape, reduce(masked, axis=tuple(params["axes"])))
    if name == "broadcast_in_dim":
        return _broadcast(found[0], shape, params["broadcast_dimensions"])
    if name in ("concatenate", "stack", "pad"):
        return _joined(name, found, shape, params, scratch)
    if name == "dot_general":
        return _product(found[0], found[1], shape, params, aval.dtype, scratch)
    return _moved(name, found, shape, params, scratch)


def _broadcast(x: _Value, shape: tuple[int, ...], axes: Sequence[int]) -> _Value:
    """Return x with its axes at ``axes`` of ``shape``."""
    if x._tile is None and x._view is not None:
        strides = [0] * len(shape)
        for axis, n, stride in zip(axes, x.shape, x._view.strides, strict=True):
            strides[axis] = stride if n == shape[axis] else 0
        return _Value(shape, view=x._view._replace(strides=tuple(strides)))
    widths, tile = tuple(map(_width, shape)), x.tile()
    between = tuple(tile.shape[axes.index(i)] if i in axes else 1 for i in range(len(shape)))
    return _Value(shape, jnp.broadcast_to(jnp.reshape(tile, between) if x.shape else tile, widths))


def _moved(name: str, found: Sequence[_Value], shape: tuple[int, ...], params: Any, scratch: _Scratch) -> _Value:
    """Return the result of an operation that only moves entries."""
    x = found[0]
    if name in ("reshape", "squeeze"):
        kept = [n for n in x.shape if n != 1]
        if kept != [n for n in shape if n != 1]:
            x = _Value(x.shape, tile=x.tile())
            return _Value(shape, view=x.view(scratch)._replace(strides=_row_major(shape)))
        if x._tile is not None and shape:
            return _Value(shape, tile=jnp.reshape(x._tile, tuple(map(_width, shape))))
        strides = iter([s for n, s in zip(x.shape, x.view(scratch).strides, strict=True) if n != 1])
        return _Value(
            shape, view=x.view(scratch)._replace(strides=tuple(0 if n == 1 else next(strides) for n in shape))
        )
    view = x.view(scratch)
    offset, strides = view.offset, list(view.strides)
    if name == "transpose":
        strides = [strides[i] for i in params["permutation"]]
    elif name == "rev":
        for axis in params["dimensions"]:
            offset, strides[axis] = offset + (x.shape[axis] - 1) * strides[axis], -strides[axis]
    elif name == "slice":
        steps = params["strides"] or (1,) * len(shape)
        offset = offset + sum(a * s for a, s in zip(params["start_indices"], strides, strict=True))
        strides = [s * step for s, step in zip(strides, steps, strict=True)]
    elif name == "dynamic_slice":
        for start, n, size, stride in zip(found[1:], x.shape, shape, strides, strict=True):
            if n != size:
                offset = offset + jnp.clip(start.tile().astype(jnp.int32), 0, n - size) * np.int32(stride)
    else:
        raise NotImplementedError(name)
    return _Value(shape, view=_View(view.ref, offset, tuple(strides)))


def _joined(name: str, found: Sequence[_Value], shape: tuple[int, ...], params: Any, scratch: _Scratch) -> _Value:
    """Return arrays one after another, or one array with a margin."""
    if name == "pad":
        margins = params["padding_config"]
        assert all(step == 0 for _, _, step in margins)
        array, starts = found[0], tuple(low for low, _, _ in margins)
        result, parts = jnp.broadcast_to(found[1].tile(), tuple(map(_width, shape))), [(array, starts)]
    else:
        axis, begin, parts, result = params["axis" if name == "stack" else "dimension"], 0, [], None
        if name == "stack":
            single = (*shape[:axis], 1, *shape[axis + 1 :])
            found = [_moved("reshape", [x], single, {}, scratch) for x in found]
        for x in found:
            parts.append((x, tuple(begin if i == axis else 0 for i in range(len(shape)))))
            begin += x.shape[axis]
    result_shape = tuple(map(_width, shape))
    for x, starts in parts:
        index = [_iota(shape, i) - start for i, start in enumerate(starts)]
        one = math.prod(x.shape) == 1
        tile = jnp.broadcast_to(x.tile(), result_shape) if one else x.in_memory(scratch).at(index)
        inside = jnp.full(tile.shape, True)
        for i, n in zip(index, x.shape, strict=True):
            inside = inside & (i >= 0) & (i < n)
        result = tile if result is None else jnp.where(inside, tile, result)
    return _Value(shape, tile=result)


def _product(left: _Value, right: _Value, shape: tuple[int, ...], params: Any, dtype: Any, scratch: _Scratch) -> _Value:
    """Return a product of matrices or tensors: entries multiplied, and summed over what is contracted."""
    (contracted, contracted_right), (batch, batch_right) = params["dimension_numbers"]
    free = [i for i in range(len(left.shape)) if i not in (*contracted, *batch)]
    free_right = [i for i in range(len(right.shape)) if i not in (*contracted_right, *batch_right)]
    terms = [left.shape[i] for i in contracted]
    count = math.prod(terms)
    width = _width(count)
    part = max(1, min(width, _TILE // max(1, math.prod(map(_width, shape)))))
    whole = (*shape, part)

    def entries(x: _Value, own: Sequence[int], summed: Sequence[int], first: int, start: int) -> jax.Array:
        index: list[Any] = [None] * len(x.shape)
        for axis, i in enumerate(own):
            index[i] = _iota(whole, axis if axis < len(batch) else axis + first)
        number = jnp.minimum(_iota(whole, len(shape)) + start, count - 1)
        for i, n in zip(reversed(list(summed)), reversed(terms), strict=True):
            index[i], number = number % n, number // n
        return x.in_memory(scratch).at(index).astype(dtype)

    total = jnp.zeros(tuple(map(_width, shape)), dtype)
    for start in range(0, count, part):
        one = entries(left, [*batch, *free], contracted, 0, start)
        other = entries(right, [*batch_right, *free_right], contracted_right, len(free), start)
        product = one * other
        if start + part > count:
            product = jnp.where(_iota(whole, len(shape)) + start < count, product, jnp.zeros_like(product))
        total = total + jnp.sum(product, axis=-1)
    return _Value(shape, tile=total)


def supported(function: Callable[..., Any], *arguments: Any) -> bool:
    """Return whether `in_one_kernel` can run a function of arrays or of their shapes."""
    known = _ELEMENTWISE | _MOVING | _OTHERS | set(_CALLS) | set(_REDUCTIONS)

    def fits(jaxpr: Any) -> bool:
        inner = [x for e in jaxpr.eqns for p in e.params.values() for x in (p if isinstance(p, tuple) else (p,))]
        return all(e.primitive.name in known for e in jaxpr.eqns) and all(
            fits(getattr(x, "jaxpr", x)) for x in inner if isinstance(x, core.ClosedJaxpr | core.Jaxpr)
        )

    return fits(jax.make_jaxpr(function)(*arguments).jaxpr)


def in_one_kernel(
    name: str, function: Callable[..., Any], *arguments: Any, count: int | None = None, axis: int = 0, warps: int = 4
) -> Any:
    """Return ``function(*arguments)``, made by one kernel.

    name: of the kernel
    count: if given, the kernel has so many programs, and the function takes the number of one, () int32, first; results
        of all are stacked along ``axis``
    warps: of a program
    """
    interpret = jax.default_backend() == "cpu"
    numbers = () if count is None else (jax.ShapeDtypeStruct((), jnp.int32),)
    closed, shapes = jax.make_jaxpr(function, return_shape=True)(*numbers, *arguments)
    operands = [*closed.consts, *jax.tree.leaves(arguments)]
    jaxpr = closed.jaxpr
    invars = jaxpr.invars[len(numbers) :]
    given = dict(zip([*jaxpr.constvars, *invars], operands, strict=True))
    # Without programs, what a function hands through needs no copy.
    through = [x if isinstance(x, core.Var) and x in given and count is None else None for x in jaxpr.outvars]
    made = [x.aval for x, old in zip(jaxpr.outvars, through, strict=True) if old is None]
    results = [x for x, old in zip(jaxpr.outvars, through, strict=True) if old is None]
    del results

    def evaluate(program: Any, refs: Sequence[Any], scratch: _Scratch) -> list[_Value]:
        values = [
            _Value(jnp.shape(x), view=_View(ref, np.int32(0), _row_major(jnp.shape(x))))
            for x, ref in zip(operands, refs, strict=True)
        ]
        first = [] if count is None else [_Value((), tile=program)]
        constants = len(jaxpr.constvars)
        plain = jaxpr.replace(constvars=(), invars=[*jaxpr.constvars, *jaxpr.invars])
        found = _evaluate(plain, [*values[:constants], *first, *values[constants:]], scratch)
        return [x for x, old in zip(found, through, strict=True) if old is None]

    def measure() -> list[jax.Array]:
        scratch = _Scratch(None, {}, None, interpret)
        found = evaluate(jnp.zeros((), jnp.int32), [_Nothing(jnp.result_type(x)) for x in operands], scratch)
        sizes.update(scratch.used)
        return [x.tile() for x in found]

    sizes: dict[Any, int] = {}
    jax.eval_shape(measure)
    programs, kinds = 1 if count is None else count, list(sizes)

    def kernel(*refs: Any) -> None:
        program = pl.program_id(0)
        inputs, outputs = refs[: len(operands)], refs[len(operands) :]
        scratch = _Scratch(dict(zip(kinds, outputs[len(made) :], strict=True)), sizes, program, interpret)
        for x, ref in zip(evaluate(program, inputs, scratch), outputs, strict=False):
            strides, offset = list(_row_major(x.shape)), np.int32(0)
            if count is not None:
                stacked = _row_major((*x.shape[:axis], count, *x.shape[axis:]))
                offset, strides = program * np.int32(stacked[axis]), [*stacked[:axis], *stacked[axis + 1 :]]
            _store(ref, _place(x.shape, offset, strides), x.tile().astype(ref.dtype), x.shape)

    def stored(kind: Any) -> Any:
        return jnp.int32 if kind == jnp.bool_ else kind

    outs = [jax.ShapeDtypeStruct((math.prod(x.shape) * programs,), stored(x.dtype)) for x in made]
    outs += [jax.ShapeDtypeStruct((sizes[kind] * programs,), stored(kind)) for kind in kinds]
    found = pl.pallas_call(
        kernel,
        grid=(programs,),
        out_shape=outs,
        interpret=interpret,
        compiler_params=None if interpret else triton.CompilerParams(num_warps=warps, num_stages=1),
        name=name,
    )(*(jnp.reshape(x, (-1,)) for x in operands))

    def shaped(x: jax.Array, aval: Any) -> jax.Array:
        shape = aval.shape if count is None else (*aval.shape[:axis], count, *aval.shape[axis:])
        return jnp.reshape(x, shape).astype(aval.dtype)

    new = iter([shaped(x, aval) for x, aval in zip(found, made, strict=False)])
    leaves = [next(new) if old is None else given[old] for old in through]
    return jax.tree.unflatten(jax.tree.structure(shapes), leaves)
