"""Tallies: sums and maxima by hand, the same however steps are grouped."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest

from crmc.solvers.tally import Tally, empty_tally, with_step

#: Maxima over steps; all other fields are sums.
MAXIMA = ("correction", "peak")


def tally(seed):
    """A tally of whole numbers, whose sums are exact in any order."""
    rng = np.random.default_rng(seed)
    shapes = {"power": (2, 2, 5), "gain": (2, 2), "functional": (2, 2, 5), "moment": (2,)}
    return Tally(**{name: jnp.asarray(rng.integers(1, 100, shapes.get(name, ())) * 1.0) for name in Tally._fields})


def assert_equal(one, other):
    """Equal fields, to the bit."""
    for name in Tally._fields:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_one_more_step():
    """Every field is the sum of the two, but for the correction and the peak, which are the larger one; by numpy.

    The moment of the step is its number times all gain, and times what was damped.
    """
    a, b, number = tally(1), tally(2), 12
    both = with_step(a, b, jnp.asarray(number))
    b = b._replace(moment=number * jnp.stack([b.gain.sum(), b.damped]))
    for name in Tally._fields:
        one, other = (np.asarray(getattr(x, name)) for x in (a, b))
        want = np.maximum(one, other) if name in MAXIMA else one + other
        np.testing.assert_array_equal(getattr(both, name), want, err_msg=name)


def test_order_does_not_matter():
    """Steps 7 and 8 in either order, to the bit where sums are exact."""
    a, *steps = (tally(seed) for seed in (1, 2, 3))
    numbered = [(step, jnp.asarray(number)) for step, number in zip(steps, (7, 8), strict=True)]
    both = [functools.reduce(lambda x, step: with_step(x, *step), order, a) for order in (numbered, numbered[::-1])]
    assert_equal(*both)


@pytest.mark.parametrize("first", [True, False])
def test_an_empty_tally_changes_nothing(first):
    """The empty tally, before or after, leaves a tally as it is; it has the shape of the solver's samples."""
    a, number = tally(1), jnp.asarray(5)
    empty = empty_tally(jnp.zeros_like(a.power), jnp.zeros_like(a.functional))
    assert all(getattr(empty, name).shape == getattr(a, name).shape for name in Tally._fields)
    if first:
        a = a._replace(moment=number * jnp.stack([a.gain.sum(), a.damped]))
    assert_equal(with_step(empty, a, number) if first else with_step(a, empty, number), a)
