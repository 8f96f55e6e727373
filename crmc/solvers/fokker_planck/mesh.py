"""Lay out the mesh in phase space: nodes in ln y, cells in mu that follow the 90-degree gap.

Cells are stored as ``Markers`` of shape (n_p, n_mu) that stay on the mesh: y0 is the node, rise = 0, and excess = V df
is what the cell holds beyond F0.  Moments, books and tube then read both solvers alike.  A cell stands at the root mean
square of its mu, so that its P_par and P_perp are exact for any distribution that is uniform within it, F0 above all.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from crmc.physics.flow import Stretch
from crmc.physics.initial import Departure
from crmc.physics.markers import Markers
from crmc.physics.parameters import Parameters
from crmc.theory.distribution import Background

#: The gap takes one in _GAP_SHARE cells of a hemisphere; its edge lies between these mu.
_GAP_SHARE, _NARROWEST_GAP, _WIDEST_GAP = 12, 1e-6, 0.9
#: End weights of the fourth-order midpoint rule; the six sum to 6.
_END_WEIGHTS = (13.0 / 12.0, 7.0 / 8.0, 25.0 / 24.0)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Mesh:
    """Mesh in comoving momentum y = p density^{-1/3} and mu at one deformation of the tube.

    Faces follow the edge of the gap, mu = (x_gap b l_par/gamma_w + V eps)/p of the waves that expansion drives, so that
    no cell is cut by it.

    y: nodes, uniform in ln y at the centres of n_p equal cells, (n_p,) [m_p c]
    weight: weights of the integral over y^2 dy, fourth order, (n_p,) [(m_p c)^3]
    face: mu at the faces, (n_p, n_mu + 1)
    mu: mu at the middle of the cells, (n_p, n_mu)
    tilt: d mu/d ln p along a face, at the inner faces, (n_p, n_mu - 1)
    at: deformation of the tube
    index: exponent a of the power law y^-a that the derivative in ln y reproduces
    """

    y: jax.Array
    weight: jax.Array
    face: jax.Array
    mu: jax.Array
    tilt: jax.Array
    at: Stretch
    index: jax.Array

    @property
    def width(self) -> jax.Array:
        """Width of each cell in mu, (n_p, n_mu)."""
        return jnp.diff(self.face)

    @property
    def distance(self) -> jax.Array:
        """Distance in mu between the middles of the cells on both sides of each inner face, (n_p, n_mu - 1)."""
        return jnp.diff(self.mu)

    @property
    def inner(self) -> jax.Array:
        """mu at the inner faces, (n_p, n_mu - 1)."""
        return self.face[:, 1:-1]

    @property
    def p2(self) -> jax.Array:
        """Mean of P_2(mu) in each cell, (n_p, n_mu); its integral over all cells vanishes to round-off."""
        return jnp.diff(0.5 * (self.face**3 - self.face)) / self.width

    @property
    def volume(self) -> jax.Array:
        """Phase-space volume y^2 dy dmu of each cell, (n_p, n_mu) [(m_p c)^3]."""
        return self.weight[:, None] * self.width

    @property
    def momentum(self) -> jax.Array:
        """Momentum p = y density^{1/3} of each node, (n_p, 1) [m_p c]."""
        return (self.y * jnp.cbrt(self.at.density))[:, None]


def gap_edge(parameters: Parameters, p: jax.Array, at: Stretch) -> jax.Array:
    """Return the |mu| at the edge of the gap, below which particles resonate with none of the waves that are driven.

    Expansion drives co-moving waves, compression counter-moving ones; of a flow the rate at t = 0 counts.  The result
    is kept within limits.
    p: momentum, any shape [m_p c]
    at: deformation of the tube
    """
    V = jnp.where(parameters.expansion_rate < 0.0, -1.0, 1.0) * parameters.alfven_speed * jnp.sqrt(at.resonance)
    edge = (parameters.grid.x_gap * at.resonance * jnp.sqrt(1.0 - V**2) + V * jnp.sqrt(1.0 + p**2)) / p
    return jnp.clip(edge, _NARROWEST_GAP, _WIDEST_GAP)


def cosine(place: jax.Array, edge: jax.Array, half: int) -> jax.Array:
    """Return mu at places counted in cells from mu = 0: uniform in mu up to the gap's edge, in ln mu above.

    place: places in [-half, half], (m,)
    edge: mu at the edge of the gap, (..., 1)
    half: number of cells in a hemisphere
    """
    gap = gap_cells(half)
    t = jnp.abs(place)
    outside = jnp.exp(jnp.log(edge) * (half - t) / (half - gap))
    return jnp.sign(place) * jnp.where(t < gap, edge * t / gap, outside)


def gap_cells(half: int) -> int:
    """Return the number of cells between mu = 0 and the edge of the gap, of ``half`` in a hemisphere."""
    return max(2, half // _GAP_SHARE)


def cosine_at(parameters: Parameters, log_p: jax.Array, place: jax.Array, at: Stretch, half: int) -> jax.Array:
    """Return mu at places counted in cells from mu = 0, (n, m).

    log_p: ln p, (n,)
    place: places in [-half, half], (m,)
    at: deformation of the tube
    half: number of cells in a hemisphere
    """
    return cosine(place, gap_edge(parameters, jnp.exp(log_p), at)[:, None], half)


def make_mesh(parameters: Parameters, n_p: int, n_mu: int, at: Stretch) -> Mesh:
    """Return the mesh at a deformation of the tube of n_p nodes over the momenta of F0 and n_mu cells over (-1, 1).

    n_p: number of nodes, at least 6
    n_mu: number of cells, even
    """
    background, half = parameters.background, n_mu // 2
    step = jnp.log(background.momentum_max / background.momentum_min) / n_p
    y = background.momentum_min * jnp.exp(step * (jnp.arange(n_p) + 0.5))
    ends = jnp.asarray(_END_WEIGHTS)
    rule = jnp.ones(n_p).at[:3].set(ends).at[-3:].set(ends[::-1])
    place = 0.5 * jnp.arange(-n_mu, n_mu + 1)

    log_p = jnp.log(y * jnp.cbrt(at.density))
    mu, tilt = jax.jvp(lambda log_p: cosine_at(parameters, log_p, place, at, half), (log_p,), (jnp.ones_like(log_p),))
    return Mesh(y, rule * step * y**3, mu[:, 0::2], mu[:, 1::2], tilt[:, 2:-1:2], at, background.index[0])


def mesh_of(markers: Markers, parameters: Parameters, at: Stretch) -> Mesh:
    """Return the mesh at a deformation of the tube with as many cells as ``markers``, (n_p, n_mu)."""
    n_p, n_mu = markers.rise.shape
    return make_mesh(parameters, n_p, n_mu, at)


def cells(mesh: Mesh, excess: jax.Array) -> Markers:
    """Return the cells of the mesh that hold ``excess`` = V df, (n_p, n_mu) [code]."""
    mean_square = jnp.diff(mesh.face**3) / (3.0 * mesh.width)
    y = jnp.broadcast_to(mesh.y[:, None], excess.shape)
    parallel = mesh.momentum * jnp.sign(mesh.mu) * jnp.sqrt(mean_square)
    return Markers(y, parallel, jnp.zeros_like(excess), mesh.volume, excess)


def initial_excess(mesh: Mesh, background: Background, amplitude: jax.Array, departure: Departure) -> jax.Array:
    """Return V df of f = F0 + ``departure`` on a mesh at t = 0, (n_p, n_mu) [code], as `markers.drawn_markers`."""
    mean = 0.5 * (mesh.face[:, 1:] + mesh.face[:, :-1])
    y = jnp.broadcast_to(mesh.y[:, None], mean.shape)
    return mesh.volume * departure.at(background, amplitude, y, mean, mesh.p2)


def cosine_means(mesh: Mesh, values: jax.Array, count: int) -> jax.Array:
    """Return the means of ``values`` of the cells over ``count`` equal intervals of mu, (n_p, count).

    values: constant within each cell, (n_p, n_mu)
    """
    ends = jnp.linspace(-1.0, 1.0, count + 1)
    low, high = (jnp.clip(mesh.face[:, None, cut], ends[:-1, None], ends[1:, None]) for cut in (np.s_[:-1], np.s_[1:]))
    return jnp.einsum("pmc,pc->pm", high - low, values) * (0.5 * count)


def log_derivative(mesh: Mesh) -> jax.Array:
    """Return the matrix of d/d ln p along the faces, (n_p, n_p), from three points.

    It is exact for 1 and eps, so that the scattering conserves number and energy to round-off, and for y^-a, so that it
    is accurate for the shape of f.  At both ends two points are used, exact for 1 and eps.
    """
    p = mesh.momentum[:, 0]
    energy = jnp.sqrt(1.0 + p**2)
    # eps - 1 without cancellation at small p.
    kinetic, slope = p**2 / (1.0 + energy), p**2 / energy
    power = (mesh.y / mesh.y[0]) ** -mesh.index

    def differences(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        return x[:-2] - x[1:-1], x[2:] - x[1:-1]

    (e_low, e_high), (f_low, f_high) = differences(kinetic), differences(power)
    e, f = slope[1:-1], -mesh.index * power[1:-1]
    determinant = e_low * f_high - e_high * f_low
    low, high = (e * f_high - f * e_high) / determinant, (f * e_low - e * f_low) / determinant
    first, last = slope[0] / (kinetic[1] - kinetic[0]), slope[-1] / (kinetic[-1] - kinetic[-2])
    matrix = jnp.diag(jnp.append(low, -last), -1) + jnp.diag(jnp.insert(high, 0, first), 1)
    return matrix - jnp.diag(jnp.sum(matrix, axis=1))


def _upwind(f: jax.Array, speed: jax.Array) -> jax.Array:
    """Return f at the inner faces, (n_p, n_mu - 1), to second order from the upwind side.

    Van Leer's limiter keeps the jump at the gap sharp.
    f: values of the cells, (n_p, n_mu)
    speed: velocity across each inner face, of which the sign alone is used, (n_p, n_mu - 1)
    """
    difference = jnp.pad(jnp.diff(f), ((0, 0), (1, 1)))
    before, here, after = difference[:, :-2], difference[:, 1:-1], difference[:, 2:]

    def slope(x: jax.Array) -> jax.Array:
        product = x * here
        both = jnp.where(product > 0.0, x + here, 1.0)
        return jnp.where(product > 0.0, product / both, 0.0)

    return jnp.where(speed > 0.0, f[:, :-1] + slope(before), f[:, 1:] - slope(after))


def free_stream(old: Mesh, new: Mesh, excess: jax.Array) -> jax.Array:
    """Return V df after free streaming from the deformation of one mesh to that of another, (n_p, n_mu) [code].

    d ln y = -P_2/3 d ln(b l_par^2), dmu = -mu (1 - mu^2)/2 d ln(b l_par^2), relative to the faces, which move and are
    tilted.  The result is of second order in the change.  In flux form: number is conserved to round-off, and the
    energy changes as the work of df's pressures.  No df crosses the ends of the momentum range.
    excess: V df on the old mesh, (n_p, n_mu) [code]
    """
    log_ratio = jnp.log(new.at.shear / old.at.shear)

    def change(mesh: Mesh, excess: jax.Array) -> jax.Array:
        df = excess / mesh.volume
        mu = mesh.inner
        speed = -0.5 * mu * (1.0 - mu**2) + mesh.tilt * (0.5 * mu**2 - 1.0 / 6.0)
        crossing = log_ratio * speed - (new.inner - old.inner)
        flux = mesh.weight[:, None] * crossing * _upwind(df, crossing)
        along = log_ratio * log_derivative(mesh).T @ (mesh.p2 / 3.0 * excess)
        return -along - jnp.diff(jnp.pad(flux, ((0, 0), (1, 1))), axis=1)

    first = change(old, excess)
    return excess + 0.5 * (first + change(new, excess + first))
