"""Conversions from cgs to code units, by hand."""

import math

import jax
import pytest
from support.by_hand import BOLTZMANN, DENSITY, FIELD, GAS, INJECTION, KPC, M_P, OMEGA, PRESSURE, TAU, UNIT, C
from support.run_cases import driven, small

from crmc.config.keys import replaced
from crmc.setup.arrays import damping_of
from crmc.setup.numbers import expansion_time, numbers_of
from crmc.setup.shape import shape_of


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
    numbers = numbers_of(config, shape_of(config))
    found = numbers.scalars
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
        assert found[name] == pytest.approx(value, rel=1e-6), name
    damping = numbers.damping
    assert damping["linear"] == pytest.approx(1e-11 / OMEGA, rel=1e-6)
    # nu_in/2 with nu_in = 8.4e-9 n_n (T/1e4 K)^0.4 s^-1.
    assert damping["ion_neutral"] == pytest.approx(4.2e-13 * 110.0**0.4 / OMEGA, rel=1e-6)
    assert damping["thermal_speed"] == pytest.approx(math.sqrt(BOLTZMANN * 1.1e6 / M_P) / C, rel=1e-6)
    # (epsilon/v_A)^(1/2) with Gamma_d = (epsilon k/v_A)^(1/2) at k = Omega0/c.
    turbulent = math.sqrt(1e-4 * OMEGA / C / (alfven * C)) / OMEGA
    assert float(damping_of(config).turbulent) == pytest.approx(turbulent, rel=1e-6)
    assert numbers.duration == pytest.approx(2e9 * OMEGA, rel=1e-6)


def test_plain_numbers_compile_nothing():
    """Numbers of a config become plain numbers; of traced ones d ln v_A/d ln n_i = -1/2, by forward mode to 1e-12."""
    config = driven()
    shape = shape_of(config)
    assert {type(x) for x in jax.tree.leaves(numbers_of(config, shape))} == {float}

    def alfven(density):
        return numbers_of(replaced(config, {"plasma.ion_density": density}), shape).scalars["alfven_speed"]

    speed, slope = jax.jvp(alfven, (DENSITY,), (1.0,))
    assert float(slope) * DENSITY / float(speed) == pytest.approx(-0.5, rel=1e-12)


def test_printed_coefficients():
    """nu without its pi and growth pi/2 times as fast: eqs. 30 and 15 as printed."""
    config = small(waves__coefficients="printed")
    found = numbers_of(config, shape_of(config)).scalars
    assert (found["nu_coefficient"], found["growth_coefficient"]) == (1.0, 0.5 * math.pi)


@pytest.mark.parametrize("mode", ["injection", "pressure_balance"])
def test_expansion_time_of_an_injection(mode):
    """Eq. 3 by hand: tau_B = (5/3 P_g + 4/3 P_c + 2 B^2/8 pi)/Pdot, to 1e-6; not a prescribed rate."""
    config = small(**INJECTION | {"expansion__mode": mode})
    want = (5.0 / 3.0 * GAS + 4.0 / 3.0 * PRESSURE + FIELD**2 / (4.0 * math.pi)) / 1.67e-25
    found = numbers_of(config, shape_of(config))
    assert found.tau_B == pytest.approx(want * OMEGA, rel=1e-6)
    assert found.scalars["expansion_rate"] == 0.0


@pytest.mark.parametrize("timescale", [3.7e12, -3.7e12])
def test_prescribed_expansion_time(timescale):
    """As it is, negative in compression; None without expansion."""
    config = small(expansion__timescale=f"{timescale} s")
    assert expansion_time(config, shape_of(config)) == pytest.approx(timescale * OMEGA, rel=1e-6)
    still = small(expansion__mode="none", expansion__timescale=None, waves__start="seed")
    assert expansion_time(still, shape_of(still)) is None
