"""Diffusion on the mesh: conservation to round-off, and null vectors."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.mesh_cases import prepared

from crmc.physics.flow import Stretch
from crmc.solvers.fokker_planck import diffusion
from crmc.solvers.fokker_planck.mesh import log_derivative, make_mesh


def operator(parameters, amplitude, alfven_speed, n_p, n_mu):
    """Mesh and coefficients at b = 0.9 for another Alfven speed."""
    parameters = dataclasses.replace(parameters, alfven_speed=jnp.asarray(alfven_speed))
    mesh = make_mesh(parameters, n_p, n_mu, Stretch(jnp.asarray(0.9)))
    return mesh, diffusion.faces(mesh, parameters, amplitude)


@pytest.mark.parametrize("alfven_speed", [2e-4, 0.05])
def test_differences_conserve_number_and_energy_to_round_off(alfven_speed):
    """L 1 = 0 to 1e-11, L eps = V p to 1e-9, and the divergence is minus the transpose of L to 1e-10."""
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
    """L f of f(eps - V p_par) vanishes at second order (by 3.2 at least), 1 % of its terms at n = 96; f(eps) is none."""
    setup = prepared()
    errors = [null_vector_error(setup, n, True) for n in (24, 48, 96)]
    assert errors[0] / errors[1] > 3.2 and errors[1] / errors[2] > 3.2
    assert errors[2] < 1e-2
    assert null_vector_error(setup, 48, False) > 0.5  # isotropic in the laboratory is not
