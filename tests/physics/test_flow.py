"""A tube that is deformed along and across B: orbits, moments, waves, work, and the same step in other units of length."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.marker_cases import background
from support.run_cases import driven

from crmc import theory
from crmc.physics.flow import Flow, Linear, Sinusoid, Steady, Stretch, Table
from crmc.physics.markers import Markers, expand, initial_markers
from crmc.physics.moments import energies, ensemble_moments, ledger, wave_energy
from crmc.physics.noise import run_key
from crmc.physics.parameters import Model
from crmc.physics.spectrum import make_grid
from crmc.physics.tube import change_field, magnetic_pressure
from crmc.physics.waves import wave_velocities
from crmc.setup.build import build
from crmc.solvers.registry import SOLVERS

START = Stretch(np.float64(1.0), np.float64(1.0))
#: Rates along and across of the three flows, and what is left of their shear: 1/tau_eff = 2 (across - along).
FLOWS = {"across": (0.0, 0.5), "along": (1.0, 0.0), "isotropic": (0.7, 0.7), "both": (-0.3, 0.4)}


def flow(along, across):
    """Lengths that grow at constant rates without end."""
    return Flow(Steady(jnp.asarray(along), jnp.asarray(across)), jnp.asarray(math.inf))


def test_histories_are_their_closed_forms():
    """ln of both lengths at some times, in numpy, to 1e-15; after the stop they stay, and so they do after a table."""
    t = np.array([0.0, 0.3, 0.7, 1.1])
    piece = np.array([[0.0, 0.0], [0.0, 0.0], [0.4, -1.0], [0.0, 0.2]])
    cases = [
        (Steady(0.3, -0.2), 0.3 * t, -0.2 * t),
        (Linear(0.5, 2.0, 0.7), 0.5 * np.log1p(t / 0.7), 2.0 * np.log1p(t / 0.7)),
        (Sinusoid(0.1, -0.3, 0.9), 0.1 * np.sin(2 * np.pi * t / 0.9), -0.3 * np.sin(2 * np.pi * t / 0.9)),
        (
            Table(jnp.array([0.0, 0.5, 1.0]), jnp.asarray(piece), jnp.asarray(2.0 * piece)),
            np.interp(t, [0.0, 0.5, 1.0], [0.0, 0.2, -0.3]),
            2.0 * np.interp(t, [0.0, 0.5, 1.0], [0.0, 0.2, -0.3]),
        ),
    ]
    for history, along, across in cases:
        found = jax.vmap(lambda x, history=history: Flow(history, jnp.asarray(9.0)).at(x))(jnp.asarray(t))
        np.testing.assert_allclose(np.log(found.length), along, atol=1e-15)
        np.testing.assert_allclose(np.log(found.b), -2.0 * across, atol=1e-15)
        stopped = Flow(history, jnp.asarray(0.3))
        assert float(stopped.at(jnp.asarray(2.0)).b) == float(stopped.at(jnp.asarray(0.3)).b)


@pytest.mark.parametrize("name", FLOWS)
def test_drive_is_the_change_of_the_shear(name):
    """1/tau_eff = div u - 3 bb:grad u = 2 across + along - 3 along of the rates, and -d ln shear/dt."""
    along, across = FLOWS[name]
    found = float(flow(along, across).drive(0.4))
    assert found == pytest.approx((2.0 * across + along) - 3.0 * along, abs=1e-15)
    one, other = (float(flow(along, across).at(jnp.asarray(t)).shear) for t in (0.0, 1.0))
    assert found == pytest.approx(-math.log(other / one), abs=1e-14)


@pytest.mark.parametrize("steps", [1, 7, 1000])
@pytest.mark.parametrize("name", FLOWS)
def test_markers_follow_their_orbits(name, steps):
    """p_par ~ 1/l_par, p_perp ~ 1/l_perp and y = p density^(-1/3) in numpy, to 1e-12 in however many steps."""
    start = initial_markers(512, background(), jnp.ones(1), dtype=np.float64)
    history = flow(*FLOWS[name])

    def take(i, markers):
        return expand(markers, history.at(i / steps), history.at((i + 1.0) / steps))

    end = jax.jit(lambda m: jax.lax.fori_loop(0, steps, take, m))(start)
    along, across = (math.exp(rate) for rate in FLOWS[name])
    y, par = np.asarray(start.birth_momentum), np.asarray(start.parallel_momentum)
    p = np.sqrt((par / along) ** 2 + (y**2 - par**2) / across**2)
    np.testing.assert_allclose(end.parallel_momentum, par / along, rtol=1e-12)
    np.testing.assert_allclose(end.momentum(history.at(1.0).density), p, rtol=1e-12)
    np.testing.assert_allclose(end.comoving_momentum, p * (along * across**2) ** (1.0 / 3.0), rtol=1e-12)
    moment = end.magnetic_moment(history.at(1.0))
    np.testing.assert_allclose(moment, y**2 - par**2, rtol=0, atol=1e-12 * np.max(y**2))


@functools.cache
def gauss():
    """Ultrarelativistic markers of one momentum at Gauss-Legendre places in mu: moments are exact."""
    mu, weight = np.polynomial.legendre.leggauss(128)
    y = np.full_like(mu, 1e9)
    return Markers(*(jnp.asarray(x) for x in (y, y * mu, 0.0 * y, weight, weight)))


@functools.cache
def resting(**changes):
    """Setup of a run by markers, or on a mesh, in which nothing scatters, with the given fields of its model."""
    setup = build(driven(drift__gradient_length=None, damping__linear=None, waves__start="seed"))
    return dataclasses.replace(setup, model=Model(scattering="none", **changes))


@pytest.mark.parametrize("steps", [1, 5, 40])
@pytest.mark.parametrize("name", FLOWS)
def test_free_expansion_in_a_flow(name, steps):
    """U, P_par and P_perp of whole steps are those of the tube of the same shear S over l_par^4, to 1e-12.

    With p = (p0/l_par) g(S, mu), g = sqrt(mu^2 + S (1 - mu^2)) as in the tube with B = S, and density S/l_par^3, each
    moment is that of the tube, M_tube(S), over l_par^4: U0/l^4 for an isotropic flow.
    """
    setup, rates = resting(expansion="flow", estimator="full_f"), FLOWS[name]
    # The background of the moments is not read by full_f, but its weights W = excess + V F0 are.
    state = dataclasses.replace(
        setup.state, markers=gauss(), amplitude=jnp.zeros(1), length=jnp.ones(()), b=jnp.ones(())
    )
    parameters = dataclasses.replace(setup.parameters, flow=flow(*rates), dt=jnp.asarray(1.0 / steps))
    solver = SOLVERS["monte-carlo"]
    end, _ = jax.jit(solver.advance, static_argnums=5)(
        state, solver.init(parameters), run_key(0), parameters, steps, setup.model
    )
    got, first = (ensemble_moments(s, parameters, setup.model) for s in (end, state))
    shear, length = math.exp(2.0 * (rates[0] - rates[1])), math.exp(rates[0])
    want = theory.free_expansion(shear)
    expected = (want.energy, want.parallel, want.perpendicular)
    for one, start, ratio in zip(got[1:], first[1:], expected, strict=True):
        # Kinetic energies lack 1 m_p c^2 of 1e9.
        assert float(one / start) == pytest.approx(float(ratio) / length**4, rel=3e-9 if one is got.energy else 1e-12)
    assert float(got.number / first.number) == pytest.approx(math.exp(-rates[0] - 2.0 * rates[1]), rel=1e-12)
    if name == "isotropic":
        assert abs(float(got.anisotropy - first.anisotropy)) < 1e-14


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_isotropic_flow_drives_no_anisotropy(dtype):
    """The control weight w stays zero to rounding: in float32 too, where a tube would drive 0.3 of V F0."""
    rays = background()
    start = initial_markers(4096, rays, jnp.ones(1), dtype=dtype)
    history = flow(0.3, 0.3)

    def take(i, markers):
        return expand(markers, history.at(i / 100), history.at((i + 1.0) / 100))

    end = jax.lax.fori_loop(0, 100, take, start)
    part = end.control_weight(rays, jnp.ones(1)) / (end.volume * rays.density(jnp.ones(1), end.birth_momentum))
    assert end.rise.dtype == dtype
    assert np.max(np.abs(part)) < 2000.0 * np.finfo(dtype).eps
    other = expand(start, START, flow(0.0, 0.3).at(1.0)).control_weight(rays, jnp.ones(1))
    assert np.max(np.abs(other) / (start.volume * rays.density(jnp.ones(1), start.birth_momentum))) > 0.3


@pytest.mark.parametrize(("adiabatic", "power"), [(True, 1.5), (False, 0.0)])
def test_waves_gas_and_field_follow_a_flow(adiabatic, power):
    """W ~ rho^(3/2), P_g ~ rho^(5/3), P_m ~ l_perp^-4, v_A ~ B/sqrt(rho), to 1e-12, and their work is what they lose."""
    setup = resting(expansion="flow", adiabatic_waves=adiabatic)
    empty = dataclasses.replace(setup.state.markers, volume=0.0 * setup.state.markers.volume)
    empty = dataclasses.replace(empty, excess=0.0 * empty.excess)
    state = dataclasses.replace(setup.state, markers=empty, e=jnp.full_like(setup.state.e, 0.1), length=jnp.ones(()))
    along, across = 1.03, 0.98
    there = change_field(state, setup.parameters, setup.model, Stretch(jnp.asarray(across**-2), jnp.asarray(along)))
    density = 1.0 / (along * across**2)
    assert float(wave_energy(there, setup.parameters) / wave_energy(state, setup.parameters)) == pytest.approx(
        density**power, rel=1e-12
    )
    assert float(there.gas_pressure / state.gas_pressure) == pytest.approx(density ** (5.0 / 3.0), rel=1e-12)
    pressures = [magnetic_pressure(setup.parameters, s.b) for s in (there, state)]
    assert float(pressures[0] / pressures[1]) == pytest.approx(across**-4, rel=1e-12)
    speeds = [wave_velocities(s, setup.parameters)[0] for s in (there, state)]
    assert float(speeds[0] / speeds[1]) == pytest.approx(across**-2 / math.sqrt(density), rel=1e-12)
    before, after = (energies(s, setup.parameters, setup.model) for s in (state, there))
    lost = [float(x - y) for x, y in zip(before, after, strict=True)]
    assert abs(float(there.books.work) - sum(lost)) < 1e-6 * sum(map(abs, lost))
    shift = float(ledger(after, there) - ledger(before, state))
    assert shift == pytest.approx(float(there.books.work) - sum(lost), abs=1e-15 * sum(map(float, before)))


#: The tube's length in its other guise, and B/B0 in both.
LENGTH, FIELD = 1.7, 0.8


def at_rest(length):
    """A flow that has this length and `FIELD` at all times."""
    still = jnp.zeros((3, 1))
    table = Table(
        jnp.array([0.0, 1.0]),
        jnp.vstack([still, jnp.log(jnp.full((1, 1), length))]),
        jnp.vstack([still, -0.5 * jnp.log(jnp.full((1, 1), FIELD))]),
    )
    return Flow(table, jnp.asarray(math.inf))


def in_other_units(setup):
    """The same state as one of a tube that is `LENGTH` times as long now as at t = 0, with all else equal now.

    At t = 0 waves had LENGTH times the k, and the density was LENGTH times as large: energies in units of that density
    are smaller, comoving momenta larger by LENGTH^(1/3), and markers stand for as much per ion.
    """
    p, state, root = setup.parameters, setup.state, LENGTH ** (1.0 / 3.0)
    rays, grid = p.background, p.grid
    shifted = make_grid(
        LENGTH / grid.x_top,
        LENGTH / grid.x_gap,
        grid.bins,
        grid.row_momentum[0] / LENGTH,
        grid.row_momentum[-1] / LENGTH,
        gap=setup.config.scattering.gap,
    )
    rays = dataclasses.replace(
        rays,
        turnover=rays.turnover * root,
        momentum_min=rays.momentum_min * root,
        momentum_max=rays.momentum_max * root,
    )
    parameters = dataclasses.replace(
        p,
        alfven_speed=p.alfven_speed / math.sqrt(LENGTH),
        background=rays,
        grid=shifted,
        flow=at_rest(LENGTH),
    )
    m = state.markers
    markers = dataclasses.replace(m, birth_momentum=m.birth_momentum * root, volume=m.volume * LENGTH)
    return parameters, dataclasses.replace(
        state,
        markers=markers,
        amplitude=state.amplitude * LENGTH ** (rays.index / 3.0 - 1.0),
        gas_pressure=state.gas_pressure / LENGTH,
        length=jnp.asarray(LENGTH),
    )


@pytest.mark.full
@pytest.mark.parametrize("rest", ["flow", "none"])
@pytest.mark.parametrize("solver", ["monte-carlo", "fokker-planck"])
def test_a_step_knows_what_is_now_alone(solver, rest):
    """Steps at rest do not depend on the lengths at t = 0: p_par, e and rows of results, to 1e-9, in both solvers.

    rest: whether the tube that has its length of t = 0 is a flow at rest, by the same program, or one without a length.
    """
    config = driven(
        run__duration="4e8 s", damping__nonlinear_landau="local", damping__turbulent_dissipation="1e-3 cm2/s3"
    )
    setup = build(config, solver=solver, cells=(12, 32))
    model = dataclasses.replace(setup.model, expansion=rest)
    state = dataclasses.replace(setup.state, b=jnp.asarray(FIELD))
    if solver == "fokker-planck":
        from crmc.solvers.fokker_planck.mesh import cells, make_mesh

        mesh = make_mesh(setup.parameters, 12, 32, state.stretch)
        state = dataclasses.replace(state, markers=cells(mesh, state.markers.excess))
    setup = dataclasses.replace(setup, state=state, model=model)
    other, there = in_other_units(setup)
    here = setup.parameters
    if rest == "flow":
        here = dataclasses.replace(here, flow=at_rest(1.0))
        state = dataclasses.replace(state, length=jnp.ones(()))
    chosen, ends = SOLVERS[solver], []

    @functools.partial(jax.jit, static_argnames="model")
    def steps(start, parameters, model):
        end, tally = chosen.advance(start, chosen.init(parameters), run_key(1), parameters, 5, model)
        return end, chosen.observe(end, tally, jnp.asarray(5), parameters, model)

    for parameters, start, switches in (
        (here, state, model),
        (other, there, dataclasses.replace(model, expansion="flow")),
    ):
        ends.append(steps(start, parameters, switches))
    (end, row), (end_too, row_too) = ends
    assert float(jnp.max(jnp.abs(end.e / state.e - 1.0))) > 1e-3
    scale = np.max(np.abs(end.markers.parallel_momentum))
    np.testing.assert_allclose(end_too.e, end.e, rtol=1e-9)
    np.testing.assert_allclose(end_too.markers.parallel_momentum, end.markers.parallel_momentum, atol=1e-10 * scale)
    for name in ("damping_rate", "growth_rate", "scattering_frequency", "pressure_anisotropy", "drift_velocity"):
        size = np.nanmax(np.abs(row[name]))
        np.testing.assert_allclose(row_too[name], row[name], rtol=1e-7, atol=1e-9 * size, err_msg=name)
    for name in ("heating_rate", "parallel_pressure", "gas_pressure", "energy_cosmic_rays"):
        power = LENGTH if name != "energy_cosmic_rays" else 1.0
        np.testing.assert_allclose(power * row_too[name], row[name], rtol=1e-7, err_msg=name)
