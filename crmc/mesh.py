"""The phase-space mesh of the Fokker-Planck solver: nodes in ln y, cells in mu.

Cells are stored as ``Markers`` of shape (n_p, n_mu) that do not move: y0 is the node, delta = 0, and
excess = V df is what the cell holds beyond F0.  Moments, books and tube then read both solvers alike.
A cell stands at the root mean square of its mu, so that its P_par and P_perp are exact for any
distribution that is uniform within it, F0 above all.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from crmc.distribution import Background
from crmc.markers import Markers
from crmc.spectrum import SpectrumGrid

#: Width of the refined core about mu = 0, in units of the gap of the largest momentum.
_CORE = 4.0
#: End weights of the fourth-order midpoint rule, sum of two ends = 6 cells.
_END_WEIGHTS = (13.0 / 12.0, 7.0 / 8.0, 25.0 / 24.0)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Mesh:
    """Tensor mesh in comoving momentum y = p b^{-1/3} and mu.

    y: nodes, uniform in ln y at the centres of n_p equal cells, (n_p,).
    weight: of the integral over y^2 dy, fourth order, (n_p,).
    face: mu_f = sinh(alpha s)/sinh(alpha), s uniform on [-1, 1], (n_mu + 1,).
    mu: the same map at the middle of each cell, (n_mu,).
    stretch: alpha.
    index: exponent a of the power law y^-a that the derivative in ln y reproduces.
    """

    y: jax.Array
    weight: jax.Array
    face: jax.Array
    mu: jax.Array
    stretch: jax.Array
    index: jax.Array

    @property
    def width(self) -> jax.Array:
        """Width of each cell in mu, (n_mu,)."""
        return jnp.diff(self.face)

    @property
    def distance(self) -> jax.Array:
        """Distance between the middles of neighbouring cells, one per inner face, (n_mu - 1,)."""
        return jnp.diff(self.mu)

    @property
    def inner(self) -> jax.Array:
        """mu at the inner faces, (n_mu - 1,)."""
        return self.face[1:-1]

    @property
    def p2(self) -> jax.Array:
        """Mean of P_2(mu) in each cell, (n_mu,); its integral over all cells vanishes to round-off."""
        return jnp.diff(0.5 * (self.face**3 - self.face)) / self.width

    @property
    def volume(self) -> jax.Array:
        """Phase-space volume y^2 dy dmu of each cell, (n_p, n_mu)."""
        return self.weight[:, None] * self.width

    def momentum(self, b: jax.Array) -> jax.Array:
        """p = y b^{1/3}, (n_p, 1)."""
        return (self.y * jnp.cbrt(b))[:, None]


def make_mesh(grid: SpectrumGrid, background: Background, n_p: int, n_mu: int) -> Mesh:
    """Mesh of n_p >= 6 nodes over the background's momenta and an even number n_mu of cells over -1 < mu < 1."""
    step = jnp.log(background.momentum_max / background.momentum_min) / n_p
    y = background.momentum_min * jnp.exp(step * (jnp.arange(n_p) + 0.5))
    ends = jnp.asarray(_END_WEIGHTS)
    rule = jnp.ones(n_p).at[:3].set(ends).at[-3:].set(ends[::-1])
    core = jnp.minimum(_CORE * grid.x_gap / background.momentum_max, 0.5)
    stretch = jnp.arcsinh(1.0 / core)
    s = jnp.arange(-n_mu, n_mu + 1) / n_mu
    mu = jnp.sinh(stretch * s) / jnp.sinh(stretch)
    return Mesh(y, rule * step * y**3, mu[0::2], mu[1::2], stretch, background.index[0])


def mesh_of(markers: Markers, grid: SpectrumGrid, background: Background) -> Mesh:
    """The mesh whose cells ``markers`` are."""
    return make_mesh(grid, background, *markers.delta.shape)


def cells(mesh: Mesh, excess: jax.Array, b: jax.Array) -> Markers:
    """Cells at field b that hold ``excess`` = V df, (n_p, n_mu)."""
    mean_square = jnp.diff(mesh.face**3) / (3.0 * mesh.width)
    cosine = jnp.sign(mesh.mu) * jnp.sqrt(mean_square)
    y = jnp.broadcast_to(mesh.y[:, None], excess.shape)
    return Markers(y, mesh.momentum(b) * cosine, jnp.zeros_like(excess), mesh.volume, excess)


def initial_excess(
    mesh: Mesh, background: Background, amplitude: jax.Array, *, drift: float = 0.0, anisotropy: float = 0.0
) -> jax.Array:
    """V df of f = F0 - (v_D/v) p F0' P1(mu) - zeta p F0' P2(mu), as ``markers.initial_markers``."""
    y = mesh.y[:, None]
    slope = background.slope(amplitude, y)
    dipole = drift * jnp.sqrt(1.0 + y**2) / y
    cosine = 0.5 * (mesh.face[1:] + mesh.face[:-1])
    return -mesh.volume * slope * (dipole * cosine + anisotropy * mesh.p2)


def log_derivative(mesh: Mesh, b: jax.Array) -> jax.Array:
    """Matrix of d/d ln p, (n_p, n_p): three points, exact for 1, for the energy and for y^-a.

    Exact for 1 and eps, the scattering conserves number and energy to round-off; exact for y^-a, it is accurate on
    what f looks like.  Two points, exact for 1 and eps, at both ends.
    """
    p = mesh.momentum(b)[:, 0]
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


def stream(mesh: Mesh, excess: jax.Array, log_ratio: jax.Array, b: jax.Array) -> jax.Array:
    """V df after free streaming over a change ``log_ratio`` of ln b about field b, second order in it.

    d ln y/d ln b = -P_2/3, dmu/d ln b = -mu (1 - mu^2)/2, in flux form: number is conserved to round-off, and the energy
    changes as the work of df's P_perp.  No df crosses the ends of the momentum range.
    """
    derivative = log_derivative(mesh, b)

    def change(excess: jax.Array) -> jax.Array:
        df = excess / mesh.volume
        along = -0.5 * mesh.inner * (1.0 - mesh.inner**2) * 0.5 * (df[:, 1:] + df[:, :-1])
        flux = jnp.pad(mesh.weight[:, None] * along, ((0, 0), (1, 1)))
        return -log_ratio * (derivative.T @ (mesh.p2 / 3.0 * excess) + jnp.diff(flux, axis=1))

    first = change(excess)
    return excess + first + 0.5 * change(first)
