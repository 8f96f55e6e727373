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
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton
from jax.extend import core

from crmc.solvers.tiles import Nothing, Scratch, Value, View, inside, iota, place, row_major, store, width, widths

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


def _evaluate(jaxpr: core.Jaxpr, inputs: Sequence[Value], scratch: Scratch) -> list[Value]:
    """Carry out the operations of ``jaxpr`` on values; return its results."""
    known: dict[Any, Value] = dict(zip(jaxpr.invars, inputs, strict=True))

    def read(x: Any) -> Value:
        if isinstance(x, core.Literal):
            aval: Any = x.aval
            return Value(aval.shape, tile=jnp.full(widths(aval.shape), x.val, aval.dtype))
        return known[x]

    for equation in jaxpr.eqns:
        name, found = equation.primitive.name, [read(x) for x in equation.invars]
        if name in _CALLS:
            inner = equation.params[_CALLS[name]]
            inner, consts = getattr(inner, "jaxpr", inner), getattr(inner, "consts", ())
            # What inner functions hold themselves are numbers.
            constants = [Value((), tile=jnp.asarray(x)) for x in consts]
            results = _evaluate(inner, [*constants, *found] if constants else found, scratch)
        elif name == "cond":
            results = _either(equation.params["branches"], found, scratch)
        else:
            results = [_operation(name, equation, found, scratch)]
        known |= zip(equation.outvars, results, strict=True)
    return [read(x) for x in jaxpr.outvars]


def _either(branches: Sequence[Any], found: Sequence[Value], scratch: Scratch) -> list[Value]:
    """Return the results of the branch that counts; both are made."""
    one, other = (_evaluate(branch.jaxpr, found[1:], scratch) for branch in branches)
    second = found[0].tile() != 0
    return [
        Value(x.shape, jnp.where(jnp.broadcast_to(second, x.tile().shape), y.tile(), x.tile()))
        for x, y in zip(one, other, strict=True)
    ]


def _operation(name: str, equation: Any, found: Sequence[Value], scratch: Scratch) -> Value:
    """Return the result of one operation on values."""
    aval, params = equation.outvars[0].aval, equation.params
    shape, filled = aval.shape, widths(aval.shape)
    if name in ("stop_gradient", "copy", "copy_p"):
        return found[0]
    if name in _ELEMENTWISE:
        tiles = [x.tile() for x in found]
        return Value(shape, equation.primitive.bind(*tiles, **params))
    if name == "select_n":
        which, no, yes = (x.tile() for x in found)
        return Value(shape, jnp.where(jnp.broadcast_to(which, filled), yes, no))
    if name == "clamp":
        low, x, high = (jnp.broadcast_to(y.tile(), filled) for y in found)
        return Value(shape, jnp.minimum(jnp.maximum(low, x), high))
    if name == "iota":
        return Value(shape, iota(shape, params["dimension"]).astype(aval.dtype))
    if name in _REDUCTIONS:
        reduce, nothing = _REDUCTIONS[name]
        masked = jnp.where(inside(found[0].shape), found[0].tile(), jnp.asarray(nothing, aval.dtype))
        return Value(shape, reduce(masked, axis=tuple(params["axes"])))
    if name == "broadcast_in_dim":
        return _broadcast(found[0], shape, params["broadcast_dimensions"])
    if name in ("concatenate", "stack", "pad"):
        return _joined(name, found, shape, params, scratch)
    if name == "dot_general":
        return _product(found[0], found[1], shape, params, aval.dtype, scratch)
    return _moved(name, found, shape, params, scratch)


def _broadcast(x: Value, shape: tuple[int, ...], axes: Sequence[int]) -> Value:
    """Return x with its axes at ``axes`` of ``shape``."""
    if x.registers is None and x.memory is not None:
        strides = [0] * len(shape)
        for axis, n, stride in zip(axes, x.shape, x.memory.strides, strict=True):
            strides[axis] = stride if n == shape[axis] else 0
        return Value(shape, view=x.memory._replace(strides=tuple(strides)))
    tile = x.tile()
    between = tuple(tile.shape[axes.index(i)] if i in axes else 1 for i in range(len(shape)))
    return Value(shape, jnp.broadcast_to(jnp.reshape(tile, between) if x.shape else tile, widths(shape)))


def _moved(name: str, found: Sequence[Value], shape: tuple[int, ...], params: Any, scratch: Scratch) -> Value:
    """Return the result of an operation that only moves entries."""
    x = found[0]
    if name in ("reshape", "squeeze"):
        if [n for n in x.shape if n != 1] != [n for n in shape if n != 1]:
            x = Value(x.shape, tile=x.tile())
            return Value(shape, view=x.view(scratch)._replace(strides=row_major(shape)))
        if x.registers is not None and shape:
            return Value(shape, tile=jnp.reshape(x.registers, widths(shape)))
        view = x.view(scratch)
        steps = [s for n, s in zip(x.shape, view.strides, strict=True) if n != 1]
        return Value(shape, view=view._replace(strides=tuple(0 if n == 1 else steps.pop(0) for n in shape)))
    view = x.view(scratch)
    offset, strides = view.offset, list(view.strides)
    if name == "transpose":
        strides = [strides[i] for i in params["permutation"]]
    elif name == "rev":
        for axis in params["dimensions"]:
            offset, strides[axis] = offset + (x.shape[axis] - 1) * strides[axis], -strides[axis]
    elif name == "slice":
        every = params["strides"] or (1,) * len(shape)
        offset = offset + sum(a * s for a, s in zip(params["start_indices"], strides, strict=True))
        strides = [s * step for s, step in zip(strides, every, strict=True)]
    elif name == "dynamic_slice":
        for start, n, size, stride in zip(found[1:], x.shape, shape, strides, strict=True):
            if n != size:
                offset = offset + jnp.clip(start.tile().astype(jnp.int32), 0, n - size) * np.int32(stride)
    else:
        raise NotImplementedError(name)
    return Value(shape, view=View(view.ref, offset, tuple(strides)))


def _joined(name: str, found: Sequence[Value], shape: tuple[int, ...], params: Any, scratch: Scratch) -> Value:
    """Return arrays one after another, or one array with a margin."""
    if name == "pad":
        margins = params["padding_config"]
        assert all(step == 0 for _, _, step in margins)
        array, starts = found[0], tuple(low for low, _, _ in margins)
        result, parts = jnp.broadcast_to(found[1].tile(), widths(shape)), [(array, starts)]
    else:
        axis, begin, parts, result = params["axis" if name == "stack" else "dimension"], 0, [], None
        if name == "stack":
            single = (*shape[:axis], 1, *shape[axis + 1 :])
            found = [_moved("reshape", [x], single, {}, scratch) for x in found]
        for x in found:
            parts.append((x, tuple(begin if i == axis else 0 for i in range(len(shape)))))
            begin += x.shape[axis]
    filled = widths(shape)
    for x, starts in parts:
        index = [iota(shape, i) - start for i, start in enumerate(starts)]
        one = math.prod(x.shape) == 1
        tile = jnp.broadcast_to(x.tile(), filled) if one else x.in_memory(scratch).at(index)
        own = jnp.full(tile.shape, True)
        for i, n in zip(index, x.shape, strict=True):
            own = own & (i >= 0) & (i < n)
        result = tile if result is None else jnp.where(own, tile, result)
    return Value(shape, tile=result)


def _product(left: Value, right: Value, shape: tuple[int, ...], params: Any, dtype: Any, scratch: Scratch) -> Value:
    """Return a product of matrices or tensors: entries multiplied, and summed over what is contracted."""
    (contracted, contracted_right), (batch, batch_right) = params["dimension_numbers"]
    free = [i for i in range(len(left.shape)) if i not in (*contracted, *batch)]
    free_right = [i for i in range(len(right.shape)) if i not in (*contracted_right, *batch_right)]
    terms = [left.shape[i] for i in contracted]
    count = math.prod(terms)
    part = max(1, min(width(count), _TILE // max(1, math.prod(widths(shape)))))
    whole = (*shape, part)

    def entries(x: Value, own: Sequence[int], summed: Sequence[int], first: int, start: int) -> jax.Array:
        index: list[Any] = [None] * len(x.shape)
        for axis, i in enumerate(own):
            index[i] = iota(whole, axis if axis < len(batch) else axis + first)
        number = jnp.minimum(iota(whole, len(shape)) + start, count - 1)
        for i, n in zip(reversed(list(summed)), reversed(terms), strict=True):
            index[i], number = number % n, number // n
        return x.in_memory(scratch).at(index).astype(dtype)

    total = jnp.zeros(widths(shape), dtype)
    for start in range(0, count, part):
        one = entries(left, [*batch, *free], contracted, 0, start)
        other = entries(right, [*batch_right, *free_right], contracted_right, len(free), start)
        product = one * other
        if start + part > count:
            product = jnp.where(iota(whole, len(shape)) + start < count, product, jnp.zeros_like(product))
        total = total + jnp.sum(product, axis=-1)
    return Value(shape, tile=total)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def with_twin(fused: Callable[..., Any], plain: Callable[..., Any], arguments: Any) -> Any:
    """Return ``fused(arguments)``, whose derivative is that of ``plain``: the kernel itself has none.

    fused, plain: functions of equal results that hold no arrays; arguments: pytree of arrays.
    """
    return fused(arguments)


@with_twin.defjvp
def _with_twin_jvp(fused: Callable[..., Any], plain: Callable[..., Any], primals: tuple, tangents: tuple) -> tuple:
    """Differentiate the plain twin."""
    return fused(*primals), jax.jvp(plain, primals, tangents)[1]


def on_gpu() -> bool:
    """Return whether programs are compiled for a GPU."""
    return jax.default_backend() == "gpu"


def together(one: bool, name: str, function: Callable[..., Any], *arguments: Any, over: bool = False) -> Any:
    """Return ``function(*arguments)``, all of them small arrays, by one kernel if ``one`` is true and one can make it.

    Derivatives are those of the function itself.
    over: as for `in_one_kernel`
    """
    if not one or not supported(function, *arguments):
        return function(*arguments)
    return with_twin(lambda x: in_one_kernel(name, function, *x, over=over), lambda x: function(*x), arguments)


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
    name: str,
    function: Callable[..., Any],
    *arguments: Any,
    count: int | None = None,
    axis: int = 0,
    warps: int = 16,
    over: bool = False,
) -> Any:
    """Return ``function(*arguments)``, made by one kernel.

    name: of the kernel
    count: if given, the kernel has so many programs, and the function takes the number of one, () int32, first; results
        of all are stacked along ``axis``
    warps: of a program
    over: whether results, a tree like the first argument, may take its place in memory
    """
    program = _Program(function, arguments, count, axis, over, interpret=jax.default_backend() == "cpu")
    programs, options = 1 if count is None else count, triton.CompilerParams(num_warps=warps, num_stages=1)
    outs = [(math.prod(x.shape), jnp.int32 if x.dtype == jnp.bool_ else x.dtype) for x in program.made]
    outs += [(size, kind) for kind, size in program.sizes.items()]
    found = pl.pallas_call(
        program,
        grid=(programs,),
        out_shape=[jax.ShapeDtypeStruct((size * programs,), kind) for size, kind in outs],
        input_output_aliases=program.aliases,
        interpret=program.interpret,
        compiler_params=None if program.interpret else options,
        name=name,
    )(*(jnp.reshape(x, (-1,)) for x in program.operands))
    made = (jnp.reshape(x, program.stacked(y.shape)).astype(y.dtype) for x, y in zip(found, program.made, strict=False))
    leaves = [next(made) if old is None else old for old in program.through]
    return jax.tree.unflatten(program.tree, leaves)


class _Program:
    """The kernel of a function: what it reads and makes, and how.

    operands: arrays that it reads; made: shapes of what it makes; aliases: number of an operand -> of what is made in
    its place; through: for every result the operand that it is, or None; tree: structure of the results; sizes: memory
    that one program needs for what moves between its threads, by type
    """

    def __init__(
        self, function: Callable[..., Any], arguments: Any, count: int | None, axis: int, over: bool, interpret: bool
    ):
        numbers = () if count is None else (jax.ShapeDtypeStruct((), jnp.int32),)
        closed, shapes = jax.make_jaxpr(function, return_shape=True)(*numbers, *arguments)
        self.count, self.axis, self.interpret, self.tree = count, axis, interpret, jax.tree.structure(shapes)
        jaxpr, self.constants = closed.jaxpr, len(closed.consts)
        self.operands = [*closed.consts, *jax.tree.leaves(arguments)]
        given = dict(zip([*jaxpr.constvars, *jaxpr.invars[len(numbers) :]], self.operands, strict=True))
        # Without programs, what a function hands through needs no copy.
        through = count is None
        self.through = [given.get(x) if through and isinstance(x, core.Var) else None for x in jaxpr.outvars]
        self.made = [x.aval for x, old in zip(jaxpr.outvars, self.through, strict=True) if old is None]
        self.jaxpr = jaxpr.replace(constvars=(), invars=[*jaxpr.constvars, *jaxpr.invars])
        first = jax.tree.leaves(arguments[0]) if over else []
        made = [i for i, old in enumerate(self.through) if old is None]
        fits = [i < len(first) and jnp.shape(first[i]) == self.made[n].shape for n, i in enumerate(made)]
        self.aliases = {self.constants + i: n for n, i in enumerate(made) if fits[n]}
        self.sizes: dict[Any, int] = {}
        jax.eval_shape(self._measure)

    def stacked(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the results of all programs."""
        return shape if self.count is None else (*shape[: self.axis], self.count, *shape[self.axis :])

    def _results(self, number: Any, refs: Sequence[Any], scratch: Scratch) -> list[Value]:
        """Carry out the function in the program of a number; return what it makes."""
        shapes = map(jnp.shape, self.operands)
        values = [Value(x, view=View(ref, np.int32(0), row_major(x))) for x, ref in zip(shapes, refs, strict=True)]
        if self.count is not None:
            values.insert(self.constants, Value((), tile=number))
        found = _evaluate(self.jaxpr, values, scratch)
        return [x for x, old in zip(found, self.through, strict=True) if old is None]

    def _measure(self) -> list[jax.Array]:
        """Note the memory that one program needs; nothing is computed."""
        scratch = Scratch(None, {}, None, self.interpret)
        refs = [Nothing(jnp.result_type(x)) for x in self.operands]
        found = [x.tile() for x in self._results(jnp.zeros((), jnp.int32), refs, scratch)]
        self.sizes = scratch.used
        return found

    def __call__(self, *refs: Any) -> None:
        """Be the kernel: read from references, write to references."""
        number = pl.program_id(0)
        inputs, outputs = refs[: len(self.operands)], refs[len(self.operands) :]
        own = dict(zip(self.sizes, outputs[len(self.made) :], strict=True))
        scratch = Scratch(own, self.sizes, number, self.interpret)
        found = self._results(number, inputs, scratch)
        tiles = [x.tile() for x in found]
        if self.aliases and not self.interpret:
            # No thread writes before all have read.
            triton.debug_barrier()
        for x, tile, ref in zip(found, tiles, outputs, strict=False):
            strides, offset = list(row_major(self.stacked(x.shape))), jnp.int32(0)
            if self.count is not None:
                offset = number * np.int32(strides.pop(self.axis))
            store(ref, place(x.shape, offset, strides), tile.astype(ref.dtype), x.shape)
