"""The kicks of a step: scattering frequency of a built config, and mirror symmetry."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from support.kick_cases import every_word

from crmc.config.config import parse_config
from crmc.physics.flow import Stretch
from crmc.setup.build import build
from crmc.solvers.monte_carlo.scatter import scatter
from crmc.units import CodeUnits

SMALL = {
    "plasma": {
        "magnetic_field": "1.0 uG",
        "ion_density": "1.3233e-3 cm-3",
        "temperature": "1.1e6 K",
        "gas_pressure": "3.2e-13 dyn/cm2",
    },
    "expansion": {"mode": "prescribed", "timescale": "3.7e12 s"},
    "cosmic_rays": {"pressure": "8.2e-14 dyn/cm2", "index": 4.7, "turnover_momentum": 1.0},
    "waves": {"seed_level": 1e-5, "evolve": False},
    "run": {"duration": "1e9 s", "time_step": "1e5 s", "markers": 8192, "balance_energy": False},
}


def measured_over_exact(waves=None):
    """<(d mu)^2>/(2 D_mumu dt), D_mumu = pi (Omega0/gamma) e(ln k_res) (1 - mu^2)/2 in cgs, of a whole `scatter`."""
    ready = build(parse_config(SMALL | {"waves": SMALL["waves"] | (waves or {})}))
    bits = np.random.default_rng(10).permutation(every_word(128))[:8192]
    before = ready.state.markers
    # The - waves are all but absent, so that their kicks move nothing.
    alone = dataclasses.replace(ready.state, e=ready.state.e.at[1].set(1e-40))
    words, now = jnp.asarray(bits.astype(np.uint64)), alone.stretch
    state, _ = scatter(alone, words, ready.parameters, ready.model, now)[:2]
    p, par = np.asarray(before.birth_momentum), np.asarray(before.parallel_momentum)
    mu, gamma = par / p, np.sqrt(1.0 + p**2)
    k = 1.0 / np.abs(par)
    grid = ready.parameters.grid
    e = np.asarray(grid.basis(jnp.abs(before.parallel_momentum))) @ np.asarray(ready.state.e[0, 0])
    # Co-moving half of well-resonant markers: the + waves reach mu > 0, whose spectrum is e.
    use = (mu > 0.05) & (mu < 0.95) & (k > 0.02) & (k < 3.0)
    omega = CodeUnits(1e-6, 1.3233e-3).gyrofrequency
    want = np.pi * omega / gamma * e * (1.0 - mu**2) * ready.time_step
    change = (np.asarray(state.markers.parallel_momentum) / np.asarray(state.markers.momentum(state.b)) - mu) ** 2
    ratio = change[use] / want[use]
    return np.mean(ratio), np.std(ratio) / np.sqrt(use.sum())


def test_scattering_frequency_carries_pi():
    """A step of a built config scatters at D_mumu = pi (Omega0/gamma) e (1 - mu^2)/2 (notes, section 4)."""
    # About 3000 markers, standard error 2 %: catches a bias of 11 %.
    ratio, error = measured_over_exact()
    assert error < 0.025
    assert abs(ratio - 1.0) < 4.9 * error


def test_mutation_without_pi_in_nu():
    """Eq. 30 as printed (coefficients = printed) fails the same check by its factor pi."""
    ratio, error = measured_over_exact({"coefficients": "printed"})
    assert abs(np.pi * ratio - 1.0) < 4.9 * np.pi * error
    assert abs(ratio - 1.0) > 20.0 * error


def mirrored(m):
    """Markers with p_par of the other sign."""
    return dataclasses.replace(m, parallel_momentum=-m.parallel_momentum)


def test_a_mirror_exchanges_directions_and_helicities():
    """Kicks of the mirrored state with the words of the other direction, a step later, are the mirrored kicks.

    The order of the directions alternates with the step, so that the mirror is exact: markers and gains to 1e-12.
    """
    ready = build(parse_config(SMALL | {"run": SMALL["run"] | {"markers": 256}}))
    parameters, model = ready.parameters, ready.model
    kick = jax.jit(scatter, static_argnames="model")
    rng = np.random.default_rng(11)
    low, high = rng.integers(0, 2**32, (2, 256), dtype=np.uint64)
    e = jnp.asarray(1e-5 * np.exp(rng.normal(size=ready.state.e.shape)))
    here = dataclasses.replace(ready.state, e=e)
    there = dataclasses.replace(here, e=e[::-1, ::-1], markers=mirrored(here.markers), step=here.step + 1)
    to = Stretch(jnp.asarray(0.999))
    one, gains, correction, _ = kick(here, jnp.asarray(low | high << np.uint64(32)), parameters, model=model, to=to)
    two, other, again, _ = kick(there, jnp.asarray(high | low << np.uint64(32)), parameters, model=model, to=to)
    moved = np.asarray(one.markers.parallel_momentum - here.markers.parallel_momentum)
    assert np.mean(np.abs(moved) > 1e-3) > 0.3
    for name in ("parallel_momentum", "rise"):
        found, want = (np.asarray(getattr(m, name)) for m in (mirrored(two.markers), one.markers))
        np.testing.assert_allclose(found, want, rtol=1e-12, atol=1e-15)
    scale = float(jnp.max(jnp.abs(gains.gain)))
    np.testing.assert_allclose(other.gain[::-1, ::-1], gains.gain, rtol=0, atol=1e-12 * scale)
    np.testing.assert_allclose(two.e[::-1, ::-1], one.e, rtol=1e-12)
    assert float(other.peak) == float(gains.peak)
    # One word for both directions is no mirror.
    same, *_ = kick(there, jnp.asarray(low | high << np.uint64(32)), parameters, model=model, to=to)
    assert np.mean(np.asarray(same.markers.parallel_momentum != two.markers.parallel_momentum)) > 0.3
