"""Averages over the last half, from records made by hand."""

import math

import numpy as np
import pytest
from support.result_cases import step_weights

from crmc.results.averages import Records, averages, spectra
from crmc.results.variables import FIRST_MOMENTS, VARIABLES, unit_of

SIZES = {"direction": 2, "helicity": 2, "k": 3, "momentum": 3}
#: Steps of the records and of the blocks: a last interval is short.
STEPS, BLOCKS = np.array([*range(0, 41, 2), 41]), np.array([*range(0, 41, 8), 41])
REPLICAS = 5
RNG = np.random.default_rng(7)


def values(steps, **changed):
    """Every variable, (records, replicas, ...): 1 unless changed to arrays (records, replicas) that fill all bins.

    Moments of rates are 0 unless changed.
    """
    found = {name: np.asarray(changed.get(name, np.zeros((len(steps), REPLICAS)))) for name in FIRST_MOMENTS}
    for name, (dims, *_) in VARIABLES.items():
        shape = (len(steps), REPLICAS, *(SIZES[dim] for dim in dims))
        array = np.asarray(changed.get(name, np.ones((len(steps), REPLICAS))), float)
        found[name] = np.broadcast_to(array.reshape(*array.shape, *[1] * len(dims)), shape)
    return found


def records(exact=False, steps=STEPS, blocks=BLOCKS, **changed):
    """Records whose changed variables are functions of the number of the step, the same for every replica and block."""

    def at(where):
        return {
            name: np.stack([np.broadcast_to(function(step), REPLICAS) for step in where])
            for name, function in changed.items()
        }

    return Records(steps, values(steps, **at(steps)), blocks, values(blocks, **at(blocks)), exact)


def test_states_are_plain_means_from_the_first_block_after_the_middle():
    """The middle is step 20.5, the first block after it begins at 24: intervals of 2 steps, and a last one of 1."""
    found = averages(records(pressure_anisotropy=lambda n: n))["pressure_anisotropy"]
    ends, lengths = np.array([*range(26, 41, 2), 41]), np.array([2] * 8 + [1])
    assert found["value"] == pytest.approx((ends * lengths).sum() / 17, rel=1e-14)
    assert found["unit"] == "1" and found["stderr"] == 0.0


def test_rates_weigh_as_6x_1_minus_x():
    """A rate in one interval counts with the integral of 6 x (1 - x) over it; a constant one gives itself."""
    for chosen in (26, 34, 41):
        before = {26: 24, 34: 32, 41: 40}[chosen]
        found = averages(records(heating_rate=lambda n, chosen=chosen: float(n == chosen)))["heating_rate"]["value"]
        a, b = (before - 24) / 17, (chosen - 24) / 17
        assert found == pytest.approx(3 * (b**2 - a**2) - 2 * (b**3 - a**3), rel=1e-12)
    assert averages(records())["gas_heating_rate"]["value"] == pytest.approx(1.0, rel=1e-14)


def test_energy_at_the_ends_of_the_window_drops_out():
    """Wave energy that is white noise over the steps: the variance of its rate falls to 12/T of sigma^2/T^2, from 2.

    A window of T = 256 steps in 32 records.  The plain mean has 43 times as much, and with the records' own weights,
    without the moments, it is 8 times as much.  2000 replicas know a variance to 3 %; 15 % are allowed.
    """
    count, every, T = 2000, 8, 256
    steps = np.arange(0, 2 * T + 1, every)
    energy = RNG.normal(size=(steps[-1] + 1, count))
    mean, moment = of_records(np.diff(energy, axis=0), every)
    base = {name: np.ones((len(steps), count, *(SIZES[d] for d in dims))) for name, (dims, *_) in VARIABLES.items()}
    base |= {name: np.zeros((len(steps), count)) for name in FIRST_MOMENTS}
    made = Records(steps, base | {"heating_rate": mean, "heating_rate_moment": moment}, steps, base, False)
    error = averages(made)["heating_rate"]["stderr"]
    assert error**2 * count == pytest.approx(12.0 / T**3, rel=0.15)
    # 12/K of records by themselves: what the moments are for.
    none = made._replace(values=made.values | {"heating_rate_moment": np.zeros_like(moment)})
    assert averages(none)["heating_rate"]["stderr"] ** 2 * count == pytest.approx(12.0 * every / T**3, rel=0.15)


def of_records(rates, every):
    """The mean of records of ``every`` steps, and the first moment about their middle, NaN and 0 before the first."""
    parts = rates.reshape(-1, every, *rates.shape[1:])
    place = np.arange(every) - 0.5 * (every - 1)
    moment = np.tensordot(place, parts, (0, 1)) / every
    nothing = np.full((1, *rates.shape[1:]), np.nan)
    return np.concatenate([nothing, parts.mean(axis=1)]), np.concatenate([nothing, moment])


@pytest.mark.parametrize("name", ["heating_rate", "gas_heating_rate"])
def test_every_step_has_its_own_weight(name):
    """Random rates of 64 steps in records of 4: weights of the steps by least squares within records; to 1e-13."""
    every, steps = 4, np.arange(0, 65, 4)
    rates = RNG.normal(size=(64, REPLICAS))
    mean, moment = of_records(rates, every)
    made = records(steps=steps, blocks=steps)
    found = averages(made._replace(values=made.values | {name: mean, f"{name}_moment": moment}))[name]["value"]
    assert found == pytest.approx((step_weights(np.arange(32, 65, 4)) @ rates[32:]).mean(), rel=1e-13)


def test_waves_of_blocks_leave_out_what_was_not_sampled():
    """growth_rate is that of the blocks, without those that hold no sample, and absent where none does."""
    made = records(growth_rate=lambda n: np.nan if n == 32 else n)
    found = spectra(made)["growth_rate"].value
    assert found.shape == (2, 2, 3)
    np.testing.assert_allclose(found, (40 * 8 + 41 * 1) / 9, rtol=1e-14)
    assert "growth_rate" not in spectra(records(growth_rate=lambda n: np.nan))


def test_the_error_is_the_scatter_of_replicas():
    """stderr = std(ddof=1)/sqrt(R) of the replicas' own averages; with one replica there is none, on a mesh it is 0."""
    offsets = RNG.normal(size=REPLICAS)
    made = {"scattering_frequency": lambda n: 3.0 + offsets, "mean_free_path": lambda n: 1.0 / (3.0 + offsets)}
    found = averages(records(**made))
    want = np.std(3.0 + offsets, ddof=1) / math.sqrt(REPLICAS)
    assert found["scattering_frequency_p3"]["stderr"] == pytest.approx(want, rel=1e-12)
    # v over the mean frequency, and its error to first order
    mean = np.mean(3.0 + offsets)
    assert found["mean_free_path_p3"]["value"] == pytest.approx(1.0 / mean, rel=1e-12)
    assert found["mean_free_path_p3"]["stderr"] == pytest.approx(want / mean**2, rel=1e-12)
    one = records()
    alone = one._replace(
        values={name: x[:, :1] for name, x in one.values.items()},
        block_values={name: x[:, :1] for name, x in one.block_values.items()},
    )
    assert averages(alone)["heating_rate"]["stderr"] is None
    assert averages(alone._replace(exact=True))["heating_rate"]["stderr"] == 0.0


def test_ratio_of_the_heating_rates_counts_common_noise():
    """Rates that scatter together have a ratio without scatter (eq. 37)."""
    offsets = 1.0 + 0.3 * RNG.normal(size=REPLICAS)
    made = records(heating_rate=lambda n: offsets, spectral_heating_rate=lambda n: 1.02 * offsets)
    found = averages(made)
    assert found["identity_ratio"]["value"] == pytest.approx(1.02, rel=1e-12)
    assert found["identity_ratio"]["stderr"] < 1e-12
    assert found["identity_residual"]["value"] == pytest.approx(0.02, rel=1e-10)


def test_largest_residuals_of_the_whole_run():
    """The absolute value, from the first half and any replica; absent where it is NaN throughout."""
    made = records(
        energy_residual=lambda n: np.where(np.arange(REPLICAS) == 3, -7e-9 if n == 4 else 1e-9, 0.0),
        energy_imbalance=lambda n: np.nan,
    )
    found = averages(made)
    assert found["energy_residual"] == {"value": 7e-9, "stderr": None, "unit": "1"}
    assert "energy_imbalance" not in found


def test_a_run_that_has_just_begun_has_no_averages():
    made = records(steps=np.array([0]), blocks=np.array([0]))
    assert averages(made) == {} and spectra(made) == {}


def test_units_are_those_of_the_variables():
    found = averages(records())
    assert found["heating_rate"]["unit"] == unit_of("heating_rate")
    assert found["mean_free_path_p10"]["unit"] == unit_of("mean_free_path")
