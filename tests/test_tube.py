"""The tube: energy ledger in every mode, the energy equation, and the laws of field, waves, gas and source."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from crmc import theory
from crmc.build import build
from crmc.config import parse_config
from crmc.reductions import energies, ledger, moments, wave_energy
from crmc.simulate import advance, keyed_step
from crmc.step import empty_record
from crmc.tube import apply_sources, balanced_field, change_field, expand, magnetic_pressure, next_field

DT, STEPS, TAU = 1e6, 300, 3e9  # s
RATE = 2e-22  # erg/cm^3/s, so that tau_B ~ 3.6e9 s
PLASMA = {
    "magnetic_field": "1.0 uG",
    "ion_density": "1e-4 cm-3",
    "temperature": "1.1e6 K",
    "gas_pressure": "3.2e-13 dyn/cm2",
    "background_heating": "2e-23 erg/(cm3 s)",
    "cooling": "3e-23 erg/(cm3 s)",
}
BASE = {
    "plasma": PLASMA,
    "cosmic_rays": {"pressure": "8.2e-14 dyn/cm2", "index": 4.7, "turnover_momentum": 1.0, "anisotropy": 0.02},
    "waves": {"seed_level": 1e-6, "bins": 8},
    "damping": {"linear": "2e-9 1/s", "nonlinear_landau": "local"},
    "run": {"duration": f"{DT * STEPS} s", "time_step": f"{DT} s", "markers": 2048, "precision": "float64"},
}
SOURCE = {"injection": {"pressure_rate": f"{RATE} erg/(cm3 s)", "index": 4.2}}
MODES = {
    "none": {**SOURCE},
    "prescribed": {"expansion": {"mode": "prescribed", "timescale": f"{TAU} s"}, **SOURCE},
    "compression": {"expansion": {"mode": "prescribed", "timescale": f"{-TAU} s"}},
    "injection": {"expansion": {"mode": "injection"}, **SOURCE},
    "pressure_balance": {"expansion": {"mode": "pressure_balance"}, **SOURCE},
    "full_f": {"expansion": {"mode": "pressure_balance"}, **SOURCE, "run": {"estimator": "full_f"}},
    "waves_not_adiabatic": {
        "expansion": {"mode": "prescribed", "timescale": f"{TAU} s"},
        "waves": {"adiabatic": False},
    },
    "co_moving": {
        "expansion": {"mode": "prescribed", "timescale": f"{TAU} s"},
        "scattering": {"model": "constant", "frequency": "1e-8 1/s"},
        "damping": {},
    },
    "coarse": {
        "expansion": {"mode": "prescribed", "timescale": f"{TAU} s"},
        "run": {"coarse_grain_interval": f"{20 * DT} s"},
    },
}

run = functools.partial(jax.jit, static_argnums=5)(advance)
one_step = functools.partial(jax.jit, static_argnums=4)(keyed_step)


def ready(mode, **changes):
    """Setup of a mode; ``changes`` replace keys within sections."""
    data = {section: dict(table) for section, table in BASE.items()}
    for source in (MODES[mode], changes):
        for section, table in source.items():
            data[section] = {**data.get(section, {}), **table} if table else {}
    if mode == "co_moving":
        data.pop("damping")
    return build(parse_config(data))


def flows(start, end, parameters):
    """Energy that moved between stores and across the boundary, per unit length: the scale of the ledger's error."""
    before, after = energies(start, parameters), energies(end, parameters)
    moved = sum(abs(float(x - y)) for x, y in zip(before, after, strict=True))
    return moved + sum(abs(float(x)) for x in jax.tree.leaves(end.books))


@pytest.mark.parametrize("mode", MODES)
def test_the_ledger_closes(mode):
    """CR + waves + gas + field + radiated + work - injected is constant over 300 steps to 1e-8 of what moved."""
    setup = ready(mode)
    start = setup.state
    assert setup.steps == STEPS
    end, record = run(start, empty_record(setup.parameters.grid.bins), jax.random.key(1), setup.parameters, STEPS, setup.model)
    drift = abs(float(ledger(end, setup.parameters) - ledger(start, setup.parameters)))
    assert drift < 1e-8 * flows(start, end, setup.parameters)
    if setup.model.scattering == "spectrum":
        assert float(jnp.max(jnp.abs(end.waves / start.waves - 1.0))) > 0.1
        assert abs(float(record.imbalance)) < 1e-8 * float(record.absolute_exchange)
