"""Deterministic finite-volume solver of the expanding-tube problem: an oracle for the tests.

Independent of ``crmc`` on purpose: numpy and scipy only, its own basis functions, its own
quadratures.  Equations of Zweibel (2020) at leading order in v_A/c, one hemisphere
(mu > 0; the other is its mirror image), isotropic part absorbed in F0(p b^{-1/3}):

    d(df)/dt = (Bdot/3B) P_2(mu) p dF0/dp + dF_mu/dmu                        (eq. 39)
    F_mu = sum_s D_s [d(df)/dmu + s (p v_A/v) dF0/dp],  s = +1 co-, -1 counter-moving
    D_s = nu_s (1 - mu^2)/2,   nu_s = pi (Omega0/gamma) e_s(ln k),   k = m Omega0/(p mu)
    dE_sj/dt = int p^2 dp dmu s v_A p F_mu,s (e_j S_j/e) - 2 Gamma_d E_sj - (3/2 tau_B) E_sj

with e = sum_j e_j S_j(ln k), E_j = 2 e_j h B^2/8 pi (energy of ONE branch in bin j).

Code units: momentum m_p c, time 1/Omega0(t=0), density n_i(t=0), velocity c, wavenumber
Omega0(t=0)/c; hence B^2/8 pi = v_A^2/2 and f is normalised by n_c = int f p^2 dp dmu.

Numerics: cells in mu between the edge of the 90-degree gap, mu_c = 1/(k_max p), and 1, one
set for every Gauss-Legendre node in ln p; two-stage second-order semi-implicit Runge-Kutta
step (diffusion L-stable, waves explicit), so the energy lost by particles equals the energy
gained by waves to round-off, and steps much longer than 1/nu are allowed.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
from scipy.linalg import solve_banded
from scipy.sparse import csr_array

_STAGE = 1.0 - 1.0 / math.sqrt(2.0)  # L-stable diagonally implicit coefficient
_leggauss = functools.cache(np.polynomial.legendre.leggauss)


@dataclasses.dataclass(frozen=True)
class Problem:
    """Everything that defines the problem, in code units (see the module's docstring).

    F0 = amplitude (turnover^2 + y^2)^(-index/2), y = p b^{-1/3}, filled on [p_min, p_max].
    damping: amplitude rate Gamma_d, a constant; landau_speed: v_i/c of the paper's nonlinear
    Landau form Gamma_d = (v_i/c) pi (Omega0/gamma) e(k_j), e at the spline's centre (0: off),
    with gamma = landau_lorentz, or that of the resonant particle with mu = 1 if None.
    b: "constant" keeps B at B0 in every coefficient, "exponential" uses exp(-t/tau_B).
    wave_adiabatic: include -(3/2 tau_B) E, the wave energy spent in the expansion.
    """

    v_alfven: float
    tau_B: float
    damping: float = 0.0
    landau_speed: float = 0.0
    landau_lorentz: float | None = None
    index: float = 4.7
    turnover: float = 1.0
    p_min: float = 0.5
    p_max: float = 100.0
    amplitude: float = 1.0
    k_min: float = 0.01
    k_max: float = 5.0
    bins: int = 16
    b: str = "constant"
    wave_adiabatic: bool = False

    @property
    def spacing(self) -> float:
        """Knot spacing h in ln k: ``bins`` quadratic splines fill [ln k_min, ln k_max]."""
        return math.log(self.k_max / self.k_min) / (self.bins + 2)

    @property
    def k_centres(self) -> np.ndarray:
        """Wavenumber at the centre of each spline, shape (bins,)."""
        j = np.arange(self.bins)
        return self.k_min * np.exp((j + 1.5) * self.spacing)

    def field(self, t: float) -> float:
        """b = B/B0 at time t."""
        return math.exp(-t / self.tau_B) if self.b == "exponential" else 1.0

    def landau_slope(self, b: float = 1.0) -> np.ndarray:
        """Gamma_d/e of nonlinear Landau damping at each spline's centre, shape (bins,)."""
        gamma = self.landau_lorentz or np.sqrt(1 + (b / self.k_centres) ** 2)
        return self.landau_speed * np.pi * b / gamma * np.ones(self.bins)

    def density(self, y):
        """F0(y)."""
        return self.amplitude * (self.turnover**2 + y**2) ** (-self.index / 2)

    def slope(self, y):
        """dF0/d ln y."""
        return -self.index * y**2 / (self.turnover**2 + y**2) * self.density(y)

    def momentum_nodes(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Gauss-Legendre nodes in ln y on [p_min, p_max]: y and d ln y, shape (n,)."""
        x, w = _leggauss(n)
        half = 0.5 * math.log(self.p_max / self.p_min)
        return self.p_min * np.exp(half * (x + 1.0)), half * w

    def pressure(self, b: float = 1.0, n: int = 200) -> float:
        """P_c = (1/3) int p v 2 F0 p^2 dp over the filled range."""
        y, dln = self.momentum_nodes(n)
        p = y * b ** (1 / 3)
        return float(np.sum(2 / 3 * p**5 / np.sqrt(1 + p**2) * self.density(y) * dln))

    def with_pressure(self, pressure: float) -> Problem:
        """The same problem with ``amplitude`` set so that P_c = ``pressure``."""
        unit = dataclasses.replace(self, amplitude=1.0).pressure()
        return dataclasses.replace(self, amplitude=pressure / unit)


@dataclasses.dataclass(frozen=True)
class Solution:
    """History; index 0 is the initial state.  ``e``, ``growth``: one co-moving branch.

    heating: instantaneous power of the particles into all waves, both hemispheres, (T,);
    growth: amplitude growth rate gain/(2 E), (T, bins), nan where E = 0;
    delta_P_over_P: (P_par - P_perp)/P_c including the gap, (T,);
    wave_energy: energy density of all branches, (T,);
    energy_residual: of each step, |wave gain + particle energy change by scattering| / sum
    |wave gain|, (T-1,), the particles' share from v_A d(p mu) of the solved cells (a kick by a
    counter-moving wave has d eps = -v_A d(p mu)); delta_f, momentum, mu: the final state.
    """

    t: np.ndarray
    heating: np.ndarray
    e: np.ndarray
    e_counter: np.ndarray
    growth: np.ndarray
    growth_counter: np.ndarray
    delta_P_over_P: np.ndarray
    wave_energy: np.ndarray
    energy_residual: np.ndarray
    delta_f: np.ndarray
    momentum: np.ndarray
    mu: np.ndarray


def cgs_problem(
    magnetic_field=1e-6,
    ion_density=1.3233e-3,
    pressure=8.2e-14,
    tau_B=3.7e12,
    damping=1e-11,
    thermal_speed=0.0,
    **changes,
) -> tuple[Problem, dict[str, float]]:
    """Problem from cgs numbers, and the code units {time [s], power [erg cm^-3 s^-1], ...}.

    Defaults: linear damping at v_A/c = 2e-4, the problem of the tests.
    """
    mass, charge, light = 1.67262192e-24, 4.80320471e-10, 2.99792458e10
    omega = charge * magnetic_field / (mass * light)
    rest = ion_density * mass * light**2
    v_a = magnetic_field / math.sqrt(4 * math.pi * ion_density * mass) / light
    units = {"time": 1 / omega, "power": rest * omega, "pressure": rest, "frequency": omega}
    problem = Problem(
        v_alfven=v_a,
        tau_B=tau_B * omega,
        damping=damping / omega,
        landau_speed=thermal_speed / light,
        **changes,
    )
    return problem.with_pressure(pressure / rest), units


def splines(problem: Problem, ln_k: np.ndarray) -> np.ndarray:
    """Uniform quadratic B-splines S_j(ln k), shape ln_k.shape + (bins,), integral h, sum <= 1."""
    x = (ln_k - math.log(problem.k_min)) / problem.spacing
    x = np.abs(x[..., None] - np.arange(problem.bins) - 1.5)
    return np.where(x < 0.5, 0.75 - x**2, np.where(x < 1.5, 0.5 * (1.5 - x) ** 2, 0.0))


def gap_flux(mu, mu_c):
    """F_mu/(S0/2) of the quasi-steady state with F_mu = 0 at mu_c and 1; S0 = -p F0'/(3 tau_B).

    The source S0 P_2 has a non-zero mean over (mu_c, 1), which the waves cannot remove:
    f there rises uniformly at S0 mu_c (1 + mu_c)/2, and
    F_mu = (S0/2) [mu (1 - mu^2) - mu_c (1 + mu_c)(1 - mu)].
    """
    return (1 - mu) * (mu - mu_c) * (1 + mu + mu_c)


def exact_heating(problem: Problem, gap: bool = True, n: int = 400) -> float:
    """Quasi-steady power into waves at b = 1: 2 v_A int p^3 dp int F_mu dmu, any nu > 0.

    int_{mu_c}^1 of ``gap_flux`` is (1 - mu_c)^3 (1 + mu_c)/4.  The range of p is finite and
    the flux local, so p dF0/dp is NOT integrated by parts.
    """
    y, dln = problem.momentum_nodes(n)
    mu_c = np.minimum(1 / (problem.k_max * y), 1.0) if gap else np.zeros_like(y)
    shape = (1 - mu_c) ** 3 * (1 + mu_c) / 4
    source = -problem.slope(y) / (3 * problem.tau_B)
    return float(problem.v_alfven * np.sum(y**4 * source * shape * dln))


def growth_power(problem: Problem, k: np.ndarray, n: int = 400) -> np.ndarray:
    """Gamma e of the quasi-steady state, amplitude rate times e; shape k.shape.

    Gamma = (pi/4) p1 int (p^2 - p1^2) A dp with nu A from ``gap_flux``: nu drops out.
    """
    p1 = 1 / np.atleast_1d(k)[:, None]
    low = np.maximum(p1, problem.p_min)
    x, w = _leggauss(n)
    half = np.maximum(0.5 * np.log(problem.p_max / low), 0.0)
    p = low * np.exp(half * (x + 1))
    mu, mu_c = p1 / p, np.minimum(1 / (problem.k_max * p), 1.0)
    shape = np.maximum(gap_flux(mu, mu_c), 0.0)  # (1 - mu^2) nu A in units of S0 v/(p v_A)
    integrand = p**3 * shape * -problem.slope(p) * half * w
    factor = p1[:, 0] / (12 * problem.v_alfven * problem.tau_B)
    return factor * np.sum(integrand, axis=1)


def equilibrium(problem: Problem, n: int = 4000) -> np.ndarray:
    """Spline amplitudes at which every bin's gain balances its damping, shape (bins,).

    The power per ln k is fixed by the expansion, so bin j balances where
    int S_j (Gamma e)_fixed/e dln k = Gamma_d,j h; solved by multiplicative iteration.
    """
    ln_k = np.linspace(math.log(problem.k_min), math.log(problem.k_max), n + 1)
    ln_k = 0.5 * (ln_k[1:] + ln_k[:-1])
    basis, fixed = splines(problem, ln_k), growth_power(problem, np.exp(ln_k), 100)
    weight = (basis * fixed[:, None]).T * (ln_k[1] - ln_k[0]) / problem.spacing
    e = np.maximum(growth_power(problem, problem.k_centres), 1e-30 * fixed.max())
    slope = problem.landau_slope()
    e = e / problem.damping if problem.damping else np.sqrt(e / slope)
    for _ in range(5000):
        rate = problem.damping + slope * (basis_at_centres(problem) @ e)
        factor = np.sqrt((weight @ (1 / (basis @ e))) / rate)
        e = e * factor
        if np.max(np.abs(factor - 1)) < 1e-12:
            break
    return e


def basis_at_centres(problem: Problem) -> np.ndarray:
    """S_j at the centre of every spline, shape (bins, bins)."""
    return splines(problem, np.log(problem.k_centres))


class _Grid:
    """Cells (n_p, n_mu) and the coefficients that depend on them and on b."""

    def __init__(self, problem: Problem, n_p: int, n_mu: int, b_end: float):
        self.problem = problem
        self.y, self.dln = problem.momentum_nodes(n_p)
        edge = np.minimum(b_end ** (2 / 3) / (problem.k_max * self.y), 0.999)
        # ln(mu/mu_c): quadratic at the edge of the gap (scale x0), uniform above
        x0, length = 0.1, -np.log(edge)[:, None]
        reach = np.sqrt(length**2 + 2 * x0 * length)
        s = np.linspace(0.0, 1.0, 2 * n_mu + 1) * reach
        mu = edge[:, None] * np.exp(np.sqrt(x0**2 + s**2) - x0)
        mu[:, -1] = 1.0
        self.face, self.mu = mu[:, 0::2], mu[:, 1::2]
        self.width, self.gap = np.diff(self.face, axis=1), self.face[:, 0]
        self.distance = np.diff(self.mu, axis=1)
        moment = 0.5 * (self.face**3 - self.face)  # int P_2 dmu
        self.p2 = np.diff(moment, axis=1) / self.width  # cell mean of P_2
        self.slope = problem.slope(self.y)
        self.source = -self.slope[:, None] / (3 * problem.tau_B) * self.p2
        self._basis = (None, None)

    def basis(self, b: float) -> csr_array:
        """S_j at the inner faces, shape (n_p (n_mu - 1), bins); cached while b is unchanged."""
        if self._basis[0] != b:
            p = self.y * b ** (1 / 3)
            ln_k = np.log(b / (p[:, None] * self.face[:, 1:-1]))
            self._basis = (b, csr_array(splines(self.problem, ln_k.ravel())))
        return self._basis[1]


@dataclasses.dataclass
class _Rates:
    """Stage coefficients: diffusion at inner faces, drive, and weights of the energy integral."""

    diffusion: np.ndarray  # sum of both families, (n_p, n_mu-1)
    drive: np.ndarray  # sum_s s D_s (p v_A/v) dF0/dp, same shape
    per_e: np.ndarray  # D/e = pi (Omega0/gamma)(1-mu^2)/2, same shape
    push: np.ndarray  # (p v_A/v) dF0/dp, (n_p, 1)
    weight: np.ndarray  # v_A p^3 dp of each node, (n_p, 1)
    magnetic: float  # 2 h B^2/8 pi
    basis: csr_array


def _rates(grid: _Grid, energy: np.ndarray, b: float) -> _Rates:
    """Coefficients at field b for branch energies ``energy`` (2, bins): co-, counter-moving."""
    problem = grid.problem
    p = (grid.y * b ** (1 / 3))[:, None]
    gamma, v_a = np.sqrt(1 + p**2), problem.v_alfven * math.sqrt(b)
    magnetic = problem.spacing * (problem.v_alfven * b) ** 2
    basis = grid.basis(b)
    per_e = 0.5 * np.pi * b / gamma * (1 - grid.face[:, 1:-1] ** 2)
    e = (basis @ (energy / magnetic).T).T.reshape(2, *per_e.shape)
    push = v_a * gamma / p * grid.slope[:, None]
    return _Rates(
        per_e * (e[0] + e[1]),
        per_e * (e[0] - e[1]) * push,
        per_e,
        push,
        v_a * p**4 * grid.dln[:, None],
        magnetic,
        basis,
    )


def _gain(grid: _Grid, rates: _Rates, energy: np.ndarray, df: np.ndarray) -> np.ndarray:
    """Power the mu > 0 particles give to each bin of the two branches, shape (2, bins)."""
    gradient = np.diff(df, axis=1) / grid.distance
    per_e = rates.per_e * grid.distance * rates.weight
    amplitude = energy / rates.magnetic
    power = np.stack([per_e * (gradient + rates.push), -per_e * (gradient - rates.push)])
    return amplitude * (rates.basis.T @ power.reshape(2, -1).T).T


def _implicit(grid: _Grid, rates: _Rates, right: np.ndarray, step: float) -> np.ndarray:
    """Solve df - step d/dmu[D d(df)/dmu + drive] = right for all p at once (tridiagonal)."""
    c = step * rates.diffusion / grid.distance
    n_p, n_mu = right.shape
    lower, upper, diagonal = (np.zeros((n_p, n_mu)) for _ in range(3))
    upper[:, 1:] = -c / grid.width[:, :-1]
    lower[:, :-1] = -c / grid.width[:, 1:]
    diagonal[:, :-1] += c / grid.width[:, :-1]
    diagonal[:, 1:] += c / grid.width[:, 1:]
    right = right + step * np.diff(np.pad(rates.drive, ((0, 0), (1, 1))), axis=1) / grid.width
    bands = np.stack([upper.ravel(), 1 + diagonal.ravel(), lower.ravel()])
    return solve_banded((1, 1), bands, right.ravel()).reshape(n_p, n_mu)


def _loss(problem: Problem, energy: np.ndarray, magnetic: float, b: float) -> np.ndarray:
    """Energy leaving each bin by damping and by the expansion, shape (2, bins)."""
    rate = 2 * problem.damping + (1.5 / problem.tau_B if problem.wave_adiabatic else 0.0)
    if problem.landau_speed:
        e = energy / magnetic @ basis_at_centres(problem).T
        rate = rate + 2 * problem.landau_slope(b) * e
    return rate * energy


def _step(grid: _Grid, df: np.ndarray, energy: np.ndarray, t: float, dt: float):
    """One semi-implicit step: df, energy (2, bins), relative energy residual."""
    problem, a = grid.problem, _STAGE
    slope_f, slope_e, imbalance, scale = [], [], 0.0, 0.0
    for stage, weight in ((0, 1 - a), (1, a)):
        # explicit data at t and t + dt/(2a); implicit data at t + a dt and t + dt
        explicit = energy if stage == 0 else energy + dt / (2 * a) * slope_e[0]
        start = df if stage == 0 else df + dt * (1 - a) * slope_f[0]
        b = problem.field(t + (0.0 if stage == 0 else dt / (2 * a)))
        rates = _rates(grid, explicit, b)
        new = _implicit(grid, rates, start + a * dt * grid.source, a * dt)
        slope_f.append((new - start) / (a * dt))
        gain = _gain(grid, rates, explicit, new)
        slope_e.append(gain - _loss(problem, explicit, rates.magnetic, b))
        scattered = (slope_f[-1] - grid.source) * grid.width * grid.mu
        imbalance += weight * (gain[0].sum() - gain[1].sum() + np.sum(rates.weight * scattered))
        scale += weight * np.abs(gain).sum()
    df = df + dt * ((1 - a) * slope_f[0] + a * slope_f[1])
    energy = energy + dt * ((1 - a) * slope_e[0] + a * slope_e[1])
    if np.any(energy < 0):
        raise ValueError(f"wave energy negative at t = {t + dt:g}: use shorter steps")
    return df, energy, abs(imbalance) / scale if scale else 0.0


def _observe(grid: _Grid, df: np.ndarray, energy: np.ndarray, t: float):
    """heating, e (2, bins), growth (2, bins), Delta P/P, wave energy of all four branches."""
    problem, b = grid.problem, grid.problem.field(t)
    rates = _rates(grid, energy, b)
    gain = _gain(grid, rates, energy, df)
    with np.errstate(invalid="ignore", divide="ignore"):
        growth = np.where(energy > 0, gain / (2 * energy), np.nan)
    p = grid.y * b ** (1 / 3)
    moment = np.sum(df * grid.p2 * grid.width, axis=1)
    g = grid.gap  # f inside the gap has only been driven: df = -(slope/3 tau_B) P_2 t
    inside = (9 / 5 * g**5 - 2 * g**3 + g) / 4  # int_0^g P_2^2 dmu
    moment += -grid.slope / (3 * problem.tau_B) * t * inside
    delta_p = 2 * np.sum(p**5 / np.sqrt(1 + p**2) * moment * grid.dln)
    relative = delta_p / problem.pressure(b)
    return 2 * gain.sum(), energy / rates.magnetic, growth, relative, 2 * energy.sum()


def solve(problem: Problem, e_initial, t_end=None, n_steps=None, n_p=32, n_mu=128, times=None):
    """Integrate from isotropic f = F0 and spline amplitudes ``e_initial``; returns Solution.

    e_initial: (bins,) for the co-moving branches (counter-moving ones empty) or (2, bins).
    times: increasing times from 0 on, instead of ``n_steps`` equal steps to ``t_end``.
    """
    times = np.linspace(0.0, t_end, n_steps + 1) if times is None else np.asarray(times, float)
    grid = _Grid(problem, n_p, n_mu, problem.field(times[-1]))
    e = np.zeros((2, problem.bins))
    e[: np.ndim(e_initial) if np.ndim(e_initial) == 2 else 1] = e_initial
    df, energy = np.zeros_like(grid.mu), e * problem.spacing * problem.v_alfven**2
    record, residual = [_observe(grid, df, energy, times[0])], []
    for t, t_next in zip(times[:-1], times[1:], strict=True):
        df, energy, r = _step(grid, df, energy, t, t_next - t)
        residual.append(r)
        record.append(_observe(grid, df, energy, t_next))
    heat, e, growth, anisotropy, wave = (np.array(column) for column in zip(*record, strict=True))
    return Solution(
        times, heat, e[:, 0], e[:, 1], growth[:, 0], growth[:, 1], anisotropy, wave,
        np.array(residual), df, grid.y, grid.mu,
    )  # fmt: skip
