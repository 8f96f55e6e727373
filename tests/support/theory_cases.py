"""Backgrounds and numbers that the tests of several modules of theory share."""

import jax.numpy as jnp

from crmc.theory import Background

#: Code units of the linear-damping problem: index, v_A, tau_B and amplitude.
A, V_A, TAU, N0 = 4.7, 2e-4, 3.54e10, 6.8e-8


def background(index=A, turnover=1.0, low=0.5, high=100.0):
    """One component on a range of momenta."""
    return Background(jnp.array([index]), jnp.array([turnover]), jnp.asarray(low), jnp.asarray(high))


def rays(low=0.5, high=100.0, turnover=1.0, n0=N0):
    """A background of index A and its amplitude."""
    return background(A, turnover, low, high), jnp.array([n0])


def power_law():
    """A pure power law from 1 m_p c on and its amplitude."""
    return rays(1.0, 1e12, 0.0, 1e-6)


def f0(p):
    """Density of `rays` at momentum p."""
    return N0 * (1 + p * p) ** (-A / 2)


def slope(p):
    """p df0/dp of `rays` at momentum p."""
    return -A * p * p / (1 + p * p) * f0(p)
