"""A run in progress: its checkpoint holds all that it needs, and restoring it goes on to the same bits."""

import jax
import numpy as np
import pytest
from support.run_cases import driven

from crmc.physics.layout import Layout
from crmc.runs.runner import Runner
from crmc.setup.build import build_replicas


def runner(layout=None):
    """Two replicas before their first step, with the rows of the start."""
    setup, states = build_replicas(driven(run__markers=512, run__replicas=2), layout=layout)
    found = Runner(setup, states)
    found.stepper.observe_due(everything=True)
    return found


def go(found, steps):
    """Take ``steps`` steps, with all rows that fall due."""
    end = found.stepper.step + steps
    while found.stepper.step < end:
        found.stepper.take(min(end - found.stepper.step, found.stepper.until_due()))
        found.stepper.observe_due()
    return found


def bits(checkpoint):
    """All arrays and numbers of a checkpoint."""
    return [np.asarray(x).tobytes() for x in jax.tree.leaves(checkpoint)]


@pytest.mark.full
def test_restored_runs_go_on_to_the_same_bits():
    """Seven steps, then ten more: from the checkpoint in another runner as without a stop."""
    whole, other = go(runner(), 7), runner()
    middle = whole.checkpoint()
    other.restore(middle)
    assert bits(other.checkpoint()) == bits(middle)
    assert bits(go(other, 10).checkpoint()) == bits(go(whole, 10).checkpoint())
    assert bits(middle) != bits(whole.checkpoint())
    assert middle.states.markers.rise.shape == (2, 256) and middle.step == 7


@pytest.mark.full
@pytest.mark.parametrize("layout", [Layout(across=2), Layout(devices=2, block=100)])
def test_devices_change_rounding_alone(layout):
    """Replicas, or the markers of each, on two devices: the checkpoint has the shapes and, to 1e-9, the numbers of one."""
    found, want = go(runner(layout), 6).checkpoint(), go(runner(), 6).checkpoint()
    for name in ("parallel_momentum", "rise", "volume"):
        one, other = getattr(found.states.markers, name), getattr(want.states.markers, name)
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9 * np.abs(other).max(), err_msg=name)
    np.testing.assert_allclose(found.states.e, want.states.e, rtol=1e-9)
    for (tallied, steps, rows), (_, other, values) in zip(found.series, want.series, strict=True):
        assert steps == other and tallied < 15
        np.testing.assert_allclose(rows["heating_rate"], values["heating_rate"], rtol=1e-7)
