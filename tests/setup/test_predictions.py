"""The numbers that theory predicts for a config: values by hand and by quadrature, and which are left out."""

import math

import jax
import jax.numpy as jnp
import pytest
from scipy.integrate import quad
from support.theory_cases import A

from crmc import theory
from crmc.config.config import parse_config
from crmc.physics.flow import Stretch
from crmc.physics.waves import mean_scattering
from crmc.setup.arrays import start_of
from crmc.setup.predictions import predict
from crmc.setup.shape import shape_of
from crmc.units import PARSEC, SPEED_OF_LIGHT


def config(**sections):
    """The linear-damping problem without damping; ``sections`` replace its own."""
    base = {
        "plasma": {
            "magnetic_field": "1 uG",
            "ion_density": "1.3233e-3 cm-3",
            "temperature": "1.1e6 K",
            "gas_pressure": "3.2e-13 dyn/cm2",
        },
        "expansion": {"mode": "prescribed", "timescale": "3.7e12 s"},
        "cosmic_rays": {"pressure": "8.2e-14 erg/cm3", "turnover_momentum": 1.0},
        "run": {"duration": "4e10 s"},
    }
    return parse_config(base | sections)


def test_predictions_of_the_linear_problem():
    """Values worked out by hand to the digits given; nu times mean free path is the particle speed to 1e-9."""
    values = predict(config(damping={"linear": "1e-11 1/s"}))
    assert all(set(row) == {"value", "unit", "description", "source"} for row in values.values())
    assert values["alfven_speed"]["value"] == pytest.approx(2e-4, rel=1e-4)
    assert values["expansion_time"]["value"] == pytest.approx(3.7e12)
    assert values["heating_exact_gap"]["value"] == pytest.approx(2.1283e-30, rel=1e-3)
    assert values["heating_ultrarelativistic"]["value"] == pytest.approx(2.216e-30, rel=1e-3)
    assert values["gap_mu_p1"]["value"] == pytest.approx(0.2)
    for p in (1, 3, 10):
        nu, path = values[f"scattering_frequency_p{p}"]["value"], values[f"mean_free_path_p{p}"]["value"]
        speed = p / math.hypot(1, p) * SPEED_OF_LIGHT / PARSEC
        assert nu * path == pytest.approx(speed, rel=1e-9)


@pytest.mark.parametrize(
    ("sections", "absent"),
    [
        ({}, "mean_free_path_p1"),
        ({"damping": {"nonlinear_landau": "cumulative"}}, "mean_free_path_p1"),
        ({"expansion": {"mode": "none"}, "damping": {"linear": "1e-11 1/s"}}, "heating_bound"),
        ({"scattering": {"model": "constant", "frequency": "1e-9 1/s"}}, "heating_exact_gap"),
    ],
)
def test_predictions_leave_out_what_does_not_apply(sections, absent):
    """A number without meaning for the config is absent, all others are finite."""
    values = predict(config(**sections))
    assert absent not in values
    assert all(math.isfinite(row["value"]) for row in values.values())


def test_predictions_of_other_closures():
    """Injection and pressure balance by eq. 3 to 1e-3; constant nu by quad to 1e-4; a kappa spectrum's threshold."""
    injection = {"pressure_rate": "1.67e-25 erg/(cm3 s)"}
    for mode in ("injection", "pressure_balance"):
        values = predict(config(expansion={"mode": mode}, injection=injection, damping={"nonlinear_landau": "paper"}))
        assert values["expansion_time"]["value"] == pytest.approx(4.325e12, rel=1e-3)
        assert values["scattering_frequency_p1"]["value"] > 0
    constant = predict(config(scattering={"model": "constant", "frequency": "1e-9 1/s"}))
    stress = quad(lambda p: A * p**6 / (1 + p**2) * (1 + p**2) ** (-A / 2 - 0.5), 0.5, 100)[0]
    pressure = quad(lambda p: 2 / 3 * p**4 * (1 + p**2) ** (-A / 2 - 0.5), 0.5, 100)[0]
    assert constant["anisotropy_constant_nu"]["value"] == pytest.approx(
        0.4 * stress / pressure * (0.625 * 2e-4 + 1 / (9 * 1e-9 * 3.7e12)), rel=1e-4
    )
    rays = {"pressure": "8.2e-14 erg/cm3", "spectrum": "kappa", "kappa": 1.25, "turnover_momentum": 1.0}
    kappa = predict(config(cosmic_rays=rays))
    assert kappa["threshold"]["value"] == pytest.approx(float(theory.threshold_anisotropy(4.5)) * 2e-4, rel=1e-4)


def test_predictions_leave_the_precision_switch_alone():
    """In 32-bit JAX the numbers are those of 64-bit JAX, and arrays stay float32 afterwards."""
    with jax.enable_x64(False):
        values = predict(config(damping={"linear": "1e-11 1/s"}))
        assert jnp.zeros(()).dtype == jnp.float32
    again = predict(config(damping={"linear": "1e-11 1/s"}))
    assert values == again


def test_scattering_where_waves_fill_the_gap():
    """nu by the equilibrium in 40 bins of an edge (`physics.waves.mean_scattering`) to 1e-4; more than in an empty gap.

    The prediction knows neither splines nor bins.
    """
    filled = config(damping={"linear": "1e-11 1/s"}, scattering={"gap": "edge"}, waves={"bins": 40})
    start, unit = start_of(filled, shape_of(filled)), filled.code_units.gyrofrequency
    values, empty = predict(filled), predict(config(damping={"linear": "1e-11 1/s"}))
    for p in (1.0, 3.0, 10.0):
        found = values[name := f"scattering_frequency_p{p:g}"]["value"]
        assert found == pytest.approx(
            unit * float(mean_scattering(start.predicted, start.parameters, Stretch(jnp.ones(())), p)), rel=1e-4
        )
        assert found > empty[name]["value"]
