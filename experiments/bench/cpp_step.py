"""Run the step in vectorised C++17 and OpenMP: compile reference.cpp and call it through ctypes."""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from .problem import Constants, Record, Tube

FLAGS = ("-std=c++17", "-O3", "-march=native", "-ffast-math", "-fopenmp", "-fPIC")
# Linking with -ffast-math would switch off subnormal numbers in the whole process.
_LINK_FLAGS = ("-shared", "-fopenmp", "-lm")
_MARKERS = ("birth_momentum", "parallel_momentum", "rise", "volume", "excess")
_SCALARS = ("b", "gas_pressure", "injected", "radiated", "work")
_RECORD = ("gain_variance", "absolute_exchange", "imbalance", "correction", "damped", "peak")


def _structure(name: str, fields: list[tuple[str, type]]) -> type[ctypes.Structure]:
    return type(name, (ctypes.Structure,), {"_fields_": fields})


_CONSTANTS = _structure(
    "_CONSTANTS",
    [(f.name, ctypes.c_double) for f in dataclasses.fields(Constants) if f.type == "float"]
    + [("bins", ctypes.c_int64)]
    + [(f.name, ctypes.c_void_p) for f in dataclasses.fields(Constants) if f.type == "np.ndarray"],
)
_TUBE = _structure(
    "_TUBE",
    [("step", ctypes.c_int64), ("count", ctypes.c_int64)]
    + [(name, ctypes.c_double) for name in _SCALARS]
    + [(name, ctypes.c_void_p) for name in ("waves", *_MARKERS)],
)
_RECORDED = _structure("_RECORDED", [("gain", ctypes.c_double * 4), *((name, ctypes.c_double) for name in _RECORD)])


def available(source: str = "reference.cpp") -> str:
    """Say why this reference cannot run here ("" if it can)."""
    try:
        _library(source)
    except RuntimeError as problem:
        return str(problem)
    return ""


@functools.cache
def _library(source: str) -> ctypes.CDLL:
    """Compile a file beside this one and load its step; RuntimeError with a remedy if no compiler can."""
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")
    if not compiler:
        raise RuntimeError("no C++ compiler; install g++ (Debian: apt install g++) or set CXX")
    # The folder may go once the library is loaded.
    with tempfile.TemporaryDirectory(prefix="crmc-bench-") as folder:
        compiled, library = Path(folder) / "reference.o", Path(folder) / "reference.so"
        _compile(compiler, *FLAGS, "-c", str(Path(__file__).with_name(source)), "-o", str(compiled))
        _compile(compiler, str(compiled), "-o", str(library), *_LINK_FLAGS)
        try:
            return ctypes.CDLL(str(library))
        except OSError as error:
            raise RuntimeError(f"the compiled reference cannot be loaded ({error}); set CXX to a native g++") from None


def _compile(compiler: str, *arguments: str) -> None:
    try:
        done = subprocess.run([*compiler.split(), *arguments], capture_output=True, text=True, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RuntimeError(f"{compiler} cannot be run ({error}); install g++ or set CXX") from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[0]
        raise RuntimeError(f"{compiler} does not compile the reference ({reason}); install g++ 12 or set CXX")


def _address(array: np.ndarray, dtype: type) -> int:
    assert array.flags.c_contiguous and array.dtype == dtype
    return array.ctypes.data


class Reference:
    """Advance the halo problem by C++; float32 markers only."""

    source = "reference.cpp"

    def __init__(self, constants: Constants, tube: Tube, seed: int = 0, threads: int | None = None):
        self.constants, self.tube, self.record = constants, tube, Record()
        library = _library(self.source)
        self.threads = threads or library.crmc_bench_threads()
        self._seed, self._run = seed, library.crmc_bench_run

    def run(self, steps: int, words: np.ndarray | None = None) -> None:
        """Advance by ``steps`` steps; random words ``words``, (steps, N) uint64, replace the generator's."""
        c, tube, out = self.constants, self.tube, _RECORDED()
        values = {f.name: getattr(c, f.name) for f in dataclasses.fields(c)}
        arrays = {n: np.ascontiguousarray(x, np.float64) for n, x in values.items() if isinstance(x, np.ndarray)}
        constants = _CONSTANTS(
            bins=c.bins,
            **{n: x for n, x in values.items() if n not in arrays},
            **{n: _address(x, np.float64) for n, x in arrays.items()},
        )
        tube.waves = np.ascontiguousarray(tube.waves)
        state = _TUBE(
            step=tube.step,
            count=tube.count,
            waves=_address(tube.waves, np.float64),
            **{name: getattr(tube, name) for name in _SCALARS},
            **{name: _address(getattr(tube, name), np.float32) for name in _MARKERS},
        )
        if words is not None:
            words = np.ascontiguousarray(words, np.uint64)
            assert words.shape == (steps, tube.count)
        self._run(
            ctypes.byref(constants),
            ctypes.byref(state),
            ctypes.byref(out),
            ctypes.c_int64(steps),
            ctypes.c_void_p(None if words is None else words.ctypes.data),
            ctypes.c_uint64(self._seed),
            ctypes.c_int(self.threads),
        )
        tube.step = state.step
        for name in _SCALARS:
            setattr(tube, name, getattr(state, name))
        self.record = Record(np.array(out.gain).reshape(2, 2), **{name: getattr(out, name) for name in _RECORD})
