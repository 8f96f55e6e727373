"""The mesh: its measure, its derivative, and free streaming on it."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.mesh_cases import prepared

from crmc.physics.flow import Stretch
from crmc.solvers.fokker_planck.mesh import (
    cells,
    cosine_means,
    free_stream,
    gap_cells,
    gap_edge,
    log_derivative,
    make_mesh,
    mesh_of,
)


@functools.cache
def mesh_at(b, n_p=24, n_mu=64):
    """Mesh at field b and the parameters of its setup."""
    parameters = prepared().parameters
    return jax.jit(make_mesh, static_argnums=(1, 2))(parameters, n_p, n_mu, Stretch(jnp.asarray(b))), parameters


@pytest.mark.parametrize("b", [1.0, 0.7])
def test_measure_of_phase_space(b):
    """sum V y^(-5) is 2 int y^(-3) dy to fourth order (by 12 at least), and sum V P_2 vanishes to 1e-14 at every y."""
    error = []
    for n_p in (24, 48):
        mesh, parameters = mesh_at(b, n_p)
        low, high = float(parameters.background.momentum_min), float(parameters.background.momentum_max)
        volume, y = np.asarray(mesh.volume), np.asarray(mesh.y)
        error.append(abs(np.sum(volume * y[:, None] ** -5.0) / (low**-2 - high**-2) - 1.0))
    assert error[0] > 12.0 * error[1] and error[1] < 1e-4
    np.testing.assert_allclose(np.sum(volume * mesh.p2, axis=1) / np.sum(volume, axis=1), 0.0, atol=1e-14)
    np.testing.assert_allclose(mesh.momentum[:, 0], y * b ** (1.0 / 3.0), rtol=1e-15)


@pytest.mark.parametrize("b", [1.0, 0.7])
def test_the_gap_ends_at_a_face(b):
    """At the face between gap and waves the particle resonates with k_max of co-moving waves: p_par' = x_gap b.

    By a boost in numpy, to 1e-12, at momenta where the edge is within its limits; faces are odd in mu and rise to 1.
    """
    mesh, parameters = mesh_at(b)
    face, p = np.asarray(mesh.face), np.asarray(mesh.momentum[:, 0])
    V = float(parameters.alfven_speed) * b**0.5
    edge = face[:, 32 + gap_cells(32)]
    resonant = (p * edge - V * np.sqrt(1.0 + p**2)) / np.sqrt(1.0 - V**2)
    use = edge < 0.9
    assert use.sum() > 12
    np.testing.assert_allclose(resonant[use], float(parameters.grid.x_gap) * b, rtol=1e-12)
    np.testing.assert_allclose(edge, gap_edge(parameters, mesh.momentum[:, 0], Stretch(jnp.asarray(b))), rtol=1e-14)
    np.testing.assert_array_equal(face, -face[:, ::-1])
    np.testing.assert_array_equal(face[:, -1], 1.0)
    assert np.all(np.diff(face, axis=1) > 0.0)


def test_faces_are_tilted_as_they_lie():
    """d mu/d ln p along a face is the central difference of meshes at momenta next to each other, to 1e-6."""
    mesh, parameters = mesh_at(1.0)
    step = 1e-4

    def shifted(sign):
        background = dataclasses.replace(
            parameters.background,
            momentum_min=parameters.background.momentum_min * jnp.exp(sign * step),
            momentum_max=parameters.background.momentum_max * jnp.exp(sign * step),
        )
        return np.asarray(make_mesh(dataclasses.replace(parameters, background=background), 24, 64, mesh.at).inner)

    difference = (shifted(1.0) - shifted(-1.0)) / (2.0 * step)
    np.testing.assert_allclose(mesh.tilt, difference, rtol=0, atol=1e-6)
    assert np.max(np.abs(difference)) > 0.1


def test_derivative_in_momentum():
    """d/d ln p is exact for 1, for eps and, inside, for y^-a: to 1e-11 of the largest term."""
    mesh, _ = mesh_at(0.9)
    matrix, p = np.asarray(log_derivative(mesh)), np.asarray(mesh.momentum[:, 0])
    scale = np.abs(matrix).sum(axis=1)
    energy, power = np.sqrt(1.0 + p**2), np.asarray(mesh.y) ** -float(mesh.index)
    np.testing.assert_allclose((matrix @ np.ones(24)) / scale, 0.0, atol=1e-14)
    np.testing.assert_allclose(matrix @ energy, p**2 / energy, rtol=0, atol=1e-11 * (scale * energy).max())
    np.testing.assert_allclose((matrix @ power)[1:-1] / power[1:-1], -float(mesh.index), rtol=1e-9)


def test_cells_hold_the_pressures_of_a_uniform_distribution():
    """sum dmu mu^2 = 2/3 of the cells' places, to 1e-14, and the mesh of the cells is the mesh that they came from."""
    mesh, parameters = mesh_at(0.8)
    excess = jnp.asarray(np.random.default_rng(1).normal(size=(24, 64)))
    m = cells(mesh, excess)
    mu = np.asarray(m.parallel_momentum / m.momentum(mesh.at.density))
    np.testing.assert_allclose(np.sum(np.asarray(mesh.width) * mu**2, axis=1), 2.0 / 3.0, rtol=1e-14)
    np.testing.assert_array_equal(np.sign(mu), np.sign(mesh.mu))
    np.testing.assert_array_equal(m.excess, excess)
    again = jax.jit(mesh_of)(m, parameters, mesh.at)
    np.testing.assert_array_equal(again.face, mesh.face)


def streaming_error(setup, n):
    """Mean error of df relative to its change, worst momentum far from the ends, after b falls by 0.2 %."""

    @jax.jit
    def error():
        old, new = (make_mesh(setup.parameters, n, 4 * n, Stretch(jnp.asarray(b))) for b in (0.95, 0.95 * 0.998))

        def shape(y, mu):
            return y**-4.2 * (1.0 + 0.5 * mu + mu**2) / (1.0 + 0.1 * y)

        excess = free_stream(old, new, old.volume * shape(old.y[:, None], old.mu))
        mu, ratio = new.mu, new.at.b / old.at.b
        before = jnp.sqrt(mu**2 + (1.0 - mu**2) / ratio)  # p before over p after
        y = new.y[:, None]
        exact = shape(y * before * jnp.cbrt(ratio), mu / before)
        wrong, change = (jnp.sum(new.width * jnp.abs(exact - x), axis=1) for x in (excess / new.volume, shape(y, mu)))
        return jnp.max((wrong / change)[n // 4 : -n // 4])

    return float(error())


def test_free_streaming_follows_the_orbits():
    """f is constant along orbits of constant p_par and p_perp^2/B: second order (by 3 at least), 1 % at n_p = 96."""
    setup = prepared()
    errors = [streaming_error(setup, n) for n in (24, 48, 96)]
    assert errors[0] / errors[1] > 3.0 and errors[1] / errors[2] > 3.0
    assert errors[2] < 1e-2


def test_means_over_intervals_of_mu():
    """A function linear in mu within cells of any place: sums over mu to 1e-13, and the overlap of one cell by hand."""
    setup = prepared(8, 16)
    mesh = mesh_of(setup.state.markers, setup.parameters, setup.state.stretch)
    values = jnp.asarray(np.random.default_rng(5).normal(size=(8, 16)))
    found = np.asarray(cosine_means(mesh, values, 4))
    np.testing.assert_allclose(found.sum(axis=1) * 0.5, (values * mesh.width).sum(axis=1), rtol=1e-13, atol=1e-13)
    face, row = np.asarray(mesh.face[3]), np.asarray(values[3])
    by_hand = sum(
        v * max(0.0, min(b, 0.5) - max(a, 0.0)) / 0.5 for v, a, b in zip(row, face[:-1], face[1:], strict=True)
    )
    assert found[3, 2] == pytest.approx(by_hand, rel=1e-12)
