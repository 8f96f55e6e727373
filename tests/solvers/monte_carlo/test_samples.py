"""Samples of f for the growth functional: which markers, which words, and the growth that they give."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.growth_cases import BINS, V_A, case, parameters_of, start_of
from support.kick_cases import COUNT, smeared_growth
from support.run_cases import small

from crmc.physics.flow import Stretch
from crmc.physics.markers import expand
from crmc.physics.parameters import Model
from crmc.physics.spectrum import SIGNS, wave_energy_unit
from crmc.setup.build import build
from crmc.solvers.monte_carlo import samples
from crmc.solvers.monte_carlo.functional import functional_rates, resonant_histogram, wave_frame_weight
from crmc.solvers.monte_carlo.kernel import wave_frame
from crmc.solvers.monte_carlo.tables import metric_of


@pytest.mark.parametrize(("count", "parts"), [(512, 1), (16384, 2), (40000, 4)])
def test_samples_take_parts_in_turn(count, parts):
    """A sample is due every third step; consecutive ones start over after they met every marker, by numpy's slices."""
    setup, model = build(small(run__markers=512)), Model(functional_parts=parts)
    state, third = setup.state, setup.parameters.cadence._replace(functional_every=jnp.asarray(3))
    parameters = dataclasses.replace(setup.parameters, cadence=third)
    place = jnp.arange(float(count))
    markers = jax.tree.map(lambda _: place, state.markers)
    seen = np.zeros(count, int)
    for step in range(3 * parts):
        now = dataclasses.replace(state, markers=markers, step=jnp.asarray(step))
        found = samples.take_sample(now, parameters, model)
        assert bool(found.due) == (step % 3 == 0)
        parallel, rise = (np.asarray(x) for x in found.changing)
        want = np.arange(count)[int(found.start) :][: -(-count // parts)]
        np.testing.assert_array_equal(parallel, want)
        np.testing.assert_array_equal(rise, want)
        if found.due:
            seen[want] += 1
    assert seen.min() == 1 and np.sum(seen - 1) < parts


def test_no_sample_takes_more_than_its_share():
    """A part of the ensemble, rounded up, and at most 65536 markers; by hand."""

    state = build(small(run__markers=64)).state

    def size(count, parts):
        markers = dataclasses.replace(state.markers, rise=np.empty(count, np.float32))
        return samples._sample_size(dataclasses.replace(state, markers=markers), Model(functional_parts=parts))

    assert [size(100, 1), size(16383, 2), size(32768, 4), size(1 << 20, 4)] == [100, 8192, 8192, 65536]


def test_words_are_scrambled_by_murmurhash3():
    """The 32-bit finaliser of MurmurHash3 in whole numbers of Python, for 1000 words; 1 gives 514E28B7."""
    words = np.random.default_rng(1).integers(0, 2**32, 1000, dtype=np.uint32)

    def finalise(x):
        x = ((x ^ (x >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
        x = ((x ^ (x >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
        return x ^ (x >> 16)

    np.testing.assert_array_equal(samples._scramble(jnp.asarray(words)), [finalise(int(x)) for x in words])
    assert finalise(1) == 0x514E28B7


@functools.cache
def compiled():
    """Compiled `functional_sample` of markers that are the same before and after the kicks."""

    def sample(state, parameters, b_ratio):
        m, metric = state.markers, metric_of(state, parameters)
        return samples.functional_sample(m, m, state, metric, parameters, Model(), Stretch(state.b / jnp.sqrt(b_ratio)))

    return jax.jit(sample)


def sample_of(e, b_ratio):
    """(histogram, state, parameters) of the case with drift: waves of the power ``e``, B times ``b_ratio`` in a step."""
    rays, _, _ = case("kappa")
    parameters, state = parameters_of(rays), start_of("kappa", 2.0, 1.0, np.full((2, 2, BINS), e), COUNT)
    return compiled()(state, parameters, jnp.asarray(b_ratio)), state, parameters


@pytest.mark.parametrize("b_ratio", [1.0, 0.9])
def test_without_scattering_a_sample_is_the_histogram_of_its_markers(b_ratio):
    """Waves of e = 1e-30: markers carried to the fields of short steps 33 and 34, each seen before and after its kick.

    A short step is an eighth of a step.  To 1e-6 of the largest sum of a row, but for the cells, at most 1 in 1000, with
    a marker at their edge, which round-off moves to the next one; sums over all cells to 1e-7.
    """
    histogram, state, parameters = sample_of(1e-30, b_ratio)
    rays, want = parameters.background, np.zeros(histogram.shape)
    for i in (33, 34):
        b = state.b * b_ratio ** (i / 8)
        m = expand(state.markers, state.stretch, Stretch(b))
        for d, sign in enumerate(SIGNS):
            frame = wave_frame(m.momentum_squared(b), m.parallel_momentum, jnp.asarray(sign * V_A))
            weights = wave_frame_weight(rays, state.amplitude, frame, m, b)
            found = resonant_histogram(parameters.grid, rays, frame, *weights, Stretch(b))[0]
            want[d] += 2.0 * np.asarray(found)
    histogram, size = np.asarray(histogram), np.abs(want)
    assert np.mean(np.abs(histogram - want) > 1e-6 * size.sum(axis=-1).max()) < 1e-3
    np.testing.assert_array_less(np.abs(np.sum(histogram - want, axis=(3, 4))), 1e-7 * size.sum(axis=(3, 4)))


@pytest.mark.full
def test_growth_has_a_derivative_in_both_modes():
    """d ln 2 sum Gamma E/d ln v_A of 256 markers, backwards and forwards, to 1e-9."""
    rays, _, _ = case("kappa")
    parameters, state = parameters_of(rays), start_of("kappa", 2.0, 1.0, np.full((2, 2, BINS), 1e-7), 256)

    def growth(factor):
        p = dataclasses.replace(parameters, alfven_speed=factor * parameters.alfven_speed)
        m, metric = state.markers, metric_of(state, p)
        histogram = samples.functional_sample(m, m, state, metric, p, Model(), state.stretch)
        return jnp.sum(state.e * functional_rates(state, histogram, p)[..., :-1])

    forward, reverse = (jax.jit(mode(growth))(jnp.asarray(1.0)) for mode in (jax.jacfwd, jax.grad))
    assert float(reverse) == pytest.approx(float(forward), rel=1e-9)
    assert float(forward) != 0.0


@pytest.mark.full
def test_growth_of_a_sample_is_that_of_the_quadrature():
    """Gamma_j of v_D = 2 v_A after short steps with nu dt = 3e-7: eq. 15's by quadrature to 2 % of the branch."""
    histogram, state, parameters = sample_of(1e-7, 1.0)
    unit = wave_energy_unit(parameters.grid, parameters.alfven_speed, state.b)
    rates = np.asarray(functional_rates(state, histogram, parameters)[..., :-1] / (2.0 * unit))
    want = smeared_growth("kappa")
    assert np.all(np.abs(rates - want) < 0.02 * np.abs(want).max(axis=-1, keepdims=True))
