"""The alternatives that a worker runs: references make the same step, draw their own words, and say what they lack."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bench_cases import STEPS, error, halo, in_double, numpy_step, reference, words

from crmc.bench import worker
from crmc.bench.worker import Unavailable, references


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


@pytest.mark.parametrize("name", ["numpy", "cpp", "cpp_plain", "numba"])
@pytest.mark.parametrize("steps", [1, STEPS])
def test_references_agree(name: str, steps: int) -> None:
    """Float32 markers of every reference against NumPy in float64 with the same words, either order of the kicks."""
    constants, tube = halo()
    found = reference(name).Reference(constants, tube.copy())
    exact = numpy_step.Reference(constants, in_double(tube))
    for run in (found, exact):
        run.run(steps, words()[:steps])
    assert_same_step(found, exact)


def test_the_words_matter() -> None:
    """The comparison above would see words whose halves are exchanged."""
    constants, tube = halo()
    found, exact = (numpy_step.Reference(constants, in_double(tube)) for _ in range(2))
    found.run(1, (words()[:1] >> np.uint64(32)) | (words()[:1] << np.uint64(32)))
    exact.run(1, words()[:1])
    assert error(found.tube, exact.tube, "parallel_momentum") > 0.1


def test_markers_keep_what_they_should() -> None:
    """Birth momentum and volume stay; the correction of the excess conserves the number of particles."""
    constants, tube = halo()
    run = numpy_step.Reference(constants, in_double(tube))
    run.run(2, words()[:2])
    for name in ("birth_momentum", "volume"):
        assert np.array_equal(getattr(run.tube, name), getattr(tube, name).astype(float))
    change = run.tube.excess - tube.excess.astype(float)
    assert abs(change.sum()) < 1e-9 * np.abs(change).sum()


@pytest.mark.parametrize("name", ["numpy", "cpp", "cpp_plain", "numba"])
def test_own_words(name: str) -> None:
    """Gains with the reference's own generator: within 5.5 standard errors of those with given words."""
    constants, tube = halo()
    found = reference(name).Reference(constants, tube.copy())
    given = numpy_step.Reference(constants, tube.copy())
    found.run(1)
    given.run(1, words()[:1])
    variance = found.record.gain_variance + given.record.gain_variance
    assert found.record.gain_variance == pytest.approx(given.record.gain_variance, rel=0.3)
    assert abs(found.record.gain.sum() - given.record.gain.sum()) < 5.5 * np.sqrt(variance)
    before = found.tube.parallel_momentum.copy()
    found.run(1)
    assert error(found.tube, given.tube, "parallel_momentum") > 0.1
    assert np.mean(found.tube.parallel_momentum != before) > 0.9


def test_cpp_threads_and_calls() -> None:
    """Steps in one call on two threads and in several calls on one differ by the order of the sums alone."""
    module, (constants, tube) = reference("cpp"), halo()
    one, two = (module.Reference(constants, tube.copy(), threads=threads) for threads in (1, 2))
    for i in range(STEPS):
        one.run(1, words()[i : i + 1])
    two.run(STEPS, words())
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


def test_diffrax_diffuses_alike() -> None:
    """R.m.s. change of mu in four steps: Euler-Maruyama at nu dt = 0.4 is within 10 % of the kicks."""
    module, (constants, tube) = reference("diffrax"), halo()
    scatter, equation = numpy_step.Reference(constants, tube.copy()), module.Reference(constants, tube.copy())
    scatter.run(STEPS, words())
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


def test_references_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Without the experiments' folder the remedy is named."""
    monkeypatch.setattr("crmc.config.files.EXPERIMENT_FOLDERS", (tmp_path,))
    monkeypatch.delitem(__import__("sys").modules, "crmc_bench_references")
    with pytest.raises(Unavailable, match="checkout"):
        references("numpy_step")


def test_memory_is_the_most_that_a_step_holds() -> None:
    """Steps that hold and release 128 MiB raise the most bytes resident by that, to 10 %."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        pytest.skip("this system does not reset the most bytes resident")
    size = 2**27
    idle = worker._memory(lambda steps: None, 1)["resident"]
    busy = worker._memory(lambda steps: np.ones(size, np.uint8).sum(), 1)["resident"]
    assert busy - idle == pytest.approx(size, rel=0.1)
