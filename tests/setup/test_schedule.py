"""The schedule of a run: steps and intervals against formulas by hand."""

import math

import jax
import numpy as np
import pytest
from scipy.integrate import quad
from support.run_cases import small

from crmc.physics.parameters import Model
from crmc.setup.schedule import Demand, Schedule, begin, cadence_of, require_double, scheduled

# cgs, written out here.
C, M_P, ELECTRON_CHARGE = 2.99792458e10, 1.67262192e-24, 4.80320471e-10
OMEGA = ELECTRON_CHARGE * 1e-6 / (M_P * C)  # rad/s, in 1 uG
DENSITY, PRESSURE = 1.3233e-3, 8.2e-14
AUTO = {"run__time_step": "auto", "run__output_interval": "auto"}


def demand(**overrides):
    """What the small run with other keys asks for."""
    return begin(small(**overrides))[1]


def test_given_step_divides_the_duration():
    """2e9 s in steps of at most 2e7, 3e7 and 1.999e7 s: 100, 67 and 101."""
    for step, steps in (("2e7 s", 100), ("3e7 s", 67), ("1.999e7 s", 101)):
        assert demand(run__time_step=step).steps == steps


@pytest.mark.parametrize(("frequency", "steps"), [(1e-6, 8000), (3e-7, 2400), (1e-9, 100), (0.0, 100)])
def test_automatic_step_of_constant_scattering(frequency, steps):
    """duration nu/0.25 with nu dt <= 0.25 as the config asks, and no fewer than 100."""
    constant = {"scattering__model": "constant", "scattering__frequency": f"{frequency} 1/s", "waves__start": "seed"}
    constant |= {"damping__linear": "0 1/s", "run__scattering_per_step": 0.25}
    assert demand(**AUTO, **constant).steps == pytest.approx(steps, abs=1 if frequency else 0)


@pytest.mark.parametrize("evolve", [False, True])
def test_automatic_step_of_a_spectrum(evolve):
    """Waves at 1e-6 in every bin, above their balance, evolving or not: pi Omega0 e dt = 0.05, to one step."""
    waves = {"waves__start": "seed", "waves__start_level": 1e-6, "waves__evolve": evolve}
    found = demand(**AUTO, **waves, run__scattering_per_step=0.05)
    assert found.strongest == pytest.approx(1e-6, rel=1e-12)
    assert found.steps == math.ceil(math.pi * OMEGA * 1e-6 * 2e9 / 0.05)


def test_growth_from_the_seed_leaves_room():
    """The balance of growth and damping scatters most: 1.25 times its nu from the seed, as it is from the balance."""
    balance = demand(**AUTO, run__scattering_per_step=0.01)
    seed = demand(**AUTO, run__scattering_per_step=0.01, waves__start="seed")
    assert seed.strongest == pytest.approx(balance.strongest, rel=1e-12)
    steps = math.pi * OMEGA * balance.strongest * 2e9 / 0.01
    assert (balance.steps, seed.steps) == (math.ceil(steps), math.ceil(1.25 * steps))


def test_automatic_step_resolves_the_damping_by_an_isotropic_f():
    """2 Gamma dt = 0.3; Gamma = (pi/4)(Omega0/n_i) p_1 int (p^2 - p_1^2) (-df0/dp) dp of the worst bin: quad, to 1e-3."""
    low, high, index, rest = 0.5, 100.0, 4.7, M_P * C**2
    shape = lambda p: (1.0 + p**2) ** (-0.5 * index)  # noqa: E731
    pressure = 2.0 / 3.0 * quad(lambda p: p**4 / math.sqrt(1.0 + p**2) * shape(p), low, high)[0] * rest
    rates = []
    for k in 0.01 * np.exp(math.log(500.0) / 10.0 * (np.arange(8) + 1.5)):
        integrand = lambda p, k=k: (p**2 - 1.0 / k**2) * index * p / (1.0 + p**2) * shape(p)  # noqa: E731
        start = max(1.0 / k, low)
        rates.append(0.25 * math.pi * OMEGA / k * quad(integrand, start, high)[0] if start < high else 0.0)
    rate = max(rates) * PRESSURE / pressure / DENSITY
    # Undamped waves have no balance, and weak ones do not limit the step.
    found = demand(**AUTO, waves__start="seed", damping__linear="0 1/s", run__duration="2e12 s")
    assert found.steps == pytest.approx(2e12 * 2.0 * rate / 0.3, rel=1e-3)


@pytest.mark.parametrize(
    ("interval", "output"),
    [("2e7 s", 1), ("3e8 s", 15), ("3.2e8 s", 16), ("4.4e8 s", 22), ("4.6e8 s", 23), ("2e9 s", 100)],
)
def test_intervals(interval, output):
    """In steps of 2e7 s: rows at the interval of the config, on which neither samples nor records depend."""
    config = small(run__output_interval=interval, run__coarse_grain_interval="4.1e8 s")
    found = Demand(config, Model(), 100, 1e-8).schedule(100)
    assert (found.steps, found.output_every, found.functional_every) == (100, output, 15)
    assert (found.record_every, found.block_every) == (1, 4)
    assert found.coarse_grain_every == 20  # 20.5, half to even


@pytest.mark.parametrize(
    ("scattering", "steps", "output"),
    [("spectrum", 10, 10), ("spectrum", 100, 15), ("spectrum", 1596, 23), ("spectrum", 6400, 64), ("none", 1596, 16)],
)
def test_automatic_rows_hold_a_sample(scattering, steps, output):
    """A hundred rows, or fewer, each as long as the steps between samples of f, which take waves that are followed."""
    config = small(run__output_interval="auto", run__time_step="auto")
    assert Demand(config, Model(scattering=scattering), steps, 1e-8).schedule(steps).output_every == output


@pytest.mark.parametrize(
    ("steps", "record", "functional"),
    [(1, 1, 15), (63, 1, 15), (128, 2, 15), (1087, 16, 15), (1408, 22, 21), (1472, 23, 23), (64000, 1000, 31)],
)
def test_records_and_samples(steps, record, functional):
    """64 records and a few steps more; four in a block; samples at the odd number at most a record, in 15..31."""
    found = Demand(small(), Model(), steps, 1e-8).schedule(steps)
    assert (found.record_every, found.block_every, found.functional_every) == (record, 4 * record, functional)


@pytest.mark.parametrize(("markers", "parts"), [(64, 1), (16383, 1), (16384, 2), (24576, 3), (10**6, 4)])
def test_parts_of_samples(markers, parts):
    """Samples take at least 8192 markers of all replicas together, and at most 4 parts in turn."""
    assert (
        Demand(small(run__markers=markers, run__replicas=1), Model(), 100, 0.0).schedule(100).functional_parts == parts
    )


@pytest.mark.parametrize(("strongest", "refinement"), [(0.0, 2), (1e-8, 2), (2.6e-7, 7), (1e-6, 16)])
def test_refinement_of_samples(strongest, refinement):
    """pi Omega0 e dt/0.025 steps of a sample per step, rounded up, in 2..16: 6.3 for e = 2.6e-7 and dt = 2e7 s."""
    by_hand = math.pi * OMEGA * strongest * 2e7 / 0.025
    assert refinement == min(max(math.ceil(by_hand), 2), 16)
    assert Demand(small(), Model(), 100, strongest).schedule(100).functional_refinement == refinement


def test_half_the_step_halves_the_intervals_in_time():
    """Twice the steps: rows at the same times, in twice as many steps."""
    found = demand()
    assert found.schedule(200).output_every == 2 * found.schedule(100).output_every


def test_model_takes_the_switches():
    """Whether there are coarse-grainings and samples, and the parts; nothing else."""
    for every, sampled in ((7, 21), (0, 21), (7, 0)):
        model = scheduled(Model(gradient=True), Schedule(9, 8, every, sampled, 5, 3))
        switches = {"coarse_grain": every > 0, "functional": sampled > 0, "functional_parts": 3}
        assert model == Model(gradient=True, **switches)


def test_cadence_holds_the_intervals():
    """The three numbers as whole numbers; never 0, by which no step can be divided."""
    with jax.enable_x64(True):
        found = cadence_of(Schedule(9, 8, 0, 21, 5, 3))
    assert [int(x) for x in found] == [1, 21, 5]
    assert {x.dtype.name for x in found} == {"int64"}
    with pytest.raises(ValueError, match="functional_refinement = 17: at most 16"):
        cadence_of(Schedule(9, 8, 7, 21, 17, 3))


def test_32_bit_jax_is_refused():
    """RuntimeError that names the way out."""
    require_double()
    with jax.enable_x64(False):
        for function in (require_double, lambda: begin(small())):
            with pytest.raises(RuntimeError, match="enable_x64"):
                function()
