"""How tests compile: quickly, but for long runs.

Tests spend their time on compiling, so the compiler optimises nothing and takes its older, quicker way through fused
loops.  Steps then take two to six times as long, and results differ by rounding alone.  Runs long enough to be worth it
compile better: see the fixture ``optimised_where_runs_are_long``, and ``optimised``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

#: LLVM gets a program undivided: a process of tests has one core, and each part takes some time of its own.
QUICK = {
    "xla_backend_optimization_level": 0,
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_parallel_codegen_split_count": 1,
}
#: The level of optimisation that crmc asks for, without the newer way through fused loops: steps take 1.7 times as long
#: then (halo), and programs compile in two thirds of the time, which pays in every test.
OPTIMISED = {"xla_backend_optimization_level": 1}
#: As users compile.
AS_USERS = OPTIMISED | {"xla_cpu_use_fusion_emitters": True}


def quick_flags() -> str:
    """Return the environment's flags of the compiler with those of `QUICK`."""
    flags = [f"--{name}={str(value).lower()}" for name, value in QUICK.items()]
    return " ".join([os.environ.get("XLA_FLAGS", ""), *flags]).strip()


def optimised(function: Callable[..., Any], *static: str) -> Callable[..., Any]:
    """Return ``function`` to be compiled with optimisation, its arguments called ``static`` part of the program."""
    import jax

    return jax.jit(function, static_argnames=static, compiler_options=OPTIMISED)
