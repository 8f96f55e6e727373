"""Tallies: sums and maxima by hand, the same however steps are grouped."""

import jax.numpy as jnp
import numpy as np
import pytest

from crmc.solvers.tally import Tally, combine, empty_tally

#: Maxima over steps; all other fields are sums.
MAXIMA = ("correction", "peak")


def tally(seed):
    """A tally of whole numbers, whose sums are exact in any order."""
    rng = np.random.default_rng(seed)
    shapes = {"power": (2, 2, 5), "gain": (2, 2), "functional": (2, 2, 5)}
    return Tally(**{name: jnp.asarray(rng.integers(1, 100, shapes.get(name, ())) * 1.0) for name in Tally._fields})


def assert_equal(one, other):
    """Equal fields, to the bit."""
    for name in Tally._fields:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_two_spans_of_steps():
    """Every field is the sum of the two, but for the correction and the peak, which are the larger one; by numpy."""
    a, b = tally(1), tally(2)
    both = combine(a, b)
    for name in Tally._fields:
        one, other = (np.asarray(getattr(x, name)) for x in (a, b))
        want = np.maximum(one, other) if name in MAXIMA else one + other
        np.testing.assert_array_equal(getattr(both, name), want, err_msg=name)


def test_grouping_and_order_do_not_matter():
    """(a + b) + c = a + (b + c) and a + b = b + a, to the bit where sums are exact."""
    a, b, c = (tally(seed) for seed in (1, 2, 3))
    assert_equal(combine(combine(a, b), c), combine(a, combine(b, c)))
    assert_equal(combine(a, b), combine(b, a))


@pytest.mark.parametrize("first", [True, False])
def test_no_steps_change_nothing(first):
    """The empty tally, before or after, leaves a tally as it is; it has the shape of the solver's samples."""
    a = tally(1)
    empty = empty_tally(jnp.zeros_like(a.power), jnp.zeros_like(a.functional))
    assert all(getattr(empty, name).shape == getattr(a, name).shape for name in Tally._fields)
    assert_equal(combine(empty, a) if first else combine(a, empty), a)
