"""Flows of configs: units, tables against the laws that they sample, runs in pieces, and derivatives."""

import dataclasses
import functools
import math
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.run_cases import assert_same_bits, checkpoint_of, compiled_once, final_state, small

from crmc.config.config import Config
from crmc.config.keys import replaced
from crmc.physics.flow import Steady
from crmc.runs.outcome import DONE, INTERRUPTED
from crmc.runs.run import run
from crmc.setup.arrays import start_of
from crmc.setup.build import build
from crmc.setup.flow import flow_of, momentum_range
from crmc.setup.numbers import expansion_time
from crmc.setup.shape import shape_of
from crmc.solvers.fokker_planck.solver import FOKKER_PLANCK

TAU = 1e11


def flow(**keys: Any) -> Config:
    """SMALL in a flow, with some steps of a per cent each."""
    changes = {f"expansion__{name}": value for name, value in keys.items()}
    return small(expansion__mode="flow", **{"expansion__timescale": None} | changes)


def in_seconds(config: Config, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """B/B0 and length at times [s]."""
    found = flow_of(config)
    assert found is not None
    at = jax.vmap(found.at)(jnp.asarray(t / config.code_units.time))
    return np.asarray(at.b), np.asarray(at.length)


def test_laws_in_seconds() -> None:
    """Each law of a config against numpy in seconds, to 1e-12; tau_eff at t = 0; an isotropic flow has none."""
    t = np.linspace(0.0, 2e9, 7)
    powers = {"power_along": -0.5, "power_across": 0.25}
    cases = [
        (flow(timescale=f"{TAU} s", **powers), np.exp(t / TAU), TAU / 1.5),
        (flow(history="linear", timescale=f"{TAU} s", **powers), 1.0 + t / TAU, TAU / 1.5),
        (
            flow(history="sinusoid", amplitude=0.2, period="1e9 s", **powers),
            np.exp(0.2 * np.sin(2e-9 * np.pi * t)),
            1.0 / (1.5 * 0.4e-9 * math.pi),
        ),
    ]
    for config, scale, tau in cases:
        b, length = in_seconds(config, t)
        np.testing.assert_allclose(b, scale**-0.5, rtol=1e-12)
        np.testing.assert_allclose(length, scale**-0.5, rtol=1e-12)
        found = expansion_time(config, shape_of(config))
        assert float(found) == pytest.approx(tau / config.code_units.time, rel=1e-12)
        rate = start_of(config, shape_of(config)).parameters.expansion_rate
        assert float(rate * found) == pytest.approx(1.0, rel=1e-12)
    isotropic = {"expansion__mode": "flow", "expansion__timescale": f"{TAU} s", "expansion__power_along": 0.5}
    still = small(waves__start="seed", **isotropic)
    assert expansion_time(still, shape_of(still)) is None


def sampled(law: Any, rows: int, interpolation: str) -> Config:
    """Flow by a table of B/B0 = law(t) in some rows."""
    times = np.linspace(0.0, 2e9, rows)
    return flow(
        history="table",
        times=[f"{t!r} s" for t in times.tolist()],
        field=law(times).tolist(),
        interpolation=interpolation,
    )


@pytest.mark.parametrize("interpolation", ["monotone", "linear"])
def test_tables_reproduce_what_they_sample(interpolation: str) -> None:
    """ln B is interpolated: an exponential exactly, to 1e-12; a sinusoid to second order at least, and to 4e-4."""
    t = np.linspace(0.0, 2e9, 501)

    def exponential(t: np.ndarray) -> np.ndarray:
        return np.exp(-t / TAU)

    def sinusoid(t: np.ndarray) -> np.ndarray:
        return np.exp(0.1 * np.sin(2e-9 * np.pi * t))

    np.testing.assert_allclose(in_seconds(sampled(exponential, 9, interpolation), t)[0], exponential(t), rtol=1e-12)
    errors = [np.max(np.abs(in_seconds(sampled(sinusoid, n, interpolation), t)[0] / sinusoid(t) - 1)) for n in (41, 81)]
    assert errors[0] > 3.5 * errors[1] and errors[1] < 4e-4


@functools.cache
def heating_of(config: Config) -> tuple[float, np.ndarray]:
    """Mean heating and final spectrum of a short run on the mesh."""
    setup = build(config, solver="fokker-planck", cells=(8, 32))
    model = dataclasses.replace(setup.model, functional=False)
    parameters, state = setup.parameters, setup.state
    advance = jax.jit(FOKKER_PLANCK.advance, static_argnums=5)
    end, tally = advance(state, FOKKER_PLANCK.init(parameters), jax.random.key(0), parameters, setup.steps, model)
    return float(jnp.sum(tally.gain)), np.asarray(end.e)


@pytest.mark.full
def test_prescribed_by_other_means() -> None:
    """prescribed, the same exponential flow, and a table of it: heating and spectrum to 1e-9."""
    tube = small(expansion__timescale=f"{TAU} s")
    table = sampled(lambda t: np.exp(-t / TAU), 9, "monotone")
    heat, e = heating_of(tube)
    for other in (flow(timescale=f"{TAU} s"), table, flow(history="rates", rate_across=f"{0.5 / TAU!r} 1/s")):
        heat_too, e_too = heating_of(other)
        assert heat_too == pytest.approx(heat, rel=1e-9)
        np.testing.assert_allclose(e_too, e, rtol=1e-9)


def test_momenta_stay_in_the_tables() -> None:
    """Extremes of p/(b l_par) over those at t = 0: a sinusoid of both lengths by hand, and limits of e^3."""
    config = flow(history="sinusoid", amplitude=0.1, period="1e9 s", power_along=1.0, power_across=0.0)
    found = flow_of(config)
    assert found is not None
    duration = 1e9 / config.code_units.time
    # p_par/l_par^2 and p_perp/l_par.
    low, high = (float(x) for x in momentum_range(found, duration))
    assert low == pytest.approx(math.exp(-0.2), rel=1e-5) and high == pytest.approx(math.exp(0.2), rel=1e-5)
    far = found._replace(history=Steady(jnp.asarray(9.0 / duration), jnp.asarray(0.0)))
    assert [float(x) for x in momentum_range(far, duration)] == pytest.approx([math.exp(-3.0), 1.0])


def test_a_run_in_pieces(tmp_path: Path) -> None:
    """An oscillation stopped and resumed, and one written at other times, end in the same state, to the bit."""
    config = flow(history="sinusoid", amplitude=0.05, period="1e9 s", power_along=-0.2).with_overrides(
        {"run.duration": "4e8 s", "run.output_interval": "8e7 s"}
        | {
            "scattering.model": "constant",
            "scattering.frequency": "1e-10 1/s",
            "waves.start": "seed",
            "damping.linear": "0 1/s",
        }
    )
    options: dict[str, Any] = {"quiet": True}
    whole, part, other = (tmp_path / f"{name}.nc" for name in ("whole", "part", "other"))
    with compiled_once():
        assert run(config, output=whole, **options).exit_code == DONE
        stopped = run(config, output=part, wall_time=0.0, chunk_steps=4, **options)
        assert stopped.exit_code == INTERRUPTED
        assert run(config, output=part, resume=True, **options).exit_code == DONE
        assert run(config.with_overrides({"run.output_interval": "2e8 s"}), output=other, **options).exit_code == DONE
    assert_same_bits(checkpoint_of(part), checkpoint_of(whole))
    assert_same_bits(final_state(other), final_state(whole))


KEYS = ("expansion.rate_along", "expansion.rate_across")


def test_lengths_have_derivatives_by_the_rates() -> None:
    """d(ln B, ln l_par, drive)/d(rates) at a time, from the config on, by hand to 1e-12."""
    config = flow(history="rates", rate_along="-2e-12 1/s", rate_across="3e-12 1/s")
    shape, unit = shape_of(config), config.code_units.time
    t = 1e9 / unit

    def lengths(rates: jax.Array) -> jax.Array:
        found = start_of(replaced(config, dict(zip(KEYS, rates, strict=True))), shape).parameters.flow
        at = found.at(t)
        return jnp.stack([jnp.log(at.b), jnp.log(at.length), found.drive(t)])

    found = jax.jit(jax.jacfwd(lengths))(jnp.array([config.expansion.rate_along, config.expansion.rate_across]))
    want = np.array([[0.0, -2.0 * t], [t, 0.0], [-2.0, 2.0]]) * unit
    np.testing.assert_allclose(found, want, rtol=1e-12, atol=1e-12 * t * unit)


@pytest.mark.full
def test_derivatives_by_the_rates() -> None:
    """d(heat)/d(rates) by jvp against central differences, to 1e-6; that of the drive is 2 (across - along) at t = 0."""
    config = flow(history="rates", rate_along="-2e-12 1/s", rate_across="3e-12 1/s")
    setup = build(config, solver="fokker-planck", cells=(8, 32))
    model, shape = dataclasses.replace(setup.model, functional=False), shape_of(config)

    @jax.jit
    def heat(rates: jax.Array) -> jax.Array:
        start = start_of(replaced(config, dict(zip(KEYS, rates, strict=True))), shape)
        parameters = dataclasses.replace(setup.parameters, flow=start.parameters.flow)
        parameters = dataclasses.replace(parameters, expansion_rate=start.parameters.expansion_rate)
        empty = FOKKER_PLANCK.init(parameters)
        _, tally = FOKKER_PLANCK.advance(setup.state, empty, jax.random.key(0), parameters, 3, model)
        return jnp.stack([jnp.sum(tally.gain), start.parameters.flow.drive(0.0)])

    rates = jnp.array([config.expansion.rate_along, config.expansion.rate_across])
    found = jax.jit(jax.jacfwd(heat))(rates)
    for i in (0, 1):
        step = 1e-4 * rates[i] * jnp.eye(2)[i]
        difference = (heat(rates + step) - heat(rates - step)) / (2e-4 * rates[i])
        np.testing.assert_allclose(found[:, i], difference, rtol=1e-6)
    unit = config.code_units.time
    np.testing.assert_allclose(found[1], [-2.0 * unit, 2.0 * unit], rtol=1e-12)
    assert float(found[0, 0] / found[0, 1]) < -0.5
