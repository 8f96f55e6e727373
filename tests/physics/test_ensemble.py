"""The division of the ensemble among blocks changes no bit, and that among devices none but by how XLA rounds."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.run_cases import SMALL

from crmc.config.config import Config, parse_config
from crmc.machine.devices import collect, place, spread_out
from crmc.physics.ensemble import excerpt, joined
from crmc.physics.layout import Layout
from crmc.setup.build import build
from crmc.solvers.monte_carlo.solver import MONTE_CARLO

#: Round-off of single operations, which XLA compiles otherwise for several devices, carried on by 40 steps.
TOLERANCE = 1e-9
#: No multiple of any number of devices or blocks here, so that some have markers without weight.
COUNT = 1003
LAYOUTS = [Layout(1, 100), pytest.param(Layout(8, 8192), marks=pytest.mark.full)]
MODES = {
    "pressure_balance": {
        "expansion": {"mode": "pressure_balance"},
        "injection": {"pressure_rate": "3e-25 erg/(cm3 s)", "index": 4.2},
        "drift": {"gradient_length": "30 kpc"},
        "scattering": {"gap": "edge"},
        "waves": SMALL["waves"] | {"start": "seed", "start_level": 1e-8},
        "run": SMALL["run"] | {"markers": COUNT, "coarse_grain_interval": "4e8 s"},
    },
    "co_moving": {
        "scattering": {"model": "constant", "frequency": "1e-8 1/s"},
        "waves": {},
        "damping": {},
        "run": SMALL["run"] | {"markers": COUNT},
    },
}


def config_of(mode: str) -> Config:
    return parse_config(SMALL | MODES[mode])


@functools.cache
def after_forty_steps(mode: str, layout: Layout):
    """State and tally after 40 steps with the ensemble cut as ``layout`` says, on the host."""
    with jax.enable_x64(True):
        setup = build(config_of(mode))
        model = dataclasses.replace(setup.model, layout=layout)
        state, tally = place(setup.state, layout), spread_out(MONTE_CARLO.init(setup.parameters), layout)
        go = jax.jit(MONTE_CARLO.advance, static_argnames="model")
        end = go(state, tally, jax.random.key(3), setup.parameters, jnp.asarray(40), model=model)
        return [np.asarray(x) for x in jax.tree.leaves(collect(end[0], COUNT))], collect(end[1], COUNT)


@pytest.mark.full  # `test_exact` compares bits
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("mode", ["pressure_balance", "co_moving"])
def test_the_cut_changes_nothing(mode: str, layout: Layout) -> None:
    """Markers, waves, field, books and tally of 8 devices and of small blocks agree with those of one."""
    if mode == "co_moving" and layout.devices in (1, 4):
        pytest.skip("the other mode goes through the same code")
    want, want_record = after_forty_steps(mode, Layout())
    state, tally = after_forty_steps(mode, layout)
    if layout.devices == 1:
        assert all(x.tobytes() == y.tobytes() for x, y in zip(state, want, strict=True))
    for x, y in zip(state, want, strict=True):
        np.testing.assert_allclose(x, y, rtol=TOLERANCE, atol=TOLERANCE * np.abs(y).max())
    for name, x, y in zip(tally._fields, tally, want_record, strict=True):
        if name != "imbalance":  # itself a rounding error
            np.testing.assert_allclose(x, y, rtol=TOLERANCE, atol=TOLERANCE * np.abs(y).max(), err_msg=name)
    if mode == "pressure_balance":
        assert tally.samples == 3.0 and tally.functional.any()


@pytest.mark.parametrize("devices", [1, 2, 8])
def test_excerpt(devices: int) -> None:
    """Entries across the borders of devices arrive in order."""
    layout = Layout(devices)
    x = jax.device_put(jnp.arange(800.0), layout.along_markers)
    for start in (0, 95, 640):
        found = joined(layout, excerpt(layout, x, jnp.asarray(start), 160))
        np.testing.assert_array_equal(found, start + np.arange(160))
