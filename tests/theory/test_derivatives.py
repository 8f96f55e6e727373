"""jax.grad of every closed form of theory against central differences."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.theory_cases import V_A, rays

from crmc import theory

#: Name -> closed form as a function of one number, and where its derivative is taken.
DERIVATIVES = {
    "magnetoacoustic_speed": (lambda x: theory.magnetoacoustic_speed(x, 1.0, 1.0, 2.0), 1.0),
    "density_rate": (lambda x: theory.density_rate(1.0, x), 2.0),
    "field_rate": (lambda x: theory.field_rate(1.0, 2.0, x), 2.0),
    "expansion_time": (lambda x: theory.expansion_time(x, 1.0, 1.0, 1.0), 2.0),
    "work_rate": (lambda x: theory.work_rate(1.0, x), 2.0),
    "orbit_rates": (lambda x: theory.orbit_rates(1.0, x, 0.3)[1], 0.4),
    "expansion_drive": (lambda x: theory.expansion_drive(x, -1.0, 3.0), 0.4),
    "perpendicular_pressure": (lambda x: theory.perpendicular_pressure(1.0, x), 0.1),
    "energy_rate": (lambda x: theory.energy_rate(3.0, 1.0, x), -0.3),
    "anisotropic_energy_rate": (lambda x: theory.anisotropic_energy_rate(x, -0.3), 0.1),
    "free_expansion": (lambda x: theory.free_expansion(x).parallel, 0.3),
    "legendre": (lambda x: theory.legendre(3, x), 0.4),
    "legendre_series": (lambda x: theory.legendre_series([1.0, 2.0, 3.0], x), 0.4),
    "legendre_moment": (lambda x: theory.legendre_moment(lambda m: jnp.exp(x * m), 2), 0.4),
    "drifting": (lambda x: theory.drifting(1.0, -4.7, 0.1, x), 0.4),
    "stretched": (lambda x: theory.stretched(1.0, -4.7, 0.1, x), 0.4),
    "pressure_difference": (lambda x: theory.pressure_difference(jnp.ones(3), x * jnp.ones(3), jnp.ones(3)), 1.5),
    "zeta": (theory.zeta, 0.1),
    "anisotropy_of_zeta": (lambda x: theory.anisotropy_of_zeta(rays(turnover=x)[0], rays()[1]), 1.0),
    "drift_of_frame": (lambda x: theory.drift_of_frame(rays(turnover=x)[0], rays()[1]), 1.0),
    "drift_of_alpha": (lambda x: theory.drift_of_alpha(rays(turnover=x)[0], rays()[1]), 1.0),
    "resonant_nodes": (lambda x: theory.resonant_nodes(rays()[0], x)[1].sum(), 2.0),
    "number_above": (lambda x: theory.number_above(*rays(n0=1.0), x), 2.0),
    "resonant_momentum": (theory.resonant_momentum, 0.5),
    "resonant_cosine": (lambda x: theory.resonant_cosine(x, 7.0), 0.5),
    "resonance_mismatch": (lambda x: theory.resonance_mismatch(0.5, x, 0.3, V_A), 3.0),
    "anisotropy_functional": (lambda x: theory.anisotropy_functional(-1.0, 0.1, 1.0, x, 0.01), 0.3),
    "functional_of_drift": (lambda x: theory.functional_of_drift(-1.0, x), 2.0),
    "functional_of_anisotropy": (lambda x: theory.functional_of_anisotropy(-1.0, 0.1, x, 0.01), 0.3),
    "spectral_constant": (theory.spectral_constant, 4.7),
    "growth_drift": (lambda x: theory.growth_drift(x, 1.0, 3.0), 4.7),
    "growth_anisotropy": (lambda x: theory.growth_anisotropy(x, 1.0, 0.01, 1e-3), 4.7),
    "threshold_anisotropy": (theory.threshold_anisotropy, 4.7),
    "threshold_zeta": (theory.threshold_zeta, 4.7),
    "kappa_q2": (lambda x: theory.kappa_q2(x, 1.25), 0.7),
    "growth_drift_kappa": (lambda x: theory.growth_drift_kappa(0.7, x, 1.0, 2.0), 1.25),
    "growth_rate": (lambda x: theory.growth_rate(x, *rays(n0=1.0), 0.01, zeta=0.1), 0.4),
    "diffusion_tensor": (lambda x: theory.diffusion_tensor(2.0, x, 0.3, 0.01).mu_p, 0.4),
    "co_moving_tensor": (lambda x: theory.co_moving_tensor(2.0, x, 0.3, 0.01).mu_p, -0.4),
    "tensor_fluxes": (lambda x: theory.tensor_fluxes(theory.diffusion_tensor(2.0, x, 0.3, 0.01), 1.0, 2.0)[0], 0.4),
    "pitch_angle_flux": (lambda x: theory.pitch_angle_flux(x, 0.4, 0.3, 0.01, -1.0), 2.0),
    "momentum_flux": (lambda x: theory.momentum_flux(x, 0.4, 0.3, 0.1, -1.0), 2.0),
    "scattering_frequency": (lambda x: theory.scattering_frequency(x, 1.0), 2.0),
    "mean_free_path": (lambda x: theory.mean_free_path(x, 1.0), 2.0),
    "parallel_diffusivity": (theory.parallel_diffusivity, 2.0),
    "expansion_flux": (lambda x: theory.expansion_flux(x, -1.0, 2.0, 0.1), 0.4),
    "driven_expansion": (lambda x: theory.driven_expansion(x, -1.0, 0.01, 2.0), -0.4),
    "driven_moment": (lambda x: theory.driven_moment(-1.0, x), 2.0),
    "functional_moment_bound": (lambda x: theory.functional_moment_bound(-1.0, 0.1, x), 2.0),
    "power_into_waves": (
        lambda x: theory.power_into_waves(*jnp.ones((2, 3)), *(0.5 * jnp.ones((2, 4))), x, 1.0, 1.0),
        2.0,
    ),
    "heating": (lambda x: theory.heating(*rays(n0=1.0), 1.0, 2.0, x), 5.0),
    "heating_whole_range": (lambda x: theory.heating_whole_range(rays(turnover=x)[0], jnp.ones(1), 1.0, 2.0), 1.0),
    "heating_ultrarelativistic": (lambda x: theory.heating_ultrarelativistic(1.0, 1.0, x), 2.0),
    "heating_bound": (lambda x: theory.heating_bound(1.0, 1.0, x), 2.0),
    "growth_times_power": (lambda x: theory.growth_times_power(x, *rays(n0=1.0), 1.0, 2.0, k_max=5.0), 0.7),
    "landau_slope": (lambda x: theory.landau_slope(x, 1.0), 0.7),
    "equilibrium_wave_power": (lambda x: theory.equilibrium_wave_power(x, *rays(n0=1.0), 1.0, 2.0, 0.1), 0.7),
    "wave_power_linear": (lambda x: theory.wave_power_linear(x, 1.0, 1.0, 1.0, 1.0, 2.0), 4.7),
    "scattering_linear": (lambda x: theory.scattering_linear(x, 1.0, 0.5, 1.0, 1.0, 2.0), 4.7),
    "zeta_constant_nu": (lambda x: theory.zeta_constant_nu(x, 0.1, 2.0), 2.0),
    "driven_drift": (lambda x: theory.driven_drift(-1.0, x), 0.9),
    "drift_flux": (lambda x: theory.drift_flux(x, 1.0, 2.0, 0.9), 0.4),
    "heating_drift": (lambda x: theory.heating_drift(x, 0.1), -2.0),
    "streaming_pressure": (lambda x: theory.streaming_pressure(jnp.sin, x, 1.0, 0.3), 0.1),
    "heating_streaming": (theory.heating_streaming, 2.0),
    "diffusivity_drift": (lambda x: theory.diffusivity_drift(0.1, x, 1.0, 4.7), 2.0),
    "path_drift": (lambda x: theory.path_drift(0.1, x, 1.0), 2.0),
    "combined_flux": (lambda x: theory.combined_flux(x, 1.0, -4.7, 0.9, 3.0, 2.0), -0.4),
    "resonant_flux": (lambda x: theory.resonant_flux(1.0, *rays(n0=1.0), x, 1.0, -1), 1.5),
    "growth_times_power_combined": (
        lambda x: theory.growth_times_power_combined(1.0, *rays(n0=1.0), 1.0, x, 1.0),
        1.5,
    ),
    "sign_change": (lambda x: theory.sign_change(1.0, -4.7, 0.9, x, 2.0), 3.0),
    "heating_combined": (lambda x: theory.heating_combined(*rays(n0=1.0), 1.0, x, 1.0), 1.5),
    "anisotropy_factor": (lambda x: theory.anisotropy_factor(x, 0.1), 0.3),
    "diffusivity_anisotropy": (lambda x: theory.diffusivity_anisotropy(0.1, x, 1.0), 2.0),
    "path_anisotropy": (lambda x: theory.path_anisotropy(0.1, x, 1.0), 2.0),
    "scattering_eq57": (lambda x: theory.scattering_eq57(0.1, x), 2.0),
    "broadened_scattering": (
        lambda x: theory.broadened_scattering(2.0, 0.2, x, lambda k, h: (2.0 + h) / (1.0 + k**2)),
        0.15,
    ),
    "scattering_excess": (lambda x: theory.scattering_excess(x, 0.1, 2.0), 0.4),
    "landau_damping_estimate": (lambda x: theory.landau_damping_estimate(x, 0.1), 2.0),
    "growth_estimate": (lambda x: theory.growth_estimate(x, 1.0, 0.1, 2.0, index=4.7), 2.0),
    "scattering_eq60": (lambda x: theory.scattering_eq60(x, 0.1, 0.1, 2.0), 2.0),
    "density_ratio_of_eq60": (lambda x: theory.density_ratio_of_eq60(x, 0.1, 0.1, 2.0), 2.0),
    "scattering_landau": (lambda x: theory.scattering_landau(x, 1.0, 0.4, 0.1, 0.1, 2.0), 4.7),
}


@pytest.mark.parametrize("name", sorted(DERIVATIVES))
def test_derivative(name):
    """jax.grad is the central difference, and is not zero."""
    function, at = DERIVATIVES[name]
    step = 1e-5 * abs(at)

    @jax.jit
    def both(x):
        return jax.grad(lambda x: jnp.asarray(function(x), float))(x), function(x + step) - function(x - step)

    value, change = (float(x) for x in both(at))
    assert value == pytest.approx(change / (2 * step), rel=1e-6) and value != 0.0


def test_every_function_has_its_derivative_tested():
    """The table holds all public functions of theory, and nothing else."""
    functions = {name for name in theory.__all__ if inspect.isfunction(getattr(theory, name))}
    assert functions == set(DERIVATIVES)


@pytest.mark.parametrize("name", ["threshold_anisotropy", "spectral_constant", "scattering_eq57", "expansion_flux"])
def test_closed_forms_take_arrays(name):
    """An array gives the array of the scalars' results."""
    function, at = DERIVATIVES[name]
    x = at * jnp.array([[1.0, 1.1], [1.2, 1.3]])
    np.testing.assert_allclose(function(x), np.vectorize(lambda y: float(function(y)))(x), rtol=1e-14)
