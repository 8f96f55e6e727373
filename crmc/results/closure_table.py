"""Make the file of a table of closures: what each number is, how to scale it, and how well it interpolates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from crmc.closure.header import version
from crmc.closure.lookup import RANGES, errors
from crmc.closure.table import AXES, QUANTITIES, Table
from crmc.closure.variables import INPUTS

#: How a reader makes numbers of quantities.
SCALING = (
    "In code units (1/Omega0, c, m_p c, n_i m_p c^2), with 1/tau = expansion_rate and 1/L = -(dP_c/ds)/P_c: "
    "D = P_c (1/|L| + 1/|tau|), q = D/(2 v_A), N = sqrt(v_i landau_factor q) (0 where landau is 0), "
    "C = linear_damping + nu_in/2, T = sqrt(epsilon/v_A), R = C + T + N. "
    "Axes: expansion_share = (1/|tau|)/(1/|L| + 1/|tau|), linear_share = (C + T)/R, turbulent_share = T/(C + T). "
    "kappa = R/q (1/resistance_plus + 1/resistance_minus), v_expansion = sign(L)/|tau| R/q (lever_plus/resistance_plus "
    "- lever_minus/resistance_minus), kappa_X = R/q 1/resistance_X, "
    "nu = q/R scattering, Gamma = R damping_rate, wave_energy = q/R wave_energy, "
    "v_streaming = sign(L) streaming, heating = v_A D heating, "
    "anisotropy = sign(tau) (2 R/P_c anisotropy_driven + v_A anisotropy_streaming). "
    "plus and minus change places where L and tau have different signs."
)
INTERPOLATION = "linear in index, expansion_share, linear_share and turbulent_share; none in momentum"
#: Random cells in which a table is compared with what it interpolates.
COMPARED = 4000


def table_dataset(table: Table, attributes: Mapping[str, Any]) -> xr.Dataset:
    """Return a table as a dataset with its measured errors.

    attributes: more of the dataset's.
    """
    coordinates = {name: (name, table.axes[name], {"units": "1", "long_name": text}) for name, text in AXES.items()}
    momentum = {"momentum": ("momentum", table.momentum, {"units": "m_p c", "long_name": "momentum"})}
    data = xr.Dataset(coords=coordinates | momentum)
    for name, (dims, text) in QUANTITIES.items():
        # Far below the error of interpolation, and half as large.
        values = table.values[name].astype(np.float32)
        data[name] = (dims, values, {"units": "1", "long_name": text, "comment": "in the units of `scaling`"})
    data["landau"] = ((), np.int32(table.form != "none"), {"long_name": "whether there is nonlinear Landau damping"})
    for name in ("k_max", "k_min", "turnover_momentum", "momentum_min", "momentum_max", "cut", "gap"):
        unit, text = INPUTS[name]
        data[name] = ((), float(np.asarray(getattr(table.cell, name))), {"units": unit, "long_name": text})
    found = errors(table, COMPARED)
    kinds = ("rms", "largest", "near_flip_median")
    told = {f"error_{name}": np.array([error[kind] for kind in kinds]) for name, error in found.items()}
    ranges = ", ".join(f"lg {name} {low:g} to {high:g}" for name, (low, high) in RANGES.items())
    return data.assign_attrs(
        {
            "source": f"crmc {version()}, crmc closure --table: docs/closure.md",
            "reader": "crmc_closure_table.h, which the same command writes",
            "nonlinear_landau": table.form,
            "spectrum": "f0 ~ (p^2 + turnover_momentum^2)^(-index/2) from momentum_min to momentum_max",
            "scaling": SCALING,
            "interpolation": INTERPOLATION,
            "errors": "error_NAME: root mean square and largest relative difference of NAME from crmc.closure, and "
            "the median one in cells with the flag near_flip, which the first two leave out, as they do cells with "
            "free_streaming; of drifts in parts of max(v_A, |v|) + |kappa/L|, of the anisotropy of max(v_A/c, itself)",
            "errors_measured": f"{COMPARED} random cells, each with one to three of linear, ion-neutral and turbulent "
            f"damping and one or both drives; {ranges}",
        }
        | told
        | dict(attributes)
    )
