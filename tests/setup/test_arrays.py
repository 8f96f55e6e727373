"""From a config to arrays: background, waves, state and markers at the start, and derivatives."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from support.by_hand import FIELD, GAS, INJECTION, OMEGA, PRESSURE, UNIT
from support.run_cases import small

from crmc.physics.markers import unit_square
from crmc.setup.arrays import background_of, complete, markers_of, start_of, time_step
from crmc.setup.shape import shape_of
from crmc.theory import heating


def start(config):
    """The start of a run of ``config``."""
    return start_of(config, shape_of(config))


@pytest.mark.parametrize(("spectrum", "cutoff"), [("power_law", math.inf), ("power_law", 5.0), ("kappa", math.inf)])
def test_background_has_the_pressure_of_the_config(spectrum, cutoff):
    """c (2/3) int p^4/gamma (p_t^2 + p^2)^(-a/2) exp(-p/p_c) dp = P_c by quad to 1e-6; kappa: a = 2 (kappa + 1), p_t^2 = kappa p0^2."""
    keys = {"cosmic_rays__spectrum": spectrum} | ({"cosmic_rays__cutoff_momentum": cutoff} if cutoff < 100 else {})
    index, turnover = 4.7, 1.0
    if spectrum == "kappa":
        keys |= {"cosmic_rays__kappa": 1.25, "cosmic_rays__index": None, "cosmic_rays__turnover_momentum": 0.8}
        index, turnover = 4.5, math.sqrt(1.25) * 0.8
    found = start(small(**keys))
    shape = lambda p: p**4 / math.sqrt(1.0 + p**2) * (turnover**2 + p**2) ** (-0.5 * index) * math.exp(-p / cutoff)  # noqa: E731
    integral = quad(shape, 0.5, 100.0, epsabs=0.0, epsrel=1e-12, limit=200)[0]
    assert found.amplitude.shape == (1,)
    want = PRESSURE / UNIT / (2.0 / 3.0 * integral)
    assert float(found.amplitude[0]) == pytest.approx(want, rel=1e-6)


def test_table_of_a_power_law_is_that_power_law():
    """A table of 60 rows of (1 + p^2)^(-4.7/2): F0 at any momentum to 5e-4, heating by theory to 1e-4; slopes to 1 %."""
    p = np.geomspace(0.4, 110.0, 60)
    keys = {"spectrum": "table", "momenta": p.tolist(), "f0": (7.0 * (1.0 + p**2) ** -2.35).tolist()}
    unset = {"cosmic_rays__index": None, "cosmic_rays__turnover_momentum": 0.0}
    config = small(**{f"cosmic_rays__{name}": value for name, value in keys.items()}, **unset)
    y = jnp.geomspace(0.5, 100.0, 1001)
    (rays, c), (power, want) = (background_of(one, shape_of(one)) for one in (config, small()))
    np.testing.assert_allclose(rays.density(c, y), power.density(want, y), rtol=5e-4)
    np.testing.assert_allclose(rays.slope(c, y), power.slope(want, y), rtol=1e-2)
    heat = [float(heating(*one, 1e-4, 1e9)) for one in ((rays, c), (power, want))]
    assert heat[0] == pytest.approx(heat[1], rel=1e-4)


def test_injection_adds_an_empty_component():
    """A second component with its own index, amplitude 0, the turnover of the first, and no cut-off."""
    found = start(small(**INJECTION, injection__index=4.2, cosmic_rays__cutoff_momentum=20.0))
    background = found.parameters.background
    assert float(found.amplitude[0]) > 0.0 == float(found.amplitude[1])
    np.testing.assert_allclose(background.index, [4.7, 4.2])
    np.testing.assert_allclose(background.turnover, [1.0, 1.0])
    np.testing.assert_array_equal(background.cutoff, [20.0, np.inf])


def test_waves_at_the_start():
    """The seed, the level that the config gives, or the balance that theory predicts."""
    np.testing.assert_array_equal(start(small(waves__start="seed")).e, np.full((2, 2, 8), 1e-14))
    np.testing.assert_array_equal(
        start(small(waves__start="seed", waves__start_level=1e-9)).e, np.full((2, 2, 8), 1e-9)
    )
    balanced = start(small())
    np.testing.assert_array_equal(balanced.e, balanced.predicted)
    assert (np.asarray(balanced.e)[[0, 1], [0, 1]] > 1e-9).all()


def test_state_at_the_start():
    """b = 1, step 0, empty books, P_g by hand; P_ext is the total pressure P_g + P_c + B^2/8 pi, to 1e-3; dt by hand."""
    config = small()
    begun, shape = start(config), shape_of(config)
    dt = time_step(config, 80)
    parameters, state = complete(begun, config, shape.model, dt, begun.parameters.cadence, markers_of(config, begun))
    assert (int(state.step), float(state.b)) == (0, 1.0)
    assert float(state.gas_pressure) == pytest.approx(GAS / UNIT, rel=1e-6)
    assert [float(x) for x in jax.tree.leaves(state.books)] == [0.0] * 4
    assert float(parameters.dt) == pytest.approx(2e9 * OMEGA / 80, rel=1e-6)
    total = GAS + PRESSURE + FIELD**2 / (8.0 * math.pi)
    assert float(parameters.external_pressure) == pytest.approx(total / UNIT, rel=1e-3)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_markers_of_a_given_sample(precision):
    """The sample that is drawn anyway gives the markers that are drawn anyway, to the bit."""
    config = small(run__precision=precision)
    begun = start(config)
    drawn = markers_of(config, begun)
    given = markers_of(config, begun, jnp.asarray(unit_square(512, 0)))
    for one, other in zip(jax.tree.leaves(drawn), jax.tree.leaves(given), strict=True):
        assert one.dtype == other.dtype == np.dtype(precision)
        np.testing.assert_array_equal(one, other)


def test_derivative_by_the_pressure():
    """d ln c/d ln P_c = 1 and d ln e_predicted/d ln P_c = 1 (linear damping), by forward mode to 1e-9."""
    config = small()
    shape = shape_of(config)

    def of(pressure):
        rays = config.cosmic_rays.model_copy(update={"pressure": pressure})
        begun = start_of(config.model_copy(update={"cosmic_rays": rays}), shape)
        return begun.amplitude, begun.predicted[0, 0, 1:-1]

    values, slopes = jax.jvp(of, (PRESSURE,), (1.0,))
    for value, slope in zip(values, slopes, strict=True):
        np.testing.assert_allclose(slope * PRESSURE / value, 1.0, rtol=1e-9)


def test_absent_turbulence_has_no_infinite_derivative():
    """sqrt(epsilon) has derivative 0 at epsilon = 0, where a plain root has none."""
    config = small()
    shape = shape_of(config)

    def of(dissipation):
        damping = config.damping.model_copy(update={"turbulent_dissipation": dissipation})
        return start_of(config.model_copy(update={"damping": damping}), shape).parameters.damping.turbulent

    assert float(jax.grad(of)(0.0)) == 0.0
    assert float(jax.grad(of)(1e-4)) > 0.0
