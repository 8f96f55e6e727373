"""Run a gradient and an expansion under equal conditions, and predict both by theory.

Heating H is in P_c v_A/L, lengths are in L, diffusivities in c L; L is the length of the gradient, and tau_B = L/v_A.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crmc import Config, Setup, build, load_config, theory
from crmc.inference import averages_of, replica, value_of
from crmc.machine import compiler_options, each
from crmc.physics import MOMENTA
from crmc.setup import background_of, shape_of
from crmc.units import SPEED_OF_LIGHT

#: The solver on a mesh in momentum and pitch angle.
MESH = "fokker-planck"

MARKERS = "monte-carlo"
#: Number of refits of the markers' weights in a run.
COARSE_GRAINED = 40
#: Fraction of a run at which conditions are those of config.toml: the middle of the averaged interval.
_MEASURED = 0.75
_QUANTITIES = (
    "heating_rate",
    "gas_heating_rate",
    "scattering_frequency",
    "drift_velocity",
    "wave_power",
    "parallel_pressure",
    "perpendicular_pressure",
    "magnetic_field",
)


class Drive(NamedTuple):
    """Changes of config.toml that make a drive, and the powers of v_A with which its numbers scale.

    steps: number of steps of the markers and of the mesh.
    """

    changes: dict[str, Any]
    powers: dict[str, float]
    steps: tuple[int, int]


#: B, P_c and the spectrum stay; then n_c/n_i ~ v_A^2, and Gamma_d ~ v_A^2 leaves v_D/v_A as it is.  L ~ v_A^-2 keeps
#: Gamma_d over nu of the expansion: its runs last equally many scattering and damping times at each v_A.
_COMMON = {"plasma.ion_density": -2.0, "damping.linear": 2.0, "waves.seed_level": 2.0}
_EXPANSION = {
    "drift.gradient_length": None,
    "expansion.mode": "prescribed",
    "expansion.timescale": "4.1170e11 s",
    "run.duration": "8e9 s",
}
DRIVES = {
    "drift": Drive({}, {"drift.gradient_length": -2.0, "run.duration": -1.0}, (1000, 300)),
    "expansion": Drive(_EXPANSION, {"expansion.timescale": -3.0, "run.duration": -2.0}, (900, 400)),
    # 6/Gamma_d from a flat spectrum: waves that a drift drives settle c/v_A times more slowly than particles scatter.
    "settled drift": Drive(
        {
            "cosmic_rays.start": "given",
            "cosmic_rays.drift_velocity": 1.3,
            "waves.start": "seed",
            "waves.start_level": 3e-5,
            "run.duration": "3e9 s",
        },
        {"drift.gradient_length": -2.0, "waves.start_level": 1.0, "run.duration": -2.0},
        (0, 400),
    ),
}


def base(drive: str, solver: str, markers: int) -> Config:
    """Return the config of a drive at the reference v_A/c."""
    config = load_config(Path(__file__).with_name("config.toml")).with_overrides(DRIVES[drive].changes)
    steps = DRIVES[drive].steps[solver == MESH]
    changes = {"time_step": config.run.duration / steps, "coarse_grain_interval": config.run.duration / COARSE_GRAINED}
    seconds = {f"run.{key}": f"{value} s" for key, value in changes.items()}
    return config.with_overrides(seconds | {"run.markers": markers})


def numbers_at(config: Config, drive: str, speed: float) -> dict[str, Any]:
    """Return the numbers of ``config`` that change with v_A/c, at v_A/c = ``speed``."""
    ratio, powers = speed / config.code_units.alfven_speed, _COMMON | DRIVES[drive].powers
    numbers = {key: value_of(config, key) * ratio**power for key, power in powers.items()}
    if "expansion.timescale" in numbers:
        fall = _MEASURED * numbers["run.duration"] / numbers["expansion.timescale"]
        numbers |= _earlier(config, numbers["plasma.ion_density"], fall)
    return {key: jnp.asarray(value) for key, value in numbers.items()}


def _earlier(config: Config, density: float, fall: float) -> dict[str, Any]:
    """Return initial numbers of a tube that reaches those of ``config`` once B has fallen by ``fall`` e-foldings.

    Density scales as B and momenta as B^(1/3), at which F0 keeps its value; k stays, in units of a larger Omega0.
    """
    rays = config.cosmic_rays
    background, amplitude = background_of(config, shape_of(config))
    b = jnp.exp(jnp.asarray(fall))
    grown = background.moments(amplitude, b).pressure / background.moments(amplitude, jnp.ones(())).pressure
    momenta = ("momentum_min", "momentum_max", "turnover_momentum")
    return {
        "plasma.magnetic_field": config.plasma.magnetic_field * b,
        "plasma.ion_density": density * b,
        "cosmic_rays.pressure": rays.pressure * grown,
        **{f"cosmic_rays.{key}": getattr(rays, key) * jnp.cbrt(b) for key in momenta},
        **{f"waves.{key}": getattr(config.waves, key) / b for key in ("k_min", "k_max")},
    }


class Scatterer(NamedTuple):
    """Scattering at nu(p, mu) = pi b e(p mu/b)/gamma [code] by waves e(x = 1/k), mean of both hemispheres."""

    power: Callable[[jax.Array], jax.Array]
    b: float = 1.0

    def rate(self, p: jax.Array, mu: jax.Array) -> jax.Array:
        return jnp.pi * self.b / jnp.sqrt(1.0 + p**2) * self.power(p * mu / self.b)

    def path(self, p: float) -> jax.Array:
        """Return the mean free path, v over the mean of nu over mu."""
        mu, dmu = _cosines()
        return p / np.sqrt(1.0 + p**2) / jnp.sum(self.rate(jnp.asarray(p), mu) * dmu)

    def diffusivity(self, p: jax.Array) -> jax.Array:
        """Return (v^2/2) int_0^1 (1 - mu^2)/nu dmu, of the shape of ``p``; it depends on the scattering in the gap."""
        mu, dmu = _cosines()
        inverse = jnp.sum((1.0 - mu**2) / self.rate(p[..., None], mu) * dmu, axis=-1)
        return 0.5 * p**2 / (1.0 + p**2) * inverse

    def mean_diffusivity(self, setup: Setup) -> jax.Array:
        """Return the mean over all particles of the background: L (v_D - v_frame) where a gradient drives them."""
        p, dp = setup.parameters.background.quadrature()
        weight = p**2 * setup.parameters.background.density(setup.state.amplitude, p) * dp
        return jnp.sum(self.diffusivity(p) * weight) / jnp.sum(weight)


def _cosines() -> tuple[jax.Array, jax.Array]:
    """Return nodes in (0, 1), uniform in ln mu, and weights; below 1e-5 nothing varies."""
    nodes, weights = np.polynomial.legendre.leggauss(400)
    mu = np.exp(0.5 * np.log(1e-5) * (1.0 - nodes))
    return jnp.asarray(mu), jnp.asarray(-0.5 * np.log(1e-5) * weights * mu)


def frame_velocity(setup: Setup) -> float:
    """Return v_D/v_A of an f that is isotropic in the frame of forward waves, -int p^3 f0' dp/(3 int p^2 f0 dp).

    It is 1 for a whole spectrum, and more where the momentum range cuts off particles that come from higher p.
    """
    background, amplitude = setup.parameters.background, setup.state.amplitude
    p, dp = background.quadrature()
    number = jnp.sum(p**2 * background.density(amplitude, p) * dp)
    return float(-jnp.sum(p**2 * background.slope(amplitude, p) * dp) / (3.0 * number))


def reduced(found: Mapping[str, np.ndarray], config: Config, setup: Setup, speed: float, length: float) -> dict:
    """Return averages of a run in units of L, c and P_c v_A/L, with P_c and v_A of the same time.

    length: L [cm].
    """
    b = found["magnetic_field"] / config.plasma.magnetic_field
    pressure = (found["parallel_pressure"] + 2.0 * found["perpendicular_pressure"]) / 3.0
    crossing = length / SPEED_OF_LIGHT
    grid = setup.parameters.grid
    amplitudes = np.linalg.solve(np.asarray(grid.basis(1.0 / grid.centres)), found["wave_power"].sum(0).mean(0))
    # Late in an expansion p mu/b of the fastest exceeds 1/k_min; the longest bin stands for what is missing there.
    longest = 1.0 / grid.centres[0]
    waves = Scatterer(lambda x: grid.resonant(jnp.minimum(x, longest)) @ jnp.asarray(amplitudes), float(b))
    unit = crossing * setup.units.gyrofrequency
    paths = MOMENTA / np.sqrt(1.0 + MOMENTA**2) / found["scattering_frequency"] / crossing
    return {
        "heating": found["heating_rate"] * crossing / (pressure * speed * np.sqrt(b)),
        "balance": found["heating_rate"] / found["gas_heating_rate"],
        "flux": found["drift_velocity"] / SPEED_OF_LIGHT - speed * frame_velocity(setup),
        "diffusivity": float(waves.mean_diffusivity(setup)) / unit,
        **{f"path {p:g}": path for p, path in zip(MOMENTA, paths, strict=True)},
    }


def measure(drive: str, solver: str, speeds: Sequence[float], markers: int = 64, replicas: int = 1) -> list[dict]:
    """Run a drive at each v_A/c and return the reduced averages of the last half, name -> (replicas,).

    Seeds differ between the v_A/c.
    """
    config = base(drive, solver, markers)
    averages = averages_of(config, _QUANTITIES, solver)
    setup = build(base("drift", MESH, 64))
    gradient = value_of(base("drift", MESH, 64), "drift.gradient_length")
    lowered = jax.jit(averages.__call__).lower(numbers_at(config, drive, speeds[0]), *replica(averages, 0))
    compiled, rows = lowered.compile(compiler_options()), []
    for place, speed in enumerate(speeds):
        numbers, length = numbers_at(config, drive, speed), gradient * (speed / config.code_units.alfven_speed) ** -2.0

        def one(seed: int, numbers: dict = numbers, first: int = 1000 * place) -> dict[str, np.ndarray]:
            return jax.tree.map(np.asarray, compiled(numbers, *replica(averages, first + seed)))

        found = [reduced(x, config, setup, speed, length) for _, x in sorted(each(range(replicas), one))]
        rows.append({name: np.array([x[name] for x in found]) for name in found[0]})
    return rows


def predicted(drive: str) -> dict[str, float]:
    """Return the reduced averages of theory at leading order in v_A/c.

    Heating is exact; paths and diffusivity are those of the waves in which growth balances damping.
    """
    setup, config = build(base("drift", MESH, 64)), base("drift", MESH, 64)
    background, amplitude, w = setup.parameters.background, setup.state.amplitude, setup.units.alfven_speed
    length = 1.0 / float(setup.parameters.gradient)
    drives = (length, np.inf) if drive != "expansion" else (np.inf, length / w)
    pressure = config.cosmic_rays.pressure / setup.units.energy_density
    # The shortest waves that scatter with full strength do so in all of the gap.
    shortest = jnp.exp(-setup.parameters.grid.log_k_top)

    def power(x: jax.Array) -> jax.Array:
        x = jnp.maximum(x, shortest)
        rate = theory.growth_times_power_combined(1.0 / x, background, amplitude, w, *drives)
        return rate / setup.parameters.damping.linear

    waves = Scatterer(power)
    return {
        "heating": float(theory.heating_combined(background, amplitude, w, *drives)) * length / (w * pressure),
        "diffusivity": float(waves.mean_diffusivity(setup)) / length,
        **{f"path {p:g}": float(waves.path(p)) / length for p in MOMENTA},
    }


def power_law_paths(index: float) -> float:
    """Return lambda_pa/lambda_d x v_A/c of f0 ~ p^-a without bounds, v = c: 3 (a - 2)/((a - 1)(a - 3))."""
    return 3.0 * (index - 2.0) / ((index - 1.0) * (index - 3.0))
