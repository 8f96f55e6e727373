"""The result of the study of quasilinear theory: variables and what they hold, means over cosines, where theory fails."""

import json

import jax
import numpy as np
from support.cli_cases import call
from support.study_cases import SMALL, made_up, small_study

from crmc.orbits import dataset, table
from crmc.orbits import study as qlt
from crmc.orbits.config import load_study


def test_file():
    """Every variable has unit and description; the table is printed; everything was measured."""
    reply, data, summary, _ = small_study()
    assert reply.code == 0, reply
    assert "Each branch alone" in reply.out and "10 % at" in reply.out and "Narrow spectra" in reply.out
    for name, variable in data.variables.items():
        if name != "lag":
            assert variable.attrs["units"] and variable.attrs["long_name"], name
    assert data.attrs["status"] == "done" and data.attrs["kind"] == "qlt"
    assert json.loads(data.attrs["summary"])["branches"] == summary["branches"]
    assert np.isfinite(data.D_mu_mu.values).all() and np.isfinite(data.branch_energy.values).all()
    assert len(summary["branches"]) == 4 and summary["cases"] == 4 * 2 + 4 + 1
    # Slopes from the file itself, an nu from them.
    want = (data.spread.isel(lag=-1) - data.spread.isel(lag=1)) / 2 / (data.lag_time[..., -1] - data.lag_time[..., 1])
    np.testing.assert_allclose(data.D_mu_mu.values, want.transpose(*data.D_mu_mu.dims).values, rtol=1e-9)
    np.testing.assert_allclose(data.scattering_frequency, 2 * data.D_mu_mu / (1 - data.mu**2), rtol=1e-12)


def test_energy_goes_with_the_direction():
    """d eps/dp_par = d v_A and the sign of D_mup is d for every branch, to 1 and 5 % even at this size."""
    data = small_study().data
    d = data.direction.values[:, None, None]
    np.testing.assert_allclose(data.branch_energy.values * np.ones_like(d), d * np.ones((2, 2, 1)), rtol=0.01)
    np.testing.assert_allclose(data.branch_D_mu_p.values, d * np.ones((2, 2, 1)), rtol=0.05)
    np.testing.assert_allclose(data.branch_D_p_p.values, 1.0, rtol=0.1)


def test_the_file_can_be_drawn(tmp_path):
    """`crmc plot` draws the study's figure."""
    reply = call("plot", small_study().output, "-o", tmp_path)
    assert reply.code == 0 and (tmp_path / "qlt-breakdown.png").stat().st_size > 20000


def test_what_was_not_reached_is_nan():
    """A study stopped before its first case, as an interrupt does: all NaN, and it can still be printed."""
    config = load_study("qlt", SMALL)
    with jax.enable_x64(True):
        found = qlt.run_study(config.qlt, stop=lambda: True)
    assert found == {}
    data = dataset.dataset(config, found, {})
    assert np.isnan(data.D_mu_mu.values).all() and np.isnan(data.threshold.values).all()
    assert "10 % at" in table.table(data)


def test_thresholds():
    """Linear in ln(dB/B) between the amplitudes about the crossing; noise does not count; NaN where nothing fails."""
    amplitudes = np.array([0.01, 0.1, 1.0])
    ratio = np.array([[1.0, 1.05, 1.25], [1.0, 0.7, 1.0], [0.8, 1.0, 1.0], [1.0, 1.2, 1.0]])
    stderr = np.array([[0.01] * 3, [0.01] * 3, [0.01] * 3, [0.01, 0.1, 0.01]])
    found = dataset.thresholds(amplitudes, ratio, stderr)
    np.testing.assert_allclose(found[:3], [0.1 * 10**0.25, 0.01 * 10 ** (1 / 3), 0.01], rtol=1e-9)
    assert np.isnan(found[3])


def test_each_branch_is_held_against_theory():
    """Means over |mu| = 0.5 of made-up results over p v_A/v, its square and v_A, by hand to 1e-12."""
    config = load_study("qlt", SMALL)
    found = made_up(config.qlt)
    data = dataset.dataset(config, found, {})
    one = found["branch", (1, 0, 0)]
    here = data.sel(direction=-1, helicity=1, momentum=1.0)
    scale = config.qlt.alfven_speed * np.sqrt(2.0)
    ends = [0, -1]  # mu = -0.5 and 0.5; those at 0.05 are too small
    np.testing.assert_allclose(here.branch_D, one["pooled_slope_ratio"], rtol=1e-12)
    np.testing.assert_allclose(here.branch_D_mu_p, one["mu_p_per_mu_mu"][ends].mean() / scale, rtol=1e-12)
    np.testing.assert_allclose(here.branch_D_p_p, one["p_p_per_mu_mu"][ends].mean() / scale**2, rtol=1e-12)
    work = one["energy_per_push"][ends].mean() / config.qlt.alfven_speed
    np.testing.assert_allclose(here.branch_energy, work, rtol=1e-12)


def test_hemispheres_are_folded():
    """Ratio at |mu|: the mean of both signs with the error of a mean, or the resonant sign alone, by hand to 1e-12."""
    config = load_study("qlt", SMALL)
    found = made_up(config.qlt)
    found["main", (0, 0, 0)]["theory_mu_mu"][:2] = 0.0  # waves of one helicity: mu < 0 does not resonate
    folded = dataset.by_cosine(dataset.dataset(config, found, {}))
    one, other = found["main", (0, 0, 0)], found["main", (3, 1, 0)]
    alone, both = folded.isel(waves=0, amplitude=0, momentum=0), folded.isel(waves=3, amplitude=1, momentum=0)
    np.testing.assert_allclose(folded.cosine, [0.05, 0.5])
    np.testing.assert_allclose(alone.ratio, one["ratio"][2:], rtol=1e-12)
    np.testing.assert_allclose(alone.stderr, one["ratio_stderr"][2:], rtol=1e-12)
    mean = [np.mean(other["ratio"][[i, 3 - i]]) for i in (2, 3)]
    error = [np.hypot(*other["ratio_stderr"][[i, 3 - i]]) / 2 for i in (2, 3)]
    np.testing.assert_allclose(both.ratio, mean, rtol=1e-12)
    np.testing.assert_allclose(both.stderr, error, rtol=1e-12)
