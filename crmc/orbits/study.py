"""The study of quasilinear theory by orbits: which waves, amplitudes and momenta, and what is measured on each.

Every `Case` is measured and predicted alike.  Beside the tensor, the limit of long lags and weak waves, stands what
theory expects of the very lags used,

    <d mu^2>(T) = M + (B - 2 D_mumu T) min(1, M/2 D_mumu T),

M by diffusion from mu_0, which knows that particles come to other D(mu), to the gap and the end of the spectrum, and B
to second order in the waves, which knows that beats with waves out of resonance last.  Each is exact where the other
says 2 D_mumu T.
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

Branches = tuple[tuple[int, int], ...]

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
    """One spectrum and momentum.

    place: where its results go, (kind, indices); key: number of its random stream.
    k_min, k_max: ends of the spectrum; cosines: mu at the start.
    """

    place: tuple[str, tuple[int, ...]]
    key: int
    branches: Branches
    amplitude: float
    momentum: float
    k_min: float
    k_max: float
    cosines: tuple[float, ...]
    gyrations: float


def cases(study: Study) -> Iterator[Case]:
    """All cases; their places: ("main", (waves, amplitude, momentum)), ("branch", (d, h, momentum)),
    ("narrow", (width, amplitude)).
    """
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
    """Cosines of both signs, ascending."""
    return tuple(-x for x in reversed(study.cosines)) + study.cosines


def flat_width(study: Study) -> float:
    """(dB/B)^2 over e of one branch: the width in ln k of its ``bins`` splines."""
    return float(study.bins * np.log(study.k_max / study.k_min) / (study.bins + 2))


class Spectrum(NamedTuple):
    """Waves of a case: splines, amplitudes e (D, 2, bins) and velocities (D,), and the slab's modes."""

    grid: SpectrumGrid
    e: jax.Array
    velocity: jax.Array
    modes: Modes


def spectrum_of(case: Case, study: Study) -> Spectrum:
    """A flat spectrum e(ln k) of the case's amplitude."""
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
    """The compiled `displacements`, one for each shape of its arguments."""

    def __init__(self, study: Study):
        self.study, self.lock = study, threading.Lock()
        self.known: dict[str, Callable[..., jax.Array]] = {}
        self.batch = 1 if jax.default_backend() == "cpu" else min(_BATCH, study.realisations)

    def __call__(self, *arguments: Any) -> np.ndarray:
        """Displacements for (modes, p, mu, dt, steps, key)."""
        shape = str(jax.tree.map(jnp.shape, arguments[:-1]))
        sample = Sample(LAGS, self.study.particles, self.study.realisations, self.batch)
        with self.lock:
            if shape not in self.known:
                lowered = displacements.lower(*arguments, sample=sample, dtype=np.dtype(self.study.precision))
                self.known[shape] = lowered.compile(compiler_options())
        return np.asarray(self.known[shape](*arguments))


def timing(case: Case, study: Study) -> tuple[float, int, np.ndarray]:
    """Step dt, steps per lag, and the lags [1/Omega0]."""
    gamma = np.hypot(1.0, case.momentum)
    lag = 2.0 * np.pi * gamma * case.gyrations / LAGS
    most = min(_GYROPHASE * gamma, _WAVE_PHASE / (study.k_max * (case.momentum / gamma + study.alfven_speed)))
    steps = int(np.ceil(lag / most))
    return lag / steps, steps, lag * np.arange(1, LAGS + 1)


def measure(case: Case, study: Study, programs: Programs) -> dict[str, np.ndarray]:
    """Every result of a case by name; see `predict` for those of theory."""
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
    """Where theory's nu is at least a hundredth of its largest, by D_mumu (..., mu)."""
    nu = tensor / (1.0 - mu**2)
    return nu > 0.01 * np.max(nu, axis=-1, keepdims=True)


def pooled(tensor: np.ndarray, mu: np.ndarray) -> np.ndarray:
    """The resonant cosines with 0.2 <= |mu| <= 0.9."""
    return resonant(tensor, mu) & (np.abs(mu) > 0.199) & (np.abs(mu) < 0.901)


def predict(case: Case, waves: Spectrum, times: np.ndarray) -> dict[str, np.ndarray]:
    """Theory of a case: the tensor, and the <d mu^2> of diffusion, and expected, at every lag."""
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
) -> dict[tuple[str, tuple[int, ...]], dict[str, np.ndarray]]:
    """Results of every case by its place, on all cores; those that are ready when ``stop`` says so."""
    programs = Programs(study)
    found: dict[tuple[str, tuple[int, ...]], dict[str, np.ndarray]] = {}
    for case, values in each(cases(study), lambda case: measure(case, study, programs), stop):
        found[case.place] = values
        progress()
    return found
