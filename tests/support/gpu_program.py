"""Compile for an H100 on a machine without one, and read launches and memory traffic off the optimised program.

Needs the plugin of JAX for CUDA (``pip install 'crmc[gpu-compile]'``), but neither a driver nor a card.
"""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import jax
import numpy as np
from jax.sharding import AbstractDevice, AbstractMesh, AxisType, Mesh, NamedSharding, PartitionSpec

PLUGIN = next((name for name in ("jax_cuda13_plugin", "jax_cuda12_plugin") if importlib.util.find_spec(name)), None)
TARGET = Path(__file__).with_name("h100_target.txtpb")


def topology() -> Any:
    """The compile-only topology of one H100."""
    from jax.experimental import topologies

    return topologies.get_topology_desc("", platform="cuda", target_config=TARGET.read_text(), topology="1x1x1")


def compile_for_gpu(function: Callable[..., Any], *arguments: Any, donate: tuple[int, ...] = ()) -> jax.stages.Compiled:
    """``function`` of arrays, or of shapes, compiled for an H100 as crmc compiles on a GPU."""
    mesh = Mesh(np.array(topology().devices).reshape(1), ("x",))
    sharding = NamedSharding(mesh, PartitionSpec())
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), arguments)
    device = AbstractDevice("NVIDIA H100 80GB HBM3", 132, "gpu")
    abstract = AbstractMesh((1,), ("x",), axis_types=(AxisType.Auto,), abstract_device=device)
    # What crmc chooses by platform.
    with mock.patch("jax.default_backend", lambda: "gpu"), jax.sharding.use_abstract_mesh(abstract):
        lowered = jax.jit(function, donate_argnums=donate).lower(*shapes)
    return lowered.compile()


class Instruction(NamedTuple):
    """An instruction of an optimised program: name, shapes of its result, operation, operands, and all of its text."""

    name: str
    result: list[tuple[str, tuple[int, ...]]]
    operation: str
    operands: list[str]
    text: str


#: Operations that launch nothing.
_FREE = {"parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all"}
_BYTES = {"pred": 1, "s8": 1, "u8": 1, "s16": 2, "u16": 2, "bf16": 2, "f16": 2, "s32": 4, "u32": 4, "f32": 4}
_BYTES |= {"s64": 8, "u64": 8, "f64": 8, "token": 0, "c64": 8, "c128": 16}
_SHAPE = re.compile(r"(\w+)\[([\d,]*)\]")
_LINE = re.compile(r"^\s*(?:ROOT )?%?([\w.-]+) = (\(.*?\)|\S+) ([\w-]+)\((.*)$")


def _shapes(text: str) -> list[tuple[str, tuple[int, ...]]]:
    return [
        (kind, tuple(int(n) for n in dims.split(",") if n)) for kind, dims in _SHAPE.findall(text) if kind in _BYTES
    ]


def computations(text: str) -> tuple[dict[str, list[Instruction]], str]:
    """The instructions of every computation of an optimised program, and the name of its entry."""
    found: dict[str, list[Instruction]] = {}
    entry, current = "", None
    for line in re.sub(r"/\*.*?\*/", "", text).splitlines():
        if match := re.match(r"^(ENTRY )?%?([\w.-]+) \(.*\{$", line):
            current = found.setdefault(match[2], [])
            entry = match[2] if match[1] else entry
        elif current is not None and (match := _LINE.match(line)):
            inside, depth = "", 1
            for c in match[4]:
                depth += (c == "(") - (c == ")")
                if not depth:
                    break
                inside += c
            operands = re.findall(r"%([\w.-]+)", inside)
            current.append(Instruction(match[1], _shapes(match[2]), match[3], operands, line))
    return found, entry


class Cost(NamedTuple):
    """Launches of a program, and the bytes of arrays with at least so many entries that its kernels read and write."""

    launches: int
    bytes: float
    kernels: tuple[str, ...]


def cost(compiled: jax.stages.Compiled, entries: int) -> Cost:
    """The cost of one run of a program; of a conditional, that of its cheapest branch.

    Loops count as often as they run where the program says how often, else once.
    entries: arrays with fewer do not count as traffic
    """
    found, entry = computations(compiled.as_text())

    def size(result: list[tuple[str, tuple[int, ...]]]) -> float:
        return sum(_BYTES[kind] * math.prod(shape) for kind, shape in result if math.prod(shape) >= entries)

    def of(name: str) -> Cost:
        launches, traffic, kernels = 0, 0.0, []
        known = {x.name: x for x in found[name]}
        for one in found[name]:
            if one.operation in _FREE:
                continue
            if one.operation == "while":
                times = int(match[1]) if (match := re.search(r"known_trip_count\W+n\W+(\d+)", one.text)) else 1
                parts = [of(match) for match in re.findall(r"(?:body|condition)=%?([\w.-]+)", one.text)]
                launches += times * sum(part.launches for part in parts)
                traffic += times * sum(part.bytes for part in parts)
                kernels += [f"{times} x {kernel}" for part in parts for kernel in part.kernels]
                continue
            if one.operation in ("call", "async-start") and "to_apply" in one.text:
                part = of(re.search(r"to_apply=%?([\w.-]+)", one.text)[1])
            elif one.operation == "conditional":
                branches = re.search(r"branch_computations=\{(.*?)\}", one.text)
                names = (
                    re.findall(r"%?([\w.-]+)", branches[1])
                    if branches
                    else re.findall(r"(?:true|false)_computation=%?([\w.-]+)", one.text)
                )
                part = min((of(x) for x in names), key=lambda x: (x.launches, x.bytes))
            else:
                read = sum(size(known[x].result) for x in one.operands if x in known)
                part = Cost(1, read + size(one.result), (f"{one.operation} {one.name}",))
            launches, traffic, kernels = launches + part.launches, traffic + part.bytes, [*kernels, *part.kernels]
        return Cost(launches, traffic, tuple(kernels))

    return of(entry)
