"""Setups with given waves and damping."""

import math

import numpy as np

from crmc.config.config import parse_config
from crmc.setup.build import build

B, N_I, T, DT = 2e-6, 3e-3, 2e5, 1e5  # G, cm^-3, K, s
MASS, CHARGE, LIGHT, BOLTZMANN = 1.67262192e-24, 4.80320471e-10, 2.99792458e10, 1.380649e-16
OMEGA = CHARGE * B / (MASS * LIGHT)


def ready(**damping):
    """Return a setup without expansion with given keys of the section [damping]."""
    return build(
        parse_config(
            {
                "plasma": {
                    "magnetic_field": f"{B} G",
                    "ion_density": f"{N_I} cm-3",
                    "temperature": f"{T} K",
                    "gas_pressure": "1.6e-13 dyn/cm2",
                },
                "cosmic_rays": {"pressure": "1e-13 dyn/cm2", "index": 4.7, "turnover_momentum": 1.0},
                "waves": {"k_min": 0.02, "k_max": 4.0, "bins": 12, "seed_level": 1e-12},
                "damping": damping,
                "run": {"duration": f"{100 * DT} s", "time_step": f"{DT} s", "markers": 64},
            }
        )
    )


def spectrum(exponent=0.0, level=1e-5):
    """Return e_j ~ k_j^exponent with unequal branches, (2, 2, 12), and k_j, (12,) [cm^-1]."""
    k = 0.02 * np.exp(math.log(200.0) / 14 * (np.arange(12) + 1.5))
    branch = np.array([[1.0, 0.2], [0.1, 0.7]])
    return level * branch[..., None] * k**exponent, k * OMEGA / LIGHT
