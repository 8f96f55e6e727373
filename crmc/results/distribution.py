"""Label f(p, mu) of a run: its mean over replicas with errors, its departure from isotropy, the momentum spectrum."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from crmc.physics.phase_space import PhaseSpace, middle_cosines
from crmc.results.variables import MEANING
from crmc.statistics import mean_of
from crmc.units import CodeUnits

#: Name -> dimensions, unit and description of the variables that `run.distribution` adds to a result.
DISTRIBUTION: dict[str, tuple[tuple[str, ...], str, str]] = {
    "distribution": (("p", "mu"), "cm-3", "f(p, mu) at the end, n_c = int f p^2 dp dmu, p in m_p c"),
    "distribution_anisotropy": (("p", "mu"), "1", "f over its mean over mu, minus 1, at the end"),
    "momentum_spectrum": (("p",), "cm-3", "dn/dp at the end, particles of a cell per volume and m_p c"),
}
for _name, (_dims, _unit, _) in tuple(DISTRIBUTION.items()):
    DISTRIBUTION[f"{_name}_stderr"] = (_dims, _unit, f"standard error of {_name}: {MEANING}")
#: Attributes of their coordinates.
COORDINATES: dict[str, dict[str, str]] = {
    "p": {"units": "m_p c", "long_name": "momentum, middle of a cell in ln p"},
    "mu": {"units": "1", "long_name": "pitch cosine p_par/p, middle of a cell"},
}


def with_distribution(data: xr.Dataset, found: PhaseSpace, units: CodeUnits, *, exact: bool = False) -> xr.Dataset:
    """Return the result ``data`` with f(p, mu).

    found: of every replica, (replicas, ...) [code]; exact: whether nothing is random, so that errors are zero.
    """
    p, f = np.asarray(found.momentum, float)[0], np.asarray(found.f, float) * units.ion_density
    isotropic, width = f.mean(axis=-1), np.log(p[1] / p[0])
    each = {
        "distribution": f,
        "distribution_anisotropy": f / isotropic[..., None] - 1.0,
        # The cells are equal in ln p: their volume over their width.
        "momentum_spectrum": 2.0 * p**2 * isotropic * np.sinh(1.5 * width) / (3.0 * np.sinh(0.5 * width)),
    }
    values: dict[str, Any] = {}
    for name, array in each.items():
        one = mean_of(array)
        values |= {name: one.value, f"{name}_stderr": np.zeros_like(one.value) if exact else one.stderr}
    coordinates = {"p": ("p", p, COORDINATES["p"]), "mu": ("mu", middle_cosines(), COORDINATES["mu"])}
    labelled = {
        name: (dims, values[name], {"units": unit, "long_name": text})
        for name, (dims, unit, text) in DISTRIBUTION.items()
    }
    return data.assign_coords(coordinates).assign(labelled)
