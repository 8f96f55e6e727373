"""The study of quasilinear theory: steps and spectra of its cases."""

import numpy as np
import pytest

from crmc.orbits import study as qlt
from crmc.orbits.config import load_study


def test_steps_resolve_gyration_and_waves():
    """Omega dt <= 0.15 and k_max (v + v_A) dt <= 3 in every case; lags are at least one gyration, and never too long."""
    study = load_study("qlt").qlt
    for case in qlt.cases(study):
        dt, steps, times = qlt.timing(case, study)
        gamma = np.hypot(1.0, case.momentum)
        assert dt / gamma <= 0.15 and study.k_max * (case.momentum / gamma + study.alfven_speed) * dt <= 3.0
        assert times[-1] == pytest.approx(8 * steps * dt, rel=1e-12)
        gyrations = times[-1] / (2 * np.pi * gamma)
        assert 1 - 1e-9 <= gyrations <= 4 * study.gyrations
    assert len({case.key for case in qlt.cases(study)}) == len(list(qlt.cases(study)))


def test_spectrum_has_the_stated_power():
    """sum a^2 over all modes and branches is (dB/B)^2 to 1e-3, broad and narrow."""
    study = load_study("qlt").qlt
    for case in qlt.cases(study):
        if case.momentum == study.momenta[0] and case.amplitude in (0.01, 0.3):
            total = float(np.sum(np.asarray(qlt.spectrum_of(case, study).modes.amplitude) ** 2))
            assert total == pytest.approx(case.amplitude**2, rel=1e-3)
