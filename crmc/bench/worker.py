"""Serve one alternative in a process of its own, so that memory, threads and floating-point modes are not shared.

``python -m crmc.bench.worker NAME MARKERS [DRAWN]`` writes a line of JSON when ready, then answers each line of JSON on
standard input with one on standard output: {"run": steps} with {"seconds"}, {"memory": steps} with the bytes resident
while stepping, {"machine": 1} with measured bandwidth and arithmetic.  Of more than DRAWN markers of the production
step the others are copies.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

#: Names of the alternatives and the modules of experiments/bench that hold them.
REFERENCES = {
    "numpy": "numpy_step",
    "numba": "numba_step",
    "diffrax": "diffrax_step",
    "c++": "cpp_step",
    "c++-plain": "cpp_plain_step",
}
PRODUCTION = "crmc"
_PACKAGE = "crmc_bench_references"


class Unavailable(Exception):
    """Raised when an alternative cannot run here; the message has the remedy."""


def references(name: str) -> ModuleType:
    """Import a module of experiments/bench; raises Unavailable if the folder is not installed."""
    from crmc.config.files import EXPERIMENT_FOLDERS

    if _PACKAGE not in sys.modules:
        folder = next((path / "bench" for path in EXPERIMENT_FOLDERS if (path / "bench/__init__.py").is_file()), None)
        if folder is None:
            raise Unavailable("the references are not installed; use a checkout of the repository")
        spec = importlib.util.spec_from_file_location(
            _PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None and spec.loader is not None
        package = importlib.util.module_from_spec(spec)
        sys.modules[_PACKAGE] = package
        spec.loader.exec_module(package)
    return importlib.import_module(f"{_PACKAGE}.{name}")


def _start_production(markers: int, drawn: int | None) -> tuple[Callable[[int], None], dict[str, Any]]:
    """Compile the production step, run it once, and return how to advance it and the facts about it."""
    from crmc.bench import production
    from crmc.machine.devices import offer_cores

    offer_cores()
    compile_step = production.prepare(markers, drawn)
    started = time.perf_counter()
    made = compile_step()
    seconds = time.perf_counter() - started
    about = {"threads": made.threads, "device": made.device, "cost": made.cost, "compile_seconds": seconds}
    made.advance(1)
    return made.advance, about


def _start_reference(name: str, markers: int) -> tuple[Callable[[int], None], dict[str, Any]]:
    """Compile a reference, run it twice, and return how to advance it and the facts about it.

    Its compile time is that of the first step less that of the second.  Raises Unavailable if it cannot run here.
    """
    module = references(REFERENCES[name])
    constants, tube = references("problem").halo(markers)
    started = time.perf_counter()
    if missing := module.available():
        raise Unavailable(missing)
    made = module.Reference(constants, tube)
    made.run(1)
    first = time.perf_counter() - started
    started = time.perf_counter()
    made.run(1)
    seconds = max(first - (time.perf_counter() - started), 0.0)
    return made.run, {"threads": made.threads, "compile_seconds": seconds if name != "numpy" else 0.0}


def _trim() -> None:
    """Return freed memory to the system."""
    import ctypes
    import gc

    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):
        return


def _status(field: str) -> int | None:
    """Return a field of /proc/self/status [bytes]; None where there is none."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), None)


def _memory(advance: Callable[[int], None], steps: int) -> dict[str, int | None]:
    """Run a number of steps and return the most bytes resident meanwhile, in main memory and on an accelerator."""
    _trim()
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        field = "VmHWM"
    except OSError:
        field = "VmRSS"
    advance(steps)
    found: dict[str, int | None] = {"resident": _status(field), "device": None}
    if "jax" in sys.modules:
        import jax

        used = [(device.memory_stats() or {}).get("bytes_in_use") for device in jax.devices()]
        if all(isinstance(bytes_, int) for bytes_ in used):
            found["device"] = sum(bytes_ for bytes_ in used if bytes_)
    return found


def main(argv: list[str]) -> int:
    """Serve one alternative until standard input ends."""
    # What a library prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(found: dict[str, Any]) -> None:
        """Write one line of JSON."""
        answers.write(json.dumps(found) + "\n")
        answers.flush()

    name, markers, drawn = argv[0], int(argv[1]), int(argv[2]) if len(argv) > 2 else None
    try:
        start = _start_production(markers, drawn) if name == PRODUCTION else _start_reference(name, markers)
    except Unavailable as problem:
        answer({"unavailable": str(problem)})
        return 0
    except Exception as error:
        answer({"failed": f"{type(error).__name__}: {error}"})
        return 1
    advance, about = start
    answer(about)
    for line in sys.stdin:
        question = json.loads(line)
        if "run" in question:
            started = time.perf_counter()
            advance(question["run"])
            answer({"seconds": time.perf_counter() - started})
        elif "memory" in question:
            answer(dict(_memory(advance, question["memory"])))
        else:
            from crmc.bench.roofline import machine

            answer(dict(machine()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
