"""Place the markers on devices, collect them on the host, and coordinate the processes of a job.

Arrays with one entry per marker are split evenly over the devices of a `Layout`; all others are copied to each.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import os
from collections.abc import Sequence
from typing import Any, Literal

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding

from crmc.config.errors import ConfigError
from crmc.machine.granted import cores
from crmc.machine.platforms import require_platform
from crmc.physics.layout import Layout
from crmc.physics.markers import padded
from crmc.physics.state import State

#: Fewest markers per device: with fewer, a device waits for the others more than it works.
_FEWEST_MARKERS = 4096
#: Most markers that a device works on at a time, by platform: a CPU's fit into a core's cache, a GPU's keep it busy.
_BLOCK = {"cpu": 8192, "gpu": 1 << 22}
#: XLA's option for how much it optimises.
_LEVEL = "xla_backend_optimization_level"


def offer_cores() -> None:
    """Make JAX treat every CPU core as a device of its own, over which the markers can be spread.

    Call it before JAX's first use, and from programs only: it sets JAX's global configuration.  It changes nothing
    where the user has chosen a number of CPU devices.
    """
    # XLA counts the cores of the machine for its own threads, unless it is told.
    os.environ.setdefault("NPROC", str(cores()))
    chosen = "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    if not chosen and jax.config.jax_num_cpu_devices < 0:  # type: ignore[attr-defined]
        jax.config.update("jax_num_cpu_devices", cores())


def compiler_options() -> dict[str, str | bool]:
    """Return XLA's options for compiling programs that step; empty except on a CPU.

    On a CPU they ask for vectors of 512 bits, for a schedule that frees temporaries early, and, unless XLA_FLAGS name
    one, for the first level of optimisation: to compile at a higher one takes a tenth more time, and steps are no
    faster and the same to the bit (measured with halo).
    """
    if jax.default_backend() != "cpu":
        return {}
    options: dict[str, str | bool] = {
        "xla_cpu_prefer_vector_width": "512",
        "xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED",
    }
    return options if _LEVEL in os.environ.get("XLA_FLAGS", "") else options | {_LEVEL: "1"}


def choose_layout(
    markers: int, replicas: int = 1, devices: int | None = None, kernel: Literal["plain", "fused"] = "plain"
) -> Layout:
    """Return a layout of ``replicas`` replicas with ``markers`` markers in all over ``devices`` devices.

    Where the devices can share the replicas evenly they need not wait for each other; else they share the markers of
    one replica after another.
    devices: default: as many as have at least 4096 markers each, and all of them in a job of several processes.
    kernel: as for `Layout`; "fused" needs a GPU.
    Raises ConfigError for fewer than one device, for more than JAX sees, for a kernel that does not run here, and where
    JAX cannot use the platform that it was told to use.
    """
    require_platform()
    if kernel == "fused" and jax.default_backend() != "gpu":
        raise ConfigError(f"--kernel fused: JAX sees no GPU here but {jax.default_backend()}; leave it out")
    present = jax.device_count()
    if devices is None:
        # Every process of a job has its part.
        devices = present if jax.process_count() > 1 else max(1, min(present, markers // _FEWEST_MARKERS))
        if replicas > 1 and jax.process_count() == 1:
            even = max(n for n in range(1, devices + 1) if replicas % n == 0)
            devices = even if 2 * even > devices else devices
    elif not 1 <= devices <= present:
        raise ConfigError(f"--devices {devices}: JAX sees {present} here; ask for 1 to {present}")
    block = one_device().block
    devices, across = (1, devices) if replicas % devices == 0 else (devices, 1)
    return Layout(devices, block, across, kernel)


def one_device() -> Layout:
    """Return the layout on the first device alone."""
    return Layout(1, _BLOCK.get(jax.default_backend(), _BLOCK["gpu"]))


def place(state: State, layout: Layout) -> State:
    """Copy ``state`` onto the devices of ``layout``: markers split evenly, everything else whole on each.

    Markers without weight are appended so that every device has the same number.
    """
    count = state.markers.rise.shape[0]
    share = layout.filled(math.ceil(count / layout.devices))
    markers = padded(state.markers, layout.devices * share)
    small = jax.tree.map(lambda x: _put(x, layout.everywhere), dataclasses.replace(state, markers=None))  # type: ignore[arg-type]
    return dataclasses.replace(small, markers=jax.tree.map(lambda x: _put(x, layout.along_markers), markers))


def place_replicas(states: Sequence[State], layout: Layout) -> State:
    """Copy the states of all replicas onto the devices of ``layout``, stacked along a new first axis.

    Markers are divided, and filled up, as `place` does.
    """
    share = layout.filled(math.ceil(states[0].markers.rise.shape[0] / layout.devices))
    filled = [dataclasses.replace(x, markers=padded(x.markers, layout.devices * share)) for x in states]
    stacked = jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves]), *filled)
    small = jax.tree.map(lambda x: _put(x, layout.along_replicas), dataclasses.replace(stacked, markers=None))
    return dataclasses.replace(small, markers=jax.tree.map(lambda x: _put(x, layout.along_both), stacked.markers))


def spread_out(tree: Any, layout: Layout) -> Any:
    """Copy every array of ``tree`` whole onto each device of ``layout``."""
    return jax.tree.map(lambda x: _put(x, layout.everywhere), tree)


def place_keys(keys: Sequence[jax.Array], layout: Layout) -> jax.Array:
    """Copy the random keys of all replicas onto the devices of ``layout``, (replicas,)."""
    stacked = jax.random.key_data(jax.numpy.stack(list(keys)))
    return jax.random.wrap_key_data(_put(stacked, layout.along_replicas), impl=jax.random.key_impl(keys[0]))


def divide(tree: Any, layout: Layout) -> Any:
    """Copy arrays with one entry per replica onto the devices of ``layout``, each of which receives its replicas."""
    return jax.tree.map(lambda x: _put(x, layout.along_replicas), tree)


def _put(x: Any, sharding: NamedSharding) -> jax.Array:
    """Copy x, equal in every process, into one array on the devices of ``sharding``."""
    host = np.asarray(x)
    return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])


def collect(tree: Any, markers: int) -> Any:
    """Copy states or tallies to the host; of a state's markers only the first ``markers``, without those appended."""

    def fetch(x: jax.Array) -> np.ndarray:
        if x.is_fully_addressable or x.is_fully_replicated:
            return np.asarray(x)
        return np.asarray(multihost_utils.process_allgather(x, tiled=True))

    tree = jax.tree.map(fetch, tree)
    if isinstance(tree, State) and tree.markers.rise.shape[-1] > markers:
        return dataclasses.replace(tree, markers=jax.tree.map(lambda x: x[..., :markers], tree.markers))
    return tree


def agree(values: Sequence[int]) -> list[int]:
    """Return the largest of each value over the processes of a job, so that all take the same decisions.

    Clocks and signals differ between processes, but all must run the same programs.
    """
    if jax.process_count() == 1:
        return list(values)
    return [int(x) for x in np.max(multihost_utils.process_allgather(np.asarray(values)), axis=0)]


def join(coordinator: str | None, processes: int | None, process_id: int | None) -> None:
    """Join a job of several processes.

    coordinator: address of the first process, "host:port".  processes: their number.  process_id: that of this one.
    Arguments that are None are taken from the environment (SLURM, Open MPI).
    Raises ConfigError where no such job is found, or where its processes have unequal numbers of devices.
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
    """Return whether this is the process of the job that writes files and messages."""
    return jax.process_index() == 0
