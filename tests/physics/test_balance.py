"""Balance of growth and damping with a broadened resonance: heating of eq. 38, rates, drift, and what starts there."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.broadened_cases import built

from crmc import theory
from crmc.physics.balance import spread, steady_rates

RATES = jax.jit(steady_rates)


def rates_of(setup, e):
    """Return the growth rates by the f that waves ``e`` maintain, and the power into them over -v_A dP_c/ds."""
    P, amplitude = setup.parameters, setup.state.amplitude
    rates = RATES(P, amplitude, (1.0 / P.gradient, jnp.inf), e)
    power = 2.0 * float(jnp.sum(rates * e * P.grid.width)) * float(P.alfven_speed) ** 2
    pressure = P.background.moments(amplitude, jnp.ones(())).pressure
    return np.asarray(rates), power / theory.heating_drift(-float(pressure * P.gradient), float(P.alfven_speed))


def test_growth_balances_damping():
    """Oracle: the rates of the steady f at the e found are those of damping to 1e-3, where waves live.

    Backward waves stay at the seed; the resonance is 0.8 dB/B wide.
    """
    setup = built()
    e, P = setup.state.e, setup.parameters
    found, _ = rates_of(setup, e)
    damping = np.broadcast_to(P.damping.linear_rate(P.grid.centres), found[0].shape)
    living = np.asarray(e[0]) > 1e-2 * float(jnp.max(e))
    assert living.sum() == 14
    np.testing.assert_allclose(found[0][living], damping[living], rtol=1e-3)
    assert (found[0][~living] < damping[~living]).all()
    np.testing.assert_array_equal(e[1], float(P.seed))
    assert float(spread(P, e)) == pytest.approx(0.8 * float(jnp.sqrt(jnp.sum(e * P.grid.width))), rel=1e-12)


@pytest.mark.parametrize("level", [3e-3, 3e-4])
def test_forward_waves_of_any_shape_take_the_power_of_a_gradient(level):
    """Oracle: -v_A dP_c/ds (eq. 38), by two integrals, to 1e-3, whatever the spectrum and the width.

    Weights that do not share all of the flux, or a kernel without unit integral, change it.
    """
    setup = built()
    e = level * jnp.linspace(1.0, 2.0, 2 * setup.parameters.grid.bins).reshape(2, -1)
    both = jnp.full(setup.state.e.shape, float(setup.parameters.seed)).at[0].set(e)
    assert rates_of(setup, both)[1] == pytest.approx(1.0, rel=1e-3)
