"""Where the ensemble lives: its way onto the devices and back, and what several processes must agree on."""

from __future__ import annotations

import collections
import dataclasses
import math
import os
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding

from crmc.config.errors import ConfigError
from crmc.physics.layout import Layout
from crmc.physics.markers import padded
from crmc.physics.state import State

#: A device with fewer markers than this waits for the others more than it works.
_FEWEST_MARKERS = 4096
#: Most markers at a time: what stays in a core's cache, and what keeps a GPU busy.
_BLOCK = {"cpu": 8192, "gpu": 1 << 22}


def offer_cores() -> None:
    """Make every CPU core a device of its own, as the ensemble is spread over devices; before JAX's first use.

    For programs, not for libraries: it sets JAX's global configuration.  Does nothing where the user has chosen.
    """
    chosen = "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    if not chosen and jax.config.jax_num_cpu_devices < 0:  # type: ignore[attr-defined]
        jax.config.update("jax_num_cpu_devices", cores())


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compiler_options() -> dict[str, str | bool]:
    """XLA's options for the programs that step: on a CPU, vectors as wide as it has and temporaries freed early."""
    if jax.default_backend() != "cpu":
        return {}
    return {"xla_cpu_prefer_vector_width": "512", "xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"}


def choose_layout(markers: int, devices: int | None = None) -> Layout:
    """Layout over ``devices`` devices, or over all that are worth while for so many markers.

    Raises ConfigError if there are not so many devices.
    """
    present = jax.device_count()
    if devices is None:
        # Every process of a job has its part.
        devices = present if jax.process_count() > 1 else max(1, min(present, markers // _FEWEST_MARKERS))
    elif not 1 <= devices <= present:
        raise ConfigError(f"--devices {devices}: JAX sees {present} here; ask for 1 to {present}")
    return Layout(devices, one_device().block)


def one_device() -> Layout:
    """Layout without other devices."""
    return Layout(1, _BLOCK.get(jax.default_backend(), _BLOCK["gpu"]))


def place(state: State, layout: Layout) -> State:
    """``state`` on the devices of ``layout``; markers without weight fill the last device up."""
    count = state.markers.rise.shape[0]
    share = layout.filled(math.ceil(count / layout.devices))
    markers = padded(state.markers, layout.devices * share)
    small = jax.tree.map(lambda x: _put(x, layout.everywhere), dataclasses.replace(state, markers=None))  # type: ignore[arg-type]
    return dataclasses.replace(small, markers=jax.tree.map(lambda x: _put(x, layout.along_markers), markers))


def spread_out(tree: Any, layout: Layout) -> Any:
    """Small arrays on every device of ``layout``."""
    return jax.tree.map(lambda x: _put(x, layout.everywhere), tree)


def _put(x: Any, sharding: NamedSharding) -> jax.Array:
    """A copy of x, the same in every process, as one array on the devices of ``sharding``."""
    host = np.asarray(x)
    return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])


def collect(tree: Any, markers: int) -> Any:
    """Host copy of a state or record; of arrays with one entry per marker the first ``markers``."""

    def fetch(x: jax.Array) -> np.ndarray:
        if x.is_fully_addressable or x.is_fully_replicated:
            return np.asarray(x)
        return np.asarray(multihost_utils.process_allgather(x, tiled=True))

    tree = jax.tree.map(fetch, tree)
    if isinstance(tree, State) and tree.markers.rise.ndim == 1:
        return dataclasses.replace(tree, markers=jax.tree.map(lambda x: x[:markers], tree.markers))
    return tree


def agree(values: Sequence[int]) -> list[int]:
    """Largest of each value over the processes of a job: host clocks and signals differ, programs must not."""
    if jax.process_count() == 1:
        return list(values)
    return [int(x) for x in np.max(multihost_utils.process_allgather(np.asarray(values)), axis=0)]


def join(coordinator: str | None, processes: int | None, process_id: int | None) -> None:
    """Join a job of several processes; what is None comes from the environment (SLURM, Open MPI).

    Raises ConfigError where there is no such job to be found, or where its processes have unequal numbers of devices.
    """
    try:
        jax.distributed.initialize(coordinator, processes, process_id)
    except (ValueError, RuntimeError) as error:
        raise ConfigError(
            f"--distributed: cannot join a job ({error}); give --coordinator HOST:PORT --processes N --process-id I, "
            "or start under srun or mpirun"
        ) from error
    shares = collections.Counter(device.process_index for device in jax.devices())
    if len(set(shares.values())) > 1:
        found = ", ".join(str(shares[i]) for i in sorted(shares))
        raise ConfigError(f"--distributed: the processes have {found} devices; give each the same number")


def is_first() -> bool:
    """Whether this process writes files and speaks."""
    return jax.process_index() == 0
