"""Run independent tasks in parallel: on a CPU one per core, on a GPU one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

import jax

from crmc.machine.granted import cores

Item = TypeVar("Item")
Found = TypeVar("Found")


def each(
    items: Iterable[Item], work: Callable[[Item], Found], stop: Callable[[], bool] = lambda: False
) -> Iterator[tuple[Item, Found]]:
    """Yield each item with the result of ``work`` on it, in the order in which results become ready.

    work: called in a thread, in 64-bit JAX.
    stop: called before an item is begun; where it returns True, that item and all later ones are left out.
    """
    todo = iter(items)

    def one(item: Item) -> tuple[Item, Found]:
        with jax.enable_x64(True):  # a setting of each thread
            return item, work(item)

    workers = cores() if jax.default_backend() == "cpu" else 1
    with ThreadPoolExecutor(workers) as pool:
        waiting: set[Future[tuple[Item, Found]]] = set()
        while True:
            while len(waiting) < workers and not stop():
                try:
                    waiting.add(pool.submit(one, next(todo)))
                except StopIteration:
                    break
            if not waiting:
                return
            ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ended:
                yield future.result()
