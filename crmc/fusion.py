"""A hint to the compiler: compute this once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def once(certain: jax.Array, function: Callable[..., Any], *arguments: Any) -> Any:
    """``function(*arguments)``, held in memory for all who read it.

    XLA on CPU computes what looks cheap to it again in every consumer (20 rounds of integer arithmetic, say), but not
    what a conditional returns.  ``certain``: a condition that holds always, of which the compiler cannot know it.
    Elsewhere a branch would cost more than it saves, and the function is simply called.
    """

    def held(*arguments: Any) -> Any:
        shapes = jax.eval_shape(function, *arguments)
        empty = lambda *_: jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)  # noqa: E731
        return jax.lax.cond(certain, function, empty, *arguments)

    return jax.lax.platform_dependent(*arguments, cpu=held, default=function)
