"""Diffuse particles on the mesh, exactly in v_A/c: fluxes on inner faces in mu, conservative by summation by parts.

Waves of direction d, V = d v_A, diffuse particles along

    X = (1/p) L,   L = a d/d ln p + (1 - a mu) d/dmu,   a = V/v,

the derivative with respect to p_par at constant eps - V p_par.  With d^3p = p^2 dp dmu, for any phi,

    d/dt int f phi d^3p = - int kappa (L f)(L phi) p^3 d ln p dmu,
    kappa = (nu_coefficient Omega0 b e(ln k)/2 gamma) gamma_w^2 (1 - mu^2),   k = b Omega0/|p_par'|,

since (gamma'/gamma) nu' = nu_coefficient Omega0 b e/gamma and p_perp is the same in both frames.  L 1 = 0 conserves
number; L eps = V p makes V int kappa_j (L f) p^4 d ln p dmu the power given to bin j.  L F0 = a dF0/d ln p is known in
closed form.  Both identities hold for the differences used here, so that the energy lost is the energy given.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from crmc.physics.parameters import Model, Parameters
from crmc.physics.resonance import Broadened, broadened, spread_of
from crmc.physics.spectrum import SIGNS, SpectrumGrid
from crmc.solvers.fokker_planck.mesh import Mesh, log_derivative

#: Residual of the implicit solve relative to its right side, and most iterations.
_TOLERANCE, _ITERATIONS = 1e-11, 60


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Faces:
    """Coefficients of the diffusion at the inner faces that do not depend on the wave power, in one state of the tube.

    a: V/v, (2, n_p, 1)
    across: 1 - a mu - a (dmu/d ln p of the face), since faces are not at constant mu, (2, n_p, n_mu - 1)
    conductance: kappa/nu x weight y^3 d ln y dmu of the face, (2, n_p, n_mu - 1) [(m_p c)^3]
    frequency_per_e: nu/e of a spectrum, nu_coefficient Omega0 b/gamma, (n_p, 1) [Omega0]
    resonance: p_par'/(b l_par), whose sign is the helicity and whose modulus is 1/k, (2, n_p, n_mu - 1) [m_p c]
    scaled: p/(b l_par), (n_p, 1) [m_p c]
    beyond: part of the power at a face that goes to waves beyond k_max that no bin stands for, (2, n_p, n_mu - 1)
    slope: dF0/d ln y, (n_p, 1) [code]
    momentum: V p, (2, n_p, 1) [code]
    derivative: matrix of d/d ln p along the faces, (n_p, n_p)
    """

    a: jax.Array
    across: jax.Array
    conductance: jax.Array
    frequency_per_e: jax.Array
    resonance: jax.Array
    scaled: jax.Array
    beyond: jax.Array
    slope: jax.Array
    momentum: jax.Array
    derivative: jax.Array

    @property
    def drive(self) -> jax.Array:
        """L F0 = a dF0/d ln y, (2, n_p, 1) [code]."""
        return self.a * self.slope


def faces(mesh: Mesh, parameters: Parameters, amplitude: jax.Array) -> Faces:
    """Return the coefficients at the faces of a mesh, for F0 of ``amplitude``."""
    b, unit = mesh.at.b, mesh.at.resonance
    V = (jnp.asarray(SIGNS) * parameters.alfven_speed * jnp.sqrt(unit))[:, None, None]
    p = mesh.momentum
    gamma = jnp.sqrt(1.0 + p**2)
    a = V * gamma / p
    boost2 = 1.0 / (1.0 - V**2)
    measure = (mesh.weight[:, None] * mesh.distance) * (1.0 - mesh.inner**2)

    def resonance(mu: jax.Array) -> jax.Array:
        return jnp.sqrt(boost2) * (p * mu - V * gamma) / unit

    between = resonance(mesh.mu)
    return Faces(
        a=a,
        across=1.0 - a * (mesh.inner + mesh.tilt),
        conductance=0.5 * boost2 * measure,
        frequency_per_e=parameters.nu_coefficient * b / gamma,
        resonance=resonance(mesh.inner),
        scaled=p / unit,
        # A face stands for all between the middles of the two cells.
        beyond=parameters.grid.beyond(between[..., :-1], between[..., 1:]),
        slope=parameters.background.slope(amplitude, mesh.y)[:, None],
        momentum=V * p,
        derivative=log_derivative(mesh),
    )


def spline_weights(grid: SpectrumGrid, at: Faces) -> jax.Array:
    """Return S_j(ln k) of every face, zero for the helicity that it does not resonate with, (2, 2, faces, bins)."""
    x = at.resonance.reshape(2, -1)
    basis = splines(grid, x)
    helicity = jnp.asarray(SIGNS)[:, None] * x[:, None] > 0.0
    return jnp.where(helicity[..., None], basis[:, None], 0.0)


def broadened_weights(parameters: Parameters, at: Faces, e: jax.Array) -> Broadened:
    """Return the weights of every face, (2, faces), where waves broaden the resonance.

    e: wave power of each branch and bin, which sets the width, (2, 2, bins)
    """
    spread = at.scaled * spread_of(parameters.grid, e, parameters.broadening)
    flat = jnp.broadcast_to(spread, at.resonance.shape[1:]).ravel()
    return broadened(parameters.grid, at.resonance.reshape(2, -1), flat)


def splines(grid: SpectrumGrid, resonance: jax.Array) -> jax.Array:
    """Return S_j(ln k) at k = 1/|p_par'|, (..., bins), finite at 90 degrees.

    resonance: p_par'/(b l_par), (...) [m_p c]
    """
    return grid.resonant(jnp.maximum(jnp.abs(resonance), 1e-3 * grid.x_gap))


def power_met(basis: jax.Array | Broadened, e: jax.Array) -> jax.Array:
    """Return the power of the waves of each direction that scatter at every face, (2, faces).

    basis: from `spline_weights` or `broadened_weights`
    e: wave power of each branch and bin, (2, 2, bins)
    """
    return basis.power(e) if isinstance(basis, Broadened) else jnp.einsum("dhfj,dhj->df", basis, e)


def taken(basis: jax.Array | Broadened, amount: jax.Array) -> jax.Array:
    """Return the sum over faces of the weight of each bin times an amount, (2, 2, bins): the transpose of `power_met`.

    basis: as there
    amount: of each direction at each face, (2, faces)
    """
    return basis.taken(amount) if isinstance(basis, Broadened) else jnp.einsum("df,dhfj->dhj", amount, basis)


def spectrum_coefficient(at: Faces, basis: jax.Array | Broadened, e: jax.Array) -> jax.Array:
    """Return kappa x weight of each face for the waves of a spectrum, (2, n_p, n_mu - 1) [code].

    basis: as for `power_met`
    e: wave power of each branch and bin, (2, 2, bins)
    """
    return at.conductance * at.frequency_per_e * power_met(basis, e).reshape(at.resonance.shape)


def constant_coefficient(at: Faces, parameters: Parameters, model: Model) -> jax.Array:
    """Return kappa x weight of each face for a constant nu, (2, n_p, n_mu - 1) [code].

    With model.scattering = "co_moving", waves of each direction scatter the hemisphere that moves with them; with
    "forward", those of direction + scatter all particles.
    """
    sign = jnp.asarray(SIGNS)[:, None, None]
    if model.scattering == "co_moving":
        active = sign * at.resonance > 0.0
    else:
        active = jnp.broadcast_to(sign > 0.0, at.resonance.shape)
    return jnp.where(active, parameters.scattering_frequency * at.conductance, 0.0)


def along_waves(mesh: Mesh, at: Faces, df: jax.Array) -> jax.Array:
    """Return L df at the faces, (2, n_p, n_mu - 1) [code].

    df: f - F0 of the cells, (n_p, n_mu) [code]
    """
    in_p = at.derivative @ df
    return at.a * 0.5 * (in_p[:, 1:] + in_p[:, :-1]) + at.across * (jnp.diff(df, axis=1) / mesh.distance)


def divergence(mesh: Mesh, at: Faces, flux: jax.Array) -> jax.Array:
    """Return the rate of change of V df by fluxes at the faces, (n_p, n_mu) [code].

    It is minus the transpose of `along_waves`.
    flux: kappa x weight x L f, (2, n_p, n_mu - 1) [code]
    """
    in_mu = jnp.sum(at.across * flux, axis=0) / mesh.distance
    in_p = 0.5 * jnp.sum(at.a * flux, axis=0)
    spread = jnp.pad(in_p, ((0, 0), (1, 0))) + jnp.pad(in_p, ((0, 0), (0, 1)))
    return jnp.diff(jnp.pad(in_mu, ((0, 0), (1, 1))), axis=1) - at.derivative.T @ spread


def implicit(mesh: Mesh, at: Faces, coefficient: jax.Array, right: jax.Array, span: jax.Array) -> jax.Array:
    """Solve V df - span (rate of V df by L df) = ``right`` for df, (n_p, n_mu) [code].

    Conjugate gradients, preconditioned by the exact solve of the part in mu: the rest is small as
    (v_A/v)^2 nu span/(d ln p)^2 and needs few iterations.

    coefficient: kappa x weight of each face, (2, n_p, n_mu - 1) [code]
    right: right side, (n_p, n_mu) [code]
    span: implicit part of the time step [1/Omega0]
    """
    # Unknowns and rows scaled so that the tolerance is one of relative size at every momentum.
    scale = 1.0 / (mesh.weight[:, None] * jnp.abs(at.slope))
    volume = mesh.volume

    def system(x: jax.Array) -> jax.Array:
        df = scale * x
        return scale * (volume * df - span * divergence(mesh, at, coefficient * along_waves(mesh, at, df)))

    inner = span * jnp.sum(coefficient * at.across**2, axis=0) / mesh.distance**2
    left, right_side = jnp.pad(inner, ((0, 0), (1, 0))), jnp.pad(inner, ((0, 0), (0, 1)))
    diagonal = volume + left + right_side

    def precondition(r: jax.Array) -> jax.Array:
        solved = jax.lax.linalg.tridiagonal_solve(-left, diagonal, -right_side, (r / scale)[..., None])
        return solved[..., 0] / scale

    b = scale * right
    x, _ = jax.scipy.sparse.linalg.cg(
        system, b, x0=precondition(b), tol=_TOLERANCE, maxiter=_ITERATIONS, M=precondition
    )
    return scale * x
