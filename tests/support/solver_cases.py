"""What holds for the functions of every solver."""

import functools

import jax
import jax.numpy as jnp

from crmc.physics.noise import run_key


def shapes_of(tree):
    """Structure of a tree, and shape and type of each leaf."""
    return jax.tree.structure(tree), [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(tree)]


def assert_keeps_structure(solver, setup, model):
    """A step gives back a state and a tally like those it got; a row is one of arrays by name, at any count of steps."""
    state, parameters = setup.state, setup.parameters
    tally = solver.init(parameters)
    step = functools.partial(solver.tallied_step, model=model)
    after = jax.eval_shape(step, state, tally, run_key(0), parameters)
    assert shapes_of(after) == shapes_of((state, tally))
    observe = functools.partial(solver.observe, model=model)
    row = jax.eval_shape(observe, *after, jnp.asarray(1), parameters)
    assert set(map(type, row)) == {str} and all(isinstance(x, jax.ShapeDtypeStruct) for x in row.values())
    assert shapes_of(row) == shapes_of(jax.eval_shape(observe, state, tally, jnp.asarray(0), parameters))
