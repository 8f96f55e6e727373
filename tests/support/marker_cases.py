"""Ensembles of markers of simple spectra, and their error after free expansion."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np

from crmc import theory
from crmc.physics.flow import Stretch
from crmc.physics.markers import expand, initial_markers
from crmc.physics.moments import ensemble_moments
from crmc.physics.parameters import Model
from crmc.physics.state import State, zero_books
from crmc.theory.distribution import Background

ONE = 1.0


def background(low=0.5, high=100.0, index=4.7, turnover=1.0):
    """Return an F0 of one component on the range [low, high] [m_p c]."""
    return Background(jnp.array([index]), jnp.array([turnover]), jnp.asarray(low), jnp.asarray(high))


def ultrarelativistic():
    """Return a power law with P_c = 1, so far above m_p c that kinetic and total energy agree to 1e-7."""
    rays = background(1e7, 1e9, turnover=0.0)
    return rays, rays.amplitude_for_pressure(jnp.ones(1))


def sampled(markers, rays, amplitude, b, estimator="full_f"):
    """Return the moments of markers at field b."""
    zero = jnp.zeros(())
    state = State(zero, markers, amplitude, zero, jnp.asarray(b), zero, zero_books())
    # The gap's share, which is not asked for, wants a grid.
    parameters = SimpleNamespace(background=rays, grid=SimpleNamespace(x_gap=0.0))
    return ensemble_moments(state, parameters, Model(estimator=estimator))


def expansion_error(count, seed=0, estimator="full_f", b=0.5, rays=None):
    """Return the largest relative error of U, P_par and P_perp after one expansion to b."""
    rays = rays or ultrarelativistic()[0]
    amplitude = rays.amplitude_for_pressure(jnp.ones(1))
    markers = expand(
        initial_markers(count, rays, amplitude, seed=seed, dtype=np.float64),
        Stretch(jnp.asarray(ONE)),
        Stretch(jnp.asarray(b)),
    )
    got, want = sampled(markers, rays, amplitude, b, estimator), theory.free_expansion(b)
    pairs = zip(got[1:], (3.0 * want.energy, want.parallel, want.perpendicular), strict=True)
    return max(abs(float(x / y) - 1.0) for x, y in pairs)
