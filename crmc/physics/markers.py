"""Markers: test particles with constant phase-space volume, their weights, their expansion, and their start.

A marker has the parallel momentum p_par and a momentum magnitude stored as the accumulated
comoving change ``rise = (p rho^{-1/3}/y0)^2 - 1`` from its birth value y0, with the density rho
of what moves with the tube, relative to t = 0.  Together they fix the magnetic moment p_perp^2/b,
which expansion conserves, as it does p_par times the tube's length.  Storing rise, not p, keeps
an anisotropy of 1e-5 in float32: a kick changes rise by v_A/c, p_par by order one.

The full weight is W = excess + V F0(y0, t), and the control variate reads

    w = W - V F0(y, t) = excess - V [F0(y0 sqrt(1 + rise)) - F0(y0)]

as a function of the state (no weight equation).  ``sum_i w_i phi(z_i)`` estimates
``int (f - F0) phi d^3p/rho``; number, energy and pressures per volume carry the factor rho.

Arguments that functions share: density: rho/rho0, B/B0 in a tube of constant length, (); background: F0;
amplitude: c_k of F0, (K,) [code].
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.physics.flow import Stretch
from crmc.physics.initial import Departure, Harmonics
from crmc.theory.distribution import Background, Course

if TYPE_CHECKING:
    from scipy.stats import qmc


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Markers:
    """Markers, as arrays of one floating dtype.

    birth_momentum: y0, comoving momentum at birth, constant, (N,) [m_p c].
    parallel_momentum: p_par, changed by kicks and by the length of the tube only, (N,) [m_p c].
    rise: (y/y0)^2 - 1 with y = p rho^{-1/3}, (N,).
    volume: V, phase-space volume p^2 dp dmu at rho = 1, constant, (N,) [(m_p c)^3].
    excess: W - V F0(y0, t), (N,) [n_i].
    """

    birth_momentum: jax.Array
    parallel_momentum: jax.Array
    rise: jax.Array
    volume: jax.Array
    excess: jax.Array

    def momentum_squared(self, density: jax.Array) -> jax.Array:
        """Return p^2 = y0^2 (1 + rise) rho^{2/3}, (N,) [(m_p c)^2]."""
        # Not times a rounded rho^{2/3}: all markers together would gain or lose 1e-8 of their energy as rho changes.
        change = jnp.expm1(2.0 / 3.0 * jnp.log(density)).astype(self.rise.dtype)
        square = self.birth_momentum**2
        return square + square * (self.rise + change + self.rise * change)

    def momentum(self, density: jax.Array) -> jax.Array:
        """Return the momentum p, (N,) [m_p c]."""
        return jnp.sqrt(self.momentum_squared(density))

    @property
    def comoving_momentum(self) -> jax.Array:
        """Comoving momentum y = y0 sqrt(1 + rise), (N,) [m_p c]."""
        return jnp.sqrt(self.birth_momentum**2 * (1.0 + self.rise))

    def perpendicular_squared(self, density: jax.Array) -> jax.Array:
        """Return p_perp^2 = p^2 - p_par^2 >= 0, (N,) [(m_p c)^2]."""
        return jnp.maximum(self.momentum_squared(density) - self.parallel_momentum**2, 0.0)

    def magnetic_moment(self, at: Stretch) -> jax.Array:
        """Return the magnetic moment p_perp^2/b, conserved without scattering, (N,) [(m_p c)^2]."""
        return self.perpendicular_squared(at.density) / at.b.astype(self.rise.dtype)

    def weighing(self, background: Background, amplitude: jax.Array) -> Weighing:
        """Return the constant parts of these markers' weights, from which the weight at any later momentum follows."""
        shape = background.shape(self.birth_momentum)
        parts = self.volume[..., None] * shape * amplitude.astype(self.rise.dtype)
        return Weighing(parts, background.course(self.birth_momentum))

    def weight(self, background: Background, amplitude: jax.Array) -> jax.Array:
        """Return the full weight W, (N,) float64 [n_i].

        float64, because the small excess must not be rounded to the digits of the large rest.
        """
        return self.weighing(background, amplitude).full(self)

    def control_weight(self, background: Background, amplitude: jax.Array) -> jax.Array:
        """Return the control variate w = W - V F0(y), (N,) [n_i]."""
        return self.weighing(background, amplitude).control(self)


class Weighing(NamedTuple):
    """Constant parts of the markers' weights.

    parts: V F0(y0) of each component, (N, K) [n_i]; course: how F0 changes from y0 on.
    """

    parts: jax.Array
    course: Course

    def full(self, markers: Markers) -> jax.Array:
        """Return the full weight W, (N,) float64 [n_i]."""
        rest = jnp.sum(self.parts, axis=-1)
        return markers.excess.astype(jnp.float64) + rest.astype(jnp.float64)

    def control(self, markers: Markers) -> jax.Array:
        """Return w = excess - V [F0(y) - F0(y0)], the difference without cancellation, (N,) [n_i]."""
        relative = jnp.expm1(self.course.log_change(markers.rise))
        return markers.excess - jnp.sum(self.parts * relative, axis=-1)

    def envelope(self, markers: Markers) -> jax.Array:
        """Return V F0(y), (N,) [n_i]."""
        # Of F0 itself a small change needs no digits, and this logarithm is the faster one.
        change = self.course.log_change(markers.rise, lambda x: jnp.log(1.0 + x))
        return jnp.sum(self.parts * jnp.exp(change), axis=-1)

    def estimated(self, markers: Markers, estimator: Literal["delta_f", "full_f"]) -> jax.Array:
        """Return the weight that an estimator sums, w (delta_f) or W (full_f), in the markers' dtype, (N,) [n_i]."""
        if estimator == "full_f":
            return self.full(markers).astype(markers.rise.dtype)
        return self.control(markers)


def expand(markers: Markers, old: Stretch, new: Stretch) -> Markers:
    """Change B and the length at constant magnetic moment (eq. 6) and p_par l_par, exactly for any change.

    old, new: deformation before and after.
    """
    dtype, log_density = markers.rise.dtype, jnp.log(new.density / old.density)
    growth, frame = jnp.expm1(jnp.log(new.b / old.b)).astype(dtype), jnp.expm1(-2.0 / 3.0 * log_density).astype(dtype)
    square = markers.momentum_squared(old.density)
    grown = markers.perpendicular_squared(old.density) / square * growth
    parallel = markers.parallel_momentum
    if old.length is not None:
        shrinking = jnp.log(old.length / new.along())
        grown = grown + parallel**2 / square * jnp.expm1(2.0 * shrinking).astype(dtype)
        parallel = parallel + parallel * jnp.expm1(shrinking).astype(dtype)
    shift = (1.0 + markers.rise) * (grown + frame + grown * frame)
    return dataclasses.replace(markers, parallel_momentum=parallel, rise=markers.rise + shift)


def padded(markers: Markers, count: int) -> Markers:
    """Return markers filled up to a number by copies of the last one without weight.

    count: number of markers to return, at least N.
    """
    missing = count - markers.rise.shape[0]
    if not missing:
        return markers
    added = jax.tree.map(lambda x: jnp.pad(x, (0, missing), mode="edge"), markers)
    held = jnp.arange(count) < count - missing
    volume, excess = (jnp.where(held, x, jnp.zeros_like(x)) for x in (added.volume, added.excess))
    return dataclasses.replace(added, volume=volume, excess=excess)


def unit_square(count: int, seed: int, replica: int = 0) -> np.ndarray:
    """Return scrambled Sobol points in the unit square, (count, 2) float64; replicas are scrambled independently."""
    return _points(_sobol(seed, replica), count)


def _sobol(seed: int, replica: int) -> qmc.Sobol:
    # scipy.stats takes 0.8 s to load, and commands that start no run do without it.
    from scipy.stats import qmc

    return qmc.Sobol(d=2, scramble=True, rng=np.random.default_rng((seed, replica) if replica else seed))


def _points(engine: qmc.Sobol, count: int) -> np.ndarray:
    with np.errstate(all="ignore"):
        return engine.random(1 << (count - 1).bit_length())[:count]


@functools.partial(jax.jit, static_argnames=("count", "dtype"))
def markers_at(
    sample: jax.Array,
    background: Background,
    amplitude: jax.Array,
    departure: Departure,
    *,
    count: int,
    dtype: np.dtype | type,
) -> Markers:
    """Return markers of f = F0 + departure at given points of the unit square, uniform in ln p and mu, at b = 1.

    Differentiable in background, amplitude and departure.
    sample: points of the n markers, (n, 2); departure: f - F0; count: number of markers in all, n of which are here;
    dtype: of the markers.
    """
    low, high = jnp.log(background.momentum_min), jnp.log(background.momentum_max)
    y, mu = jnp.exp(low + (high - low) * sample[:, 0]), 2.0 * sample[:, 1] - 1.0
    volume = 2.0 * (high - low) / count * y**3
    excess = volume * departure.at(background, amplitude, y, mu, 1.5 * mu**2 - 0.5)
    return Markers(*(x.astype(dtype) for x in (y, y * mu, jnp.zeros_like(y), volume, excess)))


#: Most markers whose points are drawn at a time: points are float64 and take more memory than the markers.
_SAMPLED_AT_ONCE = 1 << 22


def drawn_markers(
    count: int,
    background: Background,
    amplitude: jax.Array,
    departure: Departure,
    *,
    seed: int = 0,
    replica: int = 0,
    dtype: np.dtype | type = np.float32,
) -> Markers:
    """Draw quasi-random (scrambled Sobol) markers of f = F0 + departure, uniform in ln p and mu, at b = 1.

    count: number of markers; departure: f - F0; seed, replica: of the scrambling; dtype: of the markers.
    """
    engine, parts = _sobol(seed, replica), []
    part = min(1 << (count - 1).bit_length(), _SAMPLED_AT_ONCE)
    for first in range(0, count, part):
        sample = jnp.asarray(_points(engine, part)[: count - first])
        some = markers_at(sample, background, amplitude, departure, count=count, dtype=dtype)
        parts.append(jax.tree.map(np.asarray, some))
    return jax.tree.map(lambda *x: jnp.asarray(np.concatenate(x)), *parts)


def initial_markers(
    count: int,
    background: Background,
    amplitude: jax.Array,
    *,
    drift: float | jax.Array = 0.0,
    anisotropy: float | jax.Array = 0.0,
    seed: int = 0,
    dtype: np.dtype | type = np.float32,
) -> Markers:
    """Draw quasi-random markers of f = F0 + harmonics of given drift and anisotropy (eqs. 16, 20), at b = 1.

    count: number of markers; drift: v_D/c, (); anisotropy: zeta, (); seed: of the scrambling; dtype: of the markers.
    """
    harmonics = Harmonics(jnp.asarray(drift, jnp.float64), jnp.asarray(anisotropy, jnp.float64))
    return drawn_markers(count, background, amplitude, harmonics, seed=seed, dtype=dtype)
