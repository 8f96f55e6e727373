"""Waves between kicks and damping: halves of the damping around the growth, kicks by the waves before the first."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.interpolate import BSpline
from support.run_cases import SMALL
from support.wave_cases import DT, ready, spectrum

from crmc.config.config import parse_config
from crmc.physics.flow import Stretch
from crmc.physics.moments import wave_energy
from crmc.physics.spectrum import wave_energy_unit
from crmc.physics.waves import damp, grow, mean_scattering
from crmc.setup.build import build
from crmc.solvers.monte_carlo.step import step


def test_damped_energy_heats_the_gas():
    """One step: W falls by exp(-2 Gamma_d dt), the gas gains (gamma - 1) of it, the floor is booked as injected."""
    setup = ready(linear="2e-6 1/s")
    e, _ = spectrum(level=1e-4)
    e[1, 0, :3] = 1e-12
    state = dataclasses.replace(setup.state, e=jnp.asarray(e), b=jnp.asarray(0.8))
    end, heat = damp(state, setup.parameters, setup.model, setup.parameters.dt)
    factor = math.exp(-2.0 * 2e-6 * DT)
    above = e * factor > 1e-12
    np.testing.assert_allclose(np.asarray(end.e)[above], (e * factor)[above], rtol=1e-9)
    np.testing.assert_array_equal(np.asarray(end.e)[~above], 1e-12)
    lost = float(wave_energy(state, setup.parameters)) * (1.0 - factor)
    assert float(heat) == pytest.approx(lost, rel=1e-9)
    assert float(end.gas_pressure - state.gas_pressure) == pytest.approx(2.0 / 3.0 * lost, rel=1e-6)
    unit = lost / (e.sum() * (1.0 - factor))
    seeded = unit * 3 * 1e-12 * (1.0 - factor) / 0.8
    assert float(end.books.injected) == pytest.approx(seeded, rel=1e-6)


# ---- the steady state --------------------------------------------------------------------


@functools.partial(jax.jit, static_argnames=("model", "halves"))
def settled(state, parameters, power, dt, count, model, halves):
    """Amplitudes at the step's boundary after ``count`` steps in which the kicks offer ``power`` dt to each bin.

    halves: damping by halves around the growth, as in a step; or all of it afterwards.
    """

    def advance(_, state):
        if halves:
            state, _ = damp(state, parameters, model, 0.5 * dt)
        state, _ = grow(state, power * dt, parameters, model)
        return damp(state, parameters, model, 0.5 * dt if halves else dt)[0]

    return jax.lax.fori_loop(0, count, advance, state).e


def error_and_x(setup, wanted, x, halves=True):
    """e/wanted - 1 of the steady state where 2 Gamma_d(wanted) wanted is offered, and Gamma_d dt, at most ``x``."""
    p, b = setup.parameters, setup.state.b
    rate = p.damping.rate(p.grid, wanted, Stretch(b), setup.model.nonlinear_landau, p.nu_coefficient)
    power, dt = 2.0 * rate * wave_energy_unit(p.grid, p.alfven_speed, b) * wanted, x / jnp.max(rate)
    count = int(20.0 / float(jnp.min(rate) * dt))
    state = dataclasses.replace(setup.state, e=wanted)
    found = settled(state, p, power, dt, count, setup.model, halves)
    return np.asarray(found / wanted - 1.0), np.asarray(rate * dt)


@pytest.mark.parametrize("x", [0.02, 0.2])
def test_steady_state_of_linear_damping(x):
    """e 2 Gamma_d/P = x/sinh x = 1 - x^2/6 at the step's boundary, whose waves scatter; x = Gamma_d dt.

    With a whole step's damping after the growth it is 2x/(exp(2x) - 1): too weak by x.
    """
    setup, wanted = ready(linear="2e-6 1/s"), jnp.asarray(spectrum(level=1e-4)[0])
    np.testing.assert_allclose(error_and_x(setup, wanted, x)[0], x / math.sinh(x) - 1.0, rtol=1e-9)
    after, _ = error_and_x(setup, wanted, x, halves=False)
    np.testing.assert_allclose(after, 2.0 * x / math.expm1(2.0 * x) - 1.0, rtol=1e-9)


def test_steady_state_of_nonlinear_damping():
    """2 Gamma_d(e) e = P but for less than x^2/2, which falls by 4 when dt is halved (within 5 %).

    With a whole step's damping after the growth, or with the rate at the start of each half, it would be some x and
    fall by 2.
    """
    setup = ready(nonlinear_landau="paper")
    # Gamma_d ~ e/gamma is then much the same along a branch.
    wanted = jnp.asarray(spectrum(level=1e-4)[0]) * jnp.sqrt(1.0 + setup.parameters.grid.centres**-2)
    coarse, x = error_and_x(setup, wanted, 0.1)
    fine, _ = error_and_x(setup, wanted, 0.05)
    assert np.all(np.abs(coarse) < 0.5 * x**2)
    np.testing.assert_allclose(coarse, 4.0 * fine, rtol=0.05)


# ---- a whole step ------------------------------------------------------------------------

#: Gamma_d dt of the step, its length [s], and level of all waves before.
X, STEP, LEVEL = 0.25, 2e7, 1e-6


@pytest.fixture(scope="module")
def kicked():
    """A strongly damped step without expansion: (setup, state and tally after it, state after it without damping)."""
    with jax.enable_x64(True):
        data = SMALL | {
            "expansion": {"mode": "none"},
            "cosmic_rays": SMALL["cosmic_rays"] | {"anisotropy": 0.03},
            "waves": SMALL["waves"] | {"start": "seed", "start_level": LEVEL},
            "damping": {"linear": f"{X / STEP} 1/s"},
            "run": SMALL["run"] | {"time_step": f"{STEP} s"},
        }
        setup = build(parse_config(data))
        p, model = setup.parameters, dataclasses.replace(setup.model, functional=False)
        calm = dataclasses.replace(p, damping=dataclasses.replace(p.damping, linear=jnp.zeros(())))
        advance = jax.jit(functools.partial(step, model=model))
        key = jax.random.key(0, impl="threefry2x32")
        return setup, *advance(setup.state, key, p), advance(setup.state, key, calm)[0]


def test_a_step_damps_by_halves_around_the_growth(kicked):
    """W after = d W + sqrt(d) gain of each branch to round-off, d = exp(-2 x); what is missing is in the gas.

    With a whole step's damping after the growth it is d (W + gain), before it d W + gain: off by x = 1/4 of the gain.
    """
    setup, end, tally, _ = kicked
    p, start = setup.parameters, setup.state
    unit, d = wave_energy_unit(p.grid, p.alfven_speed, start.b), math.exp(-2.0 * X)
    before, after = (np.asarray(unit * s.e) for s in (start, end))
    gain = np.asarray(tally.gain)
    # Every branch's gain shows; no bin is at the seed or where less is taken than the particles demand.
    assert np.all(np.abs(gain) > 0.01 * before.sum(axis=-1))
    assert np.min(after) > 1e6 * float(jnp.max(unit) * p.seed)
    assert np.min((after - d * before) / (d * before)) > -0.5
    np.testing.assert_allclose(after.sum(axis=-1), d * before.sum(axis=-1) + math.sqrt(d) * gain, rtol=1e-12)
    assert float(tally.damped) == pytest.approx(before.sum() + gain.sum() - after.sum(), rel=1e-12)
    assert float(end.gas_pressure - start.gas_pressure) == pytest.approx(2.0 / 3.0 * float(tally.damped), rel=1e-6)


def test_kicks_are_made_by_the_waves_before_their_damping(kicked):
    """Largest nu dt = pi Omega0 e dt of the waves before the step; markers move as without damping, to the bit.

    Waves damped by half a step would make it exp(-x) = 0.78 of that, by a whole step 0.61.
    """
    setup, end, tally, calm = kicked
    omega = 4.80320471e-10 * 1e-6 / (1.67262192e-24 * 2.99792458e10)
    assert float(tally.peak) == pytest.approx(math.pi * omega * STEP * LEVEL, rel=1e-6)
    for name in ("parallel_momentum", "rise"):
        moved, undamped, start = (np.asarray(getattr(s.markers, name)) for s in (end, calm, setup.state))
        np.testing.assert_array_equal(moved, undamped)
        assert np.mean(moved != start) > 0.5


@pytest.mark.parametrize(("p", "b"), [(1.0, 1.0), (3.0, 0.7), (10.0, 1.0), (0.1, 1.0)])
def test_mean_scattering(p, b):
    """int_0^1 nu dmu, nu = pi (Omega/gamma) sum_d e_(d,h)(k = 1/(p mu)), mean over h = +-1: by quad with scipy's splines.

    To 1e-3; p = 0.1 resonates with no wave.
    """
    setup, e = ready(), spectrum(exponent=-0.7)[0]
    spacing = math.log(200.0) / 14.0
    knots = [math.log(0.02) + spacing * (j + np.arange(4.0)) for j in range(12)]
    splines = [BSpline.basis_element(k, extrapolate=False) for k in knots]

    def nu(x):
        total = sum(0.5 * e[:, :, j].sum() * np.nan_to_num(splines[j](-math.log(x))) for j in range(12))
        return math.pi * b / math.sqrt(1.0 + p**2) * total

    # x = p mu/b; ends of the range that waves scatter, and where splines join.
    low, high = 1.0 / 4.0, min(p / b, 1.0 / 0.02)
    want = quad(nu, low, high, epsrel=1e-9, limit=400)[0] * b / p if high > low else 0.0
    found = float(mean_scattering(jnp.asarray(e), setup.parameters, Stretch(jnp.asarray(b)), p))
    assert found == pytest.approx(want, rel=1e-3) and (want > 0.0) == (p > 0.25)
