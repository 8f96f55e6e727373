"""Wave power in balance: residuals of the balance itself, and an ODE solver for the cumulative form."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from support.closure_cases import BOTH, SPECTRUM_OF, wave_power

from crmc.closure.balance import LEAST_POWER, NARROWEST, NODES, Damping, Fluxes, cumulative_power, waves
from crmc.closure.scales import in_code_units

CUMULATIVE = jax.jit(cumulative_power)


@jax.jit
def _rate(log_x, energy, spectrum, fluxes, damping):
    """dE/dln x."""
    x = jnp.exp(log_x)
    power, _ = fluxes.power(x, spectrum.drives(x))
    return -jnp.sum(power, axis=0) / (damping.linear_rate(x) + damping.steepness(x) * energy)


@pytest.mark.parametrize("form", ["none", "local", "paper"])
def test_balance(form) -> None:
    """Oracle: bisection of e Gamma(e) = P with the fluxes of theory, within 1e-6; Gamma e = P to rounding."""
    spectrum, scales = SPECTRUM_OF(BOTH), in_code_units(BOTH)
    x = np.geomspace(0.05, 500.0, 60)
    found = waves(form, scales.fluxes, scales.damping, x, spectrum.drives(x))
    np.testing.assert_allclose(found.power, wave_power(BOTH, form, x), rtol=1e-6)
    power, _ = scales.fluxes.power(x, spectrum.drives(x))
    np.testing.assert_allclose(found.power * found.rate, power, rtol=1e-13)


@pytest.mark.parametrize("constant", [0.0, 1e-9, 1e-6])
def test_cumulative(constant) -> None:
    """Oracle: dE/dln k = S/(G0 + s E) by an adaptive Runge-Kutta method, within 3e-5 below the first intervals."""
    spectrum, scales = SPECTRUM_OF(BOTH), in_code_units(BOTH)
    damping = Damping(jnp.asarray(constant), jnp.asarray(constant), scales.damping.landau)
    edges = np.linspace(np.log(0.05), np.log(BOTH.momentum_max), 25)
    node = 0.5 * (np.polynomial.legendre.leggauss(NODES)[0] + 1.0)
    x = np.exp(edges[:-1, None] + np.diff(edges)[:, None] * node)
    inside, after = CUMULATIVE(
        scales.fluxes, damping, jnp.asarray(edges[:-1]), jnp.asarray(edges[1:]), x, spectrum.drives(x)
    )
    start = float(np.log(x[-1, -1]))

    def rate(log_x, energy):
        return np.asarray(_rate(log_x, energy, spectrum, scales.fluxes, damping))

    exact = solve_ivp(
        rate,
        (start, edges[0]),
        [float(inside[-1, -1])],
        t_eval=edges[:-1][::-1],
        rtol=1e-9,
        atol=1e-14,
        method="DOP853",
    )
    np.testing.assert_allclose(after[::-1][2:], exact.y[0][2:], rtol=3e-5)


def test_directions_and_floor() -> None:
    """sign(A_g + h A_e); |A_g + h A_e| no less than a part of the larger; nothing driven: the least power, no direction."""
    fluxes = Fluxes(jnp.asarray(1.0), jnp.asarray(-3.0), jnp.asarray(1e-3))
    damping = Damping(jnp.asarray(1.0), jnp.asarray(0.0), jnp.asarray(1.0))
    found = waves("none", fluxes, damping, jnp.asarray(2.0), (jnp.asarray(1.0), jnp.asarray(1.0)))
    assert found.direction.tolist() == [-1.0, 1.0]
    np.testing.assert_allclose(found.power, [2000.0, 4000.0])
    flip = waves("none", fluxes, damping, jnp.asarray(2.0), (jnp.asarray(3.0), jnp.asarray(1.0)))
    np.testing.assert_allclose(flip.power[0], NARROWEST * 3000.0)
    none = waves("none", fluxes, damping, jnp.asarray(2.0), (jnp.asarray(0.0), jnp.asarray(0.0)))
    assert none.direction.tolist() == [0.0, 0.0] and none.power.tolist() == [LEAST_POWER] * 2
