"""Growth of the waves by the f of a config, in the words of `crmc theory`."""

from typing import Any

import jax
import numpy as np
from support.config_cases import VALID

from crmc import theory
from crmc.config.config import Config, load_config, parse_config
from crmc.setup.growth import growth_of, growth_table
from crmc.setup.predictions import predict


def undriven(**rays: Any) -> Config:
    """VALID at rest, with these keys of the cosmic rays."""
    changed = {"expansion": {"mode": "none"}, "cosmic_rays": VALID["cosmic_rays"] | rays}
    return parse_config(VALID | changed)


def test_streaming_of_a_kappa_distribution() -> None:
    """The published rates of Bai et al. (2019) at four k, per n_c/n_i = 1e-4, to 1e-3; backward waves are damped."""
    config = undriven(
        spectrum="kappa",
        kappa=1.25,
        index=None,
        turnover_momentum=1.0,
        momentum_min=1e-3,
        momentum_max=1e4,
        drift_velocity=2.0,
    )
    found = growth_of(config, np.array([0.1, 0.3, 1.0, 3.0]))
    unit = predict(config)["cr_density_ratio"]["value"] * config.code_units.gyrofrequency
    published = np.array([2.4128e-6, 1.1145e-5, 2.8121e-5, 1.7570e-5])
    for h in (0, 1):
        np.testing.assert_allclose(1e-4 * found.rate[0, h] / unit, published, rtol=1e-3)
        np.testing.assert_allclose(1e-4 * found.rate[1, h] / unit, -3.0 * published, rtol=1e-3)


def test_anisotropy_and_drift() -> None:
    """Each branch against `theory.growth_rate`, alone and together, to 1e-12: co-moving waves grow by Delta P > 0."""
    k = np.array([0.03, 0.4, 3.0])
    config = undriven(anisotropy=4e-3)
    found = growth_of(config, k)
    assert np.all(found.rate[0, 0] > 0.0) and np.all(found.rate[1, 1] > 0.0)
    assert np.all(found.rate[0, 1] < 0.0) and np.all(found.rate[1, 0] < 0.0)
    with jax.enable_x64(True):
        from crmc.setup.arrays import start_of
        from crmc.setup.shape import shape_of

        start = start_of(config, shape_of(config))
        for d, h in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            want = theory.growth_rate(
                k,
                start.parameters.background,
                start.amplitude,
                start.parameters.alfven_speed,
                zeta=start.departure.anisotropy,
                branch=(d, h),
            )
            got = found.rate[(1 - d) // 2, (1 - h) // 2] / config.code_units.gyrofrequency
            np.testing.assert_allclose(got, want, rtol=1e-12)
    compressed = growth_of(undriven(anisotropy=-4e-3), k)
    assert np.all(compressed.rate[0, 1] > 0.0) and np.all(compressed.rate[0, 0] < 0.0)


def test_steady_waves_grow_at_their_damping_rate() -> None:
    """The experiment drift, where f begins as its waves keep it: forward waves at the damping rate to 5 %.

    Between 0.07 and 2 Omega0/c, away from the ends of the spectrum, which 13 bins resolve to some per cent.
    """
    found = growth_of(load_config("drift"), np.array([0.08, 0.2, 0.5, 1.5]))
    np.testing.assert_allclose(found.rate[0] / found.damping, 1.0, atol=0.06)
    assert np.all(found.rate[1] < -found.damping)


def test_table() -> None:
    """Nine k, the branch and k of the fastest growth; nothing of it where f is isotropic, or where nothing scatters."""
    table = growth_table(undriven(anisotropy=4e-3))
    k = table["growth_rate"]["k"]
    assert np.shape(table["growth_rate"]["value"]) == (2, 2, len(k)) and len(table["growth_rate"]["damping_rate"]) == 9
    assert 0.2 < table["fastest_growth_k"]["value"] < 3.0
    assert table["fastest_growth"]["value"] >= np.max(table["growth_rate"]["value"]) - 4e-10
    still = growth_table(undriven())
    assert "fastest_growth_k" not in still and "no wave grows" in still["fastest_growth"]["description"]
    constant = VALID | {"scattering": {"model": "constant", "frequency": "1e-9 1/s"}, "damping": {}}
    assert growth_table(parse_config(constant)) == {}
