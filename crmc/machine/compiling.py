"""Compile programs that step."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import jax

from crmc.machine.devices import compiler_options


def compile_both(one: jax.stages.Lowered, other: jax.stages.Lowered) -> tuple[jax.stages.Compiled, jax.stages.Compiled]:
    """Compile two programs, at the same time where that is safe."""
    if jax.process_count() > 1:  # all processes of a job must compile in one order
        return one.compile(compiler_options()), other.compile(compiler_options())
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(one.compile, compiler_options())
        second = other.compile(compiler_options())
        return first.result(), second
