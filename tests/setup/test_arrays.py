"""From a config to arrays: conversions from cgs by hand, static decisions, markers, and derivatives."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from support.run_cases import driven, small

from crmc.physics.markers import unit_square
from crmc.setup.arrays import complete, expansion_time, markers_of, shape_of, start_of, time_step

# cgs, written out here: the conversions must not come from the code under test.
C, M_P, ELECTRON_CHARGE, BOLTZMANN = 2.99792458e10, 1.67262192e-24, 4.80320471e-10, 1.380649e-16
KPC = 3.0856775814913673e21
FIELD, DENSITY, PRESSURE, GAS, TAU = 1e-6, 1.3233e-3, 8.2e-14, 3.2e-13, 3.7e12
OMEGA, UNIT = ELECTRON_CHARGE * FIELD / (M_P * C), DENSITY * M_P * C**2
INJECTION = {
    "expansion__mode": "injection",
    "expansion__timescale": None,
    "injection__pressure_rate": "1.67e-25 erg/(cm3 s)",
    "waves__start": "seed",
}


def start(config):
    """The start of a run of ``config``."""
    return start_of(config, shape_of(config))


def test_scalars_in_code_units():
    """Rates over Omega0, pressures over n_i m_p c^2, speeds over c: by hand to 1e-6."""
    config = driven(
        plasma__cooling="3e-28 erg/(cm3 s)",
        plasma__background_heating="1e-28 erg/(cm3 s)",
        injection__pressure_rate="2e-27 erg/(cm3 s)",
        drift__switch_off="5e8 s",
        damping__ion_neutral_density="1e-4 cm-3",
        damping__turbulent_dissipation="1e-4 erg/(g s)",
    )
    found = start(config).parameters
    power = UNIT * OMEGA
    alfven = FIELD / math.sqrt(4.0 * math.pi * DENSITY * M_P) / C
    want = {
        "alfven_speed": alfven,
        "expansion_rate": 1.0 / (TAU * OMEGA),
        "cooling": 3e-28 / power,
        "heating": 1e-28 / power,
        "injection_rate": 2e-27 / power,
        "gradient": C / OMEGA / (30.0 * KPC),
        "gradient_end": 5e8 * OMEGA,
        "seed": 1e-14,
        "nu_coefficient": math.pi,
        "growth_coefficient": 1.0,
        "adiabatic_index": 5.0 / 3.0,
        "scattering_frequency": 0.0,
        "dt": 0.0,
        "external_pressure": 0.0,
    }
    for name, value in want.items():
        assert float(getattr(found, name)) == pytest.approx(value, rel=1e-6), name
    damping = found.damping
    assert float(damping.linear) == pytest.approx(1e-11 / OMEGA, rel=1e-6)
    # nu_in/2 with nu_in = 8.4e-9 n_n (T/1e4 K)^0.4 s^-1.
    assert float(damping.ion_neutral) == pytest.approx(4.2e-13 * 110.0**0.4 / OMEGA, rel=1e-6)
    assert float(damping.thermal_speed) == pytest.approx(math.sqrt(BOLTZMANN * 1.1e6 / M_P) / C, rel=1e-6)
    # (epsilon/v_A)^(1/2) with Gamma_d = (epsilon k/v_A)^(1/2) at k = Omega0/c.
    turbulent = math.sqrt(1e-4 * OMEGA / C / (alfven * C)) / OMEGA
    assert float(damping.turbulent) == pytest.approx(turbulent, rel=1e-6)


def test_printed_coefficients():
    """nu without its pi and growth pi/2 times as fast: eqs. 30 and 15 as printed."""
    found = start(small(waves__coefficients="printed")).parameters
    assert (float(found.nu_coefficient), float(found.growth_coefficient)) == (1.0, 0.5 * math.pi)


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


def test_injection_adds_an_empty_component():
    """A second component with its own index, amplitude 0, the turnover of the first, and no cut-off."""
    found = start(small(**INJECTION, injection__index=4.2, cosmic_rays__cutoff_momentum=20.0))
    background = found.parameters.background
    assert float(found.amplitude[0]) > 0.0 == float(found.amplitude[1])
    np.testing.assert_allclose(background.index, [4.7, 4.2])
    np.testing.assert_allclose(background.turnover, [1.0, 1.0])
    np.testing.assert_array_equal(background.cutoff, [20.0, np.inf])


@pytest.mark.parametrize("mode", ["injection", "pressure_balance"])
def test_expansion_time_of_an_injection(mode):
    """Eq. 3 by hand: tau_B = (5/3 P_g + 4/3 P_c + 2 B^2/8 pi)/Pdot, to 1e-6; not a prescribed rate."""
    config = small(**INJECTION | {"expansion__mode": mode})
    want = (5.0 / 3.0 * GAS + 4.0 / 3.0 * PRESSURE + FIELD**2 / (4.0 * math.pi)) / 1.67e-25
    found = start(config)
    assert float(found.tau_B) == pytest.approx(want * OMEGA, rel=1e-6)
    assert float(found.parameters.expansion_rate) == 0.0


@pytest.mark.parametrize("timescale", [3.7e12, -3.7e12])
def test_prescribed_expansion_time(timescale):
    """As it is, negative in compression; None without expansion."""
    config = small(expansion__timescale=f"{timescale} s")
    assert float(start(config).tau_B) == pytest.approx(timescale * OMEGA, rel=1e-6)
    still = small(expansion__mode="none", expansion__timescale=None, waves__start="seed")
    assert expansion_time(still, shape_of(still)) is None


@pytest.mark.parametrize(
    ("overrides", "expands", "predicts"),
    [
        ({}, True, True),
        ({"expansion__mode": "none", "expansion__timescale": None, "waves__start": "seed"}, False, False),
        ({"waves__start": "seed", "damping__linear": "0 1/s"}, True, False),
        (INJECTION, True, True),
        (
            {"scattering__model": "constant", "scattering__frequency": "1e-9 1/s", "waves__start": "seed"},
            True,
            False,
        ),
    ],
)
def test_static_decisions(overrides, expands, predicts):
    """An expansion is known, and a balance with it, unless there is no damping or no spectrum."""
    shape = shape_of(small(**overrides))
    assert (shape.expands, shape.predicts) == (expands, predicts)
    assert shape.model.inject == ("injection__pressure_rate" in overrides)
    assert shape.model.scattering == ("co_moving" if "scattering__model" in overrides else "spectrum")


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
