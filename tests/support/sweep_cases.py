"""The made-up result of a sweep, whose averages are simple numbers."""

from __future__ import annotations

import numpy as np
import xarray as xr

#: Values of each key.
KEYS = {
    "a": np.array([1.0, 10.0, 100.0]),
    "b": np.array([4.5, 4.7]),
    "c": np.array([1.0, 2.0, 3.0]),
    "seed": np.arange(4),
}
BINS = 5


def swept_data(*keys: str) -> xr.Dataset:
    """A sweep over ``keys``: heating is 2e-30/a + seed 1e-31 with an error of 1e-33, theory 2.5e-30/a."""
    shape = tuple(len(KEYS[key]) for key in keys)
    grid = dict(zip(keys, np.meshgrid(*(KEYS[key] for key in keys), indexing="ij"), strict=True))
    a, seed = grid.get("a", np.ones(shape)), grid.get("seed", np.zeros(shape))
    unit = {"units": "erg cm-3 s-1", "long_name": "heating"}
    power = np.broadcast_to(1e-7 / a[..., None, None, None], (*shape, 2, 2, BINS))
    waves = (*keys, "direction", "helicity", "k")
    return xr.Dataset(
        {
            "average_heating_rate": (keys, 2e-30 / a + 1e-31 * seed, unit),
            "average_heating_rate_stderr": (keys, np.full(shape, 1e-33), unit),
            "theory_heating_exact_gap": (keys, 2.5e-30 / a, unit),
            "average_mean_free_path_p3": (keys, 2.0 * a, {"units": "pc"}),
            "average_pressure_anisotropy": (keys, 1e-3 * a, {"units": "1"}),
            "average_wave_power": (waves, power, {"units": "1"}),
            "average_wave_power_stderr": (waves, 0.1 * power, {"units": "1"}),
            "status": (keys, np.full(shape, "done", object), {"long_name": "status"}),
            "heating_rate": ((*keys, "time"), np.ones((*shape, 2)), unit),
        },
        {key: (key, KEYS[key], {"units": "s" if key == "a" else "1"}) for key in keys}
        | {"direction": [1, -1], "helicity": [1, -1], "k": np.geomspace(0.01, 1.0, BINS), "time": [0.0, 1.0]},
        {"title": "made sweep", "status": "done"},
    )
