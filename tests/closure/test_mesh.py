"""Nodes and kernels of integrals over mu."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.closure_cases import DRIFT, SPECTRUM_OF, WIM

from crmc.closure.mesh import make_mesh
from crmc.closure.spectrum import MOMENTA

ASKED = (0.6, 3.0, 17.0)
MAKE_MESH = jax.jit(make_mesh)


@pytest.mark.parametrize("k_max", [20.0, 0.7, 0.03])
@pytest.mark.parametrize("cut", [5.0, 1e3])
def test_kernel_integrates_powers(k_max, cut) -> None:
    """int_0^1 mu^m (1 - mu^2) max(x, x_gap)^s dmu, wherever the gap's edge and the cut are: within 1e-5."""
    cell = dataclasses.replace(DRIFT, cut=cut)
    gap = 1.0 / k_max
    mesh = MAKE_MESH(SPECTRUM_OF(cell), jnp.asarray(gap), jnp.asarray(ASKED))
    for s in (-0.7, 0.0, 1.7):
        values = np.asarray(mesh.x) ** s
        for m in range(3):
            found = np.asarray(mesh.kernel[m] @ values)
            for place, p in enumerate(np.asarray(mesh.momentum)):
                edge = min(gap / p, 1.0)

                def power(q, low, high):
                    return (high ** (q + 1.0) - low ** (q + 1.0)) / (q + 1.0)

                exact = gap**s * (power(m, 0.0, edge) - power(m + 2.0, 0.0, edge))
                exact += p**s * (power(m + s, edge, 1.0) - power(m + 2.0 + s, edge, 1.0))
                assert found[place] == pytest.approx(exact, rel=1e-5)
        mean = np.asarray(mesh.mean @ values)
        edge = np.minimum(gap / np.array(ASKED), 1.0)
        exact = gap**s * edge + np.array(ASKED) ** s * (1.0 - edge ** (s + 1.0)) / (s + 1.0)
        np.testing.assert_allclose(mean, exact, rtol=1e-6)


def test_order_of_nodes() -> None:
    """Those at p/2, which mu = 0.5 meets, stand before the gap's edge, which is last; momenta asked for come last."""
    mesh = MAKE_MESH(SPECTRUM_OF(WIM), jnp.asarray(0.05), jnp.asarray(ASKED))
    np.testing.assert_allclose(mesh.x[-4:], [0.3, 1.5, 8.5, 0.05])
    np.testing.assert_allclose(mesh.momentum[MOMENTA:], ASKED)
    inside = np.asarray(mesh.inside(mesh.x))
    assert np.all(np.diff(inside.ravel()) >= 0.0) and inside.shape == mesh.width.shape
