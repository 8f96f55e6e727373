"""Timing in turn: ratios, speed and memory from known times, what is missing, real processes and those that fail."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.cli_cases import call
from support.run_cases import environment

from crmc.bench import measure, table


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


@pytest.mark.full
@pytest.mark.slow
def test_command(monkeypatch: pytest.MonkeyPatch, every_core: None) -> None:
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
