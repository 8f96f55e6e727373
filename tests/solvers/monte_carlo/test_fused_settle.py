"""The kernel that corrects the weights, interpreted, is the plain pass."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from crmc.config.config import load_config
from crmc.physics.flow import Stretch
from crmc.physics.layout import Layout
from crmc.physics.moments import expected_sizes
from crmc.setup.build import build
from crmc.solvers.monte_carlo import fused_settle
from crmc.solvers.monte_carlo.exchange import Correction
from crmc.solvers.monte_carlo.scatter import settle
from crmc.solvers.tally import empty_tally

#: Two blocks of the kernel, the last one not full.
COUNT = fused_settle.BLOCK + 44


def settled(setup: Any, kernel: str, eta: float) -> Any:
    """State and tally after a correction of a given strength and an expansion by 2e-3."""
    state, parameters = setup.state, setup.parameters
    size = expected_sizes(parameters.background, state.amplitude, state.density)
    sizes = (size.energy,) * 2, (abs(eta) * size.square, size.energy)
    correction = Correction(jnp.asarray(eta), size.energy / size.number, sizes)
    model = dataclasses.replace(setup.model, layout=Layout(kernel=kernel))
    tally = empty_tally(state.e, jnp.zeros(()))
    run = jax.jit(lambda *x: settle(*x, model, Stretch(jnp.asarray(0.998))))
    return run(state, tally, correction, parameters)


@pytest.mark.parametrize("cutoff", [None, pytest.param("30", marks=pytest.mark.full)])
def test_twins(cutoff: str | None) -> None:
    """Markers, books and tally of both agree, and twice the kernel gives the same bits.

    To 1e-13, sums to 1e-11: the kernel's have 46 bits of their expected size, and what is left of them is small.
    With a cut-off of F0 at p = 30 and without.  Without the correction, weights and supplied energy would be off by as
    much as they change.
    """
    settings = [f"run.markers={COUNT}", "run.precision=float64", "run.coarse_grain_interval="]
    setup = build(load_config("halo", settings + ([f"cosmic_rays.cutoff_momentum={cutoff}"] if cutoff else [])))
    assert (setup.parameters.background.cutoff is None) == (cutoff is None)
    one, other = (settled(setup, kernel, 1e-3) for kernel in ("fused", "plain"))
    for x, y in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        x, y = np.asarray(x), np.asarray(y)
        np.testing.assert_allclose(x, y, rtol=0.0, atol=(1e-13 if x.shape else 1e-11) * np.max(np.abs(y), initial=0.0))
    change = np.asarray(one[0].markers.excess - setup.state.markers.excess)
    assert np.mean(change != 0.0) > 0.9 and float(one[1].correction) > 1e-4
    again = settled(setup, "fused", 1e-3)
    same = jax.tree.map(lambda x, y: np.asarray(x).tobytes() == np.asarray(y).tobytes(), one, again)
    assert all(jax.tree.leaves(same))
