"""A function of small arrays, run as one kernel (interpreted), returns what it returns otherwise."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from crmc.solvers.one_kernel import in_one_kernel, supported

RNG = np.random.default_rng(3)
A, B = RNG.normal(size=(3, 5)), RNG.normal(size=(7, 5))


def of_all_kinds(a: jax.Array, b: jax.Array, n: jax.Array) -> dict[str, Any]:
    """Operations of every kind that is supported, on axes whose lengths are no powers of two."""
    e = jnp.exp(a)
    product = e @ b.T
    return {
        "sums": (jnp.sum(e), jnp.sum(e, axis=0), jnp.max(-e, axis=1), jnp.min(e)),
        "product": product,
        "products": jnp.einsum("ij,kj->ik", e, b) + jnp.tensordot(e, b, axes=[[1], [1]]),
        "moved": product.T[1:, ::-1][::2],
        "mixed": (product[1, 2:] + e.reshape(5, 3)[:, 0]) * jnp.flip(b[:5], 1)[:, 3],
        "joined": jnp.concatenate([e, -product[:, :4]], axis=1),
        "stacked": jnp.stack([e[0], b[1]], axis=1),
        "padded": jnp.pad(e, [(0, 0), (1, 2)], constant_values=4.0),
        "chosen": jnp.where(n > 2, e, jnp.clip(a, -0.1, 0.1)),
        "either": jax.lax.cond(n > 2, lambda: (e[0], n), lambda: (e[1], n % 2)),
        "at": jax.lax.dynamic_index_in_dim(b, n, keepdims=False),
        "numbered": jnp.arange(7.0) * jnp.sqrt(jnp.abs(b[:, 1])),
        "words": jax.lax.bitcast_convert_type(e.astype(jnp.float32), jnp.uint32).astype(jnp.uint64) << np.uint64(32),
        "flags": e > 1.0,
        "number": 2.0,
    }


@pytest.mark.parametrize("n", [1, 3])
def test_same_results(n: int) -> None:
    """Oracle: the function itself, run operation by operation; to round-off of sums in another order.

    Filling that were summed, or read from beyond the end of an array, would be off by order one.
    """
    given = jnp.asarray(A), jnp.asarray(B), jnp.asarray(n)
    assert supported(of_all_kinds, *given)
    found, want = in_one_kernel("test", of_all_kinds, *given), of_all_kinds(*given)
    assert jax.tree.structure(found) == jax.tree.structure(want)
    for x, y in zip(jax.tree.leaves(found), jax.tree.leaves(want), strict=True):
        assert jnp.shape(x) == jnp.shape(y) and jnp.result_type(x) == jnp.result_type(y)
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=1e-13, atol=1e-14)


def test_a_product_in_parts() -> None:
    """More products than a tile holds are summed part by part, the last of which is not full."""
    x, y = RNG.normal(size=(5, 300)), RNG.normal(size=(6, 300))
    found = in_one_kernel("test", lambda x, y: x @ y.T, x, y)
    np.testing.assert_allclose(np.asarray(found), x @ y.T, rtol=1e-12, atol=1e-12)


def test_programs_and_replicas() -> None:
    """Program i makes entry i along the axis asked for; vmap makes further programs."""

    def row(i: jax.Array, a: jax.Array, scale: jax.Array) -> tuple[jax.Array, jax.Array]:
        one = jax.lax.dynamic_index_in_dim(a, i, keepdims=False) * scale
        return jnp.stack([one, jnp.flip(one)]), jnp.sum(one)

    scales, every = jnp.asarray([1.0, -2.0]), jnp.asarray(A)

    def of(scale: jax.Array) -> tuple[jax.Array, jax.Array]:
        return in_one_kernel("test", lambda i, a, s: row(i, a, s)[:1], every, scale, count=3, axis=1)

    want = np.stack([A, A[:, ::-1]]) * np.asarray(scales)[:, None, None, None]
    np.testing.assert_array_equal(np.asarray(jax.vmap(of)(scales)[0]), want)
    sums = in_one_kernel("test", lambda i, a: row(i, a, 1.0)[1], every, count=3)
    np.testing.assert_allclose(np.asarray(sums), A.sum(axis=1), rtol=1e-14)


def test_what_is_handed_through_is_not_copied() -> None:
    """An argument that is a result, too, is the same array."""
    a, b = in_one_kernel("test", lambda a, b: (a, 2.0 * b), A, B)
    assert a is A
    np.testing.assert_array_equal(np.asarray(b), 2.0 * B)


def test_what_is_not_supported() -> None:
    """Loops, look-ups and sorting are not, wherever they are."""
    assert not supported(jnp.sort, A)
    assert not supported(lambda a: jax.lax.fori_loop(0, 3, lambda i, x: 2.0 * x, a), A)
    assert not supported(lambda a, i: jax.lax.cond(i[0] > 0, lambda: a[i], lambda: a), A, jnp.arange(3))
