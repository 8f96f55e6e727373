"""Averages over the cosmic rays."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import simpson
from support.closure_cases import BOTH, WIM, solved

from crmc.closure.balance import waves
from crmc.closure.fluid import averages, flip_wavenumber, near_flip
from crmc.closure.spectrum import MOMENTA
from crmc.theory import heating_combined
from crmc.theory.distribution import Background

ONE = np.ones(1)
AVERAGES, FLIP, NEAR, HEATING = map(jax.jit, (averages, flip_wavenumber, near_flip, heating_combined))
#: Momenta for integrals over the cosmic rays.
NODE, WEIGHT = np.polynomial.legendre.leggauss(120)


def test_means() -> None:
    """Oracle: 120 momenta of their own, with a cut inside the range: kappa_E and DeltaP/P within 2e-5, 1/<1/kappa> and
    the mean over the number too."""
    cell = dataclasses.replace(BOTH, cut=40.0)
    half = 0.5 * np.log(cell.cut / cell.momentum_min)
    p = cell.momentum_min * np.exp(half * (NODE + 1.0))
    spectrum, scales, mesh, waves, every = solved(cell, jnp.asarray(p))
    found = AVERAGES(spectrum, scales, mesh, waves, every.part(slice(MOMENTA)), 0.0)
    at, gamma = every.part(slice(MOMENTA, None)), np.hypot(1.0, p)
    f0 = (p**2 + cell.turnover_momentum**2) ** (-cell.index / 2.0)
    number = f0 * p**3 * WEIGHT
    energy, pressure = number * p**2 / (gamma + 1.0), number * p**2 / gamma
    kappa = np.asarray(at.diffusivity)
    assert float(found.diffusivity) == pytest.approx(np.sum(energy * kappa) / np.sum(energy), rel=2e-5)
    assert float(found.harmonic) == pytest.approx(np.sum(energy) / np.sum(energy / kappa), rel=2e-5)
    assert float(found.number_diffusivity) == pytest.approx(np.sum(number * kappa) / np.sum(number), rel=2e-5)
    anisotropy = np.sum(pressure * np.asarray(at.anisotropy)) / np.sum(pressure)
    assert float(found.anisotropy) == pytest.approx(anisotropy, rel=2e-5)


@pytest.mark.parametrize("ratio", [0.0, 1.0, 3.0])
def test_heating(ratio) -> None:
    """Oracle: `theory.heating_combined` without gap, within 1e-4 where waves change direction and 1e-5 elsewhere; never
    below v_A |grad P_c| and the heating by expansion alone."""
    cell = dataclasses.replace(BOTH, expansion_rate=ratio * 6.6e-12)
    spectrum, scales, mesh, waves, every = solved(cell, ONE)
    found = AVERAGES(spectrum, scales, mesh, waves, every.part(slice(MOMENTA)), 0.0)
    background = Background(*(jnp.asarray(x) for x in ([cell.index], [1.0], cell.momentum_min, cell.momentum_max)))
    amplitude = background.amplitude_for_pressure(jnp.asarray([scales.pressure]))
    tau = np.inf if ratio == 0.0 else 1.0 / float(scales.rate)
    exact = HEATING(background, amplitude, scales.v_alfven, 1.0 / scales.gradient, tau)
    flips = not np.isnan(float(FLIP(spectrum, scales.fluxes, mesh)))
    assert float(found.heating) == pytest.approx(float(exact), rel=1e-4 if flips else 1e-5)
    alone = [scales.fluxes.gradient, 2.0 * spectrum.whole_expansion * scales.fluxes.expansion]
    assert float(found.heating) >= float(scales.v_alfven) * max(float(x) for x in alone)
    assert float(found.force) == float(scales.fluxes.gradient)


def test_flip_wavenumber() -> None:
    """At the k found the two drives are equal within 1e-6; none with one drive alone."""
    cell = dataclasses.replace(WIM, expansion_rate=6.6e-12)
    spectrum, scales, mesh, *_ = solved(cell, ONE)
    k = float(FLIP(spectrum, scales.fluxes, mesh))
    g, e = spectrum.drives(jnp.asarray(1.0 / k))
    assert float(scales.fluxes.gradient * g / (scales.fluxes.expansion * e)) == pytest.approx(1.0, rel=1e-6)
    assert NEAR(scales.fluxes, mesh, jnp.asarray(3.0 / k))
    spectrum, scales, mesh, *_ = solved(WIM, ONE)
    assert np.isnan(float(FLIP(spectrum, scales.fluxes, mesh)))
    assert not NEAR(scales.fluxes, mesh, jnp.asarray(10.0))


def test_wave_energy_from_k_min() -> None:
    """Oracle: Simpson's rule over 4,001 wavenumbers from k_min, at the end of an interval, to k_max; within 1e-6."""
    spectrum, scales, mesh, found, every = solved(WIM, ONE)
    longest = float(spectrum.momenta[8])
    part = AVERAGES(spectrum, scales, mesh, found, every.part(slice(MOMENTA)), 1.0 / longest).waves
    x = np.geomspace(float(scales.x_gap), longest, 4001)
    e = np.asarray(waves("local", scales.fluxes, scales.damping, x, spectrum.drives(x)).power.sum(axis=0))
    assert float(part) == pytest.approx(simpson(e, x=np.log(x)), rel=1e-6)
