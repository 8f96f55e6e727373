"""Test quasilinear theory by orbits: measure and predict the scattering of each spectrum, amplitude and momentum.

Every `Case` is measured and predicted in the same way.  The tensor is the limit of long lags and weak waves; at the lag
T that is measured theory expects

    <d mu^2>(T) = M + (B - 2 D_mumu T) min(1, M/(2 D_mumu T)).

M is the spread by diffusion from mu_0: it includes that D_mumu changes along the way, in the gap and at the ends of the
spectrum.  B is of second order in the waves: it includes the beats with waves out of resonance, which do not decay.
Each is exact where the other is 2 D_mumu T.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.machine.devices import compiler_options
from crmc.machine.parallel import each
from crmc.orbits import quasilinear
from crmc.orbits.config import NARROW_COSINE, NARROW_LAGS, Study
from crmc.orbits.slab import Modes, make_modes
from crmc.orbits.transport import MOMENTS, Sample, displacements, running, slope
from crmc.physics.spectrum import SpectrumGrid, make_grid
from crmc.statistics import mean_of, ratio_of

#: Branches (d, h) of the waves that are present.
Branches = tuple[tuple[int, int], ...]
#: Kind of a case and its indices in the result.
Place = tuple[str, tuple[int, ...]]

#: Sets of branches (d, h), by name; they share the power equally.
WAVES: dict[str, Branches] = {
    "one branch": ((1, 1),),
    "one direction": ((1, 1), (1, -1)),
    "one helicity": ((1, 1), (-1, 1)),
    "four branches": ((1, 1), (1, -1), (-1, 1), (-1, -1)),
}
SINGLE: Branches = WAVES["four branches"]
#: Lags; D is the slope between the lags number FIRST and the last.
LAGS, FIRST = 8, 1
#: Longest steps: gyrophase, and phase of the shortest wave.
_GYROPHASE, _WAVE_PHASE = 0.15, 3.0
_FEWEST_GYRATIONS = 1.0
#: Slabs side by side on a GPU.
_BATCH = 128


@dataclasses.dataclass(frozen=True)
class Case:
    """One spectrum and momentum of the study.

    place: where its results go, ("main", (waves, amplitude, momentum)), ("branch", (d, h, momentum)) or
        ("narrow", (width, amplitude))
    key: number of its random stream
    branches: branches (d, h), of equal power
    amplitude: dB/B of all waves together, r.m.s.
    momentum: momentum [m_p c]
    k_min, k_max: ends of the spectrum [Omega0/c]
    cosines: pitch-angle cosines at the start
    gyrations: longest lag [gyrations]
    """

    place: Place
    key: int
    branches: Branches
    amplitude: float
    momentum: float
    k_min: float
    k_max: float
    cosines: tuple[float, ...]
    gyrations: float


def cases(study: Study) -> Iterator[Case]:
    """Yield all cases of the study: sets of branches, each branch alone, narrow spectra."""
    number = iter(range(10**9))
    cosines = signed(study)
    broad = study.k_min, study.k_max, cosines
    for w, branches in enumerate(WAVES.values()):
        for a, amplitude in enumerate(study.amplitudes):
            nu = 2.0 * np.pi**2 * amplitude**2 / flat_width(study) / len({h for _, h in branches})
            gyrations = float(np.clip(study.diffusion_per_lag / nu, _FEWEST_GYRATIONS, study.gyrations))
            for i, p in enumerate(study.momenta):
                yield Case(("main", (w, a, i)), next(number), branches, amplitude, p, *broad, gyrations)
    for one in SINGLE:
        for i, p in enumerate(study.momenta):
            indices = 0 if one[0] > 0 else 1, 0 if one[1] > 0 else 1, i
            yield Case(("branch", indices), next(number), (one,), study.branch_amplitude, p, *broad, study.gyrations)
    p, long = study.momenta[0], NARROW_LAGS * study.gyrations
    for w, width in enumerate(study.widths):
        ends = study.narrow_k * np.exp(-0.5 * width), study.narrow_k * np.exp(0.5 * width)
        for a, amplitude in enumerate(study.narrow_amplitudes):
            yield Case(("narrow", (w, a)), next(number), ((1, 1),), amplitude, p, *ends, (NARROW_COSINE,), long)


def signed(study: Study) -> tuple[float, ...]:
    """Return the cosines of the study with both signs, ascending."""
    return tuple(-x for x in reversed(study.cosines)) + study.cosines


def flat_width(study: Study) -> float:
    """Return (dB/B)^2/e of one branch of flat power e: the width of its splines in ln k."""
    return float(study.bins * np.log(study.k_max / study.k_min) / (study.bins + 2))


class Spectrum(NamedTuple):
    """Waves of a case.

    grid: splines in ln k
    e: wave power of each branch and bin, (D, 2, bins)
    velocity: V_d of each direction, (D,) [c]
    modes: modes of the slab
    """

    grid: SpectrumGrid
    e: jax.Array
    velocity: jax.Array
    modes: Modes


def spectrum_of(case: Case, study: Study) -> Spectrum:
    """Return the waves of a case, of flat e(ln k) between the ends of its spectrum."""
    directions = sorted({d for d, _ in case.branches}, reverse=True)
    knot = np.log(case.k_max / case.k_min) / (study.bins + 2)
    e = np.zeros((len(directions), 2, study.bins))
    for d, h in case.branches:
        e[directions.index(d), 0 if h > 0 else 1] = case.amplitude**2 / (len(case.branches) * study.bins * knot)
    grid = make_grid(case.k_min, case.k_max, study.bins, 0.5 * study.momenta[0], 2.0 * study.momenta[-1])
    velocity = study.alfven_speed * jnp.asarray(directions, jnp.float64)
    modes = make_modes(grid, jnp.asarray(e), velocity, length=study.length, cells=study.cells)
    return Spectrum(grid, jnp.asarray(e), velocity, modes)


class Programs:
    """Compiled versions of `displacements`, one for each shape of its arguments; threads may share them."""

    def __init__(self, study: Study) -> None:
        self.study, self.lock = study, threading.Lock()
        self.known: dict[str, Callable[..., jax.Array]] = {}
        self.batch = 1 if jax.default_backend() == "cpu" else min(_BATCH, study.realisations)

    def __call__(self, *arguments: Any) -> np.ndarray:
        """Return the `displacements` for (modes, p, mu, dt, steps, key), (realisations, LAGS, n, 7)."""
        shape = str(jax.tree.map(jnp.shape, arguments[:-1]))
        sample = Sample(LAGS, self.study.particles, self.study.realisations, self.batch)
        with self.lock:
            if shape not in self.known:
                lowered = displacements.lower(*arguments, sample=sample, dtype=np.dtype(self.study.precision))
                self.known[shape] = lowered.compile(compiler_options())
        return np.asarray(self.known[shape](*arguments))


def timing(case: Case, study: Study) -> tuple[float, int, np.ndarray]:
    """Return the length of a step [1/Omega0], the steps per lag, and the lags, (LAGS,) [1/Omega0]."""
    gamma = np.hypot(1.0, case.momentum)
    lag = 2.0 * np.pi * gamma * case.gyrations / LAGS
    most = min(_GYROPHASE * gamma, _WAVE_PHASE / (study.k_max * (case.momentum / gamma + study.alfven_speed)))
    steps = int(np.ceil(lag / most))
    return lag / steps, steps, lag * np.arange(1, LAGS + 1)


def measure(case: Case, study: Study, programs: Programs) -> dict[str, np.ndarray]:
    """Measure a case and return every result by name, those of `predict` among them.

    The names, shapes and units are those of `crmc.orbits.dataset`; x_stderr is the standard error of x.
    """
    waves = spectrum_of(case, study)
    dt, steps, times = timing(case, study)
    p, mu = jnp.asarray(case.momentum), jnp.asarray(case.cosines)
    key = jax.random.fold_in(jax.random.key(study.seed, impl="threefry2x32"), case.key)
    moments = programs(waves.modes, p, mu, jnp.asarray(dt), jnp.asarray(steps), key)
    by_name = {name: moments[..., i] for i, name in enumerate(MOMENTS)}
    found = predict(case, waves, times)
    found["lag_time"] = times
    for name in ("mu_mu", "mu_p", "p_p"):
        found[f"D_{name}"], found[f"D_{name}_stderr"] = mean_of(slope(by_name[name], times, FIRST))
    found["running_D"], found["running_D_stderr"] = mean_of(running(by_name["mu_mu"], times))
    spread = mean_of(by_name["mu_mu"])
    found["spread"], found["spread_stderr"] = spread
    pushed, worked = by_name["z_z"][:, -1], by_name["z_energy"][:, -1]
    found["energy_per_push"], found["energy_per_push_stderr"] = ratio_of(worked, pushed)
    slopes = [slope(by_name[name], times, FIRST) for name in ("mu_mu", "mu_p", "p_p")]
    for name, above in zip(("mu_p", "p_p"), slopes[1:], strict=True):
        found[f"{name}_per_mu_mu"], found[f"{name}_per_mu_mu_stderr"] = ratio_of(above, slopes[0])
    end = found["expected_spread"][-1]
    found["ratio"], found["ratio_stderr"] = spread.value[-1] / end, spread.stderr[-1] / end
    use = pooled(found["theory_mu_mu"], np.asarray(mu))
    for name, measured, want in (
        ("ratio", by_name["mu_mu"][:, -1], end),
        ("slope_ratio", slopes[0], slope(found["expected_spread"], times, FIRST)),
    ):
        mean = mean_of(np.mean((measured / want)[:, use], axis=1)) if use.any() else (np.nan, np.nan)
        found[f"pooled_{name}"], found[f"pooled_{name}_stderr"] = (np.asarray(x) for x in mean)
    return found


def resonant(tensor: np.ndarray, mu: np.ndarray) -> np.ndarray:
    """Return where theory's nu is at least a hundredth of its largest, (..., n).

    tensor: D_mumu, (..., n); mu: pitch-angle cosine, (n,)
    """
    nu = tensor / (1.0 - mu**2)
    return nu > 0.01 * np.max(nu, axis=-1, keepdims=True)


def pooled(tensor: np.ndarray, mu: np.ndarray) -> np.ndarray:
    """Return where cosines are resonant and 0.2 <= |mu| <= 0.9, (..., n).

    tensor: D_mumu, (..., n); mu: pitch-angle cosine, (n,)
    """
    return resonant(tensor, mu) & (np.abs(mu) > 0.199) & (np.abs(mu) < 0.901)


def predict(case: Case, waves: Spectrum, times: np.ndarray) -> dict[str, np.ndarray]:
    """Return theory's results of a case by name: the tensor, (n,), and <d mu^2> at every lag, (LAGS, n).

    <d mu^2> is "diffused_spread" by diffusion alone and "expected_spread" with the beats.

    times: lags, (LAGS,) [1/Omega0]
    """
    p, mu = jnp.asarray(case.momentum), jnp.asarray(case.cosines)
    arguments = waves.grid, waves.e, waves.velocity, p
    local = quasilinear.tensor(*arguments, mu)
    mesh = quasilinear.tensor(*arguments, jnp.asarray(quasilinear.mesh())).mu_mu
    diffused = quasilinear.spread_of_diffusion(np.asarray(mesh), np.asarray(mu), times)
    beating = quasilinear.spread_of_waves(waves.modes, p, mu, jnp.asarray(times)).mu_mu
    found = {f"theory_{name}": np.asarray(x) for name, x in zip(("mu_mu", "mu_p", "p_p"), local, strict=True)}
    straight = 2.0 * found["theory_mu_mu"] * times[:, None]
    share = np.divide(diffused, straight, out=np.ones_like(straight), where=straight > diffused)
    found["diffused_spread"] = diffused
    found["expected_spread"] = diffused + (np.asarray(beating) - straight) * share
    return found


def run_study(
    study: Study,
    *,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[], None] = lambda: None,
) -> dict[Place, dict[str, np.ndarray]]:
    """Measure every case on all cores and return the results by place.

    stop: asked before each case is begun whether to leave it and all others out
    progress: called after each case
    """
    programs = Programs(study)
    found: dict[Place, dict[str, np.ndarray]] = {}
    for case, values in each(cases(study), lambda case: measure(case, study, programs), stop):
        found[case.place] = values
        progress()
    return found
