"""Tabulate closures of one spectrum over the few shares on which they depend, for codes that interpolate.

Up to a factor a closure of given cosmic rays depends on three numbers.  With D = P_c (1/|L| + 1/|tau|), q = D/(2 v_A),
N = (v_i q)^(1/2) the rate of nonlinear Landau damping, C that of linear and ion-neutral damping and
T = (epsilon/v_A)^(1/2) that of turbulence, all in code units and R = C + T + N, they are

    expansion_share  y = (1/|tau|)/(1/|L| + 1/|tau|),   linear_share  u = (C + T)/R,   turbulent_share  w = T/(C + T).

Wave power is q/R times, kappa R/q times a function of them, since every form of damping is homogeneous: with P_h = q P
and Gamma = R G the balances of `crmc.closure.balance` hold for P and G alone.  A gradient of the other sign turns
streaming around and exchanges the hemispheres; so does compression, but for streaming.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from crmc.closure.balance import FORMS, Damping, Fluxes, NonlinearLandau, Waves
from crmc.closure.batches import in_batches
from crmc.closure.cell import Cell
from crmc.closure.fluid import heating, wave_energy
from crmc.closure.mesh import Mesh, make_mesh, waves_on
from crmc.closure.scales import spectrum_of
from crmc.closure.solve import DEFAULT_MOMENTA, Momenta
from crmc.closure.spectrum import MOMENTA, Spectrum
from crmc.closure.transport import directions

#: Axes between whose nodes a table is linear, in the order of its dimensions.
AXES = {
    "index": "index a of f0 ~ (p^2 + p_t^2)^(-a/2)",
    "expansion_share": "y = (1/|tau|)/(1/|L| + 1/|tau|)",
    "linear_share": "u = (C + T)/(C + T + N)",
    "turbulent_share": "w = T/(C + T)",
}
#: Dimensions of what depends on drive and damping, and on the drive alone.
STATE, DRIVE = tuple(AXES), ("index", "expansion_share")
#: Quantity -> dimensions and meaning, in units of the scaling law.
QUANTITIES: dict[str, tuple[tuple[str, ...], str]] = {
    "resistance_plus": ((*STATE, "momentum"), "1/kappa of the hemisphere mu > 0"),
    "resistance_minus": ((*STATE, "momentum"), "1/kappa of the hemisphere mu < 0"),
    "lever_plus": ((*STATE, "momentum"), "v_expansion tau of the hemisphere mu > 0, over its kappa"),
    "lever_minus": ((*STATE, "momentum"), "v_expansion tau of the hemisphere mu < 0, over its kappa"),
    "scattering": ((*STATE, "momentum"), "nu, mean over mu"),
    "scattering_plus": ((*STATE, "momentum"), "nu at mu = 0.5"),
    "scattering_minus": ((*STATE, "momentum"), "nu at mu = -0.5"),
    "gap_share": ((*STATE, "momentum"), "part of kappa that the 90-degree gap carries"),
    "damping_rate": ((*STATE, "momentum"), "least Gamma of the waves that scatter mu = +-0.5"),
    "resistance_energy": (STATE, "1/kappa_energy"),
    "resistance_number": (STATE, "1/kappa_number"),
    "resistance_harmonic": (STATE, "1/kappa_harmonic"),
    "resistance_least": (STATE, "least v/kappa of the momenta of averages"),
    "lever_number": (STATE, "mean v_expansion tau over the number, over kappa_number"),
    "anisotropy_driven": (STATE, "pressure anisotropy by what drives it"),
    "wave_energy": (STATE, "(dB/B)^2"),
    "cut_slope": (STATE, "dln kappa_energy/dln cut"),
    "streaming": ((*DRIVE, "momentum"), "v_streaming [v_A]"),
    "streaming_energy": (DRIVE, "streaming speed of the energy [v_A]"),
    "streaming_number": (DRIVE, "mean v_streaming over the number [v_A]"),
    "anisotropy_streaming": (DRIVE, "pressure anisotropy by the directions of waves, over v_A/c"),
    "heating": (DRIVE, "heating rate over v_A D"),
    "flip_low": (("index",), "least |L|/(c tau) at which waves change direction at a resonant k"),
    "flip_high": (("index",), "largest |L|/(c tau) at which waves change direction at a resonant k"),
    "whole_energy": (("index",), "energy density over P_c"),
    "whole_number": (("index",), "n_c m_p c^2 over P_c"),
}
#: Largest log of the odds of the shares of damping, and steps of them between its negative and it.
_LINEAR, _TURBULENT = (8.0, 48), (6.0, 18)
#: The same for |L|/(c tau) below the range in which waves change direction, in parts of it; above are their inverses;
#: and steps within.
_BELOW, _WITHIN = (-4.5, 4.2, 17), 32


@dataclasses.dataclass(frozen=True)
class Table:
    """Closures of a spectrum over shares of drive and damping.

    cell: of which index, turnover, momenta, cut, k_min, k_max and gap count; form: of nonlinear Landau damping;
    momentum: p, (M,) [m_p c]; axes: nodes by name of `AXES`, ascending; values: arrays by name of `QUANTITIES`.
    """

    cell: Cell
    form: NonlinearLandau
    momentum: np.ndarray
    axes: Mapping[str, np.ndarray]
    values: Mapping[str, np.ndarray]


def make_table(
    cell: Cell,
    momentum: Momenta = DEFAULT_MOMENTA,
    nonlinear_landau: NonlinearLandau = "local",
    indices: Sequence[float] = (),
    fineness: float = 1.0,
) -> Table:
    """Return the table of a cell's spectrum.

    cell: numbers, not arrays; momentum: p of the output [m_p c]; nonlinear_landau: form; indices: a of the spectra, in
    place of the cell's own; fineness: nodes of each share, in parts of the usual number: errors fall as its square.
    Raises ValueError for an unknown form.
    """
    if nonlinear_landau not in FORMS:
        raise ValueError(f"nonlinear_landau = {nonlinear_landau!r}: must be one of {', '.join(FORMS)}")
    spectra = [dataclasses.replace(cell, index=a) for a in sorted({float(a) for a in indices or (cell.index,)})]
    with jax.enable_x64(True):
        p = jnp.atleast_1d(jnp.asarray(momentum, jnp.float64))
        single = {name: [np.asarray(x) for x in rows] for name, rows in _columns([_single(x, p) for x in spectra])}
        low, high = min(single["flip_low"]), max(single["flip_high"])
        axes = {
            "index": np.array([x.index for x in spectra], float),
            "expansion_share": _expansion_shares(float(low), float(high), fineness),
            "linear_share": np.ones(1) if nonlinear_landau == "none" else _logistic(*_LINEAR, fineness),
            "turbulent_share": _logistic(*_TURBULENT, fineness),
        }
        shares = jnp.asarray(np.stack(np.meshgrid(*list(axes.values())[1:], indexing="ij"), axis=-1).reshape(-1, 3))
        found = dict(_columns([_many(x, p, shares, nonlinear_landau) for x in spectra]))
    sizes = {name: len(x) for name, x in axes.items()} | {"momentum": len(p)}
    values = {}
    for name, (dims, _) in QUANTITIES.items():
        rows = np.stack([np.asarray(x) for x in (single[name] if name in single else found[name])])
        if dims[:2] == DRIVE:
            rows = rows.reshape(len(spectra), *(len(x) for x in list(axes.values())[1:]), *rows.shape[2:])
            # What does not depend on damping is the same at each of its shares.
            rows = rows if dims[:4] == STATE else rows[:, :, 0, 0]
        values[name] = rows.reshape([sizes[dim] for dim in dims])
    return Table(cell, nonlinear_landau, np.asarray(p), axes, values)


def _columns(rows: Sequence[Mapping[str, jax.Array]]) -> list[tuple[str, list[jax.Array]]]:
    """Return the values of each name."""
    return [(name, [row[name] for row in rows]) for name in rows[0]]


def _shares(low: float, high: float, steps: int, fineness: float) -> np.ndarray:
    """Return shares whose odds are exp(low) to exp(high), (steps fineness + 1,)."""
    return 1.0 / (1.0 + np.exp(-np.linspace(low, high, max(round(steps * fineness), 1) + 1)))


def _logistic(most: float, steps: int, fineness: float) -> np.ndarray:
    """Return 0, shares of odds exp(-most) to exp(most), and 1."""
    return np.concatenate([[0.0], _shares(-most, most, steps, fineness), [1.0]])


def _expansion_shares(low: float, high: float, fineness: float) -> np.ndarray:
    """Return nodes of y: both ends, and dense where waves change direction.

    low, high: |L|/(c tau) at the ends of that range.
    """
    below, within = _shares(*_BELOW, fineness), np.geomspace(low, high, max(round(_WITHIN * fineness), 1) + 1)
    ratio = np.concatenate([low * below, within, high / below[::-1]])
    return np.concatenate([[0.0], np.unique(np.round(ratio / (1.0 + ratio), 9)), [1.0]])


@jax.jit
def _single(cell: Cell, p: jax.Array) -> dict[str, jax.Array]:
    """Return the quantities of a spectrum that depend on no share, () each."""
    spectrum = spectrum_of(cell)
    mesh = make_mesh(spectrum, 1.0 / jnp.asarray(cell.k_max), p)
    g, e = (mesh.inside(x) for x in mesh.drives)
    seen = (mesh.inside(mesh.x) <= jnp.maximum(jnp.max(p), spectrum.cut)) & (mesh.width > 0.0) & (e > 0.0)
    ratio = g / jnp.where(seen, e, 1.0)
    return {
        "flip_low": jnp.min(jnp.where(seen, ratio, jnp.inf)),
        "flip_high": jnp.max(jnp.where(seen, ratio, 0.0)),
        "whole_energy": spectrum.whole_energy,
        "whole_number": spectrum.whole_number,
    }


@partial(jax.jit, static_argnames="form")
def _many(cell: Cell, p: jax.Array, shares: jax.Array, form: NonlinearLandau) -> dict[str, jax.Array]:
    """Return the quantities at points, (points, ...) each.

    shares: y, u and w, (points, 3).
    """
    spectrum = spectrum_of(cell)
    mesh = make_mesh(spectrum, 1.0 / jnp.asarray(cell.k_max), p)
    return in_batches(lambda at: _point(spectrum, mesh, cell, form, at), shares)


def _point(
    spectrum: Spectrum, mesh: Mesh, cell: Cell, form: NonlinearLandau, shares: jax.Array
) -> dict[str, jax.Array]:
    """Return the quantities at one point, for q = R = 1 and positive L and tau."""
    y, u, w = shares
    fluxes = Fluxes(1.0 - y, y, jnp.asarray(0.5))
    found = waves_on(mesh, form, fluxes, Damping(u * (1.0 - w), u * w, jnp.maximum((1.0 - u) ** 2, 1e-20)))
    p = mesh.momentum
    gamma = jnp.sqrt(1.0 + p**2)
    v, a, asked = p / gamma, spectrum.slope(p), slice(MOMENTA, None)
    met = (1.0 / found.power).at[:, -1].multiply(cell.gap)
    even, odd, second = (met @ kernel.T * gamma / math.pi for kernel in mesh.kernel)
    kappa, lever = 0.25 * v**2 * even, v * a / 12.0 * odd
    total = jnp.sum(kappa, axis=0)
    half = Waves(*(x[:, -1 - (p.shape[0] - MOMENTA) : -1] for x in found))
    to_nu = math.pi / gamma[asked]
    in_gap = 0.25 * v**2 * gamma / math.pi * mesh.kernel[0, :, -1] * jnp.sum(met[:, -1])
    sense, carried = directions(mesh, found.direction)
    driven = 0.75 * (v * (1.0 - y) * (odd[0] - odd[1]) + a * y / 3.0 * (second[0] + second[1]))
    fluid = total[:MOMENTA]
    energy, number, pressure = (x / jnp.sum(x) for x in (spectrum.energy, spectrum.number, spectrum.pressure))
    diffusivity, by_number = jnp.sum(energy * fluid), jnp.sum(number * fluid)
    streaming, carries = a / 3.0 * sense, energy * a[:MOMENTA]
    return {
        "resistance_plus": 1.0 / kappa[0, asked],
        "resistance_minus": 1.0 / kappa[1, asked],
        "lever_plus": (lever / kappa)[0, asked],
        "lever_minus": (lever / kappa)[1, asked],
        "scattering": 0.5 * to_nu * (mesh.mean @ jnp.sum(found.power, axis=0)),
        "scattering_plus": to_nu * half.power[0],
        "scattering_minus": to_nu * half.power[1],
        "gap_share": (in_gap / total)[asked],
        "damping_rate": jnp.min(half.rate, axis=0),
        "resistance_energy": 1.0 / diffusivity,
        "resistance_number": 1.0 / by_number,
        "resistance_harmonic": jnp.sum(energy / fluid),
        "resistance_least": jnp.min((v / total)[:MOMENTA]),
        "lever_number": jnp.sum(number * (lever[0] - lever[1])[:MOMENTA]) / by_number,
        "anisotropy_driven": jnp.sum(pressure * driven[:MOMENTA]),
        "wave_energy": wave_energy(mesh, found, cell.k_min),
        "cut_slope": spectrum.at_cut / jnp.sum(spectrum.energy) * (fluid[-1] / diffusivity - 1.0),
        "streaming": streaming[asked],
        "streaming_energy": jnp.sum(carries * sense[:MOMENTA]) / jnp.sum(carries),
        "streaming_number": jnp.sum(number * streaming[:MOMENTA]),
        "anisotropy_streaming": jnp.sum(pressure * 0.75 * (a / v * carried)[:MOMENTA]),
        "heating": 2.0 * heating(spectrum, fluxes, mesh),
    }
