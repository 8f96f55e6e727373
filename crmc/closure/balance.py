"""Wave power in which the drive of gradient and expansion balances damping, local in k and without iteration.

Waves of helicity h at k = 1/x receive the power P_h = x |A_g + h A_e|/(2 v_A) per ln k (growth rate times wave power)
and travel along sign(A_g + h A_e): two branches live at every k.  Their power e_h = P_h/Gamma_h, with G0 the sum of
the rates that do not depend on the waves, S = P_+ + P_-, s = (1/2) sqrt(pi/2) v_i k and q = pi v_i/gamma(p = 1/k):

    none         Gamma = G0
    local        Gamma = G0 + s (e_+ + e_-) = [G0 + sqrt(G0^2 + 4 s S)]/2
    paper        Gamma_h = G0 + q e_h = [G0 + sqrt(G0^2 + 4 q P_h)]/2  (eq. 58)
    cumulative   Gamma = G0 + s E(k), E = int e dln k over all longer waves: dE/dln k = S/(G0 + s E)

Code units; everything is written for one cell.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np

from crmc.theory.quadrature import gauss_legendre

#: Forms of nonlinear Landau damping, by their names in a config.
NonlinearLandau = Literal["none", "paper", "local", "cumulative"]
FORMS: tuple[str, ...] = get_args(NonlinearLandau)
#: |A_g + h A_e| is not taken below this part of the larger of the two: resonances are not infinitely sharp, and where
#: waves change direction 1/e would have a logarithmic singularity.
NARROWEST = 1e-3
#: Wave power below which there are no waves.
LEAST_POWER = 1e-30
#: Nodes in each interval of integrals over ln x, and sweeps of the cumulative balance.
NODES, SWEEPS = 5, 12


class Damping(NamedTuple):
    """Damping rates.

    constant: linear and ion-neutral damping, () [code]; turbulent: (epsilon/v_A)^(1/2), () [code];
    landau: thermal speed v_i times the factor of nonlinear Landau damping, () [c].
    """

    constant: jax.Array
    turbulent: jax.Array
    landau: jax.Array

    def linear_rate(self, x: jax.Array) -> jax.Array:
        """Return G0, (...) [code].

        x: 1/k, (...) [code].
        """
        return self.constant + self.turbulent / jnp.sqrt(x)

    def steepness(self, x: jax.Array) -> jax.Array:
        """Return s, (...) [code].

        x: 1/k, (...) [code].
        """
        return 0.5 * math.sqrt(0.5 * math.pi) * self.landau / x


class Waves(NamedTuple):
    """Waves at some wavenumbers; the first axis is the helicity h = +1, -1.

    power: e_h, (2, ...); direction: +-1, (2, ...); rate: Gamma_h, (2, ...) [code].
    """

    power: jax.Array
    direction: jax.Array
    rate: jax.Array


class Fluxes(NamedTuple):
    """Gradient and expansion of a cell.

    gradient: P_c/L, () [code]; expansion: P_c/tau, () [code]; v_alfven: v_A, () [c].
    """

    gradient: jax.Array
    expansion: jax.Array
    v_alfven: jax.Array

    def power(self, x: jax.Array, drives: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        """Return P_h and the direction sign(A_g + h A_e), (2, ...) each.

        x: 1/k, (...) [code]; drives: G and E at x, (...) each.
        """
        a_g, a_e = self.gradient * drives[0], self.expansion * drives[1]
        net = jnp.stack([a_g + a_e, a_g - a_e])
        least = NARROWEST * jnp.maximum(jnp.abs(a_g), jnp.abs(a_e))
        return 0.5 * x / self.v_alfven * jnp.maximum(jnp.abs(net), least), jnp.sign(net)


def waves(
    form: NonlinearLandau,
    fluxes: Fluxes,
    damping: Damping,
    x: jax.Array,
    drives: tuple[jax.Array, jax.Array],
    longer: jax.Array | None = None,
) -> Waves:
    """Return the waves in balance.

    x: 1/k, (...) [code]; drives: G and E at x, (...) each; longer: E(k) of the longer waves, (...), for the cumulative
    form alone.
    """
    power, direction = fluxes.power(x, drives)
    linear = damping.linear_rate(x)
    if form == "local":
        rate = 0.5 * (linear + _root(linear**2 + 4.0 * damping.steepness(x) * jnp.sum(power, axis=0)))
    elif form == "paper":
        q = math.pi * damping.landau / jnp.sqrt(1.0 + x**2)
        rate = 0.5 * (linear + _root(linear**2 + 4.0 * q * power))
    elif form == "cumulative":
        assert longer is not None
        rate = linear + damping.steepness(x) * longer
    else:
        rate = linear
    rate = jnp.broadcast_to(rate, power.shape)
    live = rate > 0.0
    e = jnp.where(live, power / jnp.where(live, rate, 1.0), 0.0)
    return Waves(jnp.maximum(e, LEAST_POWER), direction, rate)


def _root(x: jax.Array) -> jax.Array:
    """Return sqrt(x), with derivative 0 at x = 0."""
    present = x > 0.0
    return jnp.where(present, jnp.sqrt(jnp.where(present, x, 1.0)), 0.0)


def cumulative_power(
    fluxes: Fluxes,
    damping: Damping,
    lower: jax.Array,
    upper: jax.Array,
    x: jax.Array,
    drives: tuple[jax.Array, jax.Array],
) -> tuple[jax.Array, jax.Array]:
    """Return E(k) of the cumulative balance at the nodes, (intervals, NODES), and at the lower ends, (intervals,).

    With r = G0/s the balance is d(E^2/2 + r E)/dln k = S/s + E dr/dln k, solved by collocation at the Gauss nodes of
    each interval from the longest waves on.
    lower, upper: ends of the intervals in ln x, ascending, (intervals,); x, drives: 1/k, and G and E there,
    (intervals, NODES).
    """
    power, _ = fluxes.power(x, drives)
    steep = damping.steepness(x)
    source = jnp.sum(power, axis=0) / steep
    ends = jnp.exp(lower)
    ratio, low = damping.linear_rate(x) / steep, damping.linear_rate(ends) / damping.steepness(ends)
    # r is constant k^-1 + turbulent k^-1/2.
    part = damping.turbulent / jnp.sqrt(x) / steep
    decline = -(ratio - part) - 0.5 * part
    inner, outer = (jnp.asarray(a) for a in collocation())

    def interval(begin: tuple[jax.Array, jax.Array], row: tuple) -> tuple[tuple[jax.Array, jax.Array], tuple]:
        energy, first = begin
        width, source, ratio, decline, last = row
        known = 0.5 * energy**2 + first * energy
        found = jnp.full(NODES, 1.0) * energy
        for _ in range(SWEEPS):
            gained = known + width * (inner @ (source + found * decline))
            found = _level(gained, ratio)
        after = _level(known + width * (outer @ (source + found * decline)), last)
        return (after, last), (found, after)

    # From the longest waves on, k rises: intervals and nodes in falling order of x.
    rows = (upper - lower, source[:, ::-1], ratio[:, ::-1], decline[:, ::-1], low)
    top = jnp.exp(upper[-1])
    start = (jnp.zeros(()), damping.linear_rate(top) / damping.steepness(top))
    _, (at, after) = jax.lax.scan(interval, start, rows, reverse=True)
    return at[:, ::-1], after


def _level(total: jax.Array, ratio: jax.Array) -> jax.Array:
    """Return the E >= 0 with E^2/2 + ratio E = total, (...)."""
    total = jnp.maximum(total, 0.0)
    root = ratio + _root(ratio**2 + 2.0 * total)
    return jnp.where(root > 0.0, 2.0 * total / jnp.where(root > 0.0, root, 1.0), 0.0)


def collocation() -> tuple[np.ndarray, np.ndarray]:
    """Return the integrals from 0 to each Gauss node on (0, 1), (NODES, NODES), and to 1, (NODES,)."""
    x, w = gauss_legendre(NODES)
    c = 0.5 * (x + 1.0)
    powers = np.arange(NODES)
    inner = (c[:, None] ** (powers + 1) / (powers + 1)) @ np.linalg.inv(c[:, None] ** powers)
    return inner, 0.5 * w
