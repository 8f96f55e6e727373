"""Form a row of results: values at one time, and means over the interval that ends there, all in code units."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from crmc.physics.moments import Sums, energies_of, ensemble_sums, ledger, moments_of
from crmc.physics.parameters import Model, Parameters
from crmc.physics.spectrum import wave_energy_unit
from crmc.physics.state import State
from crmc.physics.waves import MOMENTA, mean_scattering
from crmc.solvers.tally import Tally


def row_of(
    state: State, tally: Tally, count: jax.Array, parameters: Parameters, model: Model, functional: jax.Array | None
) -> dict[str, jax.Array]:
    """Return a row of results from a state and the tally of the steps since the last row.

    Means over steps are NaN where count = 0.
    count: number of steps in ``tally``
    functional: mean of 2 Gamma_j E_j/e_j by the growth functional, and last of the power into waves beyond k_max that
        no bin stands for, per e of the last bin, (2, 2, bins + 1) [code]; None without waves
    """
    sums = ensemble_sums(state, parameters, model)
    row = _moments(sums, state, parameters, model) | _waves(state, tally, parameters, model, functional)
    span = jnp.where(count > 0, count * parameters.dt, jnp.nan)
    rates = jnp.stack([jnp.sum(tally.gain), tally.damped]) / span
    # The steps are those before the step of the state.
    middle = state.step - 0.5 * (count + 1)
    first, heating = tally.moment / span - middle * rates, rates[0]
    spectral = jnp.asarray(jnp.nan)
    if functional is not None:
        e = jnp.append(state.e, state.e[..., -1:], axis=-1)
        spectral = jnp.sum(_sampled(tally, parameters, functional) * e)
    store, books = energies_of(sums, state, parameters), state.books
    return row | {
        "magnetic_field": state.b,
        "length": state.stretch.along(),
        "gas_pressure": state.gas_pressure,
        "heating_rate": heating,
        "heating_rate_moment": first[0],
        "spectral_heating_rate": spectral,
        "identity_residual": spectral / heating - 1.0,
        "gas_heating_rate": rates[1],
        "gas_heating_rate_moment": first[1],
        "max_scattering_per_step": tally.peak,
        "energy_imbalance": jnp.where(count > 0, tally.imbalance / tally.absolute_exchange, jnp.nan),
        "balancing_correction": tally.correction,
        "energy_cosmic_rays": store.cosmic_rays,
        "energy_waves": store.waves,
        "energy_gas": store.gas,
        "energy_field": store.field,
        "energy_injected": books.injected,
        "energy_radiated": books.radiated,
        "work_external": books.work,
        "ledger": ledger(store, state),
        "number_cosmic_rays": sums.number,
        "number_entered": books.entered,
        "heavy_markers": sums.heavy,
    }


def _moments(sums: Sums, state: State, parameters: Parameters, model: Model) -> dict[str, jax.Array]:
    """Return the moments of the cosmic rays, and v_D (eq. 17)."""
    now = moments_of(sums, state, parameters, model)
    return {
        "cr_number_density": now.number,
        "cr_energy_density": now.energy,
        "parallel_pressure": now.parallel_pressure,
        "perpendicular_pressure": now.perpendicular_pressure,
        "pressure_anisotropy": now.anisotropy,
        "gap_pressure_anisotropy": state.density * sums.gap / now.pressure,
        # F0 has no drift.
        "drift_velocity": state.density * sums.flux / now.number,
    }


def _waves(
    state: State, tally: Tally, parameters: Parameters, model: Model, functional: jax.Array | None
) -> dict[str, jax.Array]:
    """Return spectrum, growth and damping of the waves, (2, 2, bins), and what `_scattering` returns.

    functional: as in `row_of`
    """
    grid = parameters.grid
    if functional is None:
        empty = jnp.full_like(state.e, jnp.nan)
        nu = jnp.where(model.scattering == "none", 0.0, parameters.scattering_frequency) * jnp.ones(3)
        return {"wave_power": empty, "growth_rate": empty, "damping_rate": empty} | _scattering(nu)
    unit = wave_energy_unit(grid, parameters.alfven_speed, state.b)
    rate = _sampled(tally, parameters, functional)[..., :-1] / (2.0 * unit)
    damping = parameters.damping.rate(grid, state.e, state.stretch, model.nonlinear_landau, parameters.nu_coefficient)
    power = jnp.einsum("dhj,kj->dhk", state.e, grid.basis_centre)
    nu = jnp.stack([mean_scattering(state.e, parameters, state.stretch, p) for p in MOMENTA])
    return {"wave_power": power, "growth_rate": rate, "damping_rate": damping} | _scattering(nu)


def _sampled(tally: Tally, parameters: Parameters, functional: jax.Array) -> jax.Array:
    """Return 2 Gamma_j E_j/e_j with the coefficient of the growth, (2, 2, bins + 1) [code]; NaN without a sample.

    functional: as in `row_of`
    """
    return jnp.where(tally.samples > 0.0, 1.0, jnp.nan) * parameters.growth_coefficient * functional


def _scattering(nu: jax.Array) -> dict[str, jax.Array]:
    """Return scattering frequencies nu and mean free paths v/nu at `MOMENTA`, (3,) [code]; v/nu is NaN where nu = 0."""
    speed = jnp.asarray(MOMENTA / np.sqrt(1.0 + MOMENTA**2))
    return {"scattering_frequency": nu, "mean_free_path": speed / jnp.where(nu > 0.0, nu, jnp.nan)}
