"""A run of seconds, and how to compare two runs to the bit; shared by the tests of run, result and simulate."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr
from jax.experimental.compilation_cache import compilation_cache

import crmc
from crmc.config.config import Config, parse_config

#: Compiled code, shared by the processes of a session and removed at its end.
_COMPILED = tempfile.TemporaryDirectory(prefix="crmc-compiled-")

#: Steps of SMALL, and steps between its rows: 100 is no multiple of 15, so the last interval is shorter.
STEPS, EVERY = 100, 15

#: 100 steps of linear damping in equilibrium. What follows differs from it in values only, not in shapes or
#: switches, so that one compilation serves all runs of a session.
SMALL: dict[str, Any] = {
    "name": "small",
    "plasma": {
        "magnetic_field": "1.0 uG",
        "ion_density": "1.3233e-3 cm-3",
        "temperature": "1.1e6 K",
        "gas_pressure": "3.2e-13 dyn/cm2",
    },
    "expansion": {"mode": "prescribed", "timescale": "3.7e12 s"},
    "cosmic_rays": {
        "pressure": "8.2e-14 dyn/cm2",
        "index": 4.7,
        "turnover_momentum": 1.0,
        "momentum_min": 0.5,
        "momentum_max": 100.0,
    },
    "waves": {"k_min": 0.01, "k_max": 5.0, "bins": 8, "start": "equilibrium"},
    "damping": {"linear": "1e-11 1/s"},
    "run": {
        "duration": "2e9 s",
        "time_step": "2e7 s",
        "output_interval": "3e8 s",
        "markers": 512,
        "precision": "float64",
    },
}


#: SMALL with a gradient, too, and a gap that particles cross: every operator of a step takes part.
BOTH: dict[str, Any] = SMALL | {"drift": {"gradient_length": "30 kpc"}, "scattering": {"gap": "edge"}}


def small(**overrides: Any) -> Config:
    """SMALL with ``section__key=value`` replaced."""
    return _replaced(SMALL, overrides)


def driven(**overrides: Any) -> Config:
    """BOTH with ``section__key=value`` replaced."""
    return _replaced(BOTH, overrides)


def _replaced(data: dict[str, Any], overrides: dict[str, Any]) -> Config:
    return parse_config(data).with_overrides({name.replace("__", "."): value for name, value in overrides.items()})


def checkpoint_of(output: Path) -> dict[str, np.ndarray]:
    """All arrays in the checkpoint of a result file."""
    with np.load(output.with_name(f"{output.name}.checkpoint.npz"), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def final_state(output: Path) -> dict[str, np.ndarray]:
    """The arrays of the state alone: what is left when the schedule of output does not matter."""
    return {name: value for name, value in checkpoint_of(output).items() if name.startswith("state")}


def result_of(output: Path) -> xr.Dataset:
    """The result file by xarray alone, without what depends on the clock."""
    data = xr.load_dataset(output)
    for name in ("summary", "commit", "command_line", "host", "created", "history"):
        data.attrs.pop(name, None)
    return data


def assert_same_bits(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    """Equal names, types and bits, NaN included."""
    assert one.keys() == other.keys()
    different = [
        name for name in one if one[name].dtype != other[name].dtype or one[name].tobytes() != other[name].tobytes()
    ]
    assert not different


def assert_same_run(one: Path, other: Path) -> None:
    """Equal checkpoints and results, but for the time on the clock."""
    assert_same_bits(checkpoint_of(one), checkpoint_of(other))
    assert result_of(one).identical(result_of(other))


def environment() -> dict[str, str]:
    """For processes that run this checkout and find here what was compiled before."""
    return os.environ | {
        "PYTHONPATH": str(Path(crmc.__file__).parents[1]),
        "JAX_COMPILATION_CACHE_DIR": _COMPILED.name,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


@contextlib.contextmanager
def compiled_once() -> Iterator[None]:
    """Let this process leave what it compiles to those it starts."""
    settings = {
        "jax_compilation_cache_dir": _COMPILED.name,
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: getattr(jax.config, name) for name in settings}
    try:
        for name, value in settings.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()
        yield
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()
