"""Two programs compiled at the same time."""

import jax
import jax.numpy as jnp

from crmc.machine.compiling import compile_both


def test_each_program_is_its_own():
    """x + 1 and 3 x of x = 2 are 3 and 6, in the order in which the programs are given."""
    x = jnp.asarray(2.0)
    one, other = compile_both(jax.jit(lambda x: x + 1.0).lower(x), jax.jit(lambda x: 3.0 * x).lower(x))
    assert (float(one(x)), float(other(x))) == (3.0, 6.0)
