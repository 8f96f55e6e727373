"""Independent tasks: their results, that they run at the same time, and how they are stopped."""

import threading

import jax.numpy as jnp
import pytest

from crmc.machine import parallel


@pytest.fixture
def three_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three workers, whatever the number of cores here."""
    monkeypatch.setattr(parallel, "cores", lambda: 3)


def test_results_come_with_their_items(three_cores: None) -> None:
    """Every item once, with its own result, in 64-bit JAX: 1 + 1e-12 is kept."""
    found = dict(parallel.each(range(20), lambda i: float(jnp.asarray(i) + jnp.asarray(1e-12))))
    assert found == {i: i + 1e-12 for i in range(20)}


def test_tasks_run_at_the_same_time(three_cores: None) -> None:
    """Three tasks that wait for each other all end; one after another they would wait for ever."""
    meeting = threading.Barrier(3)
    found = list(parallel.each(range(3), lambda i: meeting.wait(timeout=60.0)))
    assert sorted(place for _, place in found) == [0, 1, 2]


def test_one_worker_keeps_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one core tasks begin in the order of the items, each after the one before has ended."""
    monkeypatch.setattr(parallel, "cores", lambda: 1)
    active, begun = threading.Lock(), []

    def work(i: int) -> int:
        assert active.acquire(blocking=False)
        begun.append(i)
        active.release()
        return i * i

    assert list(parallel.each(range(5), work)) == [(i, i * i) for i in range(5)]
    assert begun == list(range(5))


def test_stop_leaves_the_others_out(three_cores: None) -> None:
    """After `stop` turns true no task begins, and those that have begun still give their results."""
    begun: list[int] = []
    found = list(parallel.each(range(100), lambda i: begun.append(i) or i, stop=lambda: len(begun) >= 10))
    assert sorted(i for i, _ in found) == sorted(begun)
    # Three may have been waiting for a worker when the tenth began.
    assert 10 <= len(begun) <= 13


def test_an_error_is_raised(three_cores: None) -> None:
    """The exception of a task reaches the caller."""
    with pytest.raises(ZeroDivisionError):
        list(parallel.each(range(5), lambda i: 1 // (i - 2)))
