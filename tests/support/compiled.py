"""Programs that are compiled quickly, for tests whose steps are few: there compiling takes far longer than running.

The compiler optimises nothing and takes its older, quicker way through fused loops; steps take two to four times as
long, and results differ by rounding alone.  Tests that compare runs to the bit, and long runs, compile as users do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

#: Options of the compiler on a CPU.
QUICK: dict[str, Any] = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}
#: The same for the environment of another process.
QUICK_FLAGS = " ".join(f"--{name}={str(value).lower()}" for name, value in QUICK.items())


def quick(function: Callable[..., Any], *static: str) -> Callable[..., Any]:
    """Return ``function`` to be compiled quickly, with the arguments called ``static`` part of the program."""
    return jax.jit(function, static_argnames=static, compiler_options=QUICK)
