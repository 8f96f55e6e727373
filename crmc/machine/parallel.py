"""Independent pieces of work beside each other: on a CPU one per core, on a GPU one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

import jax

from crmc.machine.devices import cores

Item = TypeVar("Item")
Found = TypeVar("Found")


def each(
    items: Iterable[Item], work: Callable[[Item], Found], stop: Callable[[], bool] = lambda: False
) -> Iterator[tuple[Item, Found]]:
    """Items and what ``work`` makes of them, in 64-bit JAX, as they become ready.

    stop: asked before each item is begun whether to leave it and all others out.
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
