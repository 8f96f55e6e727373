"""The Fokker-Planck solver: order, conservation, exact laws, and an independent solver."""

import copy
import dataclasses
import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from support import oracle_fokker_planck as oracle
from support.run_cases import SMALL, STEPS, small

from crmc import theory
from crmc.cli.main import main
from crmc.config.config import ConfigError, parse_config
from crmc.physics.moments import energies, ensemble_moments, ledger, total
from crmc.runs.run import run
from crmc.setup.build import build
from crmc.setup.mesh import CELLS
from crmc.solvers.fokker_planck import diffusion, step
from crmc.solvers.fokker_planck.mesh import log_derivative, make_mesh, stream
from crmc.solvers.fokker_planck.solver import FOKKER_PLANCK

ADVANCE = jax.jit(FOKKER_PLANCK.advance, static_argnames="model")
OBSERVE = jax.jit(FOKKER_PLANCK.observe, static_argnames="model")
KEY = None
#: 4e10 s of linear damping: the heating is within some per cent of its final value.
LATE = {"run__duration": "4e10 s", "run__time_step": "4e8 s"}


def prepared(n_p=12, n_mu=64, **overrides):
    """Setup of SMALL with ``section__key=value`` replaced, or removed where the value is None."""
    data = copy.deepcopy(SMALL)
    del data["run"]["output_interval"]
    for name, value in overrides.items():
        section, key = name.split("__")
        data.setdefault(section, {})[key] = value
        if value is None:
            del data[section][key]
    return build(parse_config(data), solver=FOKKER_PLANCK.name, cells=(n_p, n_mu))


def go(setup, steps=None, dt=None, state=None):
    """Final state and tally after ``steps`` of ``dt`` (default: the setup's)."""
    parameters = setup.parameters if dt is None else dataclasses.replace(setup.parameters, dt=jnp.asarray(dt))
    count = jnp.asarray(setup.steps if steps is None else steps)
    empty = FOKKER_PLANCK.init(parameters)
    return ADVANCE(setup.state if state is None else state, empty, KEY, parameters, count, model=setup.model)


def heating(setup, state, tally, steps):
    """Mean heating of a tally and its exact quasi-steady value at the field of ``state``."""
    P, b = setup.parameters, state.b
    mean = float(jnp.sum(tally.gain)) / (steps * float(P.dt))
    # theory.heating for f(p) = F0(p b^{-1/3}), v_A ~ b^{1/2} and a gap that is proportional to b.
    y, dy = P.background.quadrature()
    p, dp = y * jnp.cbrt(b), dy * jnp.cbrt(b)
    mu_c = P.grid.x_gap * b / p
    shape = (1.0 - mu_c) ** 3 * (1.0 + mu_c)
    power = -P.background.slope(state.amplitude, y) * p**3 * shape * dp
    exact = P.alfven_speed * jnp.sqrt(b) * P.expansion_rate / 12.0 * jnp.sum(power)
    return mean, float(exact)


# -- the operator -----------------------------------------------------------------------------


def operator(parameters, amplitude, alfven_speed, n_p, n_mu):
    parameters = dataclasses.replace(parameters, alfven_speed=jnp.asarray(alfven_speed))
    mesh = make_mesh(parameters, n_p, n_mu, jnp.asarray(0.9))
    return mesh, diffusion.faces(mesh, parameters, amplitude)


@pytest.mark.parametrize("alfven_speed", [2e-4, 0.05])
def test_differences_conserve_number_and_energy_to_round_off(alfven_speed):
    setup = prepared()

    @jax.jit
    def check(flux, phi, alfven_speed):
        mesh, at = operator(setup.parameters, setup.state.amplitude, alfven_speed, 12, 64)
        one = jnp.ones_like(mesh.mu)
        energy = diffusion.along_waves(mesh, at, one * jnp.sqrt(1.0 + mesh.momentum**2))
        by_parts = (
            jnp.sum(phi * diffusion.divergence(mesh, at, flux)),
            jnp.sum(flux * diffusion.along_waves(mesh, at, phi)),
        )
        return diffusion.along_waves(mesh, at, one), energy / at.momentum, by_parts

    rng = np.random.default_rng(1)
    number, energy, by_parts = check(rng.normal(size=(2, 12, 63)), rng.normal(size=(12, 64)), alfven_speed)
    np.testing.assert_allclose(number, 0.0, atol=1e-11)
    np.testing.assert_allclose(energy, 1.0, rtol=1e-9)
    assert float(by_parts[0]) == pytest.approx(-float(by_parts[1]), rel=1e-10)


def null_vector_error(setup, n, boosted):
    """max |L f|/(a df/d ln p) of one direction's L for f of eps - V p_par (or of eps) at V = 0.05, far from the ends."""

    @jax.jit
    def error():
        mesh, at = operator(setup.parameters, setup.state.amplitude, 0.05, n, 4 * n)
        V = 0.05 * math.sqrt(0.9) if boosted else 0.0
        frame = jnp.sqrt(1.0 + mesh.momentum**2) - V * mesh.momentum * mesh.mu
        f = (1.0 + frame**2) ** -2.35
        result = diffusion.along_waves(mesh, at, f)[0, 1:-1]
        return jnp.max(jnp.abs(result / (at.a[0] * (log_derivative(mesh) @ f)[:, 1:])[1:-1]))

    return float(error())


def test_any_function_of_energy_in_the_wave_frame_is_a_null_vector():
    setup = prepared()
    errors = [null_vector_error(setup, n, True) for n in (24, 48, 96)]
    assert errors[0] / errors[1] > 3.2 and errors[1] / errors[2] > 3.2
    assert errors[2] < 1e-2
    assert null_vector_error(setup, 48, False) > 0.5  # isotropic in the laboratory is not


def streaming_error(setup, n):
    """Mean error of df relative to its change, worst momentum far from the ends, after b falls by 0.2 %."""

    @jax.jit
    def error():
        old, new = (make_mesh(setup.parameters, n, 4 * n, jnp.asarray(b)) for b in (0.95, 0.95 * 0.998))

        def shape(y, mu):
            return y**-4.2 * (1.0 + 0.5 * mu + mu**2) / (1.0 + 0.1 * y)

        excess = stream(old, new, old.volume * shape(old.y[:, None], old.mu))
        mu, ratio = new.mu, new.b / old.b
        before = jnp.sqrt(mu**2 + (1.0 - mu**2) / ratio)  # p before over p after
        y = new.y[:, None]
        exact = shape(y * before * jnp.cbrt(ratio), mu / before)
        wrong, change = (jnp.sum(new.width * jnp.abs(exact - x), axis=1) for x in (excess / new.volume, shape(y, mu)))
        return jnp.max((wrong / change)[n // 4 : -n // 4])

    return float(error())


def test_free_streaming_follows_the_orbits():
    """f is constant along orbits of constant p_par and p_perp^2/B."""
    setup = prepared()
    errors = [streaming_error(setup, n) for n in (24, 48, 96)]
    assert errors[0] / errors[1] > 3.0 and errors[1] / errors[2] > 3.0
    assert errors[2] < 1e-2


# -- against the independent solver and exact laws --------------------------------------------


def test_agrees_with_the_leading_order_solver():
    setup = prepared(24, 160, **LATE)
    P, state = setup.parameters, setup.state
    problem, _ = oracle.cgs_problem(bins=P.grid.bins)
    problem = dataclasses.replace(
        problem,
        v_alfven=float(P.alfven_speed),
        tau_B=1.0 / float(P.expansion_rate),
        damping=float(P.damping.linear),
        b="exponential",
        wave_adiabatic=True,
    ).with_pressure(float(ensemble_moments(state, P, setup.model).pressure))
    start = np.stack([state.waves[0, 0], state.waves[0, 1]])
    solution = oracle.solve(problem, start, float(P.dt) * setup.steps, setup.steps, n_p=24, n_mu=256)
    state, _ = go(setup, setup.steps - 20)
    state, tally = go(setup, 20, state=state)
    mean, _ = heating(setup, state, tally, 20)
    last = solution.heating[-21:]
    # 0.05 % of the heating are particles of the gap that expansion carries out of it; the leading order has none.
    assert mean == pytest.approx(np.trapezoid(last) / 20.0, rel=2e-3)
    np.testing.assert_allclose(state.waves[0, 0], solution.e[-1], rtol=5e-3)
    np.testing.assert_allclose(state.waves[1, 1], state.waves[0, 0], rtol=1e-9)
    row = OBSERVE(state, tally, jnp.asarray(20), P, model=setup.model)
    assert float(row["pressure_anisotropy"]) == pytest.approx(solution.delta_P_over_P[-1], rel=5e-3)
    growth = np.trapezoid(solution.growth[-21:], axis=0) / 20.0
    np.testing.assert_allclose(row["growth_rate"][0, 0], growth, rtol=2e-2)
    assert abs(float(row["identity_residual"])) < 5e-3


#: v_A and tau_B scaled so that 4e12 s of relaxation change the field by 1 % only.
SLOW = {
    "plasma__ion_density": "13.233 cm-3",
    "expansion__timescale": "3.7e14 s",
    "cosmic_rays__pressure": "8.2e-10 dyn/cm2",
    "run__duration": "1e12 s",
    "run__time_step": "1e9 s",
}


def test_late_heating_is_exact():
    setup = prepared(16, 192, **SLOW)
    state, _ = go(setup, 900)
    state, tally = go(setup, 100, state=state)
    mean, exact = heating(setup, state, tally, 100)
    assert mean == pytest.approx(exact, rel=2e-3)
    P = setup.parameters
    arguments = P.background, state.amplitude, P.alfven_speed, 1.0 / P.expansion_rate, 1.0 / P.grid.x_gap
    assert exact == pytest.approx(float(theory.heating(*arguments)), rel=1e-2)  # B is 0.3 % lower by now


def test_flat_start_relaxes_to_the_equilibrium():
    setup = prepared(**SLOW)
    flat = jnp.where(setup.state.waves > 1e-13, 3e-8, setup.state.waves)
    state, _ = go(setup, 500, 2e-1 * float(setup.parameters.dt), dataclasses.replace(setup.state, waves=flat))
    assert np.any(np.abs(state.waves[0, 0] / setup.state.waves[0, 0] - 1.0) > 0.2)
    dt = 3.0 * float(setup.parameters.dt)
    one, _ = go(setup, 1000, dt, state)
    other, _ = go(setup, 1000, dt)
    np.testing.assert_allclose(one.waves[0, 0], other.waves[0, 0], rtol=1e-2)


# -- order ------------------------------------------------------------------------------------


def late_heating(n_p, n_mu):
    setup = prepared(n_p, n_mu, **LATE)
    state, tally = go(setup)
    return heating(setup, state, tally, setup.steps)[0]


@pytest.mark.full
def test_second_order_in_mu():
    values = [late_heating(12, n) for n in (48, 96, 192)]
    coarse, fine = np.diff(values) / values[-1]
    assert 3.4 < coarse / fine < 4.6
    assert abs(fine) < 5e-3


@pytest.mark.full
def test_converges_in_momentum():
    values = [late_heating(n, 64) for n in (12, 24, 48)]
    coarse, fine = np.abs(np.diff(values)) / values[-1]
    assert fine < max(coarse / 3.0, 2e-5)
    assert fine < 5e-4


def test_second_order_in_time():
    setup = prepared(**LATE)
    P = setup.parameters
    T = float(P.dt) * 40
    waves = [np.asarray(go(setup, 40 * n, T / 40 / n)[0].waves[0, 0]) for n in (1, 2, 4)]
    coarse, fine = (np.linalg.norm(a / b - 1.0) for a, b in zip(waves[:-1], waves[1:], strict=True))
    assert 3.0 < coarse / fine < 5.0
    assert fine < 1e-3


# -- conservation -----------------------------------------------------------------------------

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
}
SOURCE = {
    "injection__pressure_rate": "1e-23 erg/(cm3 s)",
    "plasma__background_heating": "1e-25 erg/(cm3 s)",
    "plasma__cooling": "2e-25 erg/(cm3 s)",
}


@pytest.mark.parametrize("mode", MODES)
def test_books_close(mode):
    setup = prepared(**(MODES[mode] | (SOURCE if "timescale" in str(MODES[mode]) and mode != "prescribed" else {})))
    P, state = setup.parameters, setup.state
    store = energies(state, P, setup.model)
    first, scale = float(ledger(store, state)), float(store.cosmic_rays)
    for _ in range(20):
        state, tally = go(setup, 1, state=state)
        assert abs(float(tally.imbalance)) < 1e-10 * float(tally.absolute_exchange)
    state, _ = go(setup, 80, state=state)
    assert abs(float(ledger(energies(state, P, setup.model), state)) - first) < 1e-8 * scale
    held = total(state.markers.excess) - total(setup.state.markers.excess)
    assert abs(float(held)) < 1e-12 * float(total(jnp.abs(state.markers.excess)))


def test_free_expansion_of_ultrarelativistic_particles():
    ratio = math.log(1.0 / 0.97)
    setup = prepared(  # next to nothing beyond the momentum range
        48,
        256,
        cosmic_rays__index=6.0,
        cosmic_rays__turnover_momentum=1e4,
        cosmic_rays__momentum_min=3e2,
        cosmic_rays__momentum_max=1e6,
        waves__start="seed",
        scattering__model="constant",
        scattering__frequency="0 1/s",
        waves__k_min=1e-6,
        waves__k_max=1e-2,
        run__duration=f"{3.7e12 * ratio} s",
        run__time_step=f"{3.7e10 * ratio} s",
    )
    before = ensemble_moments(setup.state, setup.parameters, setup.model)
    state, _ = go(setup)
    after = ensemble_moments(state, setup.parameters, setup.model)
    exact = theory.free_expansion(0.97)
    assert float(state.b) == pytest.approx(0.97, rel=1e-12)
    assert float(after.energy / before.energy) == pytest.approx(float(exact.energy), rel=3e-5)
    anisotropy = (exact.parallel - exact.perpendicular) / (2.0 * exact.perpendicular + exact.parallel) * 3.0
    assert float(after.anisotropy) == pytest.approx(float(anisotropy), rel=1e-2)


# -- waves ------------------------------------------------------------------------------------


def test_waves_without_cosmic_rays_decay():
    setup = prepared(cosmic_rays__pressure="8.2e-40 dyn/cm2", waves__start="seed", waves__start_level=1e-8, **LATE)
    state, _ = go(setup)
    P, T = setup.parameters, float(setup.parameters.dt) * setup.steps
    decay = math.exp(-2.0 * float(P.damping.linear) * T) * float(state.b) ** -0.5  # action is conserved
    np.testing.assert_allclose(state.waves / setup.state.waves, decay, rtol=1e-9)


DRIFTING = {
    "expansion__mode": "none",
    "expansion__timescale": None,
    "waves__start": "seed",
    "waves__start_level": 1e-12,
    "damping__linear": None,
    "cosmic_rays__drift_velocity": 3.0,
}


def relative_growth(setup):
    """(e_new/e - 1)/dt of a step too short to change f."""
    dt = 1e-4 / float(setup.parameters.nu_coefficient * 1e-7)
    state, _ = go(setup, 1, dt)
    return np.asarray(state.waves / setup.state.waves - 1.0) / dt


def test_drifting_cosmic_rays_grow_and_damp_waves_at_the_rate_of_theory():
    setup = prepared(32, 256, **DRIFTING)
    P, grid = setup.parameters, setup.parameters.grid
    rate = relative_growth(setup)
    for d, sign in enumerate((1, -1)):
        log_k = np.log(np.asarray(grid.centres))[:, None] + float(grid.knot) * np.linspace(-1.5, 1.5, 61)
        isotropic = theory.growth_rate(np.exp(log_k), P.background, setup.state.amplitude, P.alfven_speed)
        exact = isotropic * (1.0 - 3.0 * sign)  # v_D = 3 v_A at every momentum
        basis = np.stack([np.asarray(grid.basis(jnp.exp(-x)))[:, j] for j, x in enumerate(log_k)])
        mean = np.sum(np.asarray(exact) * basis, axis=1) / np.sum(basis, axis=1)
        np.testing.assert_allclose(rate[d, 0, 1:-1], 2.0 * mean[1:-1], rtol=0.02)
        np.testing.assert_allclose(rate[d, 1, 1:-1], 2.0 * mean[1:-1], rtol=0.02)
        assert np.all(rate[d] > 0.0) if sign > 0 else np.all(rate[d] < 0.0)


def test_printed_coefficients_halve_the_growth():
    exact, printed = (prepared(32, 256, **DRIFTING, waves__coefficients=name) for name in ("exact", "printed"))
    np.testing.assert_allclose(relative_growth(printed), 0.5 * relative_growth(exact), rtol=1e-4)


def test_waves_at_their_seed_are_held_there_on_the_books():
    setup = prepared(**MODES["none"])
    state, _ = go(setup, 20)
    assert float(jnp.min(state.waves)) == float(setup.parameters.seed)
    assert float(state.books.injected) > 0.0


# -- constant scattering ----------------------------------------------------------------------


def test_constant_scattering_reaches_the_exact_anisotropy():
    """zeta = (5/8) v_A/c + 1/(9 nu tau_B) where each hemisphere meets its co-moving waves."""
    setup = prepared(
        12,
        256,
        plasma__ion_density="5.293e-5 cm-3",
        cosmic_rays__momentum_min=1e3,
        cosmic_rays__momentum_max=1e5,
        waves__start="seed",
        waves__k_min=1e-6,
        waves__k_max=1e-2,
        scattering__model="constant",
        scattering__frame="co_moving",
        scattering__frequency="1e-9 1/s",
        run__duration="2e10 s",
        run__time_step="2e8 s",
    )
    state, tally = go(setup)
    P = setup.parameters
    zeta = 5.0 / 8.0 * P.alfven_speed * jnp.sqrt(state.b) + P.expansion_rate / (9.0 * P.scattering_frequency)
    anisotropy = ensemble_moments(state, P, setup.model).anisotropy
    assert float(zeta * theory.anisotropy_of_zeta(P.background, state.amplitude)) == pytest.approx(
        float(anisotropy), rel=1e-2
    )
    assert abs(float(tally.imbalance)) < 1e-10 * float(tally.absolute_exchange)


def test_forward_scattering_damps_the_second_harmonic():
    setup = prepared(
        12,
        256,
        **MODES["none"],
        scattering__model="constant",
        scattering__frame="forward",
        scattering__frequency="1e-9 1/s",
        run__duration="1e9 s",
        run__time_step="1e7 s",
    )
    frozen = dataclasses.replace(
        setup, parameters=dataclasses.replace(setup.parameters, alfven_speed=jnp.asarray(1e-9))
    )
    state, _ = go(frozen)
    before, after = (ensemble_moments(x, setup.parameters, setup.model).anisotropy for x in (frozen.state, state))
    assert float(after / before) == pytest.approx(math.exp(-3.0), rel=2e-3)


# -- derivatives and the command --------------------------------------------------------------


@pytest.mark.full
def test_forward_derivative_agrees_with_a_difference():
    setup = prepared(**LATE)

    def heat(scale):
        P = dataclasses.replace(setup.parameters, expansion_rate=setup.parameters.expansion_rate * scale)

        def body(carry, _):
            state, tally = step.step(carry, P, setup.model)
            return state, jnp.sum(tally.gain)

        return jnp.sum(jax.lax.scan(body, setup.state, length=30)[1])

    value, slope = jax.jit(lambda x: jax.jvp(heat, (x,), (jnp.ones_like(x),)))(jnp.ones(()))
    h = 1e-4
    compiled = jax.jit(heat)
    difference = (compiled(jnp.asarray(1.0 + h)) - compiled(jnp.asarray(1.0 - h))) / (2.0 * h)
    assert float(slope) == pytest.approx(float(difference), rel=1e-5)
    assert abs(float(slope)) > 0.1 * abs(float(value))


def test_run_writes_the_same_result_file_and_refuses_another_solver(tmp_path, capsys):
    config, output = small(), tmp_path / "whole.nc"
    (tmp_path / "small.toml").write_text(config.to_toml())
    options = ["--solver", "fokker-planck", "--summary", str(tmp_path / "summary.json"), "-o", str(output)]
    assert main(["run", str(tmp_path / "small.toml"), *options]) == 0
    assert "fokker-planck" in capsys.readouterr().out
    data = xr.load_dataset(output)
    assert data.attrs["solver"] == "fokker-planck"
    assert float(np.abs(data["heating_rate_stderr"].values[1:]).max()) == 0.0
    assert np.all(np.abs(data["energy_imbalance"].values[1:]) < 1e-10)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["cells"] == CELLS[0] * CELLS[1]
    with pytest.raises(ConfigError, match="was written by --solver fokker-planck"):
        run(config, output=output, resume=True, quiet=True)
    again = run(config, output=output, resume=True, quiet=True, solver="fokker-planck")
    assert again.exit_code == 0 and again.summary["steps"] == STEPS


def test_an_interrupted_run_goes_on_to_the_bit():
    setup = prepared(**LATE)
    whole, _ = go(setup, 20)
    first, _ = go(setup, 7)
    second, _ = go(setup, 13, state=first)
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(second), strict=True):
        np.testing.assert_array_equal(one, other)


def test_unknown_solver_is_bad_input(capsys):
    assert main(["run", "halo", "--solver", "guess"]) == 2
    assert "--solver" in capsys.readouterr().err
