"""`crmc bench`: its references agree with each other, what it reports, and what it says about bad options."""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.cli_cases import assert_bad_input, call
from support.run_cases import environment

from crmc.bench import measure, table
from crmc.bench.roofline import estimate
from crmc.bench.worker import Unavailable, references
from crmc.config.config import load_config
from crmc.physics import tube as flux_tube
from crmc.physics.waves import damp
from crmc.setup.build import build
from crmc.solvers.monte_carlo import scatter

problem, numpy_step = references("problem"), references("numpy_step")
MARKERS, STEPS = 3000, 4
ARRAYS = ("birth_momentum", "parallel_momentum", "rise", "volume", "excess")


@pytest.fixture(scope="module")
def halo() -> tuple[Any, Any]:
    """The halo problem; every use takes a copy of the tube."""
    return problem.halo(MARKERS)


@pytest.fixture(scope="module")
def words() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 2**64, (STEPS, MARKERS), dtype=np.uint64)


def reference(name: str) -> Any:
    """Module of a reference, or a skip that says what is missing."""
    module = references(f"{name}_step")
    if missing := module.available():
        pytest.skip(missing)
    return module


def in_double(tube: Any) -> Any:
    """The same tube with float64 markers."""
    tube = tube.copy()
    for name in ARRAYS:
        setattr(tube, name, getattr(tube, name).astype(float))
    return tube


def error(found: Any, exact: Any, name: str) -> float:
    """R.m.s. difference of an array of markers over its r.m.s."""
    x, y = getattr(found, name).astype(float), getattr(exact, name)
    return float(np.sqrt(np.mean((x - y) ** 2) / np.mean(y**2)))


def assert_same_step(found: Any, exact: Any) -> None:
    """Markers to some 100 roundings of float32, small arrays and books to those of the sums over markers."""
    tube, oracle = found.tube, exact.tube
    assert tube.step == oracle.step
    assert error(tube, oracle, "parallel_momentum") < 3e-6
    assert error(tube, oracle, "rise") < 1e-5
    assert error(tube, oracle, "excess") < 1e-4
    for name in ("b", "gas_pressure", "injected", "radiated"):
        assert getattr(tube, name) == pytest.approx(getattr(oracle, name), rel=1e-12)
    assert tube.work == pytest.approx(oracle.work, rel=1e-7)
    driven = oracle.waves > 1e-3 * oracle.waves.max()
    assert driven.sum() > 20
    assert tube.waves[driven] == pytest.approx(oracle.waves[driven], rel=1e-7)
    assert_same_record(found.record, exact.record)


def assert_same_record(found: Any, exact: Any) -> None:
    largest = np.abs(exact.gain).max()
    assert found.gain == pytest.approx(exact.gain, abs=3e-6 * largest)
    for name, bound in (("gain_variance", 1e-4), ("absolute_exchange", 1e-5), ("damped", 1e-6), ("peak", 1e-9)):
        assert getattr(found, name) == pytest.approx(getattr(exact, name), rel=bound)
    # The imbalance that is left is rounding; what was corrected is the noise of F0's part.
    assert abs(found.imbalance) < 1e-7 * exact.absolute_exchange
    assert found.correction == pytest.approx(exact.correction, rel=1e-2)


@jax.jit(static_argnames="model")
def crmc_step(state: Any, words: Any, parameters: Any, model: Any) -> tuple[Any, Any]:
    """A step from given words, put together from the production step's own pieces as `crmc.solvers.monte_carlo.step` does."""
    half = 0.5 * parameters.dt
    state = flux_tube.apply_sources(state, parameters, model, half)
    middle = flux_tube.next_field(state, parameters, model, 0.5)
    state, record, correction = scatter.scatter(state, words, parameters, model, middle)
    state, damped = damp(state, parameters, model, half)
    end = flux_tube.next_field(state, parameters, model, 1.0)
    state, record = scatter.settle(state, record, correction, parameters, model, end)
    state = flux_tube.apply_sources(state, parameters, model, half)
    return dataclasses.replace(state, step=state.step + 1), record._replace(damped=record.damped + damped)


def test_numpy_makes_crmc_s_step(words: np.ndarray) -> None:
    """Two whole steps of the halo, either order of the kicks, in float64: the same numbers to 1e-10 of their scale."""
    setup = build(load_config("halo", [f"run.markers={MARKERS}"]))
    markers = jax.tree.map(lambda x: x.astype(jnp.float64), setup.state.markers)
    state = dataclasses.replace(setup.state, markers=markers)
    constants, start = problem.from_setup(dataclasses.replace(setup, state=state))
    exact = numpy_step.Reference(constants, start.copy())
    for i in range(2):
        state, record = crmc_step(state, jnp.asarray(words[i]), setup.parameters, setup.model)
        exact.run(1, words[i : i + 1])
        found = problem.from_setup(dataclasses.replace(setup, state=state))[1]
        assert found.step == exact.tube.step == i + 1
        for name in ("parallel_momentum", "rise", "excess"):
            assert error(found, exact.tube, name) < 1e-10
            assert np.any(getattr(found, name) != getattr(start, name))
        assert found.waves == pytest.approx(exact.tube.waves, rel=1e-8, abs=1e-10 * exact.tube.waves.max())
        for name in ("b", "gas_pressure", "injected", "radiated", "work"):
            assert getattr(found, name) == pytest.approx(getattr(exact.tube, name), rel=1e-10)
        assert_record_of_crmc(record, exact.record)


def assert_record_of_crmc(found: Any, exact: Any) -> None:
    assert np.asarray(found.gain) == pytest.approx(exact.gain, abs=1e-10 * np.abs(exact.gain).max())
    for name in ("gain_variance", "absolute_exchange", "damped", "peak", "correction"):
        assert float(getattr(found, name)) == pytest.approx(getattr(exact, name), rel=1e-8), name
    assert abs(found.imbalance) < 1e-12 * exact.absolute_exchange > abs(exact.imbalance)


@pytest.mark.parametrize("name", ["numpy", "cpp", "cpp_plain", "numba"])
@pytest.mark.parametrize("steps", [1, STEPS])
def test_references_agree(name: str, steps: int, halo: tuple[Any, Any], words: np.ndarray) -> None:
    """Float32 markers of every reference against NumPy in float64 with the same words, either order of the kicks."""
    constants, tube = halo
    found = reference(name).Reference(constants, tube.copy())
    exact = numpy_step.Reference(constants, in_double(tube))
    for run in (found, exact):
        run.run(steps, words[:steps])
    assert_same_step(found, exact)


def test_the_words_matter(halo: tuple[Any, Any], words: np.ndarray) -> None:
    """The comparison above would see words whose halves are exchanged."""
    constants, tube = halo
    found, exact = (numpy_step.Reference(constants, in_double(tube)) for _ in range(2))
    found.run(1, (words[:1] >> np.uint64(32)) | (words[:1] << np.uint64(32)))
    exact.run(1, words[:1])
    assert error(found.tube, exact.tube, "parallel_momentum") > 0.1


def test_markers_keep_what_they_should(halo: tuple[Any, Any], words: np.ndarray) -> None:
    """Birth momentum and volume stay; the correction of the excess conserves the number of particles."""
    constants, tube = halo
    run = numpy_step.Reference(constants, in_double(tube))
    run.run(2, words[:2])
    for name in ("birth_momentum", "volume"):
        assert np.array_equal(getattr(run.tube, name), getattr(tube, name).astype(float))
    change = run.tube.excess - tube.excess.astype(float)
    assert abs(change.sum()) < 1e-9 * np.abs(change).sum()


@pytest.mark.parametrize("name", ["numpy", "cpp", "cpp_plain", "numba"])
def test_own_words(name: str, halo: tuple[Any, Any], words: np.ndarray) -> None:
    """Gains with the reference's own generator: within 5.5 standard errors of those with given words."""
    constants, tube = halo
    found = reference(name).Reference(constants, tube.copy())
    given = numpy_step.Reference(constants, tube.copy())
    found.run(1)
    given.run(1, words[:1])
    variance = found.record.gain_variance + given.record.gain_variance
    assert found.record.gain_variance == pytest.approx(given.record.gain_variance, rel=0.3)
    assert abs(found.record.gain.sum() - given.record.gain.sum()) < 5.5 * np.sqrt(variance)
    before = found.tube.parallel_momentum.copy()
    found.run(1)
    assert error(found.tube, given.tube, "parallel_momentum") > 0.1
    assert np.mean(found.tube.parallel_momentum != before) > 0.9


def test_cpp_threads_and_calls(halo: tuple[Any, Any], words: np.ndarray) -> None:
    """Steps in one call on two threads and in several calls on one differ by the order of the sums alone."""
    module, (constants, tube) = reference("cpp"), halo
    one, two = (module.Reference(constants, tube.copy(), threads=threads) for threads in (1, 2))
    for i in range(STEPS):
        one.run(1, words[i : i + 1])
    two.run(STEPS, words)
    assert error(two.tube, one.tube, "parallel_momentum") < 1e-6
    assert two.tube.waves == pytest.approx(one.tube.waves, rel=1e-6)


def test_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler that is not there, and one that fails, are named with a remedy."""
    module = references("cpp_step")
    monkeypatch.setattr(module, "_library", module._library.__wrapped__)
    monkeypatch.setenv("CXX", "/nowhere/c++")
    assert "/nowhere/c++" in module.available() and "CXX" in module.available()
    monkeypatch.setenv("CXX", "false")
    assert "does not compile" in module.available()
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", "")
    assert "install g++" in module.available()


def test_linking_leaves_subnormal_numbers_alone() -> None:
    """Loading the C++ reference must not switch subnormal numbers off in this process."""
    reference("cpp")
    assert np.float32(1e-40) * np.float32(0.5) > 0.0


def test_diffrax_diffuses_alike(halo: tuple[Any, Any], words: np.ndarray) -> None:
    """R.m.s. change of mu in four steps: Euler-Maruyama at nu dt = 0.4 is within 10 % of the kicks."""
    module, (constants, tube) = reference("diffrax"), halo
    scatter, equation = numpy_step.Reference(constants, tube.copy()), module.Reference(constants, tube.copy())
    scatter.run(STEPS, words)
    equation.run(STEPS)
    p, parallel = equation.momenta
    assert np.all(np.isfinite(p)) and np.all(np.abs(parallel) <= p * (1.0 + 1e-6))
    mu = tube.parallel_momentum / tube.birth_momentum
    resonant = np.abs(mu) > 0.3
    root = np.float32(np.cbrt(scatter.tube.b))
    other = scatter.tube.parallel_momentum / (scatter.tube.birth_momentum * np.sqrt(1 + scatter.tube.rise) * root)
    spread = [np.sqrt(np.mean((x - mu)[resonant] ** 2)) for x in (parallel / p, other)]
    assert spread[0] == pytest.approx(spread[1], rel=0.1)
    # Energy changes by v_A/c of the momentum.
    change = np.log(p / (tube.birth_momentum * root))
    assert 0.3 < np.std(change[resonant]) / (constants.alfven_speed * spread[0]) < 3.0


class Clock:
    """Workers whose steps take known times, and the order in which they were asked."""

    def __init__(self, seconds: dict[str, float], about: dict[str, dict[str, Any]]):
        self.seconds, self.about, self.asked = seconds, about, []

    def __call__(self, name: str, markers: int) -> Any:
        clock = self

        class Fake:
            about = {"threads": 1, "compile_seconds": 0.5, "device": "cpu", **clock.about.get(name, {})}

            def run(self, steps: int) -> float:
                clock.asked.append(name)
                return steps * clock.seconds[name] * markers

            def ask(self, **question: int) -> dict[str, Any]:
                if "memory" in question:
                    return {"resident": 1000 + 40 * markers, "device": None}
                return {"bandwidth": 1e10, "arithmetic": 1e11}

            def close(self) -> None:
                pass

        if "failed" in Fake.about:
            raise measure.WorkerFailed(Fake.about["failed"])
        return Fake()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Clock]]:
    """Replace the processes by a clock."""

    def install(seconds: dict[str, float], **about: dict[str, Any]) -> Clock:
        made = Clock(seconds, about)
        monkeypatch.setattr(measure, "Worker", made)
        return made

    yield install


def test_pairs_in_turn(clock: Callable[..., Clock]) -> None:
    """Ratio, speed and memory from known times; the production step and the reference alternate."""
    made = clock({"crmc": 1e-8, "numpy": 4e-8})
    found = measure.measure([200_000], ["numpy"], 3, 2)
    row = found["sizes"][0]
    assert row["crmc"]["ns_per_marker_step"] == pytest.approx(10.0)
    assert row["against"]["numpy"]["ratio"] == pytest.approx(4.0)
    assert row["against"]["numpy"]["marker_steps_per_second"] == pytest.approx(2.5e7)
    assert row["crmc"]["resident_bytes_per_marker"] == pytest.approx(40.0)
    assert made.asked == ["crmc"] * 3 + ["crmc", "numpy"] * 3


def test_what_is_missing_is_reported(clock: Callable[..., Clock]) -> None:
    """A reference that is not installed or fails leaves the others alone, and the table says how to get it."""
    clock(
        {"crmc": 1e-8, "numpy": 4e-8},
        numba={"unavailable": "Numba is not installed; pip install numba"},
        diffrax={"failed": "diffrax: out of memory"},
    )
    found = measure.measure([100], ["numba", "diffrax", "numpy"], 1, 1)
    against = found["sizes"][0]["against"]
    assert [against[name]["available"] for name in ("numba", "diffrax", "numpy")] == [False, False, True]
    text = table.text(found)
    assert "numba: not available: Numba is not installed; pip install numba" in text
    assert "diffrax: not available: diffrax: out of memory" in text
    assert found["sizes"][0]["crmc"]["resident_bytes_per_marker"] is None


def test_roofline() -> None:
    """56 bytes at 56 GB/s take 1 ns; 730 + 14*20 operations at 505 Gflop/s take 2 ns."""
    found = estimate({"bandwidth": 56e9, "arithmetic": 505e9})
    assert found["bandwidth_ns_per_marker_step"] == pytest.approx(1.0)
    assert found["arithmetic_ns_per_marker_step"] == pytest.approx(2.0)
    assert (found["limited_by"], found["least_ns_per_marker_step"]) == ("arithmetic", pytest.approx(2.0))


def test_references_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Without the experiments' folder the remedy is named."""
    monkeypatch.setattr("crmc.config.files.EXPERIMENT_FOLDERS", (tmp_path,))
    monkeypatch.delitem(__import__("sys").modules, "crmc_bench_references")
    with pytest.raises(Unavailable, match="checkout"):
        references("numpy_step")


@pytest.mark.full
@pytest.mark.slow
def test_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real processes: valid JSON with the keys of experiments/bench/README.md, and a ratio that is the pairs' median."""
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    reply = call("bench", "--markers", "2000", "--repeat", "1", "--json", "--against", "numpy,c++,c++-plain")
    assert (reply.code, reply.err) == (0, "")
    found = json.loads(reply.out)
    assert found.keys() == {"problem", "device", "threads", "repeat", "steps", "sizes", "roofline"}
    (row,) = found["sizes"]
    assert row["markers"] == 2000 and row["crmc"]["marker_steps_per_second"] > 0.0
    assert row["crmc"]["compile_seconds"] > 0.0
    numpy_row = row["against"]["numpy"]
    assert numpy_row["ratio"] == pytest.approx(statistics.median(numpy_row["ratios"]))
    for name in ("c++", "c++-plain"):
        entry = row["against"][name]
        # Binding threads to cores must not leave a reference with one of them.
        assert entry["threads"] == len(os.sched_getaffinity(0)) if entry["available"] else entry["remedy"]
    assert found["roofline"]["limited_by"] in ("bandwidth", "arithmetic")
    assert "crmc faster by" in table.text(found)


@pytest.mark.parametrize(
    ("option", "value", "word"),
    [
        ("--markers", "", "whole number"),
        ("--markers", "1e4,x", "whole number"),
        ("--markers", "63", "64"),
        ("--markers", "1e11", "10000000000"),
        ("--markers", "100.5", "whole number"),
        ("--markers", "nan", "whole number"),
        ("--repeat", "0", "from 1"),
        ("--repeat", "-1", "from 1"),
        ("--steps", "inf", "whole number"),
        ("--against", "fortran", "numba"),
        ("--against", "", "no such reference"),
    ],
)
def test_bad_options(option: str, value: str, word: str) -> None:
    """One line that names option and rule; nothing is started."""
    assert_bad_input(call("bench", f"{option}={value}"), option, word)


def test_a_worker_that_fails() -> None:
    """A process that cannot start says why; one that ends without an answer is reported with its exit code."""
    with pytest.raises(measure.WorkerFailed, match="KeyError"):
        measure.Worker("fortran", 64)
    worker = measure.Worker("numpy", 64)
    assert worker.run(1) > 0.0
    worker._process.kill()
    with pytest.raises(measure.WorkerFailed, match="numpy ended with code -9"):
        worker.run(1)
    worker.close()


def test_production_that_fails(clock: Callable[..., Clock]) -> None:
    """The command ends with code 3 and one line."""
    clock({}, crmc={"failed": "crmc: MemoryError"})
    reply = call("bench", "--markers", "100", "--against", "none")
    assert (reply.code, reply.out, reply.err) == (3, "", "crmc: error: crmc: MemoryError\n")
