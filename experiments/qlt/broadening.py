"""Measure by orbits how waves broaden the resonance near 90 degrees, and fit a width to it.

python experiments/qlt/broadening.py [--parts local,crossing] [--share 1.0]

Local: D_mumu at small |mu|, from displacements over eight gyrations.  Crossing: passages from mu < -m to mu > m and
back among particles that fill -1 < mu < 1 evenly.  In diffusion there are 1/(2 int dmu/D_mumu) a particle and time each
way, the integral over (-m, m): the resistance of 90 degrees, on which the diffusivity along B depends.
"""

from __future__ import annotations

import argparse
import functools
import zlib
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc.orbits import WAVES, Modes, Sample, advance, displacements, make_modes, random_slab, slope, start
from crmc.physics import SpectrumGrid, broadened, make_grid
from crmc.statistics import mean_of

#: Spacing of the knots in ln k, cells of a slab, k_max times a cell.
KNOT, CELLS, PHASE_PER_CELL = 1.0 / 3.0, 65536, 1.25
#: |mu| at the start over that of mu_c = 1/(p k_max), and lags in gyrations.
COSINES, LAGS, GYRATIONS = (0.15, 0.3, 0.6, 1.0, 1.5, 2.0, 3.0, 5.0, 9.0), 4, 8.0
LONGEST_PHASE, LONGEST_GYROPHASE = 3.0, 0.15


class Point(NamedTuple):
    """Waves and particles of one measurement.

    waves: set of branches; amplitude: dB/B of all together; momentum [m_p c]; k_min, k_max: ends of the spectrum, which
    is flat in between [Omega0/c]; speed: v_A/c.
    """

    waves: str
    amplitude: float
    momentum: float
    k_max: float
    k_min: float = 0.05
    speed: float = 1e-4

    @property
    def gap(self) -> float:
        """mu_c = m Omega0/(p k_max)."""
        return 1.0 / (self.momentum * self.k_max)

    @property
    def gamma(self) -> float:
        """Lorentz factor."""
        return float(np.hypot(1.0, self.momentum))


class Waves(NamedTuple):
    """Waves of a point: splines, power of each helicity of all directions together, (2, bins), and modes."""

    grid: SpectrumGrid
    e: np.ndarray
    modes: Modes


def waves_of(point: Point) -> Waves:
    """Return the waves of a point."""
    branches = WAVES[point.waves]
    directions = sorted({d for d, _ in branches}, reverse=True)
    bins = round(np.log(point.k_max / point.k_min) / KNOT) - 2
    knot = np.log(point.k_max / point.k_min) / (bins + 2)
    e = np.zeros((len(directions), 2, bins))
    for d, h in branches:
        e[directions.index(d), (1 - h) // 2] = point.amplitude**2 / (len(branches) * bins * knot)
    grid = make_grid(point.k_min, point.k_max, bins, 0.5, 100.0)
    length = PHASE_PER_CELL * CELLS / point.k_max
    velocity = point.speed * jnp.asarray(directions, float)
    return Waves(grid, e.sum(axis=0), make_modes(grid, jnp.asarray(e), velocity, length=length, cells=CELLS))


def rate(waves: Waves, p: float, mu: np.ndarray, spread: float) -> np.ndarray:
    """Return D_mumu at rest in the frame of the waves with a resonance of width ``spread`` in mu, (n,) [Omega0]."""
    found = broadened(waves.grid, jnp.asarray(p * np.stack([mu] * 2)), jnp.asarray(p * spread))
    e = np.stack([waves.e, np.zeros_like(waves.e)])
    return 0.5 * np.pi / np.hypot(1.0, p) * np.asarray(found.power(jnp.asarray(e)))[0] * (1.0 - mu**2)


def span_of(point: Point, largest: float) -> float:
    """Return the longest step for particles of |mu| up to ``largest`` [1/Omega0]."""
    fast = point.k_max * (largest * point.momentum / point.gamma + point.speed)
    return min(LONGEST_GYROPHASE * point.gamma, LONGEST_PHASE / fast)


class Found(NamedTuple):
    """A value with its error at each |mu| (or one), and the mu that it belongs to."""

    mu: np.ndarray
    value: np.ndarray
    error: np.ndarray


@functools.cache
def local(point: Point, slabs: int, particles: int) -> Found:
    """Return D_mumu [Omega0] between the first and the last lag, mean of both signs of mu."""
    waves = waves_of(point)
    positive = point.gap * np.asarray(COSINES)
    positive = positive[positive < 0.5]
    mu = np.concatenate([positive, -positive])
    lag = 2.0 * np.pi * point.gamma * GYRATIONS / LAGS
    largest = min(1.0, 1.3 * positive.max() + 3.0 * point.amplitude)
    steps = int(np.ceil(lag / span_of(point, largest)))
    key = jax.random.fold_in(jax.random.key(1), zlib.crc32(repr(tuple(point)).encode()) % 2**31)
    moments = np.asarray(
        displacements(
            waves.modes, jnp.asarray(point.momentum), jnp.asarray(mu), jnp.asarray(lag / steps), jnp.asarray(steps),
            key, sample=Sample(LAGS, particles, slabs), dtype=np.dtype("float64"),
        )
    )  # fmt: skip
    times = lag * np.arange(1, LAGS + 1)
    both = slope(moments[..., 0], times, 0).reshape(slabs, 2, -1).mean(axis=1)
    return Found(positive, *mean_of(both))


@functools.partial(jax.jit, static_argnames=("outputs", "count"))
def _passages(modes: Modes, p: Any, key: Any, dt: Any, steps: Any, low: Any, high: Any, *, outputs: int, count: int):
    """Return the number of passages between the cores of particles in one slab, in the second half, ()."""
    slab = random_slab(modes, jax.random.fold_in(key, 0), np.dtype("float64"))
    words = jax.random.bits(jax.random.fold_in(key, 1), (3, count), "uint32")
    mu = -1.0 + 2.0 * (words[2].astype(float) + 0.5) * 2.0**-32
    now = start(p, mu, words[:2], slab)

    def core_of(mu: Any) -> Any:
        return jnp.where(mu > high, 1, jnp.where(mu < low, -1, 0))

    def body(carry: Any, number: Any) -> Any:
        now, last, passed = carry
        now = advance(slab, now, dt, steps)
        x, y, z = now.momentum
        core = core_of(z / jnp.sqrt(x**2 + y**2 + z**2))
        passed = passed + jnp.where(number >= outputs // 2, jnp.sum(core * last < 0), 0)
        return (now, jnp.where(core == 0, last, core), passed), None

    return jax.lax.scan(body, (now, core_of(mu), 0), jnp.arange(outputs))[0][2]


@functools.cache
def crossing(point: Point, low: float, high: float, slabs: int, particles: int, duration: float) -> Found:
    """Return the resistance int dmu/D over (low, high) [1/Omega0] from passages over half a duration [1/Omega0]."""
    waves = waves_of(point)
    stride = np.pi * point.gamma
    steps = int(np.ceil(stride / span_of(point, 1.0)))
    outputs = 2 * int(np.ceil(0.5 * duration / stride))
    passed = np.asarray([
        _passages(
            waves.modes, jnp.asarray(point.momentum), jax.random.fold_in(jax.random.key(2), 1000 * slab),
            jnp.asarray(stride / steps), jnp.asarray(steps), jnp.asarray(low), jnp.asarray(high),
            outputs=outputs, count=particles,
        )
        for slab in range(slabs)
    ])  # fmt: skip
    # Both ways count; half of the particles fill a unit of mu.
    mean, error = mean_of(passed / (particles * 0.5 * outputs * stride))
    return Found(np.asarray([low, high]), np.asarray([1.0 / mean]), np.asarray([error / mean**2]))


#: dB/B over mu_c of the local study, for each momentum and k_max; |mu| over mu_c up to which the passages go.
LOCAL, PLACES, CORE = (0.03, 0.1, 0.3, 0.6, 1.0, 3.0), ((3.0, 10.0), (3.0, 40.0), (30.0, 40.0)), 9.0
#: Waves, dB/B over mu_c, k_max, k_min, speed, slabs, and duration [1/Omega0] of the passages.
PASSAGES = (
    ("four branches", 0.6, 10.0, 0.05, 1e-3, 6, 1e5),
    ("four branches", 0.8, 10.0, 0.05, 1e-3, 6, 4e4),
    ("four branches", 1.0, 10.0, 0.05, 1e-3, 8, 2e4),
    ("four branches", 1.4, 10.0, 0.05, 1e-3, 8, 1e4),
    ("four branches", 2.0, 10.0, 0.05, 1e-3, 8, 6e3),
    ("four branches", 1.0, 10.0, 0.05, 1e-2, 8, 2e4),
    ("four branches", 1.0, 10.0, 0.4, 1e-3, 8, 2e4),
    ("one direction", 1.0, 10.0, 0.05, 1e-3, 8, 2e4),
    ("one direction", 1.4, 10.0, 0.05, 1e-3, 8, 1e4),
    ("four branches", 1.0, 40.0, 0.05, 1e-3, 6, 1.5e4),
    ("four branches", 1.4, 40.0, 0.05, 1e-3, 6, 1e4),
)
PARTICLES, WIDTHS = 192, np.geomspace(0.3, 1.5, 83)
#: Width over dB/B that crmc takes.
TAKEN = 0.8


def flat(point: Point) -> float:
    """Return D_mumu/(1 - mu^2) of theory where the spectrum is flat [Omega0], half of it with one branch alone."""
    return 0.5 * np.pi / point.gamma * waves_of(point).e.max() / (2.0 if point.waves == "one branch" else 1.0)


def theory_resistance(point: Point, low: float, high: float, spread: float) -> float:
    """Return int dmu/D over (low, high) with a resonance of width ``spread`` in mu [1/Omega0]."""
    edges = np.linspace(low, high, 2001)
    mu = 0.5 * (edges[1:] + edges[:-1])
    return float(np.sum(np.diff(edges) / np.maximum(rate(waves_of(point), point.momentum, mu, spread), 1e-99)))


def best(chi2: np.ndarray) -> str:
    """Return the width over dB/B of least chi^2, the range in which chi^2 rises by 1, and that chi^2, as text."""
    good = WIDTHS[chi2 < chi2.min() + 1.0]
    return f"{WIDTHS[chi2.argmin()]:.2f} ({good.min():.2f} to {good.max():.2f}), chi2 {chi2.min():.1f}"


def print_local(slabs: int) -> None:
    """Print D_mumu over that of a flat spectrum, measured, and with a resonance of width `TAKEN` dB/B."""
    print("waves, p, k_max, dB/B over mu_c: D/D_flat at |mu|/mu_c = " + ", ".join(f"{x:g}" for x in COSINES))
    for waves in ("four branches", "one direction", "one branch"):
        for ratio in LOCAL:
            for p, k_max in PLACES:
                point = Point(waves, ratio / (p * k_max), p, k_max)
                found, unit = local(point, slabs, 24), flat(point)
                values, errors = found.value / unit, found.error / unit
                cells = (f"{v:.3f}({1e3 * e:.0f})" for v, e in zip(values, errors, strict=True))
                print(f"| {waves} | {p:g} | {k_max:g} | {ratio:g} | {' | '.join(cells)} |", flush=True)
            # Both signs of mu count, and theory is the same function of mu/mu_c everywhere.
            places = np.concatenate([found.mu, -found.mu])
            theory = rate(waves_of(point), p, places, TAKEN * point.amplitude).reshape(2, -1).mean(axis=0) / unit
            print(f"| {waves} | theory | | {ratio:g} | {' | '.join(f'{x:.3f}' for x in theory)} |", flush=True)


def print_crossing() -> None:
    """Print the resistance of 90 degrees over that of a spectrum without a gap, and the width that fits best."""
    total = np.zeros(WIDTHS.size)
    check = Point("four branches", 1.0 / 30.0, 3.0, 10.0, speed=1e-3)
    found = crossing(check, 0.4, 0.7, 8, PARTICLES, 1.2e4)
    want = theory_resistance(check, 0.4, 0.7, 1e-9)
    print(f"0.4 < mu < 0.7: measured over theory {found.value[0] / want:.3f}({1e3 * found.error[0] / want:.0f})")
    for waves, ratio, k_max, k_min, speed, slabs, duration in PASSAGES:
        gap = 1.0 / (3.0 * k_max)
        point = Point(waves, ratio * gap, 3.0, k_max, k_min, speed)
        found, unit = (
            crossing(point, -CORE * gap, CORE * gap, slabs, PARTICLES, duration),
            2.0 * CORE * gap / flat(point),
        )
        theory = np.asarray([theory_resistance(point, -CORE * gap, CORE * gap, a * point.amplitude) for a in WIDTHS])
        chi2 = ((theory - found.value[0]) / found.error[0]) ** 2
        total += chi2
        print(
            f"| {waves} | {point.amplitude:.4f} | {k_max:g} | {k_min:g} | {speed:g} | {ratio:g} | "
            f"{found.value[0] / unit:.3f}({1e3 * found.error[0] / unit:.0f}) | {best(chi2)} |",
            flush=True,
        )
    print("all:", best(total))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default="local,crossing", help="of local, crossing")
    parser.add_argument("--slabs", type=int, default=32, help="slabs of the local part")
    arguments = parser.parse_args()
    with jax.enable_x64(True):
        if "local" in arguments.parts:
            print_local(arguments.slabs)
        if "crossing" in arguments.parts:
            print_crossing()


if __name__ == "__main__":
    main()
