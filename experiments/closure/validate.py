"""Compare the closure with crmc's other routes in cells of the interstellar, circumgalactic and intracluster medium.

python experiments/closure/validate.py [--cells 24] [--json FILE.json]

Cells are a Latin hypercube over field, density, temperature, pressure, gradient, expansion, index, and form and
strength of damping.  Second route: `crmc.physics.equilibrium_spectrum` with 180 bins, the drift that its waves maintain
at 1, 3 and 10 m_p c, and `crmc.theory.heating_combined`.  Drifts are compared by all waves outside the
90-degree gap and by those below the last six bins, which with scattering.gap = "broadened" hold the power of the gap.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import qmc

import crmc
from crmc.closure import names
from crmc.physics import equilibrium_spectrum
from crmc.setup import background_of, shape_of
from crmc.theory import heating_combined
from crmc.units import PARSEC, SPEED_OF_LIGHT

#: Medium -> ranges of lg B [G], lg n_i [cm^-3], lg T [K], lg P_c [erg cm^-3], lg L [pc].
MEDIA = {
    "ISM": ((-5.7, -5.0), (-2.0, -0.5), (3.8, 6.0), (-12.5, -11.5), (2.7, 3.7)),
    "CGM": ((-7.0, -6.0), (-4.0, -3.0), (5.5, 6.5), (-14.5, -13.0), (3.7, 4.7)),
    "ICM": ((-6.0, -5.0), (-3.5, -2.0), (7.0, 8.0), (-13.0, -11.5), (4.0, 5.0)),
}
FORMS = ("none", "paper", "local", "cumulative")
#: Flags within which the closure claims to hold.
HARMLESS = 512
#: Momenta at which drifts are compared [m_p c], and nodes in ln mu.
P = (1.0, 3.0, 10.0)
#: Bins at the end of the spectrum that the second comparison of drifts leaves out.
LAST = 6
#: Wavenumber from which wave power is compared [Omega0/c]; hardly any particle drives longer waves.
LEAST = 0.1
NODE, WEIGHT = np.polynomial.legendre.leggauss(600)


def sampled(count: int) -> Iterator[tuple[str, crmc.Config]]:
    """Yield media and configs of a Latin hypercube; steady state at the start."""
    points = qmc.LatinHypercube(d=9, rng=np.random.default_rng(5)).random(count)
    for place, point in enumerate(points.tolist()):
        medium = list(MEDIA)[place % len(MEDIA)]
        field, density, temperature, pressure, length = (
            float(10.0 ** (low + u * (high - low))) for (low, high), u in zip(MEDIA[medium], point, strict=False)
        )
        form = FORMS[place % len(FORMS)]
        gradient = length * PARSEC * (1.0 if point[5] < 0.5 else -1.0)
        # The expansion: from a tenth of the rate at which waves change direction to three times it.
        rate = SPEED_OF_LIGHT / abs(gradient) * 10.0 ** (-1.0 + 1.5 * point[6])
        yield (
            medium,
            crmc.load_config(
                "drift",
                [
                    f"plasma.magnetic_field={field!r} G",
                    f"plasma.ion_density={density!r} cm-3",
                    f"plasma.temperature={temperature!r} K",
                    f"plasma.gas_pressure={2.0 * density * temperature * 1.380649e-16!r} erg/cm3",
                    f"cosmic_rays.pressure={pressure!r} erg/cm3",
                    f"cosmic_rays.index={4.2 + 0.8 * point[7]!r}",
                    f"drift.gradient_length={gradient!r} cm",
                    "expansion.mode=prescribed",
                    f"expansion.timescale={1.0 / rate!r} s",
                    f"damping.nonlinear_landau={form}",
                    f"damping.linear={1e-10 * 10.0 ** (1.5 * point[8] - 1.0) if form == 'none' else 0.0!r} 1/s",
                    "waves.bins=180",
                    "run.precision=float64",
                    "run.duration=1e7 s",
                    "run.coarse_grain_interval=never",
                    "run.markers=2048",
                ],
            ),
        )


def second_route(config: crmc.Config) -> dict[str, Any]:
    """Return the heating, the wave power at interior bins, and the drift at P in units of v_A by the other route."""
    shape = shape_of(config)
    with jax.enable_x64(True):
        setup = crmc.build(config)
        parameters, tau = setup.parameters, setup.tau_B
        background, amplitude = background_of(config, shape)
        e = equilibrium_spectrum(parameters, amplitude, shape.model, tau)
        w = config.code_units.alfven_speed
        heat = jax.jit(heating_combined)(background, amplitude, w, 1.0 / parameters.gradient, tau)
        grid = parameters.grid
        k = np.asarray(grid.centres)[:-12]
        k = k[k > LEAST]
        power = np.asarray(grid.resonant(jnp.asarray(1.0 / k)) @ jnp.moveaxis(jnp.sum(e, axis=0), -1, 0))
        ends = (float(grid.x_gap), 1.0 / float(grid.centres[-LAST]))
        drifts = []
        for x_low, p in ((x, p) for x in ends for p in P):
            low = np.log(x_low / p)
            mu = np.exp(0.5 * low * (1.0 - NODE))
            dmu = -0.5 * low * WEIGHT * mu
            at = np.asarray(jnp.einsum("nj,dhj->dhn", grid.resonant(jnp.asarray(p * mu)), e))
            gamma = np.hypot(1.0, p)
            at_p = jnp.asarray(p)
            v, a = p / gamma, -float(background.slope(amplitude, at_p) / background.density(amplitude, at_p))
            total = at[0] + at[1]
            sign = np.array([[1.0], [-1.0]])
            slope = (v * float(parameters.gradient) + sign * mu * a / (3.0 * float(tau))) * gamma / (np.pi * total)
            sense = w / v * a * (at[0] - at[1]) / total
            drifts.append(0.25 * v * np.sum((1.0 - mu**2) * (slope + sense) * dmu) / w)
    heat = float(heat) * config.code_units.power_density
    return {"heating": heat, "drift": np.reshape(drifts, (2, -1)), "ends": ends, "k": k, "e": power}


def compare(config: crmc.Config) -> dict[str, Any]:
    """Return relative differences of the closure from the second route in one cell."""
    units, other = config.code_units, second_route(config)
    p = 2.0 / other["k"]
    found, plain = crmc.closure(config, p), crmc.closure(config, P)
    near = crmc.closure(config, (1.0, 5.0, 0.98 * config.cosmic_rays.momentum_max)).flags & 32
    to_e = np.hypot(1.0, p) / np.pi / units.gyrofrequency
    mine = np.stack([found.nu_forward, found.nu_backward], axis=-1) * to_e[:, None]
    # The drift by waves with 1/k above an end alone; <d> of the rest is in the closure only.
    slope = config.cosmic_rays.index * np.array(P) ** 2 / (config.cosmic_rays.turnover_momentum**2 + np.array(P) ** 2)
    drifts = []
    for end in other["ends"]:
        rest = np.minimum(end / np.array(P), 1.0)
        lost = 0.5 * slope * (rest - rest**3 / 3.0) * np.sign(np.asarray(plain.v_streaming))
        drifts.append(np.asarray(crmc.closure(config, P, gap=0.0, k_max=1.0 / end).v_drift) - lost)
    differs = np.max(np.abs(np.array(drifts) / other["drift"] - 1.0), axis=1)
    return {
        "heating": float(plain.heating_rate) / other["heating"] - 1.0,
        "power": float(np.max(np.abs(mine / other["e"] - 1.0))),
        "drift": float(differs[0]),
        "inner_drift": float(differs[1]),
        "flags": int(plain.flags | near),
        "kappa": [float(x) for x in plain.kappa],
        "v_drift": drifts[0].tolist(),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=24, metavar="N")
    parser.add_argument("--json", metavar="FILE.json")
    arguments = parser.parse_args()
    rows = []
    print("cell medium  form        heating    e        v_D      inner    kappa(3)  flags")
    for place, (medium, config) in enumerate(sampled(arguments.cells)):
        row = {"medium": medium, "form": config.damping.nonlinear_landau, **compare(config)}
        rows.append(row)
        print(
            f"{place:4d} {medium:7s} {row['form']:10s} {row['heating']:+9.1e} {row['power']:8.1e} {row['drift']:9.1e}"
            f" {row['inner_drift']:8.1e} {row['kappa'][1]:9.2e}  {' '.join(names(row['flags']))}",
            flush=True,
        )
    good = [row for row in rows if not row["flags"] & ~HARMLESS]
    for name in ("heating", "power", "drift", "inner_drift"):
        print(f"largest difference in {name}, {len(good)} cells without flags: {max(abs(r[name]) for r in good):.1e}")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
