"""Setups of the Fokker-Planck solver, and its compiled drivers."""

import copy
import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from support.run_cases import SMALL

from crmc import theory
from crmc.config.config import parse_config
from crmc.setup.build import build
from crmc.solvers.fokker_planck.solver import FOKKER_PLANCK

ADVANCE, OBSERVE = (jax.jit(x, static_argnames="model") for x in (FOKKER_PLANCK.advance, FOKKER_PLANCK.observe))
#: Nothing is drawn.
KEY = None
#: 4e10 s of linear damping: the heating is within some per cent of its final value.
LATE = {"run__duration": "4e10 s", "run__time_step": "4e8 s"}
#: Changes of SMALL for each mode of the tube.
MODES = {
    "none": {
        "expansion__mode": "none",
        "expansion__timescale": None,
        "cosmic_rays__anisotropy": 0.01,
        "waves__start": "seed",
    },
    "prescribed": {"expansion__timescale": "1e11 s"},
    "injection": {"expansion__mode": "injection", "expansion__timescale": None},
    "pressure_balance": {"expansion__mode": "pressure_balance", "expansion__timescale": None},
    "flow": {
        "expansion__mode": "flow",
        "expansion__timescale": None,
        "expansion__history": "rates",
        "expansion__rate_along": "-5e-12 1/s",
        "expansion__rate_across": "2e-12 1/s",
    },
}
#: Cosmic rays that stream at three times the Alfven speed, and no other drive.
DRIFTING = {
    "expansion__mode": "none",
    "expansion__timescale": None,
    "waves__start": "seed",
    "waves__start_level": 1e-12,
    "damping__linear": None,
    "cosmic_rays__drift_velocity": 3.0,
}


@functools.cache
def prepared(n_p=12, n_mu=64, functional=False, **overrides):
    """Setup of SMALL with ``section__key=value`` replaced, or removed where the value is None.

    functional: whether steps sample the growth functional, which only rows of results read
    """
    data = copy.deepcopy(SMALL)
    del data["run"]["output_interval"]
    for name, value in overrides.items():
        section, key = name.split("__")
        data.setdefault(section, {})[key] = value
        if value is None:
            del data[section][key]
    setup = build(parse_config(data), solver=FOKKER_PLANCK.name, cells=(n_p, n_mu))
    return dataclasses.replace(setup, model=dataclasses.replace(setup.model, functional=functional))


def go(setup, steps=None, dt=None, state=None):
    """Final state and tally after ``steps`` of ``dt`` (default: the setup's)."""
    parameters = setup.parameters if dt is None else dataclasses.replace(setup.parameters, dt=jnp.asarray(dt))
    count = jnp.asarray(setup.steps if steps is None else steps)
    empty = FOKKER_PLANCK.init(parameters)
    return ADVANCE(setup.state if state is None else state, empty, KEY, parameters, count, model=setup.model)


def heating(setup, state, tally, steps):
    """Mean heating of a tally and its exact quasi-steady value in the tube of ``state``."""
    P, unit = setup.parameters, state.resonance
    mean = float(jnp.sum(tally.gain)) / (steps * float(P.dt))
    # theory.heating for f(p) = F0(p density^{-1/3}), v_A ~ (b l_par)^{1/2} and a gap that is proportional to b l_par.
    y, dy = P.background.quadrature()
    p, dp = y * jnp.cbrt(state.density), dy * jnp.cbrt(state.density)
    mu_c = P.grid.x_gap * unit / p
    shape = (1.0 - mu_c) ** 3 * (1.0 + mu_c)
    power = -P.background.slope(state.amplitude, y) * p**3 * shape * dp
    exact = P.alfven_speed * jnp.sqrt(unit) * P.expansion_rate / 12.0 * jnp.sum(power)
    return mean, float(exact)


def smeared_growth(setup):
    """Growth rate of F0 by eq. 15, smeared over each bin, (bins,)."""
    P, grid = setup.parameters, setup.parameters.grid
    log_k = np.log(np.asarray(grid.centres))[:, None] + float(grid.knot) * np.linspace(-1.5, 1.5, 61)
    rate = theory.growth_rate(np.exp(log_k), P.background, setup.state.amplitude, P.alfven_speed)
    basis = np.stack([np.asarray(grid.basis(jnp.exp(-x)))[:, j] for j, x in enumerate(log_k)])
    return np.sum(np.asarray(rate) * basis, axis=1) / np.sum(basis, axis=1)
