"""Distributions with known growth rates, and how a mean of ensembles is held against a quadrature."""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np
from scipy.special import gamma as gamma_function
from scipy.stats import t as student

from crmc.physics.damping import DampingRates
from crmc.physics.markers import initial_markers
from crmc.physics.parameters import Cadence, Parameters
from crmc.physics.spectrum import make_grid
from crmc.physics.state import State, zero_books
from crmc.theory.distribution import Background

V_A, DENSITY = 1e-4, 1e-4
K_MIN, K_MAX, BINS = 0.3, 3.0, 5
#: One test in a million may fail by chance.
FALSE_ALARM = 1e-6


def case(name):
    """Return (background, amplitude, initial deviation as keywords of initial_markers) of a case."""
    if name == "kappa":
        kappa = 1.25
        rays = Background(jnp.array([4.5]), jnp.array([math.sqrt(kappa)]), jnp.asarray(0.3), jnp.asarray(300.0))
        # n_c = int f p^2 dp dmu, so f is 2 pi times the kappa distribution of p0 = 1 normalised in d^3p,
        # n_c Gamma(kappa + 1)/[(pi kappa)^(3/2) Gamma(kappa - 1/2)] (1 + p^2/kappa)^-(kappa + 1) (Bai et al. 2019).
        norm = 2.0 * math.pi / (math.pi * kappa) ** 1.5 * gamma_function(kappa + 1.0) / gamma_function(kappa - 0.5)
        amplitude = DENSITY * norm * kappa ** (kappa + 1.0)
        return rays, jnp.array([amplitude]), {"drift": 2.0 * V_A}
    rays = Background(jnp.array([4.7]), jnp.array([1.0]), jnp.asarray(0.3), jnp.asarray(100.0))
    amplitude = DENSITY / rays.moments(jnp.ones(1), jnp.ones(())).number
    return rays, jnp.array([amplitude]), {"anisotropy": 3.0 * V_A}


def geometry():
    """Return the grid of all cases."""
    return make_grid(K_MIN, K_MAX, BINS, 0.3 / 1.05, 315.0)


def smeared(grid, rate):
    """Return int Gamma(k) S_j dln k/h, which defines the rate of bin j, (bins,)."""
    ln_k = np.linspace(math.log(K_MIN), math.log(K_MAX), 4001)
    basis = np.asarray(grid.basis(jnp.exp(-jnp.asarray(ln_k))))
    return np.trapezoid(basis * np.asarray(rate(np.exp(ln_k)))[:, None], ln_k, axis=0) / float(grid.knot)


def deviation_and_limit(rates, want, mean_of):
    """Return |mean - want| of ``mean_of`` ensembles, its limit by chance, and the standard error of the mean.

    The limit is that of Student's t, with the spread pooled over branches, which share f.
    """
    variance = rates.var(axis=0, ddof=1).mean(axis=(0, 1))
    freedom = 4 * (len(rates) - 1)
    error = np.sqrt(variance / mean_of)
    deviation = np.abs(rates[:mean_of].mean(axis=0) - want)
    return deviation, student.isf(0.5 * FALSE_ALARM / want.size, freedom) * error, error


def gauss_words():
    """Return four words with (o, u) at Gauss's 2 x 2 points, over which the mean is that over all short kicks, (4,)."""
    level = ((0.5 + np.array([-0.5, 0.5]) / math.sqrt(3.0)) * 65536).astype(np.uint32)
    return ((level[:, None] << 16) | level[None, :]).ravel()


def parameters_of(rays, coefficients="exact", nu_dt=3.0):
    """Return parameters of one short step, in which nu dt = ``nu_dt`` e/gamma with the exact coefficients."""
    zero, printed = jnp.zeros(()), coefficients == "printed"
    return Parameters(
        dt=jnp.asarray(nu_dt / math.pi),
        alfven_speed=jnp.asarray(V_A),
        nu_coefficient=jnp.asarray(1.0 if printed else math.pi),
        growth_coefficient=jnp.asarray(0.5 * math.pi if printed else 1.0),
        expansion_rate=zero,
        injection_rate=zero,
        external_pressure=zero,
        adiabatic_index=jnp.asarray(5.0 / 3.0),
        heating=zero,
        cooling=zero,
        seed=jnp.asarray(1e-12),
        scattering_frequency=zero,
        broadening=zero,
        gradient=zero,
        gradient_end=zero,
        cadence=Cadence(*(jnp.asarray(x) for x in (1, 15, 8))),
        damping=DampingRates(zero, zero, zero, zero),
        background=rays,
        grid=geometry(),
    )


def distribution_of(name, strength):
    """Return (background, amplitude, deviation) of a case with a drift or zeta of ``strength`` v_A/c."""
    rays, amplitude, deviation = case(name)
    return rays, amplitude, dict.fromkeys(deviation, strength * V_A)


def start_of(name, strength, b, waves, count, seed=0):
    """Return a state at field b whose f is that of the case as a function of y = p b^(-1/3) and mu."""
    rays, amplitude, deviation = distribution_of(name, strength)
    m = initial_markers(count, rays, amplitude, seed=seed, dtype=np.float64, **deviation)
    m = dataclasses.replace(m, parallel_momentum=m.parallel_momentum * b ** (1.0 / 3.0))
    one = jnp.ones(())
    return State(jnp.zeros((), jnp.int64), m, amplitude, jnp.asarray(waves), one * b, one, zero_books())
